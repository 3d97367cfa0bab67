"""The servicer of prescriptions on loopback, through every door: messages, errors, and what a retry costs."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from chassis.db import Database
from chassis.errors import Unavailable
from chassis.testing import LocalIssuer, Served, callers, served
from eprescription.api import read, shown
from eprescription.api.desk import Desk
from eprescription.api.prescriptions import PrescriptionServicer
from eprescription.domain import number
from eprescription.domain.content import CountUnit, LineKind, NonSubstitution
from eprescription.domain.dispensing import InterventionKind
from eprescription.domain.findings import Severity
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.states import LineState, State
from socle.common.v1 import common_pb2
from socle.eprescription.v1 import eprescription_pb2 as pb

from .api_given import ask, created, fails, signed
from .given import (
    IBUPROFEN,
    OTHER_PHARMACIST,
    SECRETS,
    WARFARIN,
    Registry,
    content,
    desk,
    line,
)
from .medicines_given import seeded


@pytest.fixture(scope="module", autouse=True)
async def base(database: Database) -> None:
    """The fictitious medicines."""
    await seeded(database)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def laid(database: Database, registry: Registry) -> Desk:
    return desk(database, identities=registry)


@pytest.fixture
async def service(database: Database, laid: Desk, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(PrescriptionServicer(laid), database, issuer) as running:
        yield running


@pytest.fixture
def person() -> str:
    """A fresh one for each test: its lists hold nothing of another test."""
    return str(uuid4())


def test_every_value_of_the_domain_has_its_message() -> None:
    """An enum that grew on one side only would fail at the first patient who has that value."""
    pairs = (
        (shown.STATES, State, pb.PrescriptionState),
        (shown.LINE_STATES, LineState, pb.LineState),
        (shown.LINE_KINDS, LineKind, pb.LineKind),
        (shown.UNITS, CountUnit, pb.CountUnit),
        (shown.NON_SUBSTITUTIONS, NonSubstitution, pb.NonSubstitution),
        (shown.SEVERITIES, Severity, pb.Severity),
        (shown.INTERVENTIONS, InterventionKind, pb.InterventionKind),
    )
    for table, values, message in pairs:
        assert set(table) == set(values)
        told = set(table.values()) | {0}
        assert told == {one.number for one in message.DESCRIPTOR.values}


def test_a_content_comes_back_as_it_went() -> None:
    written = content(line(product=IBUPROFEN), line(renewals=3), bizone=True, comment="à jeun")
    assert read.content(shown.content(written)) == written


async def test_a_draft_is_created_changed_and_given_up(service: Served, person: str) -> None:
    made = await created(service, person)
    assert (made.state, made.version, made.written_on) == (pb.PRESCRIPTION_STATE_DRAFT, 1, "")
    assert number.check(made.number) == made.number
    change = pb.ChangePrescriptionRequest(
        prescription_id=made.prescription_id, version=1, content=shown.content(content(line(), line()))
    )
    changed = (await ask(service, "ChangePrescription", change)).prescription
    assert (changed.version, len(changed.content.lines)) == (2, 2)
    late = await fails(ask(service, "ChangePrescription", change))
    assert (late.kind.grpc, late.reason) == ("ABORTED", "CHANGED_MEANWHILE")
    discard = pb.DiscardPrescriptionRequest(prescription_id=made.prescription_id)
    await ask(service, "DiscardPrescription", discard)
    await ask(service, "DiscardPrescription", discard)
    refusal = await fails(
        ask(service, "SignPrescription", pb.SignPrescriptionRequest(prescription_id=made.prescription_id))
    )
    assert (refusal.kind.http, refusal.reason) == (422, "PRESCRIPTION_DISCARDED")


async def test_the_same_key_makes_one_draft(service: Served, person: str) -> None:
    key = str(uuid4())
    written = shown.content(content())
    first = await created(service, person, written, idempotency_key=key)
    again = await created(service, person, written, idempotency_key=key)
    assert again == first
    listed = await ask(service, "ListPrescriptions", pb.ListPrescriptionsRequest(person_id=person))
    assert [one.prescription_id for one in listed.prescriptions] == [first.prescription_id]


async def test_signed_it_opens_with_its_code_and_a_lost_answer_costs_nothing(
    service: Served, person: str
) -> None:
    first = await signed(service, person)
    of = first.prescription
    assert (of.state, of.written_on) == (pb.PRESCRIPTION_STATE_ACTIVE, "2026-06-12")
    assert [(one.authorised, one.delivered) for one in of.lines] == [("24", "0")]
    assert first.access_code
    # Without any key: the code is derived, the signature is stored.
    request = pb.SignPrescriptionRequest(prescription_id=of.prescription_id, version=1)
    again = await ask(service, "SignPrescription", request)
    assert again == first
    read_back = await ask(
        service,
        "GetPrescription",
        pb.GetPrescriptionRequest(number=of.number.lower()),
    )
    assert read_back.prescription == of


async def test_two_signatures_at_once_are_one(service: Served, person: str) -> None:
    made = await created(service, person)
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id, version=1)
    answers = await asyncio.gather(*(ask(service, "SignPrescription", request) for _ in range(6)))
    assert {one.signature for one in answers} == {answers[0].signature}
    assert {one.access_code for one in answers} == {answers[0].access_code}
    assert {one.prescription.version for one in answers} == {2}


async def test_with_a_key_the_answer_of_a_signature_is_kept_too(service: Served, person: str) -> None:
    made = await created(service, person)
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
    key = str(uuid4())
    first = await ask(service, "SignPrescription", request, idempotency_key=key)
    assert await ask(service, "SignPrescription", request, idempotency_key=key) == first


async def test_a_code_opens_one_prescription_only(service: Served, person: str) -> None:
    one, other = await signed(service, person), await signed(service, person)
    assert one.access_code != other.access_code
    assert one.access_code == SECRETS.access_code(PrescriptionId(one.prescription.prescription_id))


async def test_a_warning_names_itself_and_a_decision_goes_on(service: Served, person: str) -> None:
    written = shown.content(content(line(product=WARFARIN), line(product=IBUPROFEN)))
    made = await created(service, person, written)
    check = pb.CheckPrescriptionRequest(prescription_id=made.prescription_id)
    found = (await ask(service, "CheckPrescription", check)).findings
    warnings = [one for one in found if one.severity == pb.SEVERITY_WARNING]
    assert all(one.sentence and one.code for one in warnings)
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
    refusal = await fails(ask(service, "SignPrescription", request))
    assert (refusal.reason, refusal.kind.http) == ("DECISION_NEEDED", 422)
    assert {one.problem for one in refusal.violations} == {one.code for one in warnings}
    # A medicine of the patient is told by CheckPrescription, never by an error.
    assert "buprof" not in str(refusal.violations)
    request.decisions.extend(pb.Decision(code=one.code, reason="INR hebdomadaire") for one in warnings)
    done = await ask(service, "SignPrescription", request)
    assert {one.code for one in done.prescription.decisions} == {one.code for one in warnings}


async def test_nobody_prescribes_for_a_person_whom_the_registry_does_not_know(
    service: Served, registry: Registry, person: str
) -> None:
    made = await created(service, person)
    registry.unknown = frozenset({person})
    request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
    refusal = await fails(ask(service, "SignPrescription", request))
    assert (refusal.reason, refusal.field, refusal.kind.http) == ("PERSON_UNKNOWN", "person_id", 400)
    kept = await ask(
        service, "GetPrescription", pb.GetPrescriptionRequest(prescription_id=made.prescription_id)
    )
    assert kept.prescription == made


async def test_a_registry_that_does_not_answer_stops_no_treatment(
    service: Served, registry: Registry, person: str
) -> None:
    registry.away = Unavailable
    assert (await signed(service, person)).prescription.state == pb.PRESCRIPTION_STATE_ACTIVE


async def test_without_a_key_service_the_signature_comes_with_the_request(
    database: Database, issuer: LocalIssuer, person: str
) -> None:
    bare = desk(database, signing=None)
    async with served(PrescriptionServicer(bare), database, issuer) as running:
        made = await created(running, person)
        request = pb.SignPrescriptionRequest(prescription_id=made.prescription_id)
        refusal = await fails(ask(running, "SignPrescription", request))
    assert (refusal.reason, refusal.field) == ("SIGNATURE_MISSING", "signature")


async def test_a_cancellation_answers_each_line(service: Served, person: str) -> None:
    of = (await signed(service, person)).prescription
    request = pb.CancelPrescriptionRequest(
        prescription_id=of.prescription_id,
        reason=pb.CANCEL_REASON_PATIENT_REQUEST,
        comment="ne souhaite plus",
    )
    done = await ask(service, "CancelPrescription", request)
    assert [(one.line_id, one.code) for one in done.lines] == [(of.lines[0].line_id, "R-0001")]
    assert done.lines[0].outcome == pb.CANCEL_OUTCOME_CANCELLED
    assert done.prescription.state == pb.PRESCRIPTION_STATE_CANCELLED
    assert done.prescription.lines[0].cancel_reason == pb.CANCEL_REASON_PATIENT_REQUEST
    assert done.prescription.lines[0].cancel_comment == "ne souhaite plus"
    again = await ask(service, "CancelPrescription", request)
    assert [one.code for one in again.lines] == ["R-0006"]
    why = await fails(
        ask(
            service,
            "CancelPrescription",
            pb.CancelPrescriptionRequest(prescription_id=of.prescription_id),
        )
    )
    assert [one.field for one in why.violations] == ["reason"]


async def test_the_person_reads_lists_and_sees_who_looked(service: Served) -> None:
    citizen = callers.citizen
    of = (await signed(service, citizen.person_id)).prescription
    get = pb.GetPrescriptionRequest(prescription_id=of.prescription_id)
    assert (await ask(service, "GetPrescription", get, citizen)).prescription == of
    listed = await ask(
        service,
        "ListPrescriptions",
        pb.ListPrescriptionsRequest(
            person_id=citizen.person_id,
            states=[pb.PRESCRIPTION_STATE_ACTIVE],
            page=common_pb2.PageRequest(size=1),
        ),
        citizen,
    )
    assert list(listed.prescriptions) == [of]
    mine = await ask(service, "ListMyPrescriptions", pb.ListMyPrescriptionsRequest(), callers.doctor)
    assert of.prescription_id in {one.prescription_id for one in mine.prescriptions}
    journal = await ask(
        service,
        "ListPrescriptionJournal",
        pb.ListPrescriptionJournalRequest(prescription_id=of.prescription_id),
        citizen,
    )
    seen = [(one.action, one.actor) for one in journal.entries]
    assert ("prescription.read", "self") in seen
    assert ("prescription.sign", callers.doctor.subject) in seen


async def test_absent_and_invisible_are_told_alike(service: Served, person: str) -> None:
    of = (await signed(service, person)).prescription
    draft = await created(service, person)
    nowhere = str(uuid4())
    for method, message, more in (
        ("GetPrescription", pb.GetPrescriptionRequest, {}),
        ("ChangePrescription", pb.ChangePrescriptionRequest, {"content": shown.content(content())}),
        ("DiscardPrescription", pb.DiscardPrescriptionRequest, {}),
        ("CheckPrescription", pb.CheckPrescriptionRequest, {}),
        ("SignPrescription", pb.SignPrescriptionRequest, {}),
        ("CancelPrescription", pb.CancelPrescriptionRequest, {"reason": pb.CANCEL_REASON_DEATH}),
    ):
        told = set()
        for asked in (of.prescription_id, draft.prescription_id, nowhere):
            request = message(prescription_id=asked, **more)
            error = await fails(ask(service, method, request, OTHER_PHARMACIST))
            told.add((error.reason, error.sentence, error.field, error.hint))
        assert len(told) == 1, method
        assert told.pop()[0] == "PRESCRIPTION_NOT_FOUND"


async def test_no_field_of_the_request_says_who_prescribes(service: Served, person: str) -> None:
    of = (await signed(service, person)).prescription
    assert of.prescriber.id == callers.doctor.subject
    assert "prescriber" not in pb.CreatePrescriptionRequest.DESCRIPTOR.fields_by_name
    assert "prescriber" not in pb.PrescriptionContent.DESCRIPTOR.fields_by_name
