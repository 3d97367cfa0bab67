"""The end of a visit: a receipt of the platform, the hold given back, the state that follows the lines."""

import sqlalchemy as sa

from eprescription.domain.dispensing import NotDelivered
from eprescription.domain.errors import NotHeldByYou
from eprescription.domain.states import State
from eprescription.store.tables import SENDING
from eprescription.usecases.closing import RECEIPT, NothingRecorded

from .dispensing_given import (
    DAY,
    NOW,
    OTHER,
    TTL,
    Counter,
    events,
    gives,
    platform,
    prescribed,
    refuses,
    states,
    visit_of,
    written,
)
from .given import refused

WAITING = sa.select(SENDING.c.kind).where(SENDING.c.object_id == sa.bindparam("id", type_=sa.Uuid))


async def test_close_of_all_delivered_completes_it_with_a_signed_receipt(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    done = await counter.whole(made, gives(line))
    assert done.visit.prescription.state is State.COMPLETED
    receipt = platform().opened(done.closed.receipt)
    assert receipt is not None
    assert receipt["typ"] == RECEIPT
    assert receipt["pharmacy"] == counter.caller.organisation
    told = [(one["intervention_id"], one["packs"]) for one in receipt["interventions"]]
    assert told == [(done.visit.interventions[0].id.value, "1")]
    assert made.person.value not in str(receipt)
    assert await events(counter.tx, made) == [
        "prescription.locked",
        "line.intervened",
        "prescription.released",
        "prescription.completed",
        "dispensing.closed",
    ]
    sent = await counter.tx.one(WAITING, id=done.closed.id.value)
    assert sent is not None
    assert sent["kind"] == "dispensing"


async def test_close_again_gives_the_same_receipt_and_sends_nothing_more(counter: Counter) -> None:
    line = prescribed(renewals=1)
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    await counter.record(held, gives(line))
    first = await counter.close(held)
    told = await events(counter.tx, made)
    again = await counter.at(NOW + DAY).close(held)
    assert again.closed == first.closed
    assert again.visit.prescription == first.visit.prescription
    assert await events(counter.tx, made) == told


async def test_close_leaves_lines_without_an_intervention_for_another_pharmacy(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    done = await counter.whole(made, gives(line))
    assert done.visit.prescription.state is State.PARTIALLY_DISPENSED
    rest = await counter.of().whole(made, gives(other, product=OTHER))
    assert rest.visit.prescription.state is State.COMPLETED
    receipt = platform().opened(rest.closed.receipt)
    assert receipt is not None
    assert [one["line_id"] for one in receipt["interventions"]] == [other.line_id]


async def test_close_of_a_visit_with_nothing_recorded_is_refused(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    await refused(NothingRecorded, counter.close(held))
    wrong = (await counter.record(held, gives(line))).interventions[0]
    await counter.undo(made, wrong)
    await refused(NothingRecorded, counter.close(held))


async def test_close_makes_marked_cancellations_take_effect(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    held = await counter.claim(made)
    await counter.record(held, gives(line))
    await counter.cancels(made)
    done = await counter.close(held)
    assert states(done.visit) == ["delivered", "cancelled"]
    assert done.visit.prescription.state is State.COMPLETED
    assert "prescription.cancelled" in (await events(counter.tx, made))[3:]


async def test_close_of_only_refusals_completes_it(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    done = await counter.whole(made, refuses(line, NotDelivered.NOT_REQUIRED))
    assert done.visit.prescription.state is State.COMPLETED


async def test_close_after_the_time_of_the_hold_still_gives_the_receipt(counter: Counter) -> None:
    line = prescribed(renewals=1)
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    await counter.record(held, gives(line))
    late = counter.at(NOW + TTL)
    elsewhere = await counter.of().at(NOW + TTL).claim(made)
    done = await late.close(held)
    assert platform().opened(done.closed.receipt)
    after = await visit_of(counter.tx, made)
    assert after.claim is not None
    assert after.claim.id == elsewhere.claim.id
    assert (await late.close(held)).closed == done.closed
    await refused(NotHeldByYou, counter.of().close(held))
