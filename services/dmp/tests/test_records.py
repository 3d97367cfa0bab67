"""The life of a record, as pure decisions: closing, reopening, destruction, consents."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import SocleError
from chassis.testing import NOW, callers
from dmp.domain import errors
from dmp.domain.records import (
    ALLOWED,
    LONGEST_DELAY,
    REFUSED,
    USUAL_DELAY,
    CloseReason,
    Consents,
    EmergencyConsent,
    PersonId,
    Record,
    RecordState,
    Step,
    close,
    destroy,
    reopen,
    request_destruction,
    years_later,
)

OPEN = Record(PersonId(callers.citizen.person_id), NOW)
CLOSED = close(OPEN, CloseReason.PATIENT_REQUEST, NOW)
DESTROYED = replace(CLOSED, state=RecordState.DESTROYED)
LATER = NOW + timedelta(days=400)


def stepped(record: Record, step: Step) -> Record:
    """The record after a step at a moment when nothing but its state can refuse it."""
    far = years_later(NOW, 20)
    return {
        Step.CLOSE: lambda: close(record, CloseReason.DEATH, NOW),
        Step.REOPEN: lambda: reopen(record),
        Step.REQUEST_DESTRUCTION: lambda: request_destruction(record, True, USUAL_DELAY, NOW),
        Step.DESTROY: lambda: destroy(record, far),
    }[step]()


@pytest.mark.parametrize("record", [OPEN, CLOSED, DESTROYED], ids=lambda r: r.state.value)
@pytest.mark.parametrize("step", Step)
def test_each_step_from_each_state(record: Record, step: Step) -> None:
    leads_to = ALLOWED.get((record.state, step))
    if leads_to is not None:
        assert stepped(record, step).state is leads_to
        return
    error, hint = REFUSED[record.state]
    with pytest.raises(error) as refused:
        stepped(record, step)
    assert refused.value.hint == hint


def test_closing_sets_the_date_ten_years_later_and_says_why() -> None:
    assert (CLOSED.closed_at, CLOSED.close_reason) == (NOW, CloseReason.PATIENT_REQUEST)
    assert CLOSED.destroy_at == datetime(2036, 6, 12, 10, 0, tzinfo=UTC)


def test_closing_again_changes_neither_reason_nor_date() -> None:
    assert close(CLOSED, CloseReason.FRAUD, LATER) == CLOSED


def test_leap_day_is_kept_ten_years_at_least() -> None:
    leap = datetime(2028, 2, 29, 8, 0, tzinfo=UTC)
    assert years_later(leap, 10) == datetime(2038, 3, 1, 8, 0, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 (Hypothesis adds the zone)
def test_closed_record_is_kept_ten_years_and_a_day_at_most(moment: datetime) -> None:
    kept = years_later(moment, 10)
    assert kept.year - moment.year == 10
    assert (kept.month, kept.day) in {(moment.month, moment.day), (3, 1)}


def test_reopening_gives_all_of_it_back() -> None:
    settled = replace(OPEN, feeding_allowed=False, masked_by_default=True)
    assert reopen(close(settled, CloseReason.PATIENT_REQUEST, NOW)) == settled


def test_destruction_asked_for_is_given_up_by_reopening() -> None:
    asked = request_destruction(CLOSED, True, USUAL_DELAY, LATER)
    assert asked.destroy_at == LATER + USUAL_DELAY
    assert reopen(asked).destroy_at is None
    again = close(reopen(asked), CloseReason.PATIENT_REQUEST, LATER)
    assert again.destroy_at == years_later(LATER, 10)


def test_destruction_asked_for_twice_keeps_the_first_date() -> None:
    once = request_destruction(CLOSED, True, USUAL_DELAY, NOW)
    assert request_destruction(once, True, USUAL_DELAY, NOW + timedelta(days=5)) == once


def test_destruction_never_comes_later_for_having_been_asked() -> None:
    eve = years_later(NOW, 10) - timedelta(days=1)
    assert request_destruction(CLOSED, True, USUAL_DELAY, eve) == CLOSED


def test_destruction_must_be_confirmed() -> None:
    with pytest.raises(errors.DestructionNotConfirmed) as refused:
        request_destruction(CLOSED, False, USUAL_DELAY, NOW)
    assert refused.value.field == "confirmed"


@pytest.mark.parametrize("delay", [timedelta(days=-1), LONGEST_DELAY + timedelta(days=1)])
def test_delay_that_the_law_does_not_give_is_a_fault_of_ours(delay: timedelta) -> None:
    with pytest.raises(ValueError, match="three months"):
        request_destruction(CLOSED, True, delay, NOW)


@pytest.mark.parametrize("month", range(1, 13))
def test_longest_delay_never_passes_three_months_of_the_calendar(month: int) -> None:
    start = datetime(2027, month, 1, tzinfo=UTC)
    end = datetime(2027 + (month + 2) // 12, (month + 2) % 12 + 1, 1, tzinfo=UTC)
    assert start + LONGEST_DELAY <= end


def test_record_is_destroyed_on_its_date_and_not_before() -> None:
    due = years_later(NOW, 10)
    with pytest.raises(errors.DestructionNotDue):
        destroy(CLOSED, due - timedelta(seconds=1))
    assert destroy(CLOSED, due).state is RecordState.DESTROYED


def test_opposing_feeding_needs_a_reason() -> None:
    for reason in ("", "   "):
        with pytest.raises(errors.ReasonForOppositionMissing) as refused:
            Consents(feeding=False, reason=reason).check()
        assert refused.value.field == "reason"
    Consents(feeding=False, reason="a neighbour works there").check()
    Consents(feeding=True).check()
    Consents(emergency=((EmergencyConsent.BTG, False),)).check()


def test_change_of_no_consent_is_a_fault() -> None:
    with pytest.raises(errors.NothingToChange):
        Consents(reason="because").check()


def test_consent_left_out_stays_as_it_is() -> None:
    opposed = replace(OPEN, feeding_allowed=False, consultation_allowed=False)
    assert Consents(consultation=True).applied(opposed) == replace(opposed, consultation_allowed=True)
    assert Consents(feeding=True).applied(opposed) == replace(opposed, feeding_allowed=True)


@pytest.mark.parametrize(
    "error",
    [
        errors.RecordClosed,
        errors.RecordNotClosed,
        errors.RecordDestroyed,
        errors.DestructionNotDue,
        errors.DestructionNotConfirmed,
        errors.ReasonForOppositionMissing,
        errors.CareRoleNotFound,
    ],
)
def test_each_error_says_what_is_wrong_in_a_sentence(error: type[SocleError]) -> None:
    assert str(error()).endswith((".", ":"))
