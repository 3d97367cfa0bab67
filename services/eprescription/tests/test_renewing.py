"""Exceptional renewal: a chronic treatment whose prescription expired goes on, once, for three months at
most."""

from datetime import timedelta

import pytest

from eprescription.domain.content import Kind
from eprescription.domain.errors import (
    AccessCodeWrong,
    LineNotFound,
    RenewedAlready,
    RuleRefused,
    TransitionRefused,
)
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules.calendar import add_months
from eprescription.domain.states import State

from .dispensing_given import (
    LISTED,
    NOW,
    OTHER,
    TTL,
    Counter,
    events,
    gives,
    prescribed,
    states,
    visit_of,
    written,
)
from .given import refused

LINE = prescribed(LISTED, renewals=3)


async def served(counter: Counter) -> tuple[Prescription, Counter]:
    """Four months delivered to the last box; the counter on the day after they are used up."""
    made = await written(counter.tx, LINE)
    for month in range(4):
        await counter.at(NOW + timedelta(days=30 * month)).whole(made, gives(LINE, product=LISTED))
    return (await visit_of(counter.tx, made)).prescription, counter.at(NOW + timedelta(days=121))


async def test_renewal_opens_a_child_held_by_the_pharmacy(counter: Counter) -> None:
    made, after = await served(counter)
    held = await after.renew(made, by_id=True)
    child = held.visit.prescription
    assert (child.kind, child.state, child.parent_id) == (
        Kind.EXCEPTIONAL_RENEWAL,
        State.IN_DISPENSE,
        made.id,
    )
    assert child.signature == ""
    assert child.prescriber == after.caller.subject
    line = child.signed.content.lines[0]
    assert line.product == LINE.product
    assert [one.authorised for one in held.visit.lines] == [3]
    assert held.entitled[line.line_id].quantity == 1
    assert (await visit_of(counter.tx, child)).lines == held.visit.lines
    assert await events(counter.tx, child) == ["prescription.exceptionally_renewed", "prescription.locked"]
    assert (await visit_of(counter.tx, made)).prescription.state is State.COMPLETED


async def test_renewal_is_delivered_month_by_month_three_times_at_most(counter: Counter) -> None:
    made, after = await served(counter)
    held = await after.renew(made)
    child, line = held.visit.prescription, held.visit.prescription.signed.content.lines[0]
    await after.record(held, gives(line, product=LISTED))
    again = await refused(RuleRefused, after.record(held, gives(line, product=LISTED)))
    assert again.rules == ("V4",)
    await after.close(held)
    second, third = (after.of().at(after.now + timedelta(days=30 * month)) for month in (1, 2))
    await second.whole(child, gives(line, product=LISTED))
    done = await third.whole(child, gives(line, product=LISTED))
    assert done.visit.prescription.state is State.COMPLETED
    assert states(done.visit) == ["delivered"]


async def test_renewal_ends_three_months_after_it_was_made(counter: Counter) -> None:
    made, after = await served(counter)
    held = await after.renew(made)
    child, line = held.visit.prescription, held.visit.prescription.signed.content.lines[0]
    await after.record(held, gives(line, product=LISTED))
    await after.close(held)
    last = add_months(after.now.date(), 3)
    assert (await visit_of(counter.tx, child)).prescription.expires_on == last
    late = after.at(NOW + timedelta(days=(last - NOW.date()).days + 1))
    refusal = await refused(TransitionRefused, late.claim(child))
    assert refusal.reason == "PRESCRIPTION_EXPIRED"


async def test_a_renewal_is_not_renewed_in_its_turn(counter: Counter) -> None:
    """The law gives three months once: its child, used up, gives no other three."""
    made, after = await served(counter)
    child = (await after.renew(made)).visit.prescription
    line = child.signed.content.lines[0]
    for month in range(3):
        await after.at(after.now + timedelta(days=30 * month)).whole(child, gives(line, product=LISTED))
    used_up = after.at(after.now + timedelta(days=91))
    refusal = await refused(RuleRefused, used_up.renew(child))
    assert refusal.rules == ("V15",)


async def test_renewal_asked_again_by_the_same_pharmacy_gives_the_same_hold(counter: Counter) -> None:
    made, after = await served(counter)
    first = await after.renew(made)
    again = await after.renew(made)
    assert (again.visit.prescription, again.secret) == (first.visit.prescription, first.secret)


async def test_renewal_asked_again_after_the_time_of_its_hold_gives_a_new_hold(counter: Counter) -> None:
    made, after = await served(counter)
    first = await after.renew(made)
    again = await after.at(after.now + TTL).renew(made)
    assert again.visit.prescription.id == first.visit.prescription.id
    assert again.claim.id != first.claim.id
    assert again.claim.expires_at == after.now + 2 * TTL


async def test_renewal_by_a_second_pharmacy_is_refused(counter: Counter) -> None:
    made, after = await served(counter)
    await after.renew(made)
    await refused(RenewedAlready, after.of().renew(made))


async def test_renewal_by_id_is_for_the_pharmacy_that_served(counter: Counter) -> None:
    made, after = await served(counter)
    await refused(AccessCodeWrong, after.of().renew(made, by_id=True))
    assert (await after.of().renew(made)).secret


@pytest.mark.parametrize(("renewals", "day"), [(3, 100), (3, 160), (0, 40), (1, 61)])
async def test_renewal_too_early_too_late_or_of_no_chronic_treatment_is_refused(
    counter: Counter, renewals: int, day: int
) -> None:
    of = prescribed(LISTED, renewals=renewals)
    made = await written(counter.tx, of)
    for month in range(of.renewals + 1):
        await counter.at(NOW + timedelta(days=30 * month)).whole(made, gives(of, product=LISTED))
    refusal = await refused(RuleRefused, counter.at(NOW + timedelta(days=day)).renew(made))
    assert refusal.rules == ("V15",)
    assert (await visit_of(counter.tx, made)).prescription.state is State.COMPLETED


async def test_renewal_of_a_line_of_another_prescription_is_refused(counter: Counter) -> None:
    made, after = await served(counter)
    await refused(LineNotFound, after.renew(made, prescribed(OTHER)))


async def test_renewal_sees_that_the_last_day_has_passed_though_no_worker_came(counter: Counter) -> None:
    line = prescribed(LISTED, renewals=11)
    made = await written(counter.tx, line)
    await counter.whole(made, gives(line, product=LISTED))
    expires = (await visit_of(counter.tx, made)).prescription.expires_on
    assert expires is not None
    after = counter.at(NOW + timedelta(days=(expires - NOW.date()).days + 1))
    assert (await after.renew(made, line)).secret
    assert (await visit_of(counter.tx, made)).prescription.state is State.EXPIRED
    assert "prescription.expired" in await events(counter.tx, made)


async def test_a_renewal_left_by_its_pharmacy_is_claimed_by_its_own_number(counter: Counter) -> None:
    made, after = await served(counter)
    child = (await after.renew(made)).visit.prescription
    later = after.of().at(after.now + TTL)
    held = await later.claim(child)
    assert held.visit.prescription.id == child.id
