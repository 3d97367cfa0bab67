"""Dispensing over the wire: the whole life of a prescription at the counter, its errors, its replays."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import status
from chassis.audit import REFUSED
from chassis.call import Call
from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import NotFound, SocleError, TooMany, Unavailable
from chassis.schema import AUDIT
from chassis.testing import NOW, LocalIssuer, Served, callers, served
from eprescription.api.dispensing import DispensingServicer
from eprescription.domain import number, token, token_content
from eprescription.domain.ids import PersonId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.usecases.claims import MOST_ATTEMPTS
from socle.common.v1 import common_pb2
from socle.eprescription.v1 import dispensing_pb2 as pb
from socle.eprescription.v1 import eprescription_pb2 as common

from . import keys_given
from .dispensing_given import (
    BRAND,
    COPY,
    LISTED,
    OTHER_PHARMACIST,
    counter,
    gives,
    platform,
    prescribed,
    stock,
    wrote,
)
from .given import SECRETS, desk

BORN = date(1980, 1, 2)
PHARMACIST, DOCTOR = callers.pharmacist, callers.doctor


@dataclass(slots=True)
class Births:
    """identity-ins, asked for a birth date."""

    away: type[SocleError] | None = None
    asked: int = 0

    async def born_on(self, _person: PersonId, day: date, _call: Call) -> bool:
        self.asked += 1
        if self.away:
            raise self.away
        return day == BORN


@pytest.fixture
def births() -> Births:
    return Births()


@pytest.fixture
async def counter_at(database: Database, issuer: LocalIssuer, births: Births) -> AsyncIterator[Served]:
    await stock(database)
    laid = desk(database, platform=platform(), identities=births)
    async with served(DispensingServicer(laid), database, issuer) as there:
        yield there


async def claim(there: Served, of: Prescription, caller: Caller = PHARMACIST, **more: Any) -> Any:
    request = pb.ClaimPrescriptionRequest(number=of.number, access_code=SECRETS.access_code(of.id))
    return await there.ask("ClaimPrescription", request, caller, **more)


def act(of: Prescription, packs: str = "1", **changes: Any) -> pb.Act:
    usual: dict[str, Any] = {
        "line_id": of.signed.content.lines[0].line_id,
        "kind": common.INTERVENTION_KIND_AS_PRESCRIBED,
        "cip13": BRAND.packs[0].cip13,
        "packs": packs,
    }
    return pb.Act(**{**usual, **changes})


def record(of: Prescription, secret: str, *acts: pb.Act) -> pb.RecordDispensingRequest:
    return pb.RecordDispensingRequest(prescription_id=of.id.value, secret=secret, acts=acts or [act(of)])


async def refusal(asked: Any) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked
    return status.from_status(caught.value)


async def turned_away(database: Database, of: Prescription) -> list[tuple[str, str, list[str]]]:
    asked = sa.select(AUDIT.c.actor, AUDIT.c.subject, AUDIT.c.rules)
    asked = asked.where(AUDIT.c.object_id == of.id.value, AUDIT.c.outcome == REFUSED)
    async with database.read() as tx:
        return [tuple(row.values()) for row in await tx.all(asked)]


async def test_a_visit_from_the_qr_code_to_the_receipt(database: Database, counter_at: Served) -> None:
    made = await wrote(database, prescribed(renewals=1))
    code = token_content.of(made, SECRETS.access_code(made.id), keys_given.PATIENT)
    text = token.make(code, platform().token_signer)
    held = await counter_at.ask("ClaimPrescription", pb.ClaimPrescriptionRequest(token=text), PHARMACIST)
    assert held.prescription.state == common.PRESCRIPTION_STATE_IN_DISPENSE
    assert held.prescription.held_by == PHARMACIST.organisation
    assert held.held_until.ToDatetime().minute == (NOW + timedelta(minutes=30)).minute
    assert [(one.quantity, one.days) for one in held.entitlements] == [("1", 30)]
    secret, of = held.secret, made.id.value

    said = await counter_at.ask(
        "CheckDispensing",
        pb.CheckDispensingRequest(prescription_id=of, secret=secret, acts=[act(made)]),
        PHARMACIST,
    )
    assert [one.line_id for one in said.entitlements] == [made.signed.content.lines[0].line_id]
    done = await counter_at.ask("RecordDispensing", record(made, secret), PHARMACIST)
    assert [(one.packs, one.counted, one.days_covered) for one in done.interventions] == [("1", "1", 30)]
    longer = await counter_at.ask(
        "ExtendClaim", pb.ExtendClaimRequest(prescription_id=of, secret=secret), PHARMACIST
    )
    assert longer.held_until == held.held_until
    closing = pb.CloseDispensingRequest(prescription_id=of, secret=secret)
    closed = await counter_at.ask("CloseDispensing", closing, PHARMACIST)
    assert closed.prescription.state == common.PRESCRIPTION_STATE_PARTIALLY_DISPENSED
    receipt = platform().opened(closed.receipt)
    assert receipt is not None
    assert receipt["dispensing_id"] == closed.dispensing_id
    again = await counter_at.ask("CloseDispensing", closing, PHARMACIST)
    assert (again.receipt, again.dispensing_id) == (closed.receipt, closed.dispensing_id)


async def test_a_lost_answer_is_asked_again_with_and_without_its_key(
    database: Database, counter_at: Served
) -> None:
    made = await wrote(database, prescribed(renewals=1))
    first = await claim(counter_at, made, idempotency_key="k1")
    again = await claim(counter_at, made, idempotency_key="k1")
    without = await claim(counter_at, made)
    assert first.secret == again.secret == without.secret
    request = record(made, first.secret)
    answers = [
        await counter_at.ask("RecordDispensing", request, PHARMACIST, idempotency_key="k2") for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert [line.delivered for line in answers[2].prescription.lines] == ["1"]


async def test_a_birth_date_opens_and_a_wrong_one_does_not(
    database: Database, counter_at: Served, births: Births
) -> None:
    made = await wrote(database, prescribed())

    async def asked(day: date, typed: str = made.number) -> Any:
        request = pb.ClaimPrescriptionRequest(number=typed, birth_date=day.isoformat())
        return await counter_at.ask("ClaimPrescription", request, PHARMACIST)

    wrong = await refusal(asked(date(1980, 1, 3)))
    unknown = await refusal(asked(BORN, number.new()))
    assert (wrong.reason, wrong.sentence, wrong.hint, wrong.field) == (
        unknown.reason,
        unknown.sentence,
        unknown.hint,
        unknown.field,
    )
    assert births.asked == 1
    assert (await asked(BORN)).secret


async def test_too_many_wrong_dates_are_slowed_down(database: Database, counter_at: Served) -> None:
    made = await wrote(database, prescribed())
    request = pb.ClaimPrescriptionRequest(number=made.number, birth_date="1970-01-01")
    errors = [
        await refusal(counter_at.ask("ClaimPrescription", request, PHARMACIST, idempotency_key=f"g{at}"))
        for at in range(MOST_ATTEMPTS + 1)
    ]
    assert isinstance(errors[-1], TooMany)
    assert errors[-1].retry_after
    assert {type(one).__name__ for one in errors[:-1]} == {"Forbidden"}


async def test_a_registry_that_does_not_answer_is_told_and_nothing_is_held(
    database: Database, counter_at: Served, births: Births
) -> None:
    made = await wrote(database, prescribed())
    request = pb.ClaimPrescriptionRequest(number=made.number, birth_date=BORN.isoformat())
    births.away = Unavailable
    assert isinstance(await refusal(counter_at.ask("ClaimPrescription", request, PHARMACIST)), Unavailable)
    births.away = NotFound
    error = await refusal(counter_at.ask("ClaimPrescription", request, PHARMACIST))
    assert error.reason == "ACCESS_CODE_WRONG"


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (pb.ClaimPrescriptionRequest(), "PROOF_MISSING", "access_code"),
        (pb.ClaimPrescriptionRequest(number="S1AAAAAAAAAAAAAAAA", access_code="x"), "NUMBER_WRONG", "number"),
        (pb.ClaimPrescriptionRequest(token="SOCLE1:ABC"), "TOKEN_FORGED", "token"),
        (pb.ClaimPrescriptionRequest(token="hello"), "TOKEN_UNREADABLE", "token"),
    ],
)
async def test_a_bad_proof_says_what_is_wrong(
    counter_at: Served, request_: pb.ClaimPrescriptionRequest, reason: str, field: str
) -> None:
    error = await refusal(counter_at.ask("ClaimPrescription", request_, PHARMACIST))
    assert (error.reason, error.field) == (reason, field)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"kind": common.INTERVENTION_KIND_UNDONE}, "acts[0].kind"),
        ({"packs": ""}, "acts[0].packs"),
        ({"packs": "0"}, "acts[0].packs"),
        ({"packs": "", "units": "0.000"}, "acts[0].units"),
        ({"days_covered": 4000}, "acts[0].days_covered"),
        ({"not_delivered": pb.NOT_DELIVERED_REASON_OWING}, "acts[0].not_delivered"),
        ({"kind": common.INTERVENTION_KIND_NOT_DELIVERED, "packs": ""}, "acts[0].not_delivered"),
        (
            {
                "kind": common.INTERVENTION_KIND_NOT_DELIVERED,
                "not_delivered": pb.NOT_DELIVERED_REASON_OWING,
            },
            "acts[0].packs",
        ),
    ],
)
async def test_an_act_that_says_nothing_sensible_is_refused(
    database: Database, counter_at: Served, changes: dict[str, Any], where: str
) -> None:
    made = await wrote(database, prescribed())
    held = await claim(counter_at, made)
    error = await refusal(
        counter_at.ask("RecordDispensing", record(made, held.secret, act(made, **changes)), PHARMACIST)
    )
    assert where in [one.field for one in error.violations]


async def test_a_box_scanned_twice_is_one_box(database: Database, counter_at: Served) -> None:
    made = await wrote(database, prescribed(renewals=1))
    held = await claim(counter_at, made)
    box = act(made, serial="SN1")
    error = await refusal(counter_at.ask("RecordDispensing", record(made, held.secret, box, box), PHARMACIST))
    assert [one.field for one in error.violations] == ["acts[1].serial"]


async def test_a_second_pharmacy_learns_the_state_and_nothing_else(
    database: Database, counter_at: Served
) -> None:
    made = await wrote(database, prescribed())
    await claim(counter_at, made)
    error = await refusal(claim(counter_at, made, OTHER_PHARMACIST))
    assert error.reason == "HELD_BY_ANOTHER_PHARMACY"
    told = f"{error.sentence} {error.hint} {error.rules} {error.violations}"
    assert BRAND.label not in told
    assert PHARMACIST.organisation not in told


async def test_who_has_the_paper_and_is_turned_away_is_in_the_journal_of_the_person(
    database: Database, counter_at: Served
) -> None:
    made = await wrote(database, prescribed())
    await claim(counter_at, made)
    await refusal(claim(counter_at, made, OTHER_PHARMACIST))
    over = await wrote(database, prescribed(), state=State.CANCELLED)
    await refusal(claim(counter_at, over, OTHER_PHARMACIST))
    for of, rule in ((made, "state.in_dispense"), (over, "state.cancelled")):
        assert await turned_away(database, of) == [(OTHER_PHARMACIST.subject, of.person.value, [rule])]


async def test_release_then_another_pharmacy_and_an_undo(database: Database, counter_at: Served) -> None:
    made = await wrote(database, prescribed())
    held = await claim(counter_at, made)
    substituted = act(made, kind=common.INTERVENTION_KIND_SUBSTITUTED, cip13=COPY.packs[0].cip13)
    done = await counter_at.ask("RecordDispensing", record(made, held.secret, substituted), PHARMACIST)
    wrong = done.interventions[0].intervention_id
    undo = pb.UndoInterventionRequest(prescription_id=made.id.value, intervention_id=wrong, reason="erreur")
    undone = await counter_at.ask("UndoIntervention", undo, PHARMACIST)
    assert undone.intervention.undoes == wrong
    assert {one.undone_by for one in undone.prescription.interventions} == {
        "",
        undone.intervention.intervention_id,
    }
    error = await refusal(counter_at.ask("UndoIntervention", undo, PHARMACIST))
    assert error.reason == "UNDONE_ALREADY"
    release = pb.ReleasePrescriptionRequest(
        prescription_id=made.id.value, secret=held.secret, reason=pb.RELEASE_REASON_PATIENT_LEFT
    )
    freed = await counter_at.ask("ReleasePrescription", release, PHARMACIST)
    assert freed.prescription.state == common.PRESCRIPTION_STATE_ACTIVE
    assert freed.prescription.held_by == ""
    assert (await claim(counter_at, made, OTHER_PHARMACIST)).secret != held.secret


async def test_a_paper_recorded_later_tells_its_duplicate(database: Database, counter_at: Served) -> None:
    made = await wrote(database, prescribed())
    when = Timestamp()
    when.FromDatetime(NOW - timedelta(hours=1))
    paper = pb.RecordOfflineDispensingRequest(
        number=made.number,
        access_code=SECRETS.access_code(made.id),
        acts=[act(made, "2")],
        delivered_at=when,
        paper_reference="F-12",
    )
    done = await counter_at.ask("RecordOfflineDispensing", paper, PHARMACIST)
    assert [(one.counted, one.excess, one.offline) for one in done.interventions] == [("1", "1", True)]
    again = await counter_at.ask("RecordOfflineDispensing", paper, PHARMACIST)
    assert again.duplicates == done.duplicates
    listed = await counter_at.ask(
        "ListDuplicates", pb.ListDuplicatesRequest(prescription_id=made.id.value), DOCTOR
    )
    assert [one.duplicate_id for one in listed.duplicates] == [done.duplicates[0].duplicate_id]
    for seconds, reason in ((when.seconds + 7200, "DELIVERED_BEFORE"), (1 << 60, "MALFORMED_REQUEST")):
        paper.delivered_at.seconds = seconds
        error = await refusal(counter_at.ask("RecordOfflineDispensing", paper, PHARMACIST))
        assert error.reason == reason


async def test_an_expired_treatment_is_renewed_exceptionally(database: Database, counter_at: Served) -> None:
    line = prescribed(LISTED, renewals=3)
    written_on = NOW - timedelta(days=121)
    made = await wrote(database, line, now=written_on)
    for month in range(4):
        async with counter(database, now=written_on + timedelta(days=30 * month)) as at:
            await at.whole(made, gives(line, product=LISTED))
    request = pb.RenewExceptionallyRequest(prescription_id=made.id.value, reason="traitement indispensable")
    child = await counter_at.ask("RenewExceptionally", request, PHARMACIST)
    assert child.prescription.kind == common.PRESCRIPTION_KIND_EXCEPTIONAL_RENEWAL
    assert child.prescription.parent_id == made.id.value
    assert child.secret
    again = await counter_at.ask("RenewExceptionally", request, PHARMACIST)
    assert again.secret == child.secret
    stranger = pb.RenewExceptionallyRequest(reason="traitement indispensable")
    error = await refusal(counter_at.ask("RenewExceptionally", stranger, PHARMACIST))
    assert error.reason == "PROOF_MISSING"
    wrong = pb.RenewExceptionallyRequest(
        number=made.number, access_code="x" * 27, reason="traitement indispensable"
    )
    error = await refusal(counter_at.ask("RenewExceptionally", wrong, PHARMACIST))
    assert error.reason == "ACCESS_CODE_WRONG"


async def test_the_history_and_its_opposition(database: Database, counter_at: Served) -> None:
    person = callers.citizen.person_id
    made = await wrote(database, prescribed(), person=PersonId(person))
    async with counter(database) as at:
        await at.whole(made, gives(made.signed.content.lines[0]))
    asked = pb.ListDispensingsRequest(person_id=person, page=common_pb2.PageRequest(size=10))
    read = await counter_at.ask("ListDispensings", asked, OTHER_PHARMACIST)
    told = [(one.cis, one.label, one.prescription_id) for one in read.dispensings]
    assert told == [(BRAND.cis, BRAND.label, "")]
    assert [one.name for one in read.dispensings[0].substances] == [BRAND.components[0].name]
    decided = await counter_at.ask(
        "SetOpposition", pb.SetOppositionRequest(person_id=person, history_opposed=True), callers.citizen
    )
    assert (decided.history_opposed, decided.execution_hidden) == (True, False)
    assert (await refusal(counter_at.ask("ListDispensings", asked, OTHER_PHARMACIST))).reason == "FORBIDDEN"
    found = await counter_at.ask("GetOpposition", pb.GetOppositionRequest(person_id=person), callers.citizen)
    assert found.history_opposed
    assert len((await counter_at.ask("ListDispensings", asked, callers.citizen)).dispensings) == 1
