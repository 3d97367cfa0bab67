"""Works on the submitted lots of verifications, and deletes the old ones.

A batch of lines is read, asked outside any transaction, then its results, its traces and the progress of the
lot are committed together. A process that dies loses the answers it had not committed: the next one asks the
same lines again, and writes the same results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chassis import telemetry
from chassis.call import Call, Clock, utc_now
from chassis.caller import service
from chassis.db import Database
from chassis.errors import SocleError
from chassis.stopping import asked_to_stop
from identity_ins import domain
from identity_ins.clients import Insi
from identity_ins.domain import InsiUnavailable, LotVerdict, Platform
from identity_ins.domain.insi import InsFourni
from identity_ins.domain.lot import Line, LineResult, LineWrong, Lot, Outcome, check_line, problem_of
from identity_ins.usecases import lots

log = telemetry.logger("lots")
BATCH = 2000
# Lines checked before others get their turn on the event loop.
SLICE = 100
# A batch takes a fraction of a second: a worker that says nothing for so long, in seconds, is dead.
SILENT = 15.0
# Between two looks when nobody wakes a worker: lots submitted to another replica, leases of the dead.
IDLE = 2.0
# Seconds to wait after a first fault, and after many.
FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0
PURGE_EVERY = 3600.0


@dataclass(slots=True)
class LotRunner:
    """Works on lots, `at_once` of them at a time in this process; a lot has one worker in all replicas."""

    db: Database
    insi: Insi
    platform: Platform
    kept: timedelta = timedelta(days=30)
    at_once: int = 2
    batch: int = BATCH
    clock: Clock = utc_now
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """A lot was submitted here."""
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_once):
                group.create_task(_forever(self.work, self._idle))
            group.create_task(_forever(self.purge, lambda: asyncio.sleep(PURGE_EVERY)))

    async def work(self) -> bool:
        """One batch of the lot that waits longest; False when none waits. Raises InsiUnavailable."""
        held = timedelta(seconds=max(SILENT, 3 * self.insi.timeout))
        call = self._own_call()
        async with self.db.begin(call) as tx:
            taken = await lots.take_lot(tx, held, self.batch, now=call.now())
        if taken is None:
            return False
        await self.go_on(*taken)
        return True

    async def purge(self) -> bool:
        """Deletes one lot that is older than lots are kept; False when none is left."""
        call = self._own_call()
        async with self.db.begin(call) as tx:
            return await lots.purge_lot(tx, self.kept, now=call.now()) is not None

    async def go_on(self, taken: Lot, lines: Sequence[Line]) -> None:
        """The next lines of a lot in hand: asked, then kept with all that they entail, or not at all."""
        call = Call(taken.author, clock=self.clock)
        asked = await self._checked(lines, call)
        good = [line for line in asked if isinstance(line, InsFourni)]
        try:
            verdict = await self.insi.verify_lot(good) if good else LotVerdict(())
        except InsiUnavailable as fault:
            async with self.db.begin(call) as tx:
                await lots.release_lot(tx, taken, fault.calls, now=call.now())
            raise
        persons = [person for person in verdict.persons if person]
        async with self.db.begin(call) as tx:
            results = _results(asked, verdict)
            await lots.keep_results(tx, taken, results, persons, verdict.calls, now=call.now())

    async def _checked(self, lines: Sequence[Line], call: Call) -> list[InsFourni | LineResult]:
        """The question of each good line, the result of each broken one."""
        today = domain.today_in_france(call.now())
        checked: list[InsFourni | LineResult] = []
        for start in range(0, len(lines), SLICE):
            for line in lines[start : start + SLICE]:
                try:
                    checked.append(check_line(line, self.platform, today))
                except LineWrong as error:
                    checked.append(LineResult(Outcome.BROKEN, problem_of(error)))
            await asyncio.sleep(0)
        return checked

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(IDLE):
                await self._wanted.wait()
        except TimeoutError:
            return
        self._wanted.clear()

    def _own_call(self) -> Call:
        return Call(service("identity-ins"), clock=self.clock)


def _results(asked: Sequence[InsFourni | LineResult], verdict: LotVerdict) -> list[LineResult]:
    """The results in the order of the lines; the verdict speaks of the good ones only."""
    persons = iter(verdict.persons)
    confirmed, not_confirmed = LineResult(Outcome.CONFIRMED), LineResult(Outcome.NOT_CONFIRMED)
    return [
        line if isinstance(line, LineResult) else confirmed if next(persons) else not_confirmed
        for line in asked
    ]


async def _forever(act: Callable[[], Awaitable[bool]], rest: Callable[[], Awaitable[None]]) -> None:
    """Acts as long as there is something to do, rests when there is not, waits longer after each fault."""
    acted, faults = False, 0
    while not asked_to_stop():
        try:
            acted = await act()
            faults = 0
        except SocleError as error:
            faults += 1
            log.warning("lots.later", error_type=type(error).__name__, attempt=faults)
        except Exception as error:
            # A lot that our own fault makes fail must not stop the service, nor the lots of others: its lease
            # keeps it aside for a while, and the log says where.
            faults += 1
            log.error("lots.failed", exc_info=error, attempt=faults)
        if faults:
            await asyncio.sleep(delay_after(faults))
        elif not acted:
            await rest()


def delay_after(faults: int) -> float:
    """Seconds to wait after so many faults in a row: twice as long each time, within a bound."""
    return min(FIRST_DELAY * 2.0 ** min(faults - 1, 16), LONGEST_DELAY)
