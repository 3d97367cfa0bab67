"""The states of a prescription and of its lines, and every transition there is: any other is refused."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .errors import TransitionRefused


class State(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    # One pharmacy holds it.
    IN_DISPENSE = "in_dispense"
    PARTIALLY_DISPENSED = "partially_dispensed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    # A draft that was given up.
    DISCARDED = "discarded"


class LineState(StrEnum):
    ORDERED = "ordered"
    PARTIALLY_DELIVERED = "partially_delivered"
    DELIVERED = "delivered"
    # Finally, for a reason.
    NOT_DELIVERED = "not_delivered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Move(StrEnum):
    """What moves a prescription."""

    CHANGE = "change"
    SIGN = "sign"
    DISCARD = "discard"
    CLAIM = "claim"
    EXTEND = "extend"
    # Given back, or the time of the hold has passed.
    RELEASE = "release"
    RECORD = "record"
    UNDO = "undo"
    CLOSE = "close"
    CANCEL = "cancel"
    CANCEL_LINE = "cancel_line"
    EXPIRE = "expire"
    RENEW_EXCEPTIONALLY = "renew_exceptionally"
    RECORD_OFFLINE = "record_offline"


OPEN = frozenset({State.ACTIVE, State.IN_DISPENSE, State.PARTIALLY_DISPENSED})
OPEN_LINES = frozenset({LineState.ORDERED, LineState.PARTIALLY_DELIVERED})
# A pharmacy did something about it; a line that was only cancelled or is out of date begins nothing.
BEGUN = frozenset({LineState.PARTIALLY_DELIVERED, LineState.DELIVERED, LineState.NOT_DELIVERED})
# What a prescription that nobody holds may be, told by its lines (`resting`).
RESTING = frozenset({State.ACTIVE, State.PARTIALLY_DISPENSED, State.COMPLETED})
# A visit that ends may also leave a prescription whose lines were all cancelled or are out of date.
ENDED = RESTING | {State.CANCELLED, State.EXPIRED}

S = State
ALLOWED: dict[tuple[State, Move], frozenset[State]] = {
    (S.DRAFT, Move.CHANGE): frozenset({S.DRAFT}),
    (S.DRAFT, Move.SIGN): frozenset({S.ACTIVE}),
    (S.DRAFT, Move.DISCARD): frozenset({S.DISCARDED}),
    (S.ACTIVE, Move.CLAIM): frozenset({S.IN_DISPENSE}),
    (S.PARTIALLY_DISPENSED, Move.CLAIM): frozenset({S.IN_DISPENSE}),
    (S.IN_DISPENSE, Move.EXTEND): frozenset({S.IN_DISPENSE}),
    (S.IN_DISPENSE, Move.RECORD): frozenset({S.IN_DISPENSE}),
    (S.IN_DISPENSE, Move.RELEASE): ENDED,
    (S.IN_DISPENSE, Move.CLOSE): ENDED,
    (S.IN_DISPENSE, Move.UNDO): frozenset({S.IN_DISPENSE}),
    (S.ACTIVE, Move.UNDO): RESTING,
    (S.PARTIALLY_DISPENSED, Move.UNDO): RESTING,
    (S.COMPLETED, Move.UNDO): RESTING,
    # A wrong record is put right whatever became of the prescription; its state stays.
    (S.CANCELLED, Move.UNDO): frozenset({S.CANCELLED}),
    (S.EXPIRED, Move.UNDO): frozenset({S.EXPIRED}),
    (S.ACTIVE, Move.CANCEL): frozenset({S.CANCELLED}),
    (S.PARTIALLY_DISPENSED, Move.CANCEL): frozenset({S.CANCELLED, S.COMPLETED}),
    # Marked only: the pharmacy is told when it records.
    (S.IN_DISPENSE, Move.CANCEL): frozenset({S.IN_DISPENSE}),
    (S.ACTIVE, Move.CANCEL_LINE): frozenset({S.ACTIVE, S.CANCELLED}),
    (S.PARTIALLY_DISPENSED, Move.CANCEL_LINE): frozenset({S.PARTIALLY_DISPENSED, S.COMPLETED, S.CANCELLED}),
    (S.IN_DISPENSE, Move.CANCEL_LINE): frozenset({S.IN_DISPENSE}),
    (S.ACTIVE, Move.EXPIRE): frozenset({S.EXPIRED}),
    (S.PARTIALLY_DISPENSED, Move.EXPIRE): frozenset({S.EXPIRED}),
    (S.EXPIRED, Move.RENEW_EXCEPTIONALLY): frozenset({S.EXPIRED}),
    # Completed by time or by deliveries, the treatment may still be exceptionally renewed once it is over.
    (S.COMPLETED, Move.RENEW_EXCEPTIONALLY): frozenset({S.COMPLETED}),
    # Paper: reality happened, whatever the state; the state then follows the lines, a final one stays.
    (S.ACTIVE, Move.RECORD_OFFLINE): RESTING,
    (S.PARTIALLY_DISPENSED, Move.RECORD_OFFLINE): RESTING,
    (S.IN_DISPENSE, Move.RECORD_OFFLINE): frozenset({S.IN_DISPENSE}),
    (S.COMPLETED, Move.RECORD_OFFLINE): frozenset({S.COMPLETED}),
    (S.CANCELLED, Move.RECORD_OFFLINE): frozenset({S.CANCELLED}),
    (S.EXPIRED, Move.RECORD_OFFLINE): frozenset({S.EXPIRED}),
}


def require(state: State, move: Move) -> frozenset[State]:
    """The states that `move` may lead to; raises TransitionRefused, which names the present state only."""
    after = ALLOWED.get((state, move))
    if after is None:
        raise TransitionRefused.of(state.value, move.value)
    return after


def resting(lines: Iterable[tuple[LineState, bool]]) -> State:
    """The state of a signed prescription that nobody holds, told by its lines (state, was any delivered).

    Cancelled: nothing was delivered and every line is cancelled. Expiry is for the calendar, not for this.
    """
    known = list(lines)
    if any(state in OPEN_LINES for state, _ in known):
        begun = any(delivered or state in BEGUN for state, delivered in known)
        return State.PARTIALLY_DISPENSED if begun else State.ACTIVE
    if all(state is LineState.CANCELLED for state, _ in known) and not any(d for _, d in known):
        return State.CANCELLED
    return State.COMPLETED
