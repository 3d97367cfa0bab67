"""Rotation of the master key, while the service runs: `python -m dmp.keys` drives it.

Each batch is read, wrapped by the provider outside any transaction, then kept where the key is still the one
that was read. A run that is stopped loses nothing: the next one takes what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chassis.call import Call, Clock, utc_now
from chassis.caller import Caller
from chassis.db import Database
from dmp.clients.keys import KeyDestroyed, KeyProvider, KeyRefused
from dmp.domain.records import PersonId
from dmp.domain.sealing import Wrapped
from dmp.store import keys
from dmp.store.keys import Stored
from dmp.usecases import rotation

BATCH = 500


@dataclass(slots=True)
class Outcome:
    """What a run did: keys wrapped again, and the persons whose key the provider does not recognise."""

    done: int = 0
    refused: list[PersonId] = field(default_factory=list)


@dataclass(slots=True)
class Rotation:
    """What an operator does to the master key. `settle`: seconds before a version is destroyed, longer than
    any call that may have wrapped a key just before the rotation takes to commit."""

    db: Database
    provider: KeyProvider
    caller: Caller
    settle: float = 60.0
    clock: Clock = utc_now

    async def rotate(self) -> int:
        """A new version, which wraps from now on; its number."""
        await self._told("rotate", (await self.provider.versions())[-1] + 1)
        return await self.provider.rotate()

    async def rewrap(
        self, batch: int = BATCH, progress: Callable[[int], None] = lambda done: None
    ) -> Outcome:
        """Wraps all keys of older versions again; a key made meanwhile under an old one is taken too."""
        current = (await self.provider.versions())[-1]
        outcome = Outcome()
        while await self._round(current, batch, outcome, progress):
            outcome.refused.clear()
        return outcome

    async def destroy(self, version: int) -> int:
        """Destroys this version and the older ones, for ever; how many receipts say so now.

        Raises VersionInUse, and ValueError for the current version. Done before: only what a crash left out.
        """
        versions = await self.provider.versions()
        if version >= versions[-1]:
            raise ValueError(f"version {version} wraps new keys: rotate first, then destroy it")
        await self._require_unused(version)
        if version >= versions[0]:
            await asyncio.sleep(self.settle)
            await self._require_unused(version)
            await self._told("destroy", version)
            await self.provider.destroy(version)
        call = self._call()
        async with self.db.begin(call) as tx:
            return await rotation.say_destroyed(tx, version, call.now())

    async def _round(
        self, current: int, batch: int, outcome: Outcome, progress: Callable[[int], None]
    ) -> int:
        after, before = None, outcome.done
        while True:
            async with self.db.read() as tx:
                olds = await keys.list_old(tx, current, after, batch)
            if not olds:
                return outcome.done - before
            await self._wrap_again(olds, outcome)
            after = olds[-1].person
            progress(outcome.done)

    async def _wrap_again(self, olds: Sequence[Stored], outcome: Outcome) -> None:
        """All at once; one by one when a key among them is refused, so that the others are not held up."""
        try:
            await self._keep(olds, outcome)
        except (KeyDestroyed, KeyRefused):
            if len(olds) == 1:
                outcome.refused.append(olds[0].person)
                return
            for old in olds:
                await self._wrap_again([old], outcome)

    async def _keep(self, olds: Sequence[Stored], outcome: Outcome) -> None:
        news: list[Wrapped] = await self.provider.rewrap([(old.key, old.person.value) for old in olds])
        async with self.db.begin(self._call()) as tx:
            outcome.done += await rotation.keep_rewrapped(tx, olds, news)

    async def _require_unused(self, version: int) -> None:
        async with self.db.begin(self._call()) as tx:
            await rotation.require_unused(tx, version)

    async def _told(self, act: str, version: int) -> None:
        call = self._call()
        async with self.db.begin(call) as tx:
            rotation.tell(tx, self.caller, act, version, call.now())

    def _call(self) -> Call:
        return Call(self.caller, clock=self.clock)
