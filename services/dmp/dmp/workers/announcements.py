"""Tells patients after two weeks that a document waits for its announcement, and shows it after a month.

The timers are rows: a service that was down for a day catches up at its next pass. One document is shown a
transaction, so that one that cannot be does not hold up the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from chassis import telemetry
from chassis.call import Call, Clock, utc_now
from chassis.caller import service
from chassis.db import Database
from chassis.loop import forever
from dmp import policy
from dmp.store import announcements as store
from dmp.store.announcements import Due
from dmp.usecases import announcements

log = telemetry.logger("announcements")
SHOWN = telemetry.METER.create_counter(
    "socle.dmp.announcements.shown", description="Documents shown to patients since their month was over"
)
# Days and weeks are counted: a minute late is on time.
IDLE = 60.0
BATCH = 50


@dataclass(slots=True)
class Announcer:
    """Any number of replicas may run it: what one has in hand the others pass over."""

    db: Database
    parameters: policy.Parameters
    clock: Clock = utc_now
    batch: int = BATCH

    async def run(self) -> None:
        """Until cancelled."""
        await forever("announcements", self.work, IDLE)

    async def work(self) -> bool:
        """One pass over all that is due; whether anything was."""
        warned = await self._warned()
        shown = await self._shown()
        return warned > 0 or shown > 0

    async def _warned(self) -> int:
        call = self._call()
        async with self.db.begin(call) as tx:
            return await announcements.warn_due(tx, self.batch, call.now())

    async def _shown(self) -> int:
        shown, last = 0, None
        while due := await self._due(last):
            for each in due:
                shown += await self._show(each)
            last = due[-1]
        return shown

    async def _due(self, after: Due | None) -> list[Due]:
        call = self._call()
        async with self.db.read() as tx:
            return list(await store.list_to_show(tx, after, self.batch, call.now()))

    async def _show(self, due: Due) -> bool:
        call = self._call()
        try:
            async with self.db.begin(call) as tx:
                done = await announcements.show_due(
                    tx, call.caller, due.document_id, self.parameters, call.now()
                )
        except Exception as error:
            # The others are due as well; this one is tried again at the next pass, and seen in the log.
            log.error("announcement.failed", exc_info=error)
            return False
        SHOWN.add(int(done))
        return done

    def _call(self) -> Call:
        return Call(service("dmp"), clock=self.clock)
