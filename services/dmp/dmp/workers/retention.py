"""Destroys the records whose time is over, one transaction each, then what the object store held of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis import telemetry
from chassis.call import Call, Clock, utc_now
from chassis.caller import service
from chassis.db import Database
from chassis.loop import forever
from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from dmp.domain.erasure import Erased
from dmp.domain.records import PersonId
from dmp.store import erasure as rows
from dmp.usecases import erasure

log = telemetry.logger("retention")
DESTROYED = telemetry.METER.create_counter(
    "socle.dmp.record.destroyed", description="Records that were erased"
)
# Seconds between two looks when nothing is due: a date is a day, not a minute.
IDLE = 60.0
# Blobs deleted by one request.
BATCH = 500


@dataclass(slots=True)
class Retention:
    """`run` in every replica: a record that one of them holds is passed over by the others."""

    db: Database
    keys: RecordKeys
    blobs: Blobs
    clock: Clock = utc_now
    # Of records that are destroyed. A crash forgets them: the sweep finds what nobody knows of.
    _left: list[str] = field(default_factory=list)
    # Records that could not be destroyed: the others go first, then these are tried again.
    _passed_over: list[PersonId] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        await forever("retention", self.work, IDLE)

    async def work(self) -> bool:
        """One record; False when none is due. Raises Unavailable when its blobs are still to be deleted."""
        await self._delete_left()
        erased = await self._destroyed()
        if erased is None:
            self._passed_over.clear()
            return False
        self.keys.forget(erased.receipt.person_id)
        DESTROYED.add(1)
        log.info("record.destroyed", count=erased.receipt.documents)
        self._left += erased.blobs
        await self._delete_left()
        return True

    async def _destroyed(self) -> Erased | None:
        call, person = Call(service("dmp"), clock=self.clock), None
        try:
            async with self.db.begin(call) as tx:
                person = await rows.take_due(tx, call.now(), self._passed_over)
                return await erasure.destroy_record(tx, call.caller, person, call.now()) if person else None
        except Exception:
            if person:
                self._passed_over.append(person)
            raise

    async def _delete_left(self) -> None:
        while self._left:
            batch: Sequence[str] = self._left[:BATCH]
            await self.blobs.delete(batch)
            del self._left[: len(batch)]
