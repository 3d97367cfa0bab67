"""How lines and prescriptions go on, decided purely: every way out is one that the table knows."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import NOW
from eprescription.domain import progress
from eprescription.domain.dispensing import LineStatus, NotDelivered
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import ALLOWED, OPEN_LINES, LineState, Move, State

from .given import TODAY, draft, statuses

PLAIN = statuses(draft())[0]
LATER, BEFORE = TODAY + timedelta(days=30), TODAY - timedelta(days=1)


@st.composite
def lines(draw: st.DrawFn) -> LineStatus:
    state = draw(st.sampled_from(LineState))
    given_ = draw(st.integers(0, 24)) if state is not LineState.ORDERED else 0
    return replace(
        PLAIN,
        state=state,
        delivered=Decimal(24 if state is LineState.DELIVERED else given_),
        until=draw(st.sampled_from([BEFORE, LATER, None])),
        cancel_requested=draw(st.booleans()),
    )


def held(expires_on: date = LATER, state: State = State.IN_DISPENSE) -> Prescription:
    return replace(draft(), state=state, expires_on=expires_on)


@given(st.lists(lines(), min_size=1, max_size=5), st.sampled_from([BEFORE, LATER]))
def test_a_hold_ends_in_a_state_that_the_table_knows(of: list[LineStatus], expires_on: date) -> None:
    rested = progress.rest(held(expires_on), of, TODAY)
    assert rested.state in ALLOWED[State.IN_DISPENSE, Move.RELEASE]
    assert rested.state in ALLOWED[State.IN_DISPENSE, Move.CLOSE]
    assert all(line.state in (LineState.CANCELLED, LineState.EXPIRED) for line in rested.changed)


@given(st.lists(lines(), min_size=1, max_size=5))
def test_nothing_stays_open_once_the_last_day_has_passed(of: list[LineStatus]) -> None:
    rested = progress.rest(held(BEFORE, State.ACTIVE), of, TODAY)
    open_before = [line for line in of if line.state in OPEN_LINES]
    assert len(rested.changed) == len(open_before)
    assert not any(line.state in OPEN_LINES for line in rested.changed)


MOVES = (Move.UNDO, Move.RECORD_OFFLINE)
KNOWN = [(state, move) for state, move in ALLOWED if move in MOVES]


@given(st.sampled_from(KNOWN), st.lists(lines(), min_size=1, max_size=5))
def test_undoing_and_paper_lead_where_the_table_says(known: tuple[State, Move], of: list[LineStatus]) -> None:
    state, move = known
    assert progress.follow(held(state=state), of, move) in ALLOWED[known]


@pytest.mark.parametrize("why", NotDelivered)
def test_only_what_is_owed_stays_open(why: NotDelivered) -> None:
    after = progress.not_delivered(PLAIN, why)
    assert (after.state in OPEN_LINES) is (why is NotDelivered.OWING)
    marked = progress.not_delivered(replace(PLAIN, cancel_requested=True), why)
    cancels = why in (NotDelivered.CANCELLATION, NotDelivered.CANCELLATION_DEATH)
    assert (marked.state is LineState.CANCELLED) is cancels


def test_the_last_day_is_a_day_of_delivery() -> None:
    assert not progress.is_over(held(TODAY), TODAY)
    assert progress.is_over(held(BEFORE), TODAY)
    assert progress.moved(held(), State.ACTIVE, NOW).version == held().version + 1
