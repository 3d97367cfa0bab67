"""Cancelling, decided purely: an answer for each line, and never what was delivered."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprescription.domain.cancelling import CancelReason, Outcome, Wanted, cancel
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.errors import LineNotFound, TransitionRefused
from eprescription.domain.states import ALLOWED, OPEN_LINES, LineState, Move, State, resting

from .given import draft, statuses

ERROR = CancelReason.PRESCRIBING_ERROR
WHOLE = Wanted(ERROR, comment="mauvais patient")
S, L = State, LineState


def a_line(state: LineState = L.ORDERED, delivered: int = 0, **changes: object) -> LineStatus:
    return replace(statuses(draft())[0], state=state, delivered=Decimal(delivered), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "line", "outcome"),
    [
        (S.ACTIVE, a_line(), "R-0001"),
        (S.PARTIALLY_DISPENSED, a_line(L.PARTIALLY_DELIVERED, 10), "R-0001"),
        (S.IN_DISPENSE, a_line(), "R-0002"),
        (S.IN_DISPENSE, a_line(L.PARTIALLY_DELIVERED, 10), "R-0003"),
        (S.COMPLETED, a_line(L.DELIVERED, 24), "R-0004"),
        (S.IN_DISPENSE, a_line(L.DELIVERED, 24), "R-0004"),
        (S.EXPIRED, a_line(), "R-0005"),
        (S.PARTIALLY_DISPENSED, a_line(L.EXPIRED), "R-0005"),
        (S.CANCELLED, a_line(L.CANCELLED), "R-0006"),
        (S.PARTIALLY_DISPENSED, a_line(L.NOT_DELIVERED), "R-0010"),
    ],
)
def test_each_line_gets_the_answer_of_its_state(state: State, line: LineStatus, outcome: str) -> None:
    other = a_line()
    done = cancel(state, [line, other], Wanted(ERROR, (line.line_id.value,)))
    assert [one.outcome.value for one in done.answers] == [outcome]


def test_cancelled_whole_closes_every_line_and_says_why() -> None:
    lines = [a_line(), a_line()]
    done = cancel(S.ACTIVE, lines, WHOLE)
    assert done.state is S.CANCELLED
    assert [line.state for line in done.changed] == [L.CANCELLED, L.CANCELLED]
    assert {line.cancel_reason for line in done.changed} == {"prescribing_error"}
    assert {line.cancel_comment for line in done.changed} == {"mauvais patient"}
    # A treatment that was never begun interacts with nothing.
    assert {line.treated_until for line in done.changed} == {None}


def test_one_line_of_two_leaves_the_other_to_be_delivered() -> None:
    lines = [a_line(), a_line()]
    done = cancel(S.ACTIVE, lines, Wanted(ERROR, (lines[0].line_id.value,)))
    assert done.state is S.ACTIVE
    assert [line.line_id for line in done.changed] == [lines[0].line_id]
    assert len(done.answers) == 1


def test_the_last_line_cancelled_cancels_the_prescription() -> None:
    lines = [a_line(L.CANCELLED), a_line()]
    done = cancel(S.ACTIVE, lines, Wanted(ERROR, (lines[1].line_id.value,)))
    assert done.state is S.CANCELLED


def test_what_was_delivered_stays_and_the_rest_is_cancelled() -> None:
    lines = [a_line(L.DELIVERED, 24), a_line(L.PARTIALLY_DELIVERED, 10), a_line()]
    done = cancel(S.PARTIALLY_DISPENSED, lines, WHOLE)
    assert done.state is S.COMPLETED
    assert [line.line_id for line in done.changed] == [lines[1].line_id, lines[2].line_id]
    assert done.changed[0].delivered == 10
    # Ten tablets were given: that treatment runs, and interacts.
    assert done.changed[0].treated_until == lines[1].treated_until


def test_what_a_pharmacy_holds_is_marked_and_stays_open() -> None:
    lines = [a_line(), a_line(L.DELIVERED, 24)]
    done = cancel(S.IN_DISPENSE, lines, WHOLE)
    assert done.state is S.IN_DISPENSE
    (marked,) = done.changed
    assert (marked.state, marked.cancel_requested) == (L.ORDERED, True)
    assert marked.cancel_reason == "prescribing_error"


def test_again_changes_nothing_and_is_answered() -> None:
    first = cancel(S.ACTIVE, [a_line()], WHOLE)
    again = cancel(first.state, first.changed, WHOLE)
    assert (again.state, again.changed) == (S.CANCELLED, ())
    assert [one.outcome for one in again.answers] == [Outcome.ALREADY_CANCELLED]


def test_marked_again_changes_nothing_and_keeps_the_first_reason() -> None:
    first = cancel(S.IN_DISPENSE, [a_line()], WHOLE)
    again = cancel(S.IN_DISPENSE, first.changed, Wanted(CancelReason.DEATH))
    assert again.changed == ()
    assert [one.outcome for one in again.answers] == [Outcome.MARKED_WITH_DISPENSER]


def test_nothing_delivered_and_one_line_out_of_date_is_cancelled_not_completed() -> None:
    assert cancel(S.ACTIVE, [a_line(L.EXPIRED), a_line()], WHOLE).state is S.CANCELLED


@pytest.mark.parametrize("state", [S.DRAFT, S.DISCARDED])
def test_what_was_never_signed_is_not_cancelled(state: State) -> None:
    with pytest.raises(TransitionRefused):
        cancel(state, [], WHOLE)


def test_a_line_of_another_prescription_is_refused() -> None:
    with pytest.raises(LineNotFound) as caught:
        cancel(S.ACTIVE, [a_line()], Wanted(ERROR, (str(uuid4()),)))
    assert caught.value.field == "line_ids"


line_states = st.sampled_from(list(LineState)).flatmap(
    lambda state: st.builds(
        a_line,
        st.just(state),
        st.just(24)
        if state is L.DELIVERED
        else st.integers(1, 23)
        if state is L.PARTIALLY_DELIVERED
        else st.just(0),
    )
)


@given(st.lists(line_states, min_size=1, max_size=4), st.data())
def test_whatever_the_lines_the_table_of_states_holds(lines: list[LineStatus], data: st.DataObject) -> None:
    """Every prescription that nobody holds and that is open, cancelled whole or by any choice of lines."""
    state = resting((line.state, line.delivered > 0) for line in lines)
    held = data.draw(st.booleans()) and state in (S.ACTIVE, S.PARTIALLY_DISPENSED)
    state = S.IN_DISPENSE if held else state
    ids = [line.line_id.value for line in lines]
    chosen = data.draw(st.lists(st.sampled_from(ids), unique=True))
    done = cancel(state, lines, Wanted(ERROR, tuple(chosen)))
    if (state, Move.CANCEL) in ALLOWED:
        assert done.state in ALLOWED[state, Move.CANCEL_LINE if chosen else Move.CANCEL]
    else:
        assert (done.state, done.changed) == (state, ())
    before = {line.line_id: line for line in lines}
    for line in done.changed:
        assert before[line.line_id].state in OPEN_LINES
        assert (line.delivered, line.forfeited) == (
            before[line.line_id].delivered,
            before[line.line_id].forfeited,
        )
    assert len(done.answers) == len(chosen or ids)


def test_every_state_answers_or_refuses() -> None:
    for state, line_state in product(State, LineState):
        try:
            done = cancel(state, [a_line(line_state)], WHOLE)
        except TransitionRefused:
            assert state in (S.DRAFT, S.DISCARDED)
        else:
            assert len(done.answers) == 1
