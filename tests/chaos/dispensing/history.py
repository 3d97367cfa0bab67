"""What happened to one prescription, as its clients saw it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Kind(StrEnum):
    CLAIM = "claim"
    RECORD = "record"
    RELEASE = "release"
    CLOSE = "close"
    UNDO = "undo"
    CANCEL = "cancel"
    OFFLINE = "offline"
    READ = "read"
    # Its last day passes.
    LAPSE = "lapse"


@dataclass(frozen=True, slots=True)
class Operation:
    """One intention of one client: retries of the same request are one operation.

    `start` and `end` are moments of the monotonic clock, in seconds, around all its attempts; `end` is
    infinite when no attempt was answered. `refused` names the error; `answer` depends on the kind: the secret
    of a claim, the intervention of a record, intervention, counted and excess of an offline one, (delivered,
    `cancelled` or empty) of a read.
    """

    kind: Kind
    start: float
    end: float = inf
    pharmacy: str = ""
    boxes: int = 0
    # Intervention that is undone; hold that a record, a release or a closing speaks of (its secret).
    target: str = ""
    refused: str = ""
    answer: tuple[str, ...] = ()

    @property
    def lost(self) -> bool:
        """Nobody knows whether it took place."""
        return self.end == inf

    @property
    def changed_nothing(self) -> bool:
        """Answered, and the answer says that nothing was written."""
        return not self.lost and (bool(self.refused) or self.kind is Kind.READ)
