"""One call under way: who, until when, under which key and trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .caller import Caller

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of the platform; tests give another one."""
    return datetime.now(UTC)


def utc_nanoseconds() -> int:
    """The same clock, since 1970, as spans are dated."""
    return time.time_ns()


def nothing() -> None:
    """Called when a transaction with events was committed and no relay is to be woken."""


@dataclass(frozen=True, slots=True)
class Key:
    """An `Idempotency-Key`, and the request it stands for."""

    scope: str
    key: str
    # SHA-256 of the request as received.
    fingerprint: bytes


@dataclass(slots=True)
class Call:
    """What a servicer's method is given beside its request."""

    caller: Caller
    # The permission asked for, `<resource>.<action>`.
    permission: str = ""
    token: str = ""
    # Moment of the monotonic clock after which nobody waits for the answer.
    deadline: float = field(default_factory=lambda: time.monotonic() + 10.0)
    traceparent: str = ""
    idempotency: Key | None = None
    clock: Clock = utc_now
    # Wakes the relay once events are committed.
    emitted: Callable[[], None] = nothing
    _moment: datetime | None = field(default=None, init=False, repr=False, compare=False)

    def now(self) -> datetime:
        """The moment of this call: read once, so that what is decided and what is stored agree."""
        if self._moment is None:
            self._moment = self.clock()
        return self._moment

    @property
    def remaining(self) -> float:
        """Seconds left before the deadline."""
        return self.deadline - time.monotonic()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, or nothing outside a trace."""
        return self.traceparent[3:35]
