"""Opaque identifiers: one frozen type per aggregate, a UUIDv7 inside (sorted by time, good for indexes)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from uuid_utils import uuid7


@dataclass(frozen=True, slots=True)
class Id:
    """Base of every identifier; subclass it, add nothing."""

    value: str

    @classmethod
    def new(cls) -> Self:
        """A fresh identifier."""
        return cls(str(uuid7()))

    def __str__(self) -> str:
        return self.value
