"""What is recorded about lines: counted exactly, all or nothing, and never beyond what was prescribed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from chassis.errors import InvalidInput
from chassis.testing import NOW
from eprescription.domain.acting import BoxGivenAlready
from eprescription.domain.content import Content, CountUnit, Quantity
from eprescription.domain.dispensing import Agreement, InterventionKind, NotDelivered
from eprescription.domain.errors import (
    BeyondWhatWasPrescribed,
    DecisionNeeded,
    LineClosed,
    LineNotFound,
    RuleRefused,
)
from eprescription.domain.ids import InterventionId
from eprescription.domain.states import LineState, State
from eprescription.store import interventions as stored
from eprescription.usecases.dispensing import DeliveredWhen
from eprescription.usecases.products import UnknownProduct
from eprescription.usecases.weighing import AdditionalLineWrong

from .dispensing_given import (
    BRAND,
    COPY,
    DAY,
    LISTED,
    ONE,
    OPIATE,
    OTHER,
    Counter,
    cip13_of,
    decide,
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

AGREED = Agreement(True, NOW, "téléphone")


async def test_a_delivery_is_counted_and_the_line_goes_on(counter: Counter) -> None:
    line = prescribed(renewals=2)
    made = await written(counter.tx, line)
    done = await counter.record(await counter.claim(made), gives(line))
    after = (await visit_of(counter.tx, made)).lines[0]
    assert done.visit.lines[0] == after
    assert (after.state, after.delivered, after.remaining) == (
        LineState.PARTIALLY_DELIVERED,
        ONE,
        Decimal(2),
    )
    assert after.next_on == NOW.date() + 30 * DAY
    assert after.deliveries == 1
    assert done.visit.prescription.state is State.IN_DISPENSE
    assert [one.days_covered for one in done.interventions] == [30]
    assert await events(counter.tx, made) == ["prescription.locked", "line.intervened"]


async def test_the_first_delivery_opens_the_treatment_for_its_whole_time(counter: Counter) -> None:
    line = prescribed(LISTED, renewals=5)
    made = await written(counter.tx, line)
    assert made.expires_on is not None
    done = await counter.record(await counter.claim(made), gives(line, product=LISTED))
    assert done.visit.prescription.expires_on is not None
    assert done.visit.prescription.expires_on > made.expires_on + 200 * DAY


async def test_all_delivered_closes_the_line(counter: Counter) -> None:
    line = prescribed()
    done = await counter.record(await counter.claim(await written(counter.tx, line)), gives(line))
    assert states(done.visit) == ["delivered"]
    assert done.visit.lines[0].next_on is None


async def test_two_records_of_one_visit_are_one_delivery(counter: Counter) -> None:
    tablets = Quantity(Decimal(30), CountUnit.DOSE)
    line = prescribed(renewals=1, quantity=tablets, duration_days=30)
    held = await counter.claim(await written(counter.tx, line))
    await counter.record(held, gives(line, units=Decimal(10)))
    done = await counter.record(held, gives(line, units=Decimal(15)), gives(line, units=Decimal(5)))
    assert done.visit.lines[0].delivered == 30
    refusal = await refused(RuleRefused, counter.record(held, gives(line, units=Decimal(1))))
    assert refusal.rules == ("V4",)


async def test_more_than_what_remains_is_refused_and_nothing_is_written(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    held = await counter.claim(made)
    refusal = await refused(
        BeyondWhatWasPrescribed, counter.record(held, gives(other, product=OTHER), gives(line, "2"))
    )
    assert refusal.field == "acts[1].packs"
    visit = await visit_of(counter.tx, made)
    assert (states(visit), visit.interventions) == (["ordered", "ordered"], ())


@pytest.mark.parametrize(("counted", "told"), [(2, "ck_line_never_beyond"), (1, "nothing more is delivered")])
async def test_postgresql_refuses_what_goes_beyond_whatever_the_code_says(
    counter: Counter, counted: int, told: str
) -> None:
    line, other = prescribed(), prescribed(OTHER)
    done = await counter.record(await counter.claim(await written(counter.tx, line, other)), gives(line))
    await counter.tx.flush()
    first = done.interventions[0]
    of = first.line_id if counted == 1 else done.visit.lines[1].line_id
    stored.insert_intervention(
        counter.tx, replace(first, id=InterventionId.new(), line_id=of, counted=Decimal(counted))
    )
    with pytest.raises(asyncpg.CheckViolationError, match=told):
        await counter.tx.flush()


async def test_a_second_delivery_too_early_is_refused_by_its_rule(counter: Counter) -> None:
    line = prescribed(renewals=2)
    made = await written(counter.tx, line)
    await counter.whole(made, gives(line))
    soon = counter.of().at(NOW + 10 * DAY)
    refusal = await refused(RuleRefused, soon.record(await soon.claim(made), gives(line)))
    assert refusal.rules == ("V4",)
    assert {one.field for one in refusal.violations} == {"acts[0]"}
    later = counter.of().at(NOW + 30 * DAY)
    done = await later.record(await later.claim(made), gives(line))
    assert done.visit.lines[0].delivered == 2


async def test_a_closed_line_takes_nothing_more(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    held = await counter.claim(made)
    await counter.record(held, gives(line))
    refusal = await refused(LineClosed, counter.record(held, gives(line)))
    assert refusal.field == "acts[0].line_id"
    await refused(LineNotFound, counter.record(held, gives(prescribed())))


async def test_a_generic_is_given_as_a_substitution_and_not_as_what_was_prescribed(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    hidden = gives(line, product=COPY)
    refusal = await refused(RuleRefused, counter.record(held, hidden))
    assert "V18" in refusal.rules
    said = replace(hidden, kind=InterventionKind.SUBSTITUTED)
    done = await counter.record(held, said)
    assert done.interventions[0].cis == COPY.cis
    assert done.visit.lines[0].delivered == 1


async def test_another_product_needs_the_agreement_of_the_prescriber(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    changed = gives(line, product=OTHER, kind=InterventionKind.CHANGED, reason="rupture")
    refusal = await refused(RuleRefused, counter.record(held, changed))
    assert "V17" in refusal.rules
    done = await counter.record(held, replace(changed, agreement=AGREED))
    assert done.interventions[0].details.agreement == AGREED
    assert (await visit_of(counter.tx, held.visit.prescription)).interventions[0].details.agreement == AGREED


async def test_a_pack_the_base_does_not_know_is_given_with_a_decision(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    unknown = gives(line, cip13=cip13_of("340099999999"))
    refusal = await refused(UnknownProduct, counter.record(held, unknown))
    assert [one.field for one in refusal.violations] == ["acts[0].cip13"]
    named = replace(unknown, product_label="TREXILOL importé")
    asked = await refused(DecisionNeeded, counter.record(held, named))
    codes = [one.problem for one in asked.violations]
    done = await counter.record(held, named, decisions=decide(*codes))
    assert done.interventions[0].label == "TREXILOL importé"
    assert [one.code for one in done.interventions[0].details.decisions] == codes


async def test_a_wrong_digit_is_refused_and_says_where(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    wrong = BRAND.packs[0].cip13[:-1] + str((int(BRAND.packs[0].cip13[-1]) + 1) % 10)
    refusal = await refused(InvalidInput, counter.record(held, gives(line, cip13=wrong)))
    assert [one.field for one in refusal.violations] == ["acts[0].cip13"]


async def test_late_narcotics_lose_their_days_for_good(counter: Counter) -> None:
    line = opiate()
    made = await written(counter.tx, line, content=Content((), secure=True))
    late = counter.at(NOW + 4 * DAY)
    held = await late.claim(made)
    box = gives(line, units=Decimal(24), product=OPIATE)
    refusal = await refused(RuleRefused, late.record(held, replace(box, units=Decimal(25))))
    assert "V9" in refusal.rules
    done = await late.record(held, box)
    after = done.visit.lines[0]
    assert (after.state, after.delivered, after.forfeited) == (
        LineState.DELIVERED,
        Decimal(24),
        Decimal(4),
    )


async def test_a_narcotic_overlaps_none_that_runs(counter: Counter) -> None:
    line, second = opiate(), opiate()
    secure = Content((), secure=True)
    units = Decimal(28)
    await counter.whole(
        await written(counter.tx, line, content=secure),
        gives(line, units=units, product=OPIATE),
    )
    held = await counter.claim(await written(counter.tx, second, content=secure))
    act = gives(second, units=units, product=OPIATE)
    refusal = await refused(RuleRefused, counter.record(held, act))
    assert "V11" in refusal.rules


async def test_not_delivered_closes_the_line_and_owing_leaves_it(counter: Counter) -> None:
    line, owed = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, owed)
    held = await counter.claim(made)
    done = await counter.record(held, refuses(line), refuses(owed, NotDelivered.OWING))
    assert states(done.visit) == ["not_delivered", "ordered"]
    assert done.visit.lines[0].treated_until is None
    done = await counter.record(held, gives(owed, product=OTHER))
    assert states(done.visit) == ["not_delivered", "delivered"]


async def test_a_line_whose_cancellation_was_asked_is_not_delivered(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    held = await counter.claim(made)
    await counter.cancels(made, line)
    refusal = await refused(RuleRefused, counter.record(held, gives(line)))
    assert refusal.rules == ("C1",)
    done = await counter.record(held, refuses(line, NotDelivered.CANCELLATION), gives(other, product=OTHER))
    assert states(done.visit) == ["cancelled", "delivered"]


async def test_a_line_added_by_hand_is_recorded_beside_what_was_signed(counter: Counter) -> None:
    line = prescribed()
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    added = gives("", product=OTHER, kind=InterventionKind.ADDITIONAL_LINE, additional=prescribed(OTHER))
    done = await counter.record(held, replace(added, agreement=AGREED), gives(line))
    assert states(done.visit) == ["delivered", "delivered"]
    after = await visit_of(counter.tx, made)
    assert after.lines[1].additional is not None
    assert after.lines[1].additional.product.cis == OTHER.cis
    assert [one.rule for one in done.findings if one.line_id == after.lines[1].line_id.value] == ["V23"]
    again = await counter.claim(made)
    assert again.visit.lines == after.lines


async def test_a_narcotic_is_not_added_by_hand(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    written_by_hand = prescribed(OPIATE, duration_days=7)
    added = gives("", kind=InterventionKind.ADDITIONAL_LINE, additional=written_by_hand, product=OPIATE)
    refusal = await refused(RuleRefused, counter.record(held, added))
    assert "V7" in refusal.rules
    assert len((await visit_of(counter.tx, held.visit.prescription)).lines) == 1


async def test_an_added_line_with_a_wrong_product_says_where(counter: Counter) -> None:
    held = await counter.claim(await written(counter.tx, prescribed()))
    wrong = prescribed(OTHER)
    wrong = replace(wrong, product=replace(wrong.product, cis="61000099"))
    act = gives("", kind=InterventionKind.ADDITIONAL_LINE, additional=wrong)
    refusal = await refused(UnknownProduct, counter.record(held, act))
    assert [one.field for one in refusal.violations] == ["acts[0].additional.product.cis"]


async def test_an_added_line_is_sent_as_one_and_nothing_else_is(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    for act in (
        replace(gives(line), additional=line),
        gives(line, kind=InterventionKind.ADDITIONAL_LINE),
        gives(line, kind=InterventionKind.ADDITIONAL_LINE, additional=line),
        gives(""),
    ):
        await refused(AdditionalLineWrong, counter.record(held, act))


async def test_a_box_recorded_twice_is_told_by_its_serial_and_counted_once(counter: Counter) -> None:
    line = prescribed(boxes=2, duration_days=60, renewals=0, early_renewal_allowed=True)
    made = await written(counter.tx, line)
    held = await counter.claim(made)
    box = gives(line, serial="SN1")
    first = await counter.record(held, box)
    again = await counter.record(held, box)
    assert again.interventions == first.interventions
    assert (await visit_of(counter.tx, made)).lines[0].delivered == 1
    beyond = gives(line, "3", serial="SN3")
    refusal = await refused(BeyondWhatWasPrescribed, counter.record(held, box, beyond))
    assert refusal.field == "acts[1].packs"
    both = await counter.record(held, box, gives(line, serial="SN2"))
    assert both.interventions[0] == first.interventions[0]
    assert both.visit.lines[0].delivered == 2


async def test_an_added_line_recorded_twice_is_told_by_its_box(counter: Counter) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line))
    added = gives("", product=OTHER, kind=InterventionKind.ADDITIONAL_LINE, additional=prescribed(OTHER))
    first = await counter.record(held, replace(added, serial="SN7"))
    again = await counter.record(held, replace(added, serial="SN7"))
    assert again.interventions == first.interventions
    assert len((await visit_of(counter.tx, held.visit.prescription)).lines) == 2


async def test_a_box_is_given_for_one_line(counter: Counter) -> None:
    line, other = prescribed(renewals=1), prescribed(OTHER)
    held = await counter.claim(await written(counter.tx, line, other))
    await counter.record(held, gives(line, serial="SN1"))
    refusal = await refused(BoxGivenAlready, counter.record(held, gives(other, serial="SN1")))
    assert refusal.field == "acts[0].serial"


@pytest.mark.parametrize("days", [-2, 1])
async def test_a_delivery_is_of_today_or_of_the_eve_of_the_hold(counter: Counter, days: int) -> None:
    line = prescribed()
    held = await counter.claim(await written(counter.tx, line, now=NOW - 5 * DAY))
    wrong = NOW.date() + days * DAY
    await refused(DeliveredWhen, counter.record(held, gives(line), delivered_on=wrong))
    eve = NOW.date() - DAY
    done = await counter.record(held, gives(line), delivered_on=eve)
    assert done.interventions[0].delivered_on == eve


async def test_check_says_the_same_and_writes_nothing(counter: Counter) -> None:
    line = prescribed(renewals=2)
    made = await written(counter.tx, line)
    await counter.whole(made, gives(line))
    soon = counter.at(NOW + timedelta(days=3))
    held = await soon.claim(made)
    before = await visit_of(counter.tx, made)
    said = await soon.check(held, gives(line))
    assert "V4" in {one.rule for one in said.findings}
    assert said.entitled[line.line_id].quantity == 0
    assert await visit_of(counter.tx, made) == before


async def test_an_interaction_with_another_treatment_is_decided_and_kept(counter: Counter) -> None:
    line, same = prescribed(), prescribed()
    await counter.whole(await written(counter.tx, line), gives(line))
    held = await counter.claim(await written(counter.tx, same))
    asked = await refused(DecisionNeeded, counter.record(held, gives(same)))
    assert set(asked.rules) == {"I2"}
    codes = [one.problem for one in asked.violations]
    done = await counter.record(held, gives(same), decisions=decide(*codes))
    assert [one.code for one in done.interventions[0].details.decisions] == codes
