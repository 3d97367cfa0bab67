"""A pharmacy takes a prescription, keeps it longer, gives it back; nobody else has it meanwhile."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chassis.caller import Caller
from chassis.errors import Forbidden, SocleError
from chassis.testing import NOW, callers
from eprescription.domain.content import Content
from eprescription.domain.errors import (
    HeldByAnotherPharmacy,
    NotHeldByYou,
    SignatureBroken,
    TransitionRefused,
)
from eprescription.domain.findings import Severity
from eprescription.domain.states import State
from eprescription.store import prescriptions
from eprescription.usecases.claims import MOST_ATTEMPTS, WINDOW, Proof, Refused, ReleaseReason

from .dispensing_given import (
    ONE,
    OTHER_PHARMACIST,
    TTL,
    Counter,
    events,
    gives,
    opiate,
    prescribed,
    proof,
    visit_of,
    written,
)
from .given import draft, refused


async def test_claim_by_access_code_holds_it_and_says_what_may_be_given(counter: Counter) -> None:
    line = prescribed(renewals=2)
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    assert held.visit.prescription.state is State.IN_DISPENSE
    assert held.claim.pharmacy == counter.caller.organisation
    assert held.claim.expires_at == NOW + TTL
    entitled = held.entitled[line.line_id]
    assert (entitled.quantity, entitled.days) == (ONE, 30)
    assert await events(counter.tx, made) == ["prescription.locked"]


async def test_claim_again_gives_the_same_hold_and_the_same_secret(counter: Counter) -> None:
    made = await written(counter.tx)
    first = await counter.claim(made)
    again = await counter.at(NOW + timedelta(minutes=29)).claim(made)
    assert (again.claim.id, again.secret) == (first.claim.id, first.secret)
    assert await events(counter.tx, made) == ["prescription.locked"]


async def test_claim_of_what_another_pharmacy_holds_is_refused_with_the_state_alone(counter: Counter) -> None:
    made = await written(counter.tx)
    await counter.claim(made)
    refusal = await refused(HeldByAnotherPharmacy, counter.of().claim(made))
    assert refusal.rules == ("state.in_dispense",)
    assert not refusal.violations


async def test_claim_ends_a_hold_whose_time_has_passed(counter: Counter) -> None:
    made = await written(counter.tx)
    late = await counter.claim(made)
    held = await counter.of().at(NOW + TTL).claim(made)
    assert held.claim.pharmacy == OTHER_PHARMACIST.organisation
    assert await events(counter.tx, made) == [
        "prescription.locked",
        "prescription.released",
        "prescription.locked",
    ]
    await refused(NotHeldByYou, counter.at(NOW + TTL).record(late, gives(made.signed.content.lines[0])))


async def test_claim_after_its_own_hold_passed_gives_a_new_hold(counter: Counter) -> None:
    made = await written(counter.tx)
    first = await counter.claim(made)
    second = await counter.at(NOW + TTL).claim(made)
    assert second.claim.id != first.claim.id
    assert second.secret != first.secret


@pytest.mark.parametrize(
    "caller",
    [
        callers.doctor,
        callers.nurse,
        replace(callers.pharmacist, organisation=""),
        replace(callers.pharmacist, sector="SA01"),
    ],
)
async def test_claim_by_whoever_is_no_pharmacist_of_a_pharmacy_is_refused(
    counter: Counter, caller: Caller
) -> None:
    made = await written(counter.tx)
    await refused(Forbidden, counter.of(caller).claim(made))
    assert (await visit_of(counter.tx, made)).claim is None


async def test_wrong_code_and_unknown_number_are_answered_alike(counter: Counter) -> None:
    made = await written(counter.tx)
    wrong = await counter.ask(proof(made, access_code="1" * 27))
    absent = await counter.ask(Proof("S100000000000000A", "1" * 27))
    unsigned = draft()
    prescriptions.insert_prescription(counter.tx, unsigned)
    unwritten = await counter.ask(proof(unsigned))
    assert wrong == absent == unwritten == Refused()
    assert (await visit_of(counter.tx, made)).prescription.state is State.ACTIVE


async def test_guessed_birth_dates_are_limited_for_numbers_that_exist_and_others_alike(
    counter: Counter,
) -> None:
    made = await written(counter.tx)
    for brought in (proof(made, born=False), Proof("S100000000000000A", born=False)):
        answers = [await counter.ask(brought) for _ in range(MOST_ATTEMPTS + 1)]
        assert answers == [*[Refused()] * MOST_ATTEMPTS, Refused(WINDOW.total_seconds())]


async def test_after_too_many_guesses_only_the_code_opens(counter: Counter) -> None:
    made = await written(counter.tx)
    for _ in range(MOST_ATTEMPTS):
        await counter.ask(proof(made, born=False))
    right_but_late = await counter.ask(proof(made, born=True))
    assert isinstance(right_but_late, Refused)
    assert right_but_late.wait > 0
    assert (await counter.claim(made)).secret
    elsewhere = await written(counter.tx)
    assert (await counter.claim(elsewhere, access_code="", born=True)).secret


async def test_guesses_are_forgotten_after_a_while_and_never_count_for_another_pharmacy(
    counter: Counter,
) -> None:
    made = await written(counter.tx)
    for _ in range(MOST_ATTEMPTS):
        await counter.ask(proof(made, born=False))
    held = await counter.of().claim(made, born=True)
    await counter.of().release(held)
    later = counter.at(NOW + WINDOW + timedelta(seconds=1))
    assert (await later.claim(made, born=True)).secret


async def test_named_pharmacy_is_the_only_one_to_claim(counter: Counter) -> None:
    named = Content((), named_pharmacy=callers.pharmacist.organisation)
    made = await written(counter.tx, content=named)
    refusal = await refused(Forbidden, counter.of().claim(made))
    assert refusal.rules == ("erx.named_pharmacy",)
    assert (await counter.claim(made)).secret


async def test_claim_after_the_last_day_is_refused_though_no_worker_came(counter: Counter) -> None:
    made = await written(counter.tx)
    assert made.expires_on is not None
    days = (made.expires_on - NOW.date()).days
    assert (await counter.at(NOW + timedelta(days=days)).claim(made)).secret
    other = await written(counter.tx)
    refusal = await refused(TransitionRefused, counter.at(NOW + timedelta(days=days + 1)).claim(other))
    assert refusal.reason == "PRESCRIPTION_EXPIRED"


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELLED, State.EXPIRED])
async def test_claim_of_a_final_prescription_is_refused(counter: Counter, state: State) -> None:
    made = await written(counter.tx, state=state)
    refusal = await refused(TransitionRefused, counter.claim(made))
    assert refusal.reason == f"PRESCRIPTION_{state.value.upper()}"


async def test_claim_of_a_prescription_whose_signature_does_not_hold_is_refused(counter: Counter) -> None:
    made = await written(counter.tx, signature="a..b")
    await refused(SignatureBroken, counter.claim(made))


async def test_claim_of_a_late_narcotic_says_what_is_lost(counter: Counter) -> None:
    line = opiate()
    made = await written(counter.tx, line, content=Content((), secure=True))
    held = await counter.at(NOW + timedelta(days=4)).claim(made)
    entitled = held.entitled[line.line_id]
    assert (entitled.quantity, entitled.forfeited) == (Decimal(24), Decimal(4))


async def test_claim_shows_a_cancellation_asked_meanwhile(counter: Counter) -> None:
    line, other = prescribed(), prescribed()
    made = await written(counter.tx, line, other)
    await counter.claim(made)
    await counter.cancels(made, line)
    again = await counter.claim(made)
    told = [one for one in again.findings if one.rule == "C1"]
    assert [(one.severity, one.line_id) for one in told] == [(Severity.REFUSAL, line.line_id)]


async def test_extend_keeps_the_hold_and_never_shortens_it(counter: Counter) -> None:
    held = await counter.claim(await written(counter.tx))
    later = await counter.at(NOW + timedelta(minutes=20)).extend(held)
    assert later.expires_at == NOW + timedelta(minutes=50)
    assert (await counter.extend(held)).expires_at == later.expires_at


async def test_extend_after_the_time_of_the_hold_is_refused(counter: Counter) -> None:
    held = await counter.claim(await written(counter.tx))
    await refused(NotHeldByYou, counter.at(NOW + TTL).extend(held))


async def test_release_gives_it_back_and_again_is_answered_the_same(counter: Counter) -> None:
    made = await written(counter.tx)
    held = await counter.claim(made)
    assert (await counter.release(held, ReleaseReason.PRODUCT_MISSING)).prescription.state is State.ACTIVE
    again = await counter.release(held)
    assert again.prescription.state is State.ACTIVE
    assert again.prescription.version == 4
    assert await events(counter.tx, made) == ["prescription.locked", "prescription.released"]
    assert (await counter.of().claim(made)).claim.pharmacy == OTHER_PHARMACIST.organisation


async def test_release_makes_a_marked_cancellation_take_effect(counter: Counter) -> None:
    made = await written(counter.tx)
    held = await counter.claim(made)
    await counter.cancels(made)
    assert (await counter.release(held)).prescription.state is State.CANCELLED
    assert await events(counter.tx, made) == [
        "prescription.locked",
        "prescription.cancelled",
        "prescription.released",
        "prescription.cancelled",
    ]


@pytest.mark.parametrize("secret", ["", "1" * 27])
async def test_nothing_is_done_without_the_secret_of_the_hold(counter: Counter, secret: str) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    without = replace(held, secret=secret)
    errors: list[SocleError] = [
        await refused(NotHeldByYou, asked)
        for asked in (
            counter.record(without, gives(line)),
            counter.check(without, gives(line)),
            counter.extend(without),
            counter.release(without),
            counter.close(without),
            counter.of().record(held, gives(line)),
        )
    ]
    assert all(error.refusal for error in errors)
