"""Contents through the service: a CDA about the right patient comes in, shows as a page, and is deleted."""

from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import rpc, transport
from chassis.call import Call
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import InvalidInput, NotFound, Unavailable
from chassis.settings import Settings
from chassis.testing import LocalIssuer, Served, callers, served
from dmp.api import DmpServicer
from dmp.api.examination import Examiner
from dmp.clients.blobs import Blobs
from dmp.clients.identities import Comparison, Identities
from dmp.clients.keys import RecordKeys
from dmp.clients.scanner import Scanner
from dmp.domain import PersonId
from dmp.domain.content import HeaderPatient
from socle.dmp.v1 import dmp_pb2 as pb
from socle.identity_ins.v1 import identity_ins_pb2

from .cda_given import cda, enclosing
from .dmp_given import EARLIER, Qualified, document, holder, nothing_stored, opened, refused, submission

CREATED = Timestamp(seconds=int(EARLIER.timestamp()))


def report(oid: str = "", content: bytes | None = None, **changes: Any) -> pb.Document:
    """A CDA of the doctor with the metadata of its header."""
    name = oid or f"2.25.{uuid4().int}"
    usual = {
        "unique_id": f"urn:oid:{name}",
        "mime_type": "text/xml",
        "language": "fr-FR",
        "created_at": CREATED,
    }
    return document(content or cda(name), **{**usual, **changes})


async def deposited(service: Served, person: str, *documents: pb.Document) -> pb.SubmitDocumentsResponse:
    answer: pb.SubmitDocumentsResponse
    answer = await service.ask("SubmitDocuments", submission(person, *documents), callers.doctor)
    return answer


async def test_cda_comes_in_as_not_scanned_and_shows_as_a_page(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    (entry,) = (await deposited(service, person, report())).entries
    assert entry.scan == pb.SCAN_STATE_NOT_SCANNED
    asked = pb.ViewDocumentRequest(document_id=entry.document_id)
    page = await service.ask("ViewDocument", asked, patient)
    assert page.mime_type == "text/html"
    assert "PAT-TROIS" in page.content.decode()
    asked.enclosed = True
    file = await service.ask("ViewDocument", asked, patient)
    assert (file.mime_type, file.content) == ("text/plain", b"Tout va bien.")


FAULTS: dict[str, tuple[pb.Document, str, tuple[str, ...]]] = {
    "903": (report("1.2.3", cda("1.2.3", ins=None)), "INS_MISSING", ("CISIS_903",)),
    "905": (report("1.2.3", cda("1.2.3", patient="<name/>")), "INS_INCOMPLETE", ("CISIS_905",)),
    "header": (report(title="x", language="en"), "CDA_HEADER_CONTRADICTS", ("XDSRegistryMetadataError",)),
    "enclosed": (
        report("1.2.3", cda("1.2.3", body=enclosing(b"x", "image/tiff"))),
        "CONTENT_NOT_AS_DECLARED",
        (),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_content_that_is_refused_leaves_nothing(
    service: Served, database: Database, fault: str
) -> None:
    bad, reason, rules = FAULTS[fault]
    person = await opened(service)
    request = submission(person, document(), bad)
    error = await refused(service.ask("SubmitDocuments", request, callers.doctor))
    assert (error.kind.http, error.reason, error.rules) == (400, reason, rules)
    places = [error.field, *(v.field for v in error.violations)]
    assert any(place.startswith("documents[1]") for place in places)
    await nothing_stored(database, person)


class Strangers:
    """identity-ins for whom the patient of every content is somebody else."""

    async def compare(self, person: PersonId, patient: HeaderPatient, call: Call) -> Comparison:
        return Comparison(False, ("birth_name",))


async def test_cda_of_another_person_is_904_and_nothing_is_stored(
    database: Database, issuer: LocalIssuer, keys: RecordKeys, blobs: Blobs, qualified: Qualified
) -> None:
    examiner = Examiner(Scanner(""), Strangers())
    async with served(DmpServicer(database, qualified, keys, blobs, examiner), database, issuer) as service:
        person = await opened(service)
        error = await refused(deposited(service, person, document(), report()))
        assert (error.kind.http, error.reason) == (422, "PATIENT_DIFFERS")
        assert error.rules == ("CISIS_904", "XDSPatientIdDoesNotMatch")
        assert error.field == "documents[1].content"
        assert "birth_name" not in str(vars(error))
        await nothing_stored(database, person)


# -- a change of a document by its unique identifier


def deletion(person: str, unique_id: str) -> pb.ChangeDocumentRequest:
    return pb.ChangeDocumentRequest(
        person_id=person, unique_id=unique_id, changes=[pb.DOCUMENT_CHANGE_DELETE], confirmed=True
    )


async def test_author_deletes_by_the_unique_identifier_without_reading(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    (entry,) = (await deposited(service, person, report())).entries
    gone = await service.ask("ChangeDocument", deletion(person, entry.unique_id), callers.doctor)
    assert (gone.entry.document_id, gone.entry.status) == (entry.document_id, pb.DOCUMENT_STATUS_DELETED)


@pytest.mark.parametrize("caller", [callers.other_doctor, callers.other_citizen])
async def test_stranger_learns_nothing_of_a_unique_identifier(service: Served, caller: Caller) -> None:
    person = await opened(service)
    (entry,) = (await deposited(service, person, report())).entries
    told = [
        vars(await refused(service.ask("ChangeDocument", deletion(person, unique_id), caller)))
        for unique_id in (entry.unique_id, "urn:oid:1.2.3")
    ]
    assert told[0] == told[1]
    assert told[0]["reason"] in ("DOCUMENT_NOT_FOUND", "FORBIDDEN")


async def test_document_is_named_in_one_way(service: Served) -> None:
    person = await opened(service)
    both = deletion(person, "urn:oid:1.2.3")
    both.document_id = str(uuid4())
    neither = pb.ChangeDocumentRequest(changes=[pb.DOCUMENT_CHANGE_DELETE])
    for request in (both, neither):
        error = await refused(service.ask("ChangeDocument", request, callers.doctor))
        assert (error.reason, error.field) == ("DOCUMENT_NOT_NAMED", "document_id")


# -- the client of identity-ins


class Registry:
    """identity-ins, as far as this client asks it; answers as told."""

    service = identity_ins_pb2.DESCRIPTOR.services_by_name["IdentityInsService"]

    def __init__(self) -> None:
        self.asked: list[identity_ins_pb2.CompareWithPersonRequest] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        if name not in self.service.methods_by_name:
            raise AttributeError(name)

        async def answered(request: Any, call: Call) -> Any:
            self.asked.append(request)
            if self.error:
                raise self.error
            return identity_ins_pb2.CompareWithPersonResponse(ins_matches=True, differing=["sex"])

        return answered


@pytest.fixture
async def asking(issuer: LocalIssuer) -> AsyncIterator[tuple[Registry, Identities]]:
    registry, settings = Registry(), Settings()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((rpc.handlers(registry, rpc.Runtime(issuer.verifier(), None)),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def own_call(call: Call) -> Call:
        return Call(callers.service, token=f"Bearer {issuer.token(callers.service)}", deadline=call.deadline)

    channel = transport.channel(f"127.0.0.1:{port}", settings)
    yield registry, Identities(channel, own_call)
    await channel.close()
    await server.stop(None)


PATIENT = HeaderPatient(None, "PAT-TROIS", ("DOMINIQUE MARIE-LOUISE",), "F", "1979-03", "")


def as_asked(
    asked: Iterable[identity_ins_pb2.CompareWithPersonRequest],
) -> identity_ins_pb2.CompareWithPersonRequest:
    (request,) = asked
    return request


async def test_identity_ins_is_asked_what_the_header_says_and_nothing_else(
    asking: tuple[Registry, Identities],
) -> None:
    registry, identities = asking
    person = PersonId.new()
    found = await identities.compare(person, PATIENT, Call(callers.doctor))
    assert (found.ins_matches, found.differing, found.agrees) == (True, ("sex",), False)
    request = as_asked(registry.asked)
    assert (request.person_id, request.birth_name, request.birth_date) == (
        person.value,
        "PAT-TROIS",
        "1979-03",
    )
    assert list(request.birth_first_names) == ["DOMINIQUE MARIE-LOUISE"]
    assert request.sex == identity_ins_pb2.SEX_FEMALE
    assert not request.HasField("ins")
    assert request.birth_place == ""


async def test_number_that_identity_ins_cannot_read_is_nobodys(asking: tuple[Registry, Identities]) -> None:
    registry, identities = asking
    registry.error = InvalidInput(field="ins.matricule")
    found = await identities.compare(PersonId.new(), PATIENT, Call(callers.doctor))
    assert not found.agrees


@pytest.mark.parametrize("error", [Unavailable(), NotFound(field="person_id")])
async def test_what_identity_ins_refuses_is_raised(
    asking: tuple[Registry, Identities], error: Exception
) -> None:
    registry, identities = asking
    registry.error = error
    with pytest.raises(type(error)):
        await identities.compare(PersonId.new(), PATIENT, Call(callers.doctor))
