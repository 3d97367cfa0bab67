"""Cancelling: what becomes of each line, in the answers of NHS EPS (R-0001 to R-0010). Pure.

What a pharmacy holds is only marked, since boxes may be on its counter: it is told when it records. What was
delivered is never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from .dispensing import LineStatus
from .errors import LineNotFound
from .progress import closed
from .states import OPEN_LINES, LineState, Move, State, require, resting


class CancelReason(StrEnum):
    """Why (NHS EPS 0001 to 0009)."""

    PRESCRIBING_ERROR = "prescribing_error"
    CLINICAL_CONTRAINDICATION = "clinical_contraindication"
    CHANGE_OF_TREATMENT = "change_of_treatment"
    CLINICAL_GROUNDS = "clinical_grounds"
    PATIENT_REQUEST = "patient_request"
    PHARMACIST_REQUEST = "pharmacist_request"
    DEATH = "death"
    PATIENT_LEFT = "patient_left"
    REGISTERED_ELSEWHERE = "registered_elsewhere"


class Outcome(StrEnum):
    """What became of a line."""

    CANCELLED = "R-0001"
    MARKED_WITH_DISPENSER = "R-0002"
    MARKED_BEING_DISPENSED = "R-0003"
    ALREADY_DISPENSED = "R-0004"
    EXPIRED = "R-0005"
    ALREADY_CANCELLED = "R-0006"
    NOT_DISPENSED = "R-0010"


CLOSED = {
    LineState.DELIVERED: Outcome.ALREADY_DISPENSED,
    LineState.EXPIRED: Outcome.EXPIRED,
    LineState.CANCELLED: Outcome.ALREADY_CANCELLED,
    LineState.NOT_DELIVERED: Outcome.NOT_DISPENSED,
}


# What is over is not cancelled, and changes no more.
FINAL = {
    State.COMPLETED: Outcome.ALREADY_DISPENSED,
    State.CANCELLED: Outcome.ALREADY_CANCELLED,
    State.EXPIRED: Outcome.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class LineCancelled:
    """What became of one line."""

    line_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The state afterwards, the lines that change, and the answer for each line asked."""

    state: State
    changed: tuple[LineStatus, ...]
    answers: tuple[LineCancelled, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be cancelled, and why; `line_ids` empty: the whole prescription."""

    reason: CancelReason
    line_ids: Collection[str] = ()
    comment: str = ""


def cancel(state: State, lines: Sequence[LineStatus], wanted: Wanted) -> Cancelled:
    """What the cancellation leads to.

    Raises LineNotFound for a line of another prescription, TransitionRefused for a draft. A prescription in
    a final state changes no more: each line says why, so that the same request again is answered the same.
    """
    asked = set(wanted.line_ids)
    if asked - {line.line_id.value for line in lines}:
        raise LineNotFound(field="line_ids")
    chosen = [line for line in lines if not asked or line.line_id.value in asked]
    answers = tuple(LineCancelled(line.line_id.value, outcome(state, line)) for line in chosen)
    if state in FINAL:
        return Cancelled(state, (), answers)
    after = require(state, Move.CANCEL_LINE if asked else Move.CANCEL)
    held = state is State.IN_DISPENSE
    changed = {
        line.line_id: _stopped(line, wanted, held=held)
        for line in chosen
        if line.state in OPEN_LINES and not (held and line.cancel_requested)
    }
    now = [changed.get(line.line_id, line) for line in lines]
    return Cancelled(_reached(state, after, now), tuple(changed.values()), answers)


def _reached(state: State, after: Collection[State], lines: Sequence[LineStatus]) -> State:
    """Held, it stays so. Where nothing was delivered and nothing remains it is cancelled, even if the
    calendar had closed another line before."""
    if state is State.IN_DISPENSE:
        return state
    told = resting((line.state, line.delivered > 0) for line in lines)
    return told if told in after else State.CANCELLED


def outcome(state: State, line: LineStatus) -> Outcome:
    """What the answer about this line is, in this state of its prescription."""
    if line.state in CLOSED:
        return CLOSED[line.state]
    if state in FINAL:
        return FINAL[state]
    if state is not State.IN_DISPENSE:
        return Outcome.CANCELLED
    return Outcome.MARKED_BEING_DISPENSED if line.delivered > 0 else Outcome.MARKED_WITH_DISPENSER


def _stopped(line: LineStatus, wanted: Wanted, *, held: bool) -> LineStatus:
    said = replace(line, cancel_reason=wanted.reason.value, cancel_comment=wanted.comment)
    return replace(said, cancel_requested=True) if held else closed(said, LineState.CANCELLED)
