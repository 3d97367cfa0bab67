"""The worker of lots: killed, doubled, late, faulty; the result is that of an uninterrupted run."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.call import Call
from chassis.db import Database
from chassis.testing import NOW, call_as, callers, clock, running, until
from identity_ins import clients, seed
from identity_ins.domain import InsiUnavailable, Platform
from identity_ins.domain.insi import InsFourni
from identity_ins.domain.lot import Line, LineResult, Lot, LotId, LotState
from identity_ins.store import lots as rows
from identity_ins.usecases import lots
from identity_ins.workers.lots import LONGEST_DELAY, LotRunner, delay_after

from .lots_given import line_of, mixed_lines

LINES = list(mixed_lines(205, 400))
AUDITED = "SELECT subject FROM audit WHERE action = 'insi.verify_lot' AND object_id = $1"
CALLS = "SELECT code, lines FROM insi_call WHERE operation = 'verify_lot' ORDER BY id"
DONE = "SELECT convert_from(data, 'UTF8')::jsonb ->> 'lot_id' FROM outbox WHERE subject LIKE '%lot.done%'"
STAFF = call_as(callers.staff)


class Insi(clients.SimulatedTeleservice):
    """Breaks when told to, before or after the answer is made."""

    breaks: Exception | None = None
    asked = 0

    async def verifier_lot(self, lignes: Sequence[InsFourni]) -> Sequence[bool]:
        self.asked += len(lignes)
        if self.breaks:
            raise self.breaks
        return await super().verifier_lot(lignes)


class Killed(BaseException):
    """What kill -9 does to a coroutine: nothing after it runs."""


@pytest.fixture(autouse=True)
async def nothing_waits(registry: Database) -> None:
    """Calls and lots of each test are its own."""
    await registry.pool.execute("DELETE FROM insi_call; DELETE FROM verification_lot")


@pytest.fixture
def insi(registry: Database) -> Insi:
    return Insi(registry)


@pytest.fixture
def runner(registry: Database, insi: Insi) -> LotRunner:
    return worker(registry, insi)


def worker(db: Database, insi: Insi, batch: int = 20) -> LotRunner:
    return LotRunner(db, clients.Insi(db, insi), Platform.TEST, batch=batch, clock=lambda: NOW)


async def submitted(db: Database, lines: Sequence[Line] = LINES, call: Call = STAFF) -> LotId:
    id = LotId.new()
    async with db.begin(call) as tx:
        await lots.open_verification_lot(tx, call.caller, id, "", now=NOW)
        await lots.add_verification_lines(tx, call.caller, id, 0, lines, now=NOW)
        await lots.submit_verification_lot(tx, call.caller, id, now=NOW)
    return id


async def read(db: Database, id: LotId) -> tuple[Lot, list[tuple[str, LineResult]]]:
    """The lot and its result file."""
    async with db.read() as tx:
        lot = await rows.get_lot(tx, id)
        return lot, await rows.list_results(tx, id, 0, lot.done)


async def worked(runner: LotRunner) -> None:
    while await runner.work():
        pass


async def expire(db: Database) -> None:
    """The lease of a dead worker has run out."""
    await db.pool.execute("UPDATE verification_lot SET leased_until = $1", NOW)


async def check_whole(db: Database, id: LotId, lines: Sequence[Line] = LINES) -> None:
    """Every line has the result of an uninterrupted run, and left exactly one trace."""
    lot, results = await read(db, id)
    assert lot.state is LotState.DONE
    assert (lot.lines, lot.done, lot.finished_at) == (len(lines), len(lines), NOW)
    assert [reference for reference, _ in results] == [line.reference for line in lines]
    expected = ["confirmed"] * 7 + ["not_confirmed"] * 2 + ["broken"]
    assert [result.outcome for _, result in results] == (expected * len(lines))[: len(lines)]
    told = [row["subject"] for row in await db.pool.fetch(AUDITED, id.value)]
    assert len(told) == lot.confirmed
    assert set(told) == {seed.person(1 + n).id.value for n in range(len(lines)) if n % 10 < 7}
    assert [row[0] for row in await db.pool.fetch(DONE)].count(id.value) == 1


async def test_lot_when_worked_on_then_whole_with_a_call_a_batch(
    registry: Database, runner: LotRunner
) -> None:
    id = await submitted(registry)
    await worked(runner)
    await check_whole(registry, id)
    calls = await registry.pool.fetch(CALLS)
    assert [call["lines"] for call in calls] == [18] * 10 + [5]


async def test_lot_when_the_worker_dies_before_its_commit_then_resumed_as_if_it_had_not(
    registry: Database, runner: LotRunner, insi: Insi
) -> None:
    id = await submitted(registry)
    for _ in range(3):
        await runner.work()
        insi.breaks = Killed()  # type: ignore[assignment]
        with suppress(Killed):
            await runner.work()
        insi.breaks = None
        assert not await runner.work(), "the lease of the dead worker still stands"
        await expire(registry)
    await worked(runner)
    await check_whole(registry, id)
    assert sum(call["lines"] for call in await registry.pool.fetch(CALLS)) == 185


async def test_lot_when_the_worker_was_only_slow_then_its_late_results_are_dropped(
    registry: Database, runner: LotRunner
) -> None:
    id = await submitted(registry)
    async with registry.begin(STAFF) as tx:
        taken = await lots.take_lot(tx, timedelta(seconds=60), 20, now=NOW)
    assert taken is not None
    await expire(registry)
    await runner.work()
    slow = replace(taken[0])
    await runner.go_on(slow, taken[1])
    lot, _ = await read(registry, id)
    assert lot.done == 20
    await worked(runner)
    await check_whole(registry, id)


async def test_lots_when_two_workers_go_on_then_each_line_is_asked_once(
    registry: Database, insi: Insi
) -> None:
    ids = [await submitted(registry) for _ in range(3)]
    await asyncio.gather(*(worked(worker(registry, insi)) for _ in range(3)))
    await worked(worker(registry, insi))
    for id in ids:
        await check_whole(registry, id)
    assert insi.asked == 3 * 185


async def test_lots_when_one_is_large_then_the_small_one_does_not_wait_for_its_end(
    registry: Database, runner: LotRunner
) -> None:
    moments = clock()
    runner.clock = lambda: next(moments)
    large, small = await submitted(registry), await submitted(registry, LINES[:10])
    await runner.work()
    await runner.work()
    assert (await read(registry, small))[0].state is LotState.DONE
    assert (await read(registry, large))[0].done == 20


async def test_lot_when_insi_fails_then_journaled_and_asked_again(
    registry: Database, runner: LotRunner, insi: Insi
) -> None:
    id = await submitted(registry)
    insi.breaks = clients.Fault("siram_40", "insi_102")
    with pytest.raises(InsiUnavailable):
        await runner.work()
    lot, results = await read(registry, id)
    assert (lot.state, lot.done, results) == (LotState.RUNNING, 0, [])
    assert [tuple(call) for call in await registry.pool.fetch(CALLS)] == [("insi_102", 18)]
    insi.breaks = None
    await worked(runner)
    await check_whole(registry, id)


async def test_lot_when_abandoned_while_asked_then_its_results_are_dropped(
    registry: Database, runner: LotRunner
) -> None:
    id = await submitted(registry)
    async with registry.begin(STAFF) as tx:
        taken = await lots.take_lot(tx, timedelta(seconds=60), 20, now=NOW)
    assert taken is not None
    async with registry.begin(STAFF) as tx:
        await lots.abandon_verification_lot(tx, callers.staff, id, now=NOW)
    await runner.go_on(*taken)
    lot, _ = await read(registry, id)
    assert (lot.state, lot.done) == (LotState.ABANDONED, 0)
    assert not await registry.pool.fetch(AUDITED, id.value)
    assert len(await registry.pool.fetch(CALLS)) == 1, "the call took place"


async def test_lot_when_every_line_is_broken_then_done_without_asking(
    registry: Database, runner: LotRunner, insi: Insi
) -> None:
    id = await submitted(registry, [replace(LINES[0], sexe="?")] * 3)
    await worked(runner)
    lot, _ = await read(registry, id)
    assert (lot.state, lot.broken, insi.asked) == (LotState.DONE, 3, 0)


async def test_runner_when_woken_then_works_at_once_whatever_failed_before(
    registry: Database, insi: Insi
) -> None:
    """Both kinds of fault: that of the téléservice, and one of our own that nobody foresaw."""
    runner = worker(registry, insi)
    async with running(runner.run()):
        await asyncio.sleep(0.1)
        for fault in (None, clients.Fault("siram_40", "insi_102"), KeyError("a bug")):
            await go_through(runner, insi, fault)


async def go_through(runner: LotRunner, insi: Insi, fault: Exception | None) -> None:
    """A lot that is asked within the time it takes to be woken, and is whole once the fault is over."""
    insi.breaks, insi.asked = fault, 0
    id = await submitted(runner.db, LINES[:10])
    runner.wake()
    await until(lambda: insi.asked > 0, 1.5)
    insi.breaks = None
    await asyncio.sleep(0.1)
    await expire(runner.db)
    await until(lambda: is_done(runner.db, id))
    await check_whole(runner.db, id, LINES[:10])


async def is_done(db: Database, id: LotId) -> bool:
    return (await read(db, id))[0].state is LotState.DONE


async def test_runner_when_the_lot_was_submitted_elsewhere_then_found_all_the_same(
    registry: Database, runner: LotRunner
) -> None:
    async with running(runner.run()):
        await asyncio.sleep(0.1)
        id = await submitted(registry, LINES[:10])
        await until(lambda: is_done(registry, id), 5)


async def test_purge_when_lots_are_old_then_gone_with_their_lines_and_the_others_stay(
    registry: Database, runner: LotRunner
) -> None:
    old, kept, under_way = [await submitted(registry, [line_of(seed.person(1))]) for _ in range(3)]
    await registry.pool.execute(
        "UPDATE verification_lot SET opened_at = $2 WHERE id = ANY($1::uuid[])",
        [old.value, under_way.value],
        NOW - timedelta(days=31),
    )
    await registry.pool.execute(
        "UPDATE verification_lot SET state = 'running' WHERE id = $1", under_way.value
    )
    assert await runner.purge()
    assert not await runner.purge()
    left = {str(row["lot_id"]) for row in await registry.pool.fetch("SELECT lot_id FROM verification_line")}
    assert left == {kept.value, under_way.value}


def test_delay_when_faults_follow_each_other_then_doubles_up_to_a_bound() -> None:
    assert [delay_after(n) for n in (1, 2, 3)] == [0.2, 0.4, 0.8]
    assert delay_after(1000) == LONGEST_DELAY
