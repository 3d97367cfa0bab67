"""Documents asked for by those who read prescriptions: who gets them, what the journal keeps."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import Unavailable
from chassis.status import from_status
from chassis.testing import LocalIssuer, Served, call_as, callers, served
from eprescription.api.dispensing import DispensingServicer
from eprescription.api.prescriptions import PrescriptionServicer
from eprescription.domain.cda.read_prescription import read
from eprescription.domain.cda.write_prescription import write
from eprescription.domain.content import Content
from eprescription.domain.dispensing import InterventionKind
from eprescription.domain.ids import PersonId
from eprescription.domain.prescriptions import Prescription
from eprescription.store import prescriptions
from socle.eprescription.v1 import dispensing_pb2
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import dispensing_given as counters
from . import given, signed_cda_given
from .neighbours_given import INS, Neighbourhood, neighbourhood

OWNER = replace(callers.citizen, person_id=given.PERSON.value)
NOWHERE = "01900000-0000-7000-8000-00000000dead"
LINES = "SELECT action, actor, object_id, outcome FROM audit WHERE object_id = $1 ORDER BY id"


@pytest.fixture
async def around(database: Database, issuer: LocalIssuer) -> AsyncIterator[Neighbourhood]:
    async with neighbourhood(database, issuer) as found:
        yield found


@pytest.fixture
async def service(database: Database, issuer: LocalIssuer, around: Neighbourhood) -> AsyncIterator[Served]:
    desk = given.desk(database, identities=around.identities)
    async with served(PrescriptionServicer(desk), database, issuer) as running:
        yield running


@pytest.fixture
async def pharmacy(database: Database, issuer: LocalIssuer, around: Neighbourhood) -> AsyncIterator[Served]:
    desk = given.desk(database, identities=around.identities)
    async with served(DispensingServicer(desk), database, issuer) as running:
        yield running


async def signed(database: Database, **changes: Any) -> Prescription:
    async with database.begin(call_as(callers.doctor)) as tx:
        return await given.signed(tx, **changes)


def document(of: str) -> pb.GetDocumentRequest:
    return pb.GetDocumentRequest(prescription_id=of)


async def refused(asked: Any) -> Any:
    with pytest.raises(Exception) as told:  # noqa: PT011 (what it is is looked at)
        await asked
    return from_status(told.value)  # type: ignore[arg-type]


async def journal(database: Database, object_id: str) -> list[tuple[str, str, str]]:
    rows = await database.pool.fetch(LINES, object_id)
    return [(row["action"], row["actor"], row["outcome"]) for row in rows]


@pytest.mark.parametrize("caller", [callers.doctor, OWNER, callers.machine])
async def test_document_is_given_to_who_reads_the_prescription_and_traced(
    service: Served, database: Database, caller: Caller
) -> None:
    of = await signed(database)
    answer = await service.ask("GetDocument", document(of.id.value), caller)
    found = read(answer.cda)
    assert (found.number, len(found.content.lines)) == (of.number, 1)
    assert found.content.lines[0].product.label == of.signed.content.lines[0].product.label
    assert INS.matricule.encode() in answer.cda
    assert await journal(database, of.id.value) == [
        ("prescription.read_document", caller.public_subject, "permitted")
    ]


async def test_registry_is_told_of_the_professional_and_not_of_the_person(
    service: Served, database: Database, around: Neighbourhood
) -> None:
    of = await signed(database)
    for caller in (callers.doctor, OWNER):
        await service.ask("GetDocument", document(of.id.value), caller)
    asked = around.registry.requests("DescribePerson")
    assert [one.on_behalf_of for one in asked] == [callers.doctor.subject, ""]


async def test_document_holds_no_access_code(service: Served, database: Database) -> None:
    of = await signed(database)
    answer = await service.ask("GetDocument", document(of.id.value), callers.machine)
    assert given.SECRETS.access_code(of.id).encode() not in answer.cda


@pytest.mark.parametrize("caller", [callers.other_doctor, callers.other_citizen, callers.pharmacist])
async def test_document_of_a_prescription_that_may_not_be_known_is_absent(
    service: Served, database: Database, around: Neighbourhood, caller: Caller
) -> None:
    of = await signed(database)
    there = await refused(service.ask("GetDocument", document(of.id.value), caller))
    absent = await refused(service.ask("GetDocument", document(NOWHERE), caller))
    assert vars(there) == vars(absent)
    assert there.kind.http == 404
    assert [outcome for *_, outcome in await journal(database, of.id.value)] == ["refused"]
    assert around.registry.asked == []


async def test_draft_has_no_document(service: Served, database: Database) -> None:
    draft = given.draft()
    async with database.begin(call_as(callers.doctor)) as tx:
        prescriptions.insert_prescription(tx, draft)
    error = await refused(service.ask("GetDocument", document(draft.id.value), callers.doctor))
    assert (error.kind.http, error.reason) == (422, "NOTHING_TO_TELL")


async def test_registry_that_is_away_is_said_so(
    service: Served, database: Database, around: Neighbourhood
) -> None:
    of = await signed(database)
    around.registry.faults.append(Unavailable())
    error = await refused(service.ask("GetDocument", document(of.id.value), callers.doctor))
    assert error.kind.http == 503


# -- reading


async def test_document_is_read_into_the_content_of_a_draft(service: Served) -> None:
    of = signed_cda_given.prescription()
    cda = write(of, signed_cda_given.PATIENT, signed_cda_given.COPY)
    answer = await service.ask("ReadDocument", pb.ReadDocumentRequest(cda=cda), callers.doctor)
    assert answer.number == of.number
    assert [line.product.label for line in answer.content.lines] == [
        line.product.label for line in of.signed.content.lines
    ]
    assert any("auteur" in left for left in answer.left_out)
    request = pb.CreatePrescriptionRequest(person_id=given.PERSON.value, content=answer.content)
    draft = await service.ask("CreatePrescription", request, callers.doctor)
    assert len(draft.prescription.content.lines) == len(of.signed.content.lines)
    assert draft.prescription.number != of.number


async def test_document_that_is_none_is_refused_in_clear(service: Served) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "a">]><ClinicalDocument xmlns="urn:hl7-org:v3">&a;</ClinicalDocument>'
    for content, reason in ((b"%PDF-1.4", "DOCUMENT_NOT_READABLE"), (bomb, "DOCUMENT_NOT_READABLE")):
        error = await refused(
            service.ask("ReadDocument", pb.ReadDocumentRequest(cda=content), callers.doctor)
        )
        assert (error.kind.http, error.reason, error.field) == (400, reason, "cda")
        assert error.hint


async def test_document_whose_lines_no_draft_can_hold_is_refused_with_their_fields(service: Served) -> None:
    absurd = signed_cda_given.line(renewals=5000, patient_note="x" * 1001)
    of = signed_cda_given.prescription(Content(lines=(absurd,)))
    cda = write(of, signed_cda_given.PATIENT, signed_cda_given.COPY)
    error = await refused(service.ask("ReadDocument", pb.ReadDocumentRequest(cda=cda), callers.doctor))
    assert (error.kind.http, error.reason) == (400, "LINE_NOT_READABLE")
    fields = ["content.lines[0].patient_note", "content.lines[0].renewals"]
    assert [v.field for v in error.violations] == fields


# -- dispensing


async def closed(database: Database) -> tuple[Prescription, str]:
    """Of a person that no other test treats: the same medicine twice would be a finding."""
    line = counters.prescribed()
    await counters.stock(database)
    of = await counters.wrote(database, line, person=PersonId.new())
    async with counters.counter(database) as counter:
        done = await counter.whole(of, counters.gives(line))
    assert done.visit.interventions[0].kind is InterventionKind.AS_PRESCRIBED
    return of, done.closed.id.value


def owner(of: Prescription) -> Caller:
    return replace(callers.citizen, person_id=of.person.value)


def visit(id: str) -> dispensing_pb2.GetDispensingDocumentRequest:
    return dispensing_pb2.GetDispensingDocumentRequest(dispensing_id=id)


@pytest.mark.parametrize("caller", [callers.pharmacist, callers.doctor, None])
async def test_dispensation_is_given_to_who_may_see_it_and_traced(
    pharmacy: Served, database: Database, caller: Caller | None
) -> None:
    of, id = await closed(database)
    caller = caller or owner(of)
    answer = await pharmacy.ask("GetDispensingDocument", visit(id), caller)
    assert b"60593-1" in answer.cda
    assert of.id.value.upper().encode() in answer.cda
    assert await journal(database, id) == [("dispensing.read_document", caller.public_subject, "permitted")]


async def test_dispensation_that_the_patient_hides_is_absent_for_prescribers(
    pharmacy: Served, database: Database
) -> None:
    of, id = await closed(database)
    opposition = dispensing_pb2.SetOppositionRequest(person_id=of.person.value, execution_hidden=True)
    await pharmacy.ask("SetOpposition", opposition, owner(of))
    hidden = await refused(pharmacy.ask("GetDispensingDocument", visit(id), callers.doctor))
    absent = await refused(pharmacy.ask("GetDispensingDocument", visit(NOWHERE), callers.doctor))
    assert vars(hidden) == vars(absent)
    assert hidden.kind.http == 404
    assert (await pharmacy.ask("GetDispensingDocument", visit(id), owner(of))).cda


@pytest.mark.parametrize("caller", [callers.other_doctor, given.OTHER_PHARMACIST, callers.other_citizen])
async def test_dispensation_of_another_is_absent(
    pharmacy: Served, database: Database, caller: Caller
) -> None:
    _, id = await closed(database)
    error = await refused(pharmacy.ask("GetDispensingDocument", visit(id), caller))
    assert (error.kind.http, error.field) == (404, "dispensing_id")
