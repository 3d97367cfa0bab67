"""Ends the holds that nobody ended and expires the prescriptions whose last day has passed (Europe/Paris).

What is due is listed without a lock, then each is a transaction of its own: one that cannot be done does not
hold up the others. Any number of replicas may run it: what one has in hand the others pass over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chassis import telemetry
from chassis.call import Call, Clock, utc_now
from chassis.caller import Caller, service
from chassis.db import Database, ReadTx, Tx
from chassis.loop import forever
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.rules.calendar import paris_day
from eprescription.store import due
from eprescription.usecases import expiring

log = telemetry.logger("expiry")
ENDED = telemetry.METER.create_counter(
    "socle.eprescription.holds.ended", description="Holds of pharmacies whose time had passed"
)
EXPIRED = telemetry.METER.create_counter(
    "socle.eprescription.prescriptions.expired", description="Prescriptions whose last day had passed"
)
# Seconds between two looks when nothing is due: the next pharmacy ends an expired hold by itself.
IDLE = 15.0
BATCH = 200

List = Callable[[ReadTx, PrescriptionId | None], Awaitable[Sequence[PrescriptionId]]]
Act = Callable[[Tx, Caller, PrescriptionId], Awaitable[bool]]


@dataclass(slots=True)
class Expiry:
    """`run` in every replica."""

    db: Database
    clock: Clock = utc_now
    batch: int = BATCH

    async def run(self) -> None:
        """Until cancelled."""
        await forever("expiry", self.work, IDLE)

    async def work(self) -> bool:
        """One pass over all that is due; whether anything was done."""
        ended = await self._each(self._holds, self._end)
        expired = await self._each(self._over, self._expire)
        ENDED.add(ended)
        EXPIRED.add(expired)
        call = self._call()
        async with self.db.begin(call) as tx:
            await expiring.forget_attempts(tx, call.now())
        return ended + expired > 0

    async def _holds(self, tx: ReadTx, after: PrescriptionId | None) -> Sequence[PrescriptionId]:
        return await due.list_expired_holds(tx, after, self.batch, self.clock())

    async def _over(self, tx: ReadTx, after: PrescriptionId | None) -> Sequence[PrescriptionId]:
        return await due.list_over(tx, after, self.batch, paris_day(self.clock()))

    async def _end(self, tx: Tx, caller: Caller, one: PrescriptionId) -> bool:
        return await expiring.end_expired_hold(tx, caller, one, tx.call.now())

    async def _expire(self, tx: Tx, caller: Caller, one: PrescriptionId) -> bool:
        return await expiring.expire_prescription(tx, caller, one, tx.call.now())

    async def _each(self, listed: List, act: Act) -> int:
        done, last = 0, None
        while found := await self._listed(listed, last):
            for one in found:
                done += await self._one(act, one)
            last = found[-1]
        return done

    async def _listed(self, listed: List, after: PrescriptionId | None) -> Sequence[PrescriptionId]:
        async with self.db.read() as tx:
            return await listed(tx, after)

    async def _one(self, act: Act, one: PrescriptionId) -> bool:
        call = self._call()
        try:
            async with self.db.begin(call) as tx:
                return await act(tx, call.caller, one)
        except Exception as error:
            # The others are due as well; this one is tried again at the next pass, and seen in the log.
            log.error("expiry.failed", exc_info=error)
            return False

    def _call(self) -> Call:
        return Call(service("eprescription"), clock=self.clock)
