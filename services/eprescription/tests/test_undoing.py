"""A wrong record is undone by another record, once, by the pharmacy that made it."""

from datetime import timedelta
from decimal import Decimal

from chassis.testing import callers
from eprescription.domain.content import Content
from eprescription.domain.dispensing import InterventionKind, NotDelivered
from eprescription.domain.errors import InterventionNotFound, UndoneAlready
from eprescription.domain.states import State
from eprescription.usecases.undoing import TooLateToUndo

from .dispensing_given import (
    DAY,
    LAW,
    NONE,
    NOW,
    OPIATE,
    OTHER,
    Counter,
    events,
    gives,
    opiate,
    prescribed,
    refuses,
    states,
    visit_of,
    written,
)
from .given import refused


async def test_undo_takes_back_what_was_counted_and_reopens_the_line(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    wrong = (await counter.record(held, gives(line))).interventions[0]
    done = await counter.undo(made, wrong, "boîte d'un autre")
    after = await visit_of(counter.tx, made)
    assert (states(after), after.lines[0].delivered, after.lines[0].deliveries) == (["ordered"], NONE, 0)
    assert after.lines[0] == done.visit.lines[0]
    assert [one.kind for one in after.interventions] == [
        InterventionKind.AS_PRESCRIBED,
        InterventionKind.UNDONE,
    ]
    assert after.interventions[0].undone_by == done.intervention.id
    assert done.intervention.details.reason == "boîte d'un autre"
    assert after.prescription.state is State.IN_DISPENSE
    again = await counter.record(held, gives(line))
    assert states(again.visit) == ["delivered"]


async def test_undo_after_the_receipt_opens_a_completed_prescription_again(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    closed = await counter.whole(made, gives(line))
    assert closed.visit.prescription.state is State.COMPLETED
    done = await counter.undo(made, closed.visit.interventions[0])
    assert done.visit.prescription.state is State.ACTIVE
    assert done.visit.lines[0].next_on == NOW.date()
    assert (await counter.of().claim(made)).secret
    assert (await events(counter.tx, made))[-2:] == ["line.intervened", "prescription.locked"]


async def test_undo_gives_the_lost_days_of_a_narcotic_back(counter: Counter) -> None:
    line = opiate()
    made = await written(counter.tx, line, content=Content((), secure=True))
    late = counter.at(NOW + 4 * DAY)
    held = await late.claim(made)
    act = gives(line, units=Decimal(24), product=OPIATE)
    wrong = (await late.record(held, act)).interventions[0]
    done = await late.undo(made, wrong)
    after = (await visit_of(counter.tx, made)).lines[0]
    assert (after.delivered, after.forfeited) == (NONE, NONE)
    assert after == done.visit.lines[0]


async def test_undo_twice_is_refused(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    wrong = (await counter.record(await counter.claim(made), gives(line))).interventions[0]
    undoing = (await counter.undo(made, wrong)).intervention
    await refused(UndoneAlready, counter.undo(made, wrong))
    await refused(InterventionNotFound, counter.undo(made, undoing))


async def test_undo_by_another_pharmacy_finds_nothing(counter: Counter) -> None:
    line, absent = prescribed(), prescribed()
    made = await written(counter.tx, line)
    wrong = (await counter.whole(made, gives(line))).visit.interventions[0]
    refusal = await refused(InterventionNotFound, counter.of().undo(made, wrong))
    other = await written(counter.tx, absent)
    nothing = await refused(InterventionNotFound, counter.undo(other, wrong))
    assert (refusal.sentence, refusal.hint) == (nothing.sentence, nothing.hint)


async def test_undo_is_too_late_after_its_days(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    wrong = (await counter.whole(made, gives(line))).visit.interventions[0]
    days = LAW.on(NOW.date()).undo_days
    late = counter.at(NOW + timedelta(days=days, seconds=1))
    await refused(TooLateToUndo, late.undo(made, wrong))
    done = await counter.at(NOW + timedelta(days=days)).undo(made, wrong)
    assert done.intervention.undoes == wrong.id


async def test_undo_of_a_refusal_reopens_unless_another_stands(counter: Counter) -> None:
    line = prescribed(renewals=1)
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    given_ = (await counter.record(held, gives(line))).interventions[0]
    final = (await counter.record(held, refuses(line))).interventions[0]
    assert states(await visit_of(counter.tx, made)) == ["not_delivered"]
    await counter.undo(made, given_)
    assert states(await visit_of(counter.tx, made)) == ["not_delivered"]
    await counter.undo(made, final)
    assert states(await visit_of(counter.tx, made)) == ["ordered"]


async def test_undo_lets_a_cancellation_that_came_meanwhile_take_effect(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    held = await counter.claim(made)
    await counter.cancels(made)
    wrong = (await counter.record(held, refuses(line, NotDelivered.NOT_REQUIRED))).interventions[0]
    await counter.close(held)
    assert states(await visit_of(counter.tx, made)) == ["not_delivered", "cancelled"]
    done = await counter.undo(made, wrong)
    assert states(done.visit) == ["cancelled", "cancelled"]
    assert done.visit.prescription.state is State.COMPLETED


async def test_undo_of_an_added_line_closes_it(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    added = gives("", product=OTHER, kind=InterventionKind.ADDITIONAL_LINE, additional=prescribed(OTHER))
    wrong = (await counter.record(held, added)).interventions[0]
    done = await counter.undo(made, wrong)
    assert states(done.visit) == ["ordered", "not_delivered"]


async def test_undo_while_another_pharmacy_holds_it_is_seen_by_that_one(counter: Counter) -> None:
    line = prescribed(renewals=2)
    made = await written(counter.tx, line)
    wrong = (await counter.whole(made, gives(line))).visit.interventions[0]
    held = await counter.of().claim(made)
    assert held.entitled[line.line_id].quantity == 0
    done = await counter.undo(made, wrong)
    assert done.visit.prescription.state is State.IN_DISPENSE
    assert done.intervention.claim_id is None
    recorded = await counter.of().record(held, gives(line))
    assert recorded.visit.lines[0].delivered == 1
    assert callers.pharmacist.organisation == done.intervention.pharmacy
