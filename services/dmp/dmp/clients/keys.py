"""The keys of records, as the service uses them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from cachetools import TTLCache

from dmp.domain import PersonId
from dmp.domain.sealing import RecordKey, Wrapped

from .provider import KeyDestroyed, KeyProvider, KeyRefused
from .ring import LocalKeyProvider

__all__ = ["KeyDestroyed", "KeyProvider", "KeyRefused", "LocalKeyProvider", "RecordKeys"]

# Opened keys kept in memory: bounded, and no longer than this many seconds.
KEPT, KEPT_SECONDS = 10_000, 300.0


class RecordKeys:
    """Makes and opens the keys of records; the provider is asked once in a while for each.

    An erasure deletes the stored key, and no use case gives a key that is not stored: what a replica still
    keeps in memory is of no use to anybody, and is gone within `seconds`.
    """

    def __init__(
        self,
        provider: KeyProvider,
        kept: int = KEPT,
        seconds: float = KEPT_SECONDS,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self.provider = provider
        self._opened: TTLCache[str, tuple[bytes, RecordKey]] = TTLCache(kept, seconds, timer)

    async def make(self, person: PersonId) -> tuple[RecordKey, Wrapped]:
        """A fresh key and its stored form; raises Unavailable. It is nobody's until it is inserted."""
        key = RecordKey.new()
        return key, await self.provider.wrap(key.secret, person.value)

    async def open(self, person: PersonId, wrapped: Wrapped) -> RecordKey:
        """The key of a record; raises Unavailable, KeyDestroyed, KeyRefused."""
        known = self._opened.get(person.value)
        if known is not None and known[0] == wrapped.wrapped:
            return known[1]
        key = RecordKey(await self.provider.unwrap(wrapped, person.value))
        self._opened[person.value] = (wrapped.wrapped, key)
        return key

    def forget(self, person: PersonId) -> None:
        """Called once the stored key is deleted."""
        self._opened.pop(person.value, None)
