"""The judge is judged first: true histories pass, each false one is caught."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.dispensing.history import Kind, Operation
from tests.chaos.dispensing.linear import check
from tests.chaos.dispensing.model import BEYOND, HELD, NOT_HELD, UNDONE, Model, State

MODEL, BOXES = Model(ttl=10.0), 3


def claim(start: float, pharmacy: str, **known: Any) -> Operation:
    return Operation(Kind.CLAIM, start, start + 1, pharmacy=pharmacy, **known)


def record(start: float, pharmacy: str, boxes: int, **known: Any) -> Operation:
    return Operation(
        Kind.RECORD, start, start + 1, pharmacy=pharmacy, boxes=boxes, target=f"s-{pharmacy}", **known
    )


A_CLAIMS = claim(0, "a", answer=("s-a",))
A_TAKES_TWO = record(2, "a", 2, answer=("i1",))
TRUE = {
    "the rest is refused": [A_CLAIMS, A_TAKES_TWO, record(4, "a", 2, refused=BEYOND)],
    "another pharmacy waits": [A_CLAIMS, claim(2, "b", refused=HELD), record(4, "b", 1, refused=NOT_HELD)],
    "a hold ends by time": [A_CLAIMS, claim(11, "b", answer=("s-b",))],
    "an undone delivery is there again": [
        A_CLAIMS,
        A_TAKES_TWO,
        Operation(Kind.UNDO, 4, 5, pharmacy="a", target="i1"),
        record(6, "a", 3, answer=("i2",)),
    ],
    "a lost record may have been": [
        A_CLAIMS,
        Operation(Kind.RECORD, 2, pharmacy="a", boxes=3, target="s-a"),
        record(4, "a", 1, refused=BEYOND),
    ],
    "a lost record may never have been": [
        A_CLAIMS,
        Operation(Kind.RECORD, 2, pharmacy="a", boxes=3, target="s-a"),
        record(4, "a", 3, answer=("i2",)),
    ],
    "two at once, either first": [
        A_CLAIMS,
        record(2, "a", 2, refused=BEYOND),
        record(2.5, "a", 2, answer=("i",)),
    ],
    "a lost answer gives the same secret": [A_CLAIMS, claim(2, "a", answer=("s-a",))],
    "the paper counts what was left": [
        A_CLAIMS,
        A_TAKES_TWO,
        Operation(Kind.OFFLINE, 4, 5, pharmacy="b", boxes=2, answer=("i2", "1", "1")),
    ],
}
FALSE = {
    "more than was prescribed": [A_CLAIMS, A_TAKES_TWO, record(4, "a", 2, answer=("i2",))],
    "two pharmacies at once": [A_CLAIMS, claim(2, "b", answer=("s-b",))],
    "a delivery without a hold": [record(0, "b", 1, answer=("i1",))],
    "a delivery after the hold was given back": [
        A_CLAIMS,
        Operation(Kind.RELEASE, 2, 3, pharmacy="a", target="s-a"),
        record(4, "a", 1, answer=("i1",)),
    ],
    "a delivery after the cancellation": [
        Operation(Kind.CANCEL, 0, 1),
        claim(2, "a", answer=("s-a",)),
    ],
    "a delivery that is forgotten": [A_CLAIMS, A_TAKES_TWO, Operation(Kind.READ, 4, 5, answer=("0", ""))],
    "undone twice": [
        A_CLAIMS,
        A_TAKES_TWO,
        Operation(Kind.UNDO, 4, 5, pharmacy="a", target="i1"),
        Operation(Kind.UNDO, 6, 7, pharmacy="a", target="i1"),
    ],
    "an undoing refused for nothing": [
        A_CLAIMS,
        A_TAKES_TWO,
        Operation(Kind.UNDO, 4, 5, pharmacy="a", target="i1", refused=UNDONE),
    ],
    "a refusal without a reason": [A_CLAIMS, record(2, "a", 1, refused=BEYOND)],
    "another secret for the same hold": [A_CLAIMS, claim(2, "a", answer=("other",))],
    "an excess that nobody is told of": [
        A_CLAIMS,
        A_TAKES_TWO,
        Operation(Kind.OFFLINE, 4, 5, pharmacy="b", boxes=2, answer=("i2", "2", "0")),
    ],
}


@pytest.mark.parametrize("history", TRUE.values(), ids=TRUE)
def test_history_that_can_be_is_accepted(history: Sequence[Operation]) -> None:
    assert check(history, State(BOXES), MODEL).linearizable


@pytest.mark.parametrize("history", FALSE.values(), ids=FALSE)
def test_history_that_cannot_be_is_caught(history: Sequence[Operation]) -> None:
    assert not check(history, State(BOXES), MODEL).linearizable


@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_whatever_order_they_were_written_down_in_a_sum_beyond_is_caught(boxes: list[int], draw: Any) -> None:
    """All at once: an order exists exactly when the sum of what was acknowledged fits."""
    records = [
        Operation(Kind.RECORD, 2, 3, pharmacy="a", boxes=n, target="s-a", answer=(f"i{index}",))
        for index, n in enumerate(boxes)
    ]
    history = [A_CLAIMS, *records]
    draw.shuffle(history)
    assert check(history, State(BOXES), MODEL).linearizable == (sum(boxes) <= BOXES)


SECRETS = ("s-a", "s-b")
MOMENTS = st.tuples(st.integers(0, 4), st.sampled_from([1, 2, 12]))
SHAPES: dict[Kind, st.SearchStrategy[dict[str, Any]]] = {
    Kind.CLAIM: st.one_of(
        st.fixed_dictionaries({"refused": st.just(HELD)}),
        st.fixed_dictionaries({"answer": st.sampled_from([(secret,) for secret in SECRETS])}),
    ),
    Kind.RECORD: st.one_of(
        st.fixed_dictionaries({"refused": st.sampled_from([NOT_HELD, BEYOND])}),
        st.fixed_dictionaries({"answer": st.sampled_from([("i1",), ("i2",)])}),
    ),
    Kind.RELEASE: st.just({}),
    Kind.UNDO: st.sampled_from([{}, {"refused": UNDONE}]),
    Kind.CANCEL: st.just({}),
    Kind.READ: st.fixed_dictionaries({"answer": st.sampled_from([("0", ""), ("2", ""), ("0", "cancelled")])}),
}


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """One of any kind, answered, refused or lost, with or without a right to be there."""
    kind = draw(st.sampled_from(sorted(SHAPES)))
    pharmacy, (start, seconds) = draw(st.sampled_from("ab")), draw(MOMENTS)
    target = "i1" if kind is Kind.UNDO else f"s-{pharmacy}"
    if draw(st.integers(0, 3)) == 0:
        return Operation(kind, start, pharmacy=pharmacy, boxes=2, target=target)
    told = draw(SHAPES[kind])
    return Operation(kind, start, start + seconds, pharmacy=pharmacy, boxes=2, target=target, **told)


def has_an_order(history: Sequence[Operation]) -> bool:
    """The question asked plainly: each subset with all that was answered, in each order true to the clock."""
    return any(
        is_explained([history[number] for number in order], order)
        for size in range(len(history) + 1)
        for order in permutations(range(len(history)), size)
        if all(one.lost or number in order for number, one in enumerate(history))
    )


def is_explained(ordered: Sequence[Operation], numbers: Sequence[int]) -> bool:
    if any(later.end < one.start for place, one in enumerate(ordered) for later in ordered[place + 1 :]):
        return False
    states = {State(BOXES)}
    for one, number in zip(ordered, numbers, strict=True):
        states = {after for state in states for after in MODEL.after(state, one, number)}
    return bool(states)


@settings(max_examples=300, deadline=None)
@given(st.lists(operations(), min_size=1, max_size=5))
def test_shortcuts_of_the_judge_change_no_verdict(history: list[Operation]) -> None:
    assert check(history, State(BOXES), MODEL).linearizable == has_an_order(history)
