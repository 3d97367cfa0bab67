"""The machine of states: every transition there is, and every other pair refused; no pair is left out."""

from itertools import product

import pytest

from eprescription.domain.errors import TransitionRefused
from eprescription.domain.states import (
    ALLOWED,
    OPEN_LINES,
    LineState,
    Move,
    State,
    require,
    resting,
)

S, M = State, Move
HELD, PARTLY = S.IN_DISPENSE, S.PARTIALLY_DISPENSED
RESTING = {S.ACTIVE, PARTLY, S.COMPLETED}
ENDED = RESTING | {S.CANCELLED, S.EXPIRED}
# Written here a second time, by hand: a change of the table is a change of this one, and is read.
EXPECTED: dict[State, dict[Move, set[State]]] = {
    S.DRAFT: {M.CHANGE: {S.DRAFT}, M.SIGN: {S.ACTIVE}, M.DISCARD: {S.DISCARDED}},
    S.ACTIVE: {
        M.CLAIM: {HELD},
        M.UNDO: RESTING,
        M.CANCEL: {S.CANCELLED},
        M.CANCEL_LINE: {S.ACTIVE, S.CANCELLED},
        M.EXPIRE: {S.EXPIRED},
        M.RECORD_OFFLINE: RESTING,
    },
    HELD: {
        M.EXTEND: {HELD},
        M.RECORD: {HELD},
        M.RELEASE: ENDED,
        M.CLOSE: ENDED,
        M.UNDO: {HELD},
        M.CANCEL: {HELD},
        M.CANCEL_LINE: {HELD},
        M.RECORD_OFFLINE: {HELD},
    },
    PARTLY: {
        M.CLAIM: {HELD},
        M.UNDO: RESTING,
        M.CANCEL: {S.CANCELLED, S.COMPLETED},
        M.CANCEL_LINE: {PARTLY, S.COMPLETED, S.CANCELLED},
        M.EXPIRE: {S.EXPIRED},
        M.RECORD_OFFLINE: RESTING,
    },
    S.COMPLETED: {
        M.UNDO: RESTING,
        M.RENEW_EXCEPTIONALLY: {S.COMPLETED},
        M.RECORD_OFFLINE: {S.COMPLETED},
    },
    S.CANCELLED: {M.UNDO: {S.CANCELLED}, M.RECORD_OFFLINE: {S.CANCELLED}},
    S.EXPIRED: {
        M.UNDO: {S.EXPIRED},
        M.RENEW_EXCEPTIONALLY: {S.EXPIRED},
        M.RECORD_OFFLINE: {S.EXPIRED},
    },
    S.DISCARDED: {},
}
PERMITTED = [(state, move) for state, moves in EXPECTED.items() for move in moves]
REFUSED = [pair for pair in product(State, Move) if pair not in PERMITTED]


def test_every_pair_is_permitted_or_refused_here() -> None:
    assert set(EXPECTED) == set(State)
    assert set(ALLOWED) == set(PERMITTED)
    assert len(PERMITTED) + len(REFUSED) == len(State) * len(Move)


@pytest.mark.parametrize(("state", "move"), PERMITTED)
def test_a_permitted_move_leads_where_the_table_says(state: State, move: Move) -> None:
    assert require(state, move) == EXPECTED[state][move]


@pytest.mark.parametrize(("state", "move"), REFUSED)
def test_any_other_move_is_refused_and_names_the_state(state: State, move: Move) -> None:
    with pytest.raises(TransitionRefused) as caught:
        require(state, move)
    assert caught.value.reason == f"PRESCRIPTION_{state.value.upper()}"
    assert state.value.replace("_", " ") in str(caught.value)
    assert caught.value.field == "state"


@pytest.mark.parametrize("state", [S.CANCELLED, S.EXPIRED, S.DISCARDED])
def test_what_is_final_stays_so_by_any_move(state: State) -> None:
    assert all(after == {state} for (before, _), after in ALLOWED.items() if before is state)


@pytest.mark.parametrize("state", State)
def test_only_a_draft_is_signed_or_changed(state: State) -> None:
    for move in (M.SIGN, M.CHANGE, M.DISCARD):
        assert ((state, move) in ALLOWED) is (state is S.DRAFT)


L = LineState
KNOWN = [
    ([(L.ORDERED, False)], S.ACTIVE),
    ([(L.ORDERED, False), (L.ORDERED, False)], S.ACTIVE),
    # What was only cancelled, or is out of date, was not begun.
    ([(L.ORDERED, False), (L.CANCELLED, False)], S.ACTIVE),
    ([(L.ORDERED, False), (L.EXPIRED, False)], S.ACTIVE),
    ([(L.ORDERED, False), (L.CANCELLED, True)], PARTLY),
    ([(L.ORDERED, False), (L.NOT_DELIVERED, False)], PARTLY),
    ([(L.ORDERED, False), (L.DELIVERED, True)], PARTLY),
    ([(L.PARTIALLY_DELIVERED, True)], PARTLY),
    ([(L.DELIVERED, True)], S.COMPLETED),
    ([(L.DELIVERED, True), (L.CANCELLED, False)], S.COMPLETED),
    ([(L.NOT_DELIVERED, False)], S.COMPLETED),
    ([(L.CANCELLED, True)], S.COMPLETED),
    ([(L.CANCELLED, False)], S.CANCELLED),
    ([(L.CANCELLED, False), (L.CANCELLED, False)], S.CANCELLED),
]


@pytest.mark.parametrize(("lines", "state"), KNOWN)
def test_the_lines_tell_the_state_of_what_nobody_holds(
    lines: list[tuple[LineState, bool]], state: State
) -> None:
    assert resting(lines) is state


def test_whatever_the_lines_an_open_one_keeps_it_open() -> None:
    for states in product(LineState, repeat=2):
        told = resting((state, state in (L.PARTIALLY_DELIVERED, L.DELIVERED)) for state in states)
        open_still = not OPEN_LINES.isdisjoint(states)
        assert (told in (S.ACTIVE, PARTLY)) is open_still
