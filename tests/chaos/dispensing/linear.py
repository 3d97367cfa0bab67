"""Is there an order, true to the clock, in which the model gives every answer? (Wing and Gong, 1993)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .history import Operation
from .model import Model, State


@dataclass(frozen=True, slots=True)
class Verdict:
    """`explored`: states visited. A violation names the operations that no order can explain."""

    linearizable: bool
    explored: int


# A history that takes more states than this to explain counts as one that cannot be: told, never passed over.
MOST_STATES = 500_000


def check(operations: Sequence[Operation], start: State, model: Model) -> Verdict:
    """Depth first, each (operations done, state) once; a lost operation may never have taken place."""
    must = frozenset(number for number, one in enumerate(operations) if not one.lost)
    seen: set[tuple[frozenset[int], State]] = set()
    waiting = [(frozenset[int](), start)]
    while waiting and len(seen) < MOST_STATES:
        done, state = waiting.pop()
        if must <= done:
            return Verdict(True, len(seen))
        for number, states in _steps(operations, done, state, model):
            for after in states:
                place = (done | {number}, after)
                if place not in seen:
                    seen.add(place)
                    waiting.append(place)
    return Verdict(False, len(seen))


def _steps(
    operations: Sequence[Operation], done: frozenset[int], state: State, model: Model
) -> list[tuple[int, list[State]]]:
    """What may come next and what it leaves, the likeliest last (it is looked at first).

    Two ways to look at fewer orders without losing one. What changed nothing and may have been now, was: any
    order with it later is as good with it here. A lost operation that would change nothing is left out.
    """
    steps = []
    for number in _next(operations, done):
        states = list(model.after(state, operations[number], number))
        if operations[number].changed_nothing and state in states:
            return [(number, states)]
        if operations[number].lost:
            states = [after for after in states if after != state]
        steps.append((number, states))
    return sorted(steps, key=lambda step: -operations[step[0]].end)


def _next(operations: Sequence[Operation], done: frozenset[int]) -> list[int]:
    """Those that may come next: begun before any other that waits had ended."""
    left = [number for number in range(len(operations)) if number not in done]
    first_end = min((operations[number].end for number in left), default=0.0)
    return [number for number in left if operations[number].start <= first_end]
