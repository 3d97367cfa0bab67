"""The servicer of explanations, of the matrix and of the parameters."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from chassis import page
from chassis.call import Call
from chassis.caller import Caller, CallerKind, Decision, Purpose
from chassis.db import Database
from dmp import policy
from dmp.clients.keys import RecordKeys
from dmp.domain import details
from dmp.domain.deposit import PATIENT, PROFESSIONAL
from dmp.domain.documents import Document, DocumentId
from dmp.domain.habilitation import Cell
from dmp.domain.records import PersonId
from dmp.domain.sealing import RecordKey
from dmp.domain.search import Place
from dmp.store import habilitation
from dmp.usecases.explain import Explained, Question, explain_access
from socle.dmp.v1 import dmp_pb2
from socle.dmp.v1 import policy_pb2 as pb

from . import shown


class PolicyServicer:
    """`socle.dmp.v1.PolicyService`; `scanner` says in a word what looks at bytes before they are stored."""

    service = pb.DESCRIPTOR.services_by_name["PolicyService"]

    def __init__(
        self,
        db: Database,
        keys: RecordKeys,
        parameters: policy.Parameters,
        scanner: str,
        mime_types: list[str],
    ) -> None:
        self.db = db
        self.keys = keys
        self.parameters = parameters
        self.scanner = scanner
        self.mime_types = mime_types

    async def ExplainAccess(self, request: pb.ExplainAccessRequest, call: Call) -> pb.ExplainAccessResponse:
        asked = question(request, call.caller)
        async with self.db.begin(call) as tx:
            found = await explain_access(tx, call.caller, asked, call.now())
        key = await self.keys.open(asked.person, found.key) if found.key and found.documents else None
        return pb.ExplainAccessResponse(
            record=shown.decision(found.record),
            feeding=shown.decision(found.feeding),
            documents=[_document(key, document, decision) for document, decision in found.documents],
            next_token=_token(found),
        )

    async def ListHabilitations(
        self, request: pb.ListHabilitationsRequest, call: Call
    ) -> pb.ListHabilitationsResponse:
        async with self.db.read() as tx:
            cells = await habilitation.list_cells(tx, request.profession)
        return pb.ListHabilitationsResponse(habilitations=[_cell(cell) for cell in cells])

    async def GetParameters(self, request: pb.GetParametersRequest, call: Call) -> pb.GetParametersResponse:
        return pb.GetParametersResponse(
            majority_age=self.parameters.majority_age,
            minor_functions=True,
            masked_and_hidden=self.parameters.masked_and_hidden,
            professional_document_bytes=PROFESSIONAL.size,
            patient_document_bytes=PATIENT.size,
            mime_types=self.mime_types,
            patient_mime_types=sorted(PATIENT.mime_types or ()),
            scanner=self.scanner,
        )


def question(request: pb.ExplainAccessRequest, caller: Caller) -> Question:
    """Whose access is asked about; a professional who names themselves asks in the mode of the request."""
    size, cursor = page.after(request.page, at=_at, id=UUID)
    return Question(
        person=PersonId(request.person_id),
        reader=_reader(request.reader, caller) if request.HasField("reader") else caller,
        document=DocumentId(request.document_id) if request.document_id else None,
        size=size,
        after=Place(cursor["at"], DocumentId(str(cursor["id"]))) if cursor else None,
    )


def _reader(reader: pb.Reader, caller: Caller) -> Caller:
    if caller.kind is CallerKind.PROFESSIONAL and reader.professional == caller.subject:
        return caller
    return Caller(
        CallerKind.PROFESSIONAL,
        reader.professional,
        reader.organisation,
        reader.profession,
        roles=frozenset({policy.REGULATION_ROLE}) if reader.regulation else frozenset(),
        purpose=Purpose(reader.purpose or Purpose.NORMAL),
    )


def _at(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.utcoffset() != timedelta(0):
        raise ValueError("the cursors given here are in UTC")
    return at


def _token(found: Explained) -> str:
    after = found.after
    return page.token(at=after.at.isoformat(), id=after.id.value) if after else ""


def _document(key: RecordKey | None, document: Document, made: Decision) -> pb.DocumentDecision:
    """Without a key (an auditor) the document has no title: words are for those it is about."""
    entry = details.open_entry(key, document) if key else None
    code = document.facts.type_code
    type_ = dmp_pb2.Coding(code=code)
    if entry is not None:
        type_ = dmp_pb2.Coding(system=entry.type.system, code=code, display=entry.type.display)
    return pb.DocumentDecision(
        document_id=document.id.value,
        title=entry.title if entry else "",
        type=type_,
        decision=shown.decision(made),
    )


def _cell(cell: Cell) -> pb.Habilitation:
    return pb.Habilitation(
        profession=cell.profession,
        type=cell.type_code,
        allowed=cell.allowed,
        version=cell.version,
        source=cell.source,
    )
