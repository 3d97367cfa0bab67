"""Erases the prescriptions whose time is over: five years from the writing at most (R.4073)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol

from chassis import telemetry
from chassis.call import Call, Clock, utc_now
from chassis.caller import service
from chassis.db import Database
from chassis.loop import forever
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.rules.calendar import PARIS, add_months, paris_day
from eprescription.domain.rules.parameters import Law
from eprescription.store import due
from eprescription.usecases import expiring

log = telemetry.logger("retention")
ERASED = telemetry.METER.create_counter(
    "socle.eprescription.prescriptions.erased", description="Prescriptions erased at the end of their time"
)
# A date is a day, not a minute.
IDLE = 600.0
BATCH = 200


class Book(Protocol):
    @property
    def law(self) -> Law: ...


@dataclass(slots=True)
class Retention:
    """`run` in every replica: one that another has in hand is passed over."""

    db: Database
    law: Book
    clock: Clock = utc_now
    batch: int = BATCH

    async def run(self) -> None:
        """Until cancelled."""
        await forever("retention", self.work, IDLE)

    async def work(self) -> bool:
        """One pass over all that is due; whether anything was erased."""
        erased, last = 0, None
        while found := await self._listed(last):
            for one in found:
                erased += await self._erase(one)
            last = found[-1]
        ERASED.add(erased)
        if erased:
            log.info("prescriptions.erased", count=erased)
        return erased > 0

    async def _listed(self, after: PrescriptionId | None) -> Sequence[PrescriptionId]:
        today = paris_day(self.clock())
        day = add_months(today, -12 * self.law.law.on(today).retention_years)
        before = datetime.combine(day, time.min, PARIS)
        async with self.db.read() as tx:
            return await due.list_old(tx, after, self.batch, before, day)

    async def _erase(self, one: PrescriptionId) -> bool:
        call = Call(service("eprescription"), clock=self.clock)
        try:
            async with self.db.begin(call) as tx:
                return await expiring.erase_prescription(tx, call.caller, one, call.now())
        except Exception as error:
            log.error("retention.failed", exc_info=error)
            return False
