"""What each reader gets from each RPC in each situation, through every door; committed for review.

A scene is a record of its own: a document of `author`, a médecin traitant, an administrator, an authorised
doctor and nurse, a blocked doctor. The file is written anew with SOCLE_WRITE_GOLDENS=1.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chassis.caller import Caller, CallerKind
from chassis.db import Database
from chassis.rpc import KINDS, Servicer, rule_of
from chassis.testing import LocalIssuer, Matrix, doors, events_of, same_as_golden
from dmp import policy
from dmp.api import DmpServicer
from dmp.api.journal import JournalServicer
from dmp.api.policy import PolicyServicer
from dmp.api.records import RecordServicer
from dmp.clients.keys import RecordKeys
from dmp.domain.records import USUAL_DELAY
from socle.dmp.v1 import dmp_pb2 as pb
from socle.dmp.v1 import events_pb2, journal_pb2, policy_pb2, records_pb2

from .access_given import (
    BLOCKED,
    CERTIFIED,
    CLOSED,
    FLAGS,
    KEPT,
    MASKED,
    NO_RECORD,
    OPPOSED,
    READING,
    STRANGER,
    USUAL,
    WAITING,
    WHO,
    Scene,
    Situation,
    Stage,
    cast,
    scene,
    staged,
)
from .cda_given import described
from .dmp_given import Qualified, document, submission
from .journal_given import SIGNER
from .policy_given import PATIENT, REPRESENTATIVES

HERE = Path(__file__).parent
Ask = Callable[[Scene, Caller], Any]
OWN = Situation("deposited by the holder", own=True)
ARCHIVED = Situation("archived", archived=True)
QUALIFIED, NOT_QUALIFIED = (
    Situation("identity qualified"),
    Situation("identity not qualified", qualified=False),
)
FEEDING_OPPOSED = Situation("feeding opposed", consents={"feeding_allowed": False})
DECEASED = Situation("closed for a death", closed=True, reason=pb.CLOSE_REASON_DEATH)
OPEN = Situation("record open")
SEQUENCED = Situation("journal in the tree", sequenced=True)


@dataclass(frozen=True)
class Row:
    """An RPC asked in several situations; `said` tells requests of one RPC apart."""

    method: str
    situations: Sequence[Situation]
    ask: Ask
    said: str = ""

    @property
    def title(self) -> str:
        return f"{self.method}, {self.said}" if self.said else self.method


def on_person(message: type[Any], **fields: Any) -> Ask:
    return lambda on, _caller: message(person_id=on.person, **fields)


def on_document(message: type[Any], **fields: Any) -> Ask:
    return lambda on, _caller: message(document_id=on.document_id, **fields)


def change(name: str) -> Row:
    """One change of a document that allows it, and of others that show who may not."""
    asked = [pb.DocumentChange.Value(f"DOCUMENT_CHANGE_{name}")]
    given = {
        "UNMASK": [MASKED],
        "SHOW_TO_PATIENT": [WAITING],
        "SHOW_TO_REPRESENTATIVES": [KEPT],
        "UNARCHIVE": [ARCHIVED],
        "DELETE": [USUAL, MASKED, OWN, CERTIFIED, CLOSED],
    }
    situations = given.get(name, [USUAL, WAITING if name == "MASK" else CERTIFIED])
    ask = on_document(pb.ChangeDocumentRequest, changes=asked, confirmed=True)
    return Row("ChangeDocument", situations, ask, name.lower().replace("_", " "))


def grant(to_another: bool) -> Ask:
    """A citizen is no reader to be authorised: theirs goes to the stranger."""

    def ask(on: Scene, caller: Caller) -> pb.GrantAccessRequest:
        own = STRANGER.subject if caller.kind is CallerKind.CITIZEN else caller.subject
        grantee = "810100000999" if to_another else own
        return pb.GrantAccessRequest(person_id=on.person, grantee=grantee, kind=pb.ACCESS_KIND_PROFESSIONAL)

    return ask


def deposit(*flags: str) -> Ask:
    return lambda on, _caller: submission(on.person, document(confidentiality=list(flags), authors=AUTHORS))


PRESCRIPTION = {"type": pb.Coding(code="57833-6"), "class_": pb.Coding(code="42")}


def prescription(*flags: str) -> Ask:
    changes: dict[str, Any] = {"confidentiality": list(flags), "authors": AUTHORS, **PRESCRIPTION}
    return lambda on, _caller: submission(on.person, document(**changes))


def explain(reader: Caller | None) -> Ask:
    def ask(on: Scene, _caller: Caller) -> policy_pb2.ExplainAccessRequest:
        if reader is None:
            return policy_pb2.ExplainAccessRequest(person_id=on.person)
        about = policy_pb2.Reader(professional=reader.subject, profession=reader.profession)
        return policy_pb2.ExplainAccessRequest(person_id=on.person, reader=about)

    return ask


def consent(**asked: bool) -> Ask:
    return on_person(records_pb2.ChangeConsentsRequest, reason="told by the holder", **asked)


def close(reason: int) -> Ask:
    return on_person(records_pb2.CloseRecordRequest, reason=reason)


AUTHORS = [pb.Author(family_name="AUTEUR")]
MAKING = [QUALIFIED, NOT_QUALIFIED]
CLOSING = [QUALIFIED, NOT_QUALIFIED, NO_RECORD]
ROWS: list[Row] = [
    Row("OpenRecord", [*MAKING, CLOSED], on_person(pb.OpenRecordRequest)),
    Row("GetRecord", [OPEN, OPPOSED, CLOSED, NO_RECORD], on_person(pb.GetRecordRequest)),
    Row("SubmitDocuments", [*MAKING, FEEDING_OPPOSED, CLOSED, NO_RECORD], deposit("N")),
    Row("SubmitDocuments", [QUALIFIED], deposit("N", REPRESENTATIVES), "hidden from representatives"),
    Row(
        "SubmitDocuments",
        [QUALIFIED, NOT_QUALIFIED, FEEDING_OPPOSED, CLOSED, NO_RECORD],
        prescription("N"),
        "a prescription",
    ),
    Row("SubmitDocuments", [QUALIFIED], prescription("N", PATIENT), "a prescription hidden from the patient"),
    Row("GenerateMetadata", [NO_RECORD], lambda _s, _c: pb.GenerateMetadataRequest(content=described())),
    Row("ListReadableDocuments", READING, on_person(pb.ListReadableDocumentsRequest)),
    Row("ReadDocument", READING, on_document(pb.ReadDocumentRequest)),
    Row("RetrieveDocument", FLAGS, on_document(pb.RetrieveDocumentRequest)),
    Row("ViewDocument", FLAGS, on_document(pb.ViewDocumentRequest)),
    Row("ListReadableLots", [*FLAGS, CLOSED], on_person(pb.ListReadableLotsRequest)),
    Row("ReadLot", [*FLAGS, CLOSED], lambda on, _caller: pb.ReadLotRequest(lot_id=on.lot_id)),
    *(change(name.removeprefix("DOCUMENT_CHANGE_")) for name in pb.DocumentChange.keys()[1:]),
    Row("MaskDocument", [USUAL, WAITING, KEPT], on_document(pb.MaskDocumentRequest)),
    Row("UnmaskDocument", [MASKED], on_document(pb.UnmaskDocumentRequest)),
    Row("GrantAccess", [OPEN, CLOSED, NO_RECORD], grant(to_another=False), "to oneself"),
    Row("GrantAccess", [OPEN], grant(to_another=True), "to another"),
    Row(
        "RevokeAccess",
        [OPEN],
        lambda on, _c: pb.RevokeAccessRequest(person_id=on.person, access_id=on.authorisation_id),
    ),
    Row("ListAccesses", [OPEN], on_person(pb.ListAccessesRequest)),
    Row(
        "BlockProfessional",
        [OPEN, CLOSED],
        on_person(pb.BlockProfessionalRequest, professional=STRANGER.subject),
    ),
    Row(
        "UnblockProfessional", [OPEN], on_person(pb.UnblockProfessionalRequest, professional=BLOCKED.subject)
    ),
    Row("ListJournal", [OPEN, NO_RECORD], on_person(pb.ListJournalRequest)),
    Row("CloseRecord", CLOSING, close(pb.CLOSE_REASON_PATIENT_REQUEST), "the holder wishes so"),
    Row("CloseRecord", [QUALIFIED], close(pb.CLOSE_REASON_DEATH), "a death"),
    Row("CloseRecord", [QUALIFIED], close(pb.CLOSE_REASON_FRAUD), "a fraud"),
    Row("ReopenRecord", [CLOSED, DECEASED], on_person(records_pb2.ReopenRecordRequest)),
    Row(
        "RequestDestruction", [CLOSED, OPEN], on_person(records_pb2.RequestDestructionRequest, confirmed=True)
    ),
    Row("GetErasureReceipt", [CLOSED], on_person(records_pb2.GetErasureReceiptRequest)),
    Row("ChangeConsents", [OPEN, CLOSED], consent(consultation_allowed=False), "consultation"),
    Row("ChangeConsents", [OPEN], consent(feeding_allowed=False), "feeding"),
    Row("ChangeConsents", [OPEN], consent(btg=False), "emergencies"),
    Row("SetDefaultMasking", [OPEN, CLOSED], on_person(records_pb2.SetDefaultMaskingRequest, masked=True)),
    Row(
        "DeclareCareRole",
        [OPEN, CLOSED],
        on_person(
            records_pb2.DeclareCareRoleRequest,
            professional=STRANGER.subject,
            role=pb.CARE_ROLE_ADMINISTRATOR,
        ),
    ),
    Row(
        "EndCareRole",
        [OPEN],
        lambda on, _c: records_pb2.EndCareRoleRequest(person_id=on.person, care_role_id=on.care_role_id),
    ),
    Row("ExplainAccess", READING, explain(None), "of oneself"),
    Row("ExplainAccess", [*FLAGS, CLOSED], explain(STRANGER), "of the stranger"),
    Row("ListHabilitations", [OPEN], lambda _s, _c: policy_pb2.ListHabilitationsRequest(profession="60")),
    Row("GetParameters", [OPEN], lambda _s, _c: policy_pb2.GetParametersRequest()),
    Row("ExportJournal", [SEQUENCED], on_person(journal_pb2.ExportJournalRequest)),
]


@pytest.fixture
async def stage(
    database: Database, issuer: LocalIssuer, qualified: Qualified, servicer: DmpServicer, keys: RecordKeys
) -> AsyncIterator[Stage]:
    parameters = policy.Parameters()
    servicers: dict[str, Servicer] = {
        "DmpService": servicer,
        "RecordService": RecordServicer(database, keys, qualified, SIGNER, USUAL_DELAY),
        "PolicyService": PolicyServicer(database, keys, parameters, "none", ["text/plain"]),
        "JournalService": JournalServicer(database, SIGNER),
    }
    async with staged(servicers, database, issuer, qualified) as running:
        yield running


@dataclass(frozen=True)
class Rule:
    """What the contract says of an RPC."""

    changes: bool
    kinds: frozenset[CallerKind]


def rule(stage: Stage, method: str) -> Rule:
    descriptors = [s.servicer.service.methods_by_name.get(method) for s in stage.services.values()]
    option = next(rule_of(d) for d in descriptors if d is not None)
    return Rule(option.changes, frozenset(KINDS[kind] for kind in option.allow))


async def asked(stage: Stage, row: Row, scenes: dict[str, Scene]) -> dict[str, list[str]]:
    """What each reader gets in each situation; without those whom the contract refuses, who are asked too.

    A scene serves as long as nothing was changed in it.
    """
    contract = rule(stage, row.method)
    lines: dict[str, list[str]] = {}
    for situation in row.situations:
        on = None if contract.changes else scenes.get(situation.name)
        for who in WHO:
            on = on or await scene(stage, situation)
            caller = cast(on)[who]
            stage.qualified.nowhere = set() if situation.qualified else {caller.organisation}
            found = await stage.outcome(row.method, row.ask(on, caller), caller)
            if caller.kind in contract.kinds:
                lines.setdefault(who, []).append(found)
            else:
                assert found == "forbidden", (row.title, situation.name, who)
            if found == "yes" and contract.changes:
                on = None
        if on is not None and not contract.changes:
            scenes[situation.name] = on
    return lines


def table(row: Row, lines: dict[str, list[str]]) -> str:
    """Readers down, situations across: the shape of the table the rules were written in."""
    cells = [[row.title, *(situation.name for situation in row.situations)]]
    cells += [[who, *found] for who, found in lines.items()]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    written = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(written) + "\n"


TITLE = """DMP: who gets what, one table an RPC, readers down, situations across. Who is in no line is refused
by the contract.

yes, found, readable: permitted. exists, empty, not found: nothing is shown. forbidden: a rule refuses and
says which. state refuses: closed record, or nothing to change. wrong request: a purpose that cannot be.
"""


@pytest.mark.timeout(300)
async def test_access_matrix(stage: Stage) -> None:
    kinds = Matrix("DMP: which kinds of caller may call which RPC at all (the rule of the contract).")
    for service in stage.services.values():
        doors(kinds, service.servicer)
    scenes: dict[str, Scene] = {}
    tables = [table(row, await asked(stage, row, scenes)) for row in ROWS]
    same_as_golden(HERE / "access_matrix.txt", "\n".join([kinds.text(), TITLE, *tables]))


def test_every_rpc_of_records_documents_and_policy_is_in_the_matrix() -> None:
    contracts = (pb.DESCRIPTOR, records_pb2.DESCRIPTOR, policy_pb2.DESCRIPTOR)
    known = {m.name for c in contracts for s in c.services_by_name.values() for m in s.methods}
    assert known == {row.method for row in ROWS} - {"ExportJournal"}


def test_events_of_the_contract() -> None:
    same_as_golden(HERE / "events.txt", events_of(events_pb2))
