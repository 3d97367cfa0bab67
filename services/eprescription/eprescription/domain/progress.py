"""How a line goes on after what was done about it, and what a prescription becomes once nobody holds it.
Pure.

Quantities are those that PostgreSQL counted, or will: nothing here decides whether a delivery is too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from .dispensing import Claim, Intervention, InterventionKind, LineStatus, NotDelivered
from .prescriptions import Prescription
from .rules import authorising
from .states import OPEN_LINES, LineState, Move, State, require, resting

CANCELLING = frozenset({NotDelivered.CANCELLATION, NotDelivered.CANCELLATION_DEATH})
DELIVERING = frozenset(
    {
        InterventionKind.AS_PRESCRIBED,
        InterventionKind.SUBSTITUTED,
        InterventionKind.CHANGED,
        InterventionKind.ADDITIONAL_LINE,
    }
)


@dataclass(frozen=True, slots=True)
class Rested:
    """What becomes of a prescription when a hold ends or the calendar passes: its state, the lines that
    change."""

    state: State
    changed: tuple[LineStatus, ...]


def delivered(status: LineStatus, done: Intervention) -> LineStatus:
    """The line after a delivery; `next_on` and `until` are for the law (`delivering.entitle`)."""
    now = replace(
        status,
        delivered=status.delivered + done.counted,
        forfeited=status.forfeited + done.forfeits,
        deliveries=status.deliveries + 1,
        treated_until=_later(status.treated_until, covered_until(done)),
    )
    if now.state not in OPEN_LINES:
        # From the paper, on a line that was closed meanwhile: what was decided stays.
        return now
    if now.remaining <= 0:
        return replace(now, state=LineState.DELIVERED, next_on=None)
    return replace(now, state=LineState.PARTIALLY_DELIVERED)


def covered_until(done: Intervention) -> date | None:
    """Last day that a delivery covers."""
    return done.delivered_on + timedelta(days=done.days_covered - 1) if done.days_covered else None


def _later(one: date | None, other: date | None) -> date | None:
    return max((day for day in (one, other) if day), default=None)


def not_delivered(status: LineStatus, why: NotDelivered) -> LineStatus:
    """What is owed stays open; any other reason is final."""
    if why is NotDelivered.OWING:
        return status
    state = LineState.CANCELLED if status.cancel_requested and why in CANCELLING else LineState.NOT_DELIVERED
    return closed(status, state)


def closed(status: LineStatus, state: LineState) -> LineStatus:
    """A treatment of which nothing was delivered does not run: no interaction is looked for with it."""
    runs = status.treated_until if status.delivered > 0 else None
    return replace(status, state=state, next_on=None, treated_until=runs)


def undone(
    status: LineStatus, wrong: Intervention, left: Sequence[Intervention], *, held: bool
) -> LineStatus:
    """The line once `wrong` never was; `left`: what else stands about it, oldest first.

    A cancellation that the delivery had outrun takes effect, unless a pharmacy holds the prescription.
    """
    given = [one for one in left if one.kind in DELIVERING]
    now = replace(
        status,
        delivered=status.delivered - wrong.counted,
        forfeited=status.forfeited - wrong.forfeits,
        deliveries=len(given),
        treated_until=max((day for one in given if (day := covered_until(one))), default=None),
    )
    if status.state in (LineState.CANCELLED, LineState.EXPIRED):
        return now
    if status.additional is not None and not given:
        # The line was brought by the record that is undone.
        return closed(now, LineState.NOT_DELIVERED)
    if any(_is_final(one) for one in left):
        return replace(now, state=LineState.NOT_DELIVERED)
    if status.cancel_requested and not held and now.remaining > 0:
        return closed(now, LineState.CANCELLED)
    return replace(now, state=_open_state(now))


def _is_final(one: Intervention) -> bool:
    why = one.details.not_delivered
    return one.kind is InterventionKind.NOT_DELIVERED and why is not None and why is not NotDelivered.OWING


def _open_state(status: LineStatus) -> LineState:
    if status.remaining <= 0:
        return LineState.DELIVERED
    return LineState.PARTIALLY_DELIVERED if status.delivered > 0 else LineState.ORDERED


def rest(prescription: Prescription, lines: Sequence[LineStatus], today: date) -> Rested:
    """Marks of cancellation take effect, lines and prescriptions whose last day has passed expire."""
    over = is_over(prescription, today)
    now = [_rested(line, today, over=over) for line in lines]
    changed = tuple(after for before, after in zip(lines, now, strict=True) if after != before)
    return Rested(_resting(now), changed)


def is_over(prescription: Prescription, today: date) -> bool:
    """`expires_on` is the last day on which anything is delivered."""
    return prescription.expires_on is not None and prescription.expires_on < today


def _rested(line: LineStatus, today: date, *, over: bool) -> LineStatus:
    if line.state not in OPEN_LINES:
        return line
    if line.cancel_requested:
        return closed(line, LineState.CANCELLED)
    if over or (line.until is not None and line.until < today):
        return closed(line, LineState.EXPIRED)
    return line


def _resting(lines: Sequence[LineStatus]) -> State:
    open_still = any(line.state in OPEN_LINES for line in lines)
    if not open_still and any(line.state is LineState.EXPIRED for line in lines):
        return State.EXPIRED
    return resting((line.state, line.delivered > 0) for line in lines)


def follow(prescription: Prescription, lines: Sequence[LineStatus], move: Move) -> State:
    """The state after something was written about lines of a prescription, as `move` lets it be.

    A state that is final stays; one that nobody holds follows its lines.
    """
    after = require(prescription.state, move)
    if len(after) == 1:
        return next(iter(after))
    told = resting((line.state, line.delivered > 0) for line in lines)
    return told if told in after else State.COMPLETED


def moved(
    prescription: Prescription, state: State, now: datetime, lines: Sequence[LineStatus] = ()
) -> Prescription:
    """One version later; its last day follows that of its open lines, when they are given (R.5132-22: the
    first delivery opens the whole treatment)."""
    last = authorising.expires_on(lines) if any(line.until for line in lines) else prescription.expires_on
    return replace(
        prescription, state=state, version=prescription.version + 1, changed_at=now, expires_on=last
    )


def ended(claim: Claim, reason: str, now: datetime) -> Claim:
    return replace(claim, ended_at=now, end_reason=reason)
