"""What was delivered from the paper is known later, whatever became of the prescription meanwhile."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chassis.db import Tx
from chassis.testing import callers
from eprescription.domain.errors import LineClosed, PaperRecordedAlready
from eprescription.domain.findings import Severity
from eprescription.domain.states import State
from eprescription.store import duplicates as stored
from eprescription.usecases import history, oppositions
from eprescription.usecases.claims import Refused
from eprescription.usecases.offline import DeliveredBefore, OneActALine, Paper, record_offline_dispensing

from .dispensing_given import (
    DAY,
    NONE,
    NOW,
    ONE,
    OTHER,
    OTHER_PHARMACIST,
    PERSON,
    Counter,
    Page,
    events,
    gives,
    prescribed,
    proof,
    states,
    visit_of,
    written,
)
from .given import LAW, SECRETS, refused

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
def counter(tx: Tx) -> Counter:
    return Counter(tx, now=NOW + 2 * DAY)


async def test_a_paper_within_what_was_prescribed_is_counted_without_a_hold(counter: Counter) -> None:
    line = prescribed(renewals=1)
    made = await written(counter.tx, line)
    done = await counter.paper(made, gives(line), at=NOW + DAY)
    assert done.duplicates == ()
    assert done.visit.prescription.state is State.PARTIALLY_DISPENSED
    assert [(one.offline, one.counted, one.delivered_on) for one in done.interventions] == [
        (True, ONE, NOW.date() + DAY)
    ]
    assert done.visit.lines[0].next_on == NOW.date() + 31 * DAY


async def test_the_same_paper_again_is_the_same_delivery(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    first = await counter.paper(made, gives(line, "2"))
    told = await events(counter.tx, made)
    again = await counter.paper(made, gives(line, "2"))
    assert (again.interventions, again.duplicates) == (first.interventions, first.duplicates)
    assert again.visit == await visit_of(counter.tx, made)
    assert await events(counter.tx, made) == told


async def test_another_delivery_under_the_same_paper_reference_is_refused_and_not_lost(
    counter: Counter,
) -> None:
    line, other = prescribed(renewals=3), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    await counter.paper(made, gives(line))
    await refused(PaperRecordedAlready, counter.paper(made, gives(line, "2")))
    await refused(PaperRecordedAlready, counter.paper(made, gives(line), gives(other)))
    await refused(PaperRecordedAlready, counter.paper(made, gives(line), at=NOW + DAY))
    assert len((await visit_of(counter.tx, made)).interventions) == 1


async def test_a_paper_that_was_undone_is_not_answered_as_if_it_stood(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    done = await counter.paper(made, gives(line))
    await counter.undo(made, done.interventions[0])
    await refused(PaperRecordedAlready, counter.paper(made, gives(line)))
    await counter.paper(made, gives(line), reference="P2")
    assert (await visit_of(counter.tx, made)).lines[0].delivered == 1


async def test_what_exceeds_is_kept_apart_and_surfaced(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    await counter.of().at(NOW).whole(made, gives(line))
    done = await counter.paper(made, gives(line))
    assert [(one.counted, one.excess) for one in done.interventions] == [(NONE, ONE)]
    found = done.duplicates[0]
    assert (found.excess, found.others) == (ONE, (OTHER_PHARMACIST.organisation,))
    assert found.prescriber == made.prescriber
    assert (await visit_of(counter.tx, made)).lines[0].delivered == 1
    assert (await events(counter.tx, made))[-1] == "duplicate.found"
    assert done.visit.prescription.state is State.COMPLETED


async def test_a_duplicate_is_told_to_both_pharmacies_and_to_the_prescriber(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    await counter.of().at(NOW).whole(made, gives(line))
    found = (await counter.paper(made, gives(line))).duplicates[0]
    stranger = replace(OTHER_PHARMACIST, subject="810100000078", organisation="1750000067")
    for caller, seen in (
        (counter.caller, 1),
        (OTHER_PHARMACIST, 1),
        (callers.doctor, 1),
        (callers.operator, 1),
        (callers.auditor, 1),
        (callers.other_doctor, 0),
        (stranger, 0),
        (replace(stranger, organisation=""), 0),
    ):
        listed, more = await history.list_duplicates(counter.tx, caller, made.id, Page(), counter.now)
        assert [one.id for one in listed] == [found.id] * seen, caller
        assert more == ""


async def test_a_duplicate_is_kept_from_a_prescriber_whose_patient_hides_the_execution(
    counter: Counter,
) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    await counter.paper(made, gives(line, "2"))
    await oppositions.set_opposition(counter.tx, callers.citizen, PERSON, None, True, NOW)
    for caller, seen in ((callers.doctor, 0), (counter.caller, 1), (callers.auditor, 1)):
        listed, _ = await history.list_duplicates(counter.tx, caller, made.id, Page(), counter.now)
        assert len(listed) == seen, caller


async def test_a_duplicate_recorded_by_mistake_is_not_listed_once_undone(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    done = await counter.paper(made, gives(line, "3"))
    assert len(await stored.list_every(counter.tx, made.id, None, 10)) == 1
    await counter.undo(made, done.interventions[0])
    assert await stored.list_every(counter.tx, made.id, None, 10) == []
    assert (await visit_of(counter.tx, made)).lines[0].delivered == 0


async def test_duplicates_come_by_pages_newest_first(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    await counter.paper(made, gives(line))
    ids = [
        (await counter.paper(made, gives(line), reference=f"P{at}")).duplicates[0].id for at in range(2, 5)
    ]
    first, more = await history.list_duplicates(
        counter.tx, callers.operator, made.id, Page(size=2), counter.now
    )
    rest, end = await history.list_duplicates(
        counter.tx, callers.operator, made.id, Page(size=2, token=more), counter.now
    )
    assert [one.id for one in (*first, *rest)] == ids[::-1]
    assert end == ""


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELLED, State.EXPIRED])
async def test_a_paper_is_recorded_on_a_final_prescription_whose_state_stays(
    counter: Counter, state: State
) -> None:
    line = prescribed()
    made = await written(counter.tx, line, state=state)
    done = await counter.paper(made, gives(line))
    assert done.visit.prescription.state is state
    assert len(done.interventions) == 1


async def test_a_paper_on_a_cancelled_line_is_all_excess(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    await counter.cancels(made, line)
    done = await counter.paper(made, gives(line))
    assert (done.interventions[0].counted, done.interventions[0].excess) == (NONE, ONE)
    assert states(done.visit) == ["cancelled", "ordered"]


async def test_a_paper_while_another_pharmacy_holds_it_bounds_what_that_one_gives(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    held = await counter.of().claim(made)
    done = await counter.paper(made, gives(line))
    assert done.visit.prescription.state is State.IN_DISPENSE
    await refused(LineClosed, counter.of().record(held, gives(line)))


async def test_a_paper_after_the_end_of_a_hold_comes_after_the_cancellation_that_waited_for_it(
    counter: Counter,
) -> None:
    """A claim was answered that it is cancelled: what is told next must not count, worker or no worker."""
    line = prescribed()
    made = await written(counter.tx, line)
    early = counter.at(NOW)
    await early.of().claim(made)
    await early.cancels(made)
    done = await counter.paper(made, gives(line))
    assert done.visit.prescription.state is State.CANCELLED
    assert (done.interventions[0].counted, done.interventions[0].excess) == (NONE, ONE)
    assert states(done.visit) == ["cancelled"]


async def test_a_rule_that_would_refuse_is_told_and_refuses_nothing(counter: Counter) -> None:
    line = prescribed(renewals=2)
    made = await written(counter.tx, line)
    await counter.at(NOW).whole(made, gives(line))
    done = await counter.paper(made, gives(line))
    assert done.visit.lines[0].delivered == 2
    told = {(one.rule, one.severity) for one in done.findings}
    assert ("V4", Severity.WARNING) in told
    assert Severity.REFUSAL not in {severity for _, severity in told}


async def test_a_delivery_in_time_recorded_after_the_last_day_is_no_excess(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    assert made.expires_on is not None
    late = counter.at(NOW + timedelta(days=(made.expires_on - NOW.date()).days + 10))
    done = await late.paper(made, gives(line), at=NOW + DAY)
    assert (done.interventions[0].counted, done.interventions[0].excess) == (ONE, NONE)
    after = await late.paper(made, gives(line), at=late.now, reference="P2")
    assert after.interventions[0].excess == 1


@pytest.mark.parametrize("at", [NOW + 3 * DAY, NOW - DAY])
async def test_a_paper_of_tomorrow_or_from_before_the_prescription_is_refused(
    counter: Counter, at: datetime
) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    await refused(DeliveredBefore, counter.paper(made, gives(line), at=at))


async def test_a_paper_tells_of_a_line_once(counter: Counter) -> None:
    line = prescribed(renewals=1)
    made = await written(counter.tx, line)
    refusal = await refused(OneActALine, counter.paper(made, gives(line), gives(line)))
    assert [one.field for one in refusal.violations] == ["acts[0].line_id", "acts[1].line_id"]


async def test_a_paper_without_its_code_opens_nothing(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    told = Paper(proof(made, access_code="1" * 27), (gives(line),), NOW, "P1")
    done = await record_offline_dispensing(
        counter.tx, counter.caller, told, SECRETS, LAW.on(NOW.date()), counter.now
    )
    assert done == Refused()
    assert (await visit_of(counter.tx, made)).interventions == ()
