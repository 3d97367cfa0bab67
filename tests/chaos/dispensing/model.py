"""The sequential model of one prescription with one line: what each operation may answer, and what it leaves.

It is written from the rules, not from the code: it knows no lock, no table and no transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .history import Operation

# What a refusal is called on the wire.
HELD = "HELD_BY_ANOTHER_PHARMACY"
NOT_HELD = "NOT_HELD_BY_YOU"
BEYOND = "BEYOND_WHAT_WAS_PRESCRIBED"
LINE_CLOSED = "LINE_CLOSED"
MARKED = "RULE_REFUSED"
UNDONE, NOTHING = "UNDONE_ALREADY", "NOTHING_RECORDED"
COMPLETED, CANCELLED = "PRESCRIPTION_COMPLETED", "PRESCRIPTION_CANCELLED"
EXPIRED = "PRESCRIPTION_EXPIRED"


@dataclass(frozen=True, slots=True)
class Hold:
    pharmacy: str
    # Empty when its answer was lost.
    secret: str
    # It began after this moment, so it did not end by time before `since` + TTL.
    since: float
    # Interventions of this visit: a receipt is given for those that were not undone.
    recorded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """Quantities in boxes. `given` holds the deliveries in force: (intervention, boxes)."""

    authorised: int
    hold: Hold | None = None
    given: frozenset[tuple[str, int]] = frozenset()
    cancelled: bool = False
    # The prescriber cancelled while a pharmacy held it.
    marked: bool = False
    # Its last day was made to pass. None: the law counted the days anew since, from what was signed, as it
    # does at each delivery and each undoing; a claim goes by the day that was written last.
    over: bool | None = False
    # Holds that are over: (secret, interventions of the visit), and the secrets of those with a receipt.
    ended: frozenset[tuple[str, frozenset[str]]] = frozenset()
    closed: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()

    @property
    def delivered(self) -> int:
        return sum(boxes for _, boxes in self.given)

    @property
    def remaining(self) -> int:
        return self.authorised - self.delivered


@dataclass(frozen=True, slots=True)
class Model:
    """`ttl`: seconds that a hold lasts."""

    ttl: float

    def after(self, state: State, operation: Operation, number: int) -> Iterator[State]:
        """The states that this operation may leave with the answer it had; none: it cannot have been here.

        `number` names what a lost operation wrote, which nobody was told the identifier of.
        """
        step = getattr(self, f"_{operation.kind.value}")
        yield from step(state, operation, number)
        ended = self._ended(state, operation.end)
        if ended is not None:
            yield from step(ended, operation, number)

    def _ended(self, state: State, until: float) -> State | None:
        """The same once the time of its hold has passed, where that may be so by `until`."""
        if state.hold is None or until < state.hold.since + self.ttl:
            return None
        return self._freed(state)

    def _freed(self, state: State) -> State:
        """Nobody holds it any more: a cancellation that was asked for takes place."""
        cancelled = state.cancelled or (state.marked and state.remaining > 0)
        over = {(state.hold.secret, state.hold.recorded)} if state.hold else set()
        return replace(state, hold=None, marked=False, cancelled=cancelled, ended=state.ended | over)

    def _claim(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        holder = state.hold.pharmacy if state.hold else ""
        over = state.cancelled or (state.remaining == 0 and not holder)
        if asked.refused:
            justified = {
                HELD: holder not in ("", asked.pharmacy),
                COMPLETED: over,
                CANCELLED: over,
                EXPIRED: state.over is not False,
            }
            if justified.get(asked.refused, False):
                yield state
            return
        if state.hold and holder == asked.pharmacy:
            yield from self._claimed_again(state, state.hold, asked)
        elif not holder and not over and state.over is not True:
            yield replace(state, hold=Hold(asked.pharmacy, _first(asked), asked.start))

    def _claimed_again(self, state: State, hold: Hold, asked: Operation) -> Iterator[State]:
        """The same hold, and the same secret."""
        secret = _first(asked)
        if not (hold.secret and secret and hold.secret != secret):
            yield replace(state, hold=replace(hold, secret=hold.secret or secret))

    def _record(self, state: State, asked: Operation, number: int) -> Iterator[State]:
        held = self._held(state, asked)
        if asked.refused:
            justified = {
                NOT_HELD: not held,
                BEYOND: asked.boxes > state.remaining,
                LINE_CLOSED: state.remaining == 0 or state.cancelled,
                MARKED: state.marked or asked.boxes > state.remaining or state.over is not False,
                COMPLETED: state.remaining == 0 and not held,
                CANCELLED: state.cancelled,
            }
            # A prescription that nobody holds says its state: no hold, whatever the state is called.
            if justified.get(asked.refused, asked.refused.startswith("PRESCRIPTION_") and not held):
                yield state
        elif held and state.hold and self._may_give(state, asked.boxes):
            done = _first(asked) or f"lost-{number}"
            hold = replace(state.hold, recorded=state.hold.recorded | {done})
            given = state.given | {(done, asked.boxes)}
            yield replace(state, hold=hold, given=given, over=state.over and None)

    @staticmethod
    def _may_give(state: State, boxes: int) -> bool:
        return not state.marked and boxes <= state.remaining

    @staticmethod
    def _held(state: State, asked: Operation) -> bool:
        """By this pharmacy, and by the hold whose secret it shows."""
        if state.hold is None or state.hold.pharmacy != asked.pharmacy:
            return False
        return not state.hold.secret or not asked.target or state.hold.secret == asked.target

    def _release(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        """Given back already: the same answer, as long as it was the last hold of that pharmacy."""
        held, over = self._held(state, asked), self._over(state, asked)
        if asked.refused:
            if not held:
                yield state
        elif held:
            yield self._freed(state)
        elif over:
            yield state

    def _close(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        """A receipt of what was recorded, for a visit that ended before too; given once, it stays."""
        held, over = self._held(state, asked), self._over(state, asked)
        visits = [told for _, told in over] + ([state.hold.recorded] if held and state.hold else [])
        in_force = {done for done, _ in state.given}
        due = asked.target in state.closed or any(told & in_force for told in visits)
        if asked.refused:
            if (not held and asked.refused == NOT_HELD) or (asked.refused == NOTHING and not due):
                yield state
        elif due:
            yield replace(self._freed(state) if held else state, closed=state.closed | {asked.target})

    @staticmethod
    def _over(state: State, asked: Operation) -> list[tuple[str, frozenset[str]]]:
        """The ended holds whose secret it shows; one whose answer was lost may be any."""
        return [hold for hold in state.ended if hold[0] in ("", asked.target)]

    def _undo(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        there = {entry for entry in state.given if entry[0] == asked.target}
        if asked.refused:
            if asked.refused == UNDONE and asked.target in state.undone:
                yield state
        elif there:
            over = state.over and None
            yield replace(state, given=state.given - there, undone=state.undone | {asked.target}, over=over)

    def _cancel(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        if asked.refused:
            if state.cancelled or state.remaining == 0 or state.over is not False:
                yield state
        elif state.hold is not None:
            yield replace(state, marked=True)
        else:
            yield replace(state, cancelled=state.cancelled or state.remaining > 0)

    def _offline(self, state: State, asked: Operation, number: int) -> Iterator[State]:
        """Reality happened: what is left is counted, the rest is said to be too much."""
        if asked.refused:
            return
        room = 0 if state.cancelled else min(asked.boxes, state.remaining)
        # Of what is out of date nothing may count any more.
        for counted in {room, 0} if state.over is not False else {room}:
            done, told, excess = asked.answer or (f"lost-{number}", str(counted), str(asked.boxes - counted))
            if (int(told), int(excess)) == (counted, asked.boxes - counted):
                given = state.given | {(done, counted)}
                yield replace(state, given=given, over=state.over and None)

    def _lapse(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        yield replace(state, over=True)

    def _read(self, state: State, asked: Operation, _: int) -> Iterator[State]:
        if asked.refused or asked.lost:
            yield state
            return
        delivered, cancelled = asked.answer
        # A prescription whose whole was delivered stays completed.
        if int(delivered) == state.delivered and (cancelled == "cancelled") <= state.cancelled:
            yield state


def _first(asked: Operation) -> str:
    return asked.answer[0] if asked.answer else ""
