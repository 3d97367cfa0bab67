"""Removes the blobs that no document knows of: those of deposits that failed once their bytes were stored,
and what an erasure that was killed left behind.

A deposit stores its bytes, then commits: whatever is younger than the grace period may still get its row.
Each pass looks at the two latest days that hold anything, where the failed deposits are, and at one older day
drawn by lot, so that nothing stays for ever and the whole store is never listed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis import telemetry
from chassis.call import Clock, utc_now
from chassis.db import Database
from chassis.loop import forever
from dmp.clients.blobs import Blobs
from dmp.store import blobs as rows

log = telemetry.logger("sweep")
SWEPT = telemetry.METER.create_counter(
    "socle.dmp.blob.swept", description="Blobs without a document, removed"
)
NOT_OURS = telemetry.METER.create_counter(
    "socle.dmp.blob.not_ours", description="Passes that removed nothing, since no blob at all was known"
)
LATEST_DAYS = 2
# So many blobs of which none is known are another platform's, or this database is not the one they belong to
# (a restored copy, a wrong setting): removing them would lose every document.
SUSPECT = 100
# Found in one pass; the next one goes on.
MOST = 10_000
BATCH = 500


@dataclass(slots=True)
class Sweep:
    """`run` in every replica: what two of them remove at once is removed all the same."""

    db: Database
    blobs: Blobs
    # Longer than any deposit takes; `every` is the time between two passes, in seconds.
    grace: timedelta = timedelta(hours=1)
    every: float = 1800.0
    clock: Clock = utc_now
    draw: Callable[[Sequence[str]], str] = random.choice

    async def run(self) -> None:
        """Until cancelled."""
        await forever("sweep", self._pass, self.every)

    async def _pass(self) -> bool:
        await self.work()
        return False

    async def work(self) -> int:
        """One pass; how many blobs it removed. Raises Unavailable."""
        before = self.clock() - self.grace
        orphans: list[str] = []
        known = unfinished = 0
        for day in self._chosen(await self.blobs.days()):
            unfinished += await self.blobs.drop_unfinished(day, before)
            known += await self._look(day, before, orphans)
        if known == 0 and len(orphans) >= SUSPECT:
            NOT_OURS.add(1)
            log.critical("sweep.not_ours", count=len(orphans))
            return unfinished
        for start in range(0, len(orphans), BATCH):
            await self.blobs.delete(orphans[start : start + BATCH])
        return self._told(len(orphans) + unfinished)

    def _chosen(self, days: Sequence[str]) -> list[str]:
        older = days[:-LATEST_DAYS]
        return [*days[-LATEST_DAYS:], *([self.draw(older)] if older else [])]

    async def _look(self, day: str, before: datetime, orphans: list[str]) -> int:
        """Adds the orphans of a day; how many blobs a document knows."""
        count = 0
        async for page in self.blobs.list(day):
            names = [blob.name for blob in page if blob.modified_at < before]
            async with self.db.read() as tx:
                known = await rows.list_known(tx, names)
            count += len(known)
            orphans += [name for name in names if name not in known]
            if len(orphans) >= MOST:
                break
        return count

    def _told(self, count: int) -> int:
        if count:
            SWEPT.add(count)
            log.info("sweep.removed", count=count)
        return count
