"""Blobs that no document knows of are removed; no other blob ever is."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.db import Database
from chassis.testing import NOW
from dmp.clients.blobs import Blobs, in_folder, name_of
from dmp.clients.keys import LocalKeyProvider, RecordKeys
from dmp.usecases import erasure
from dmp.workers.sweep import SUSPECT, Sweep

from .erasure_given import hold, own_call

HOUR = timedelta(hours=1)
TODAY = datetime.now(UTC)


def today() -> datetime:
    """The clock of the sweep: the minutes a run takes to come here must not age what is compared."""
    return TODAY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "blobs"
    made.mkdir()
    return made


@pytest.fixture
def blobs(folder: Path) -> Blobs:
    return in_folder(folder)


@pytest.fixture
def keys(tmp_path: Path) -> RecordKeys:
    return RecordKeys(LocalKeyProvider.create(tmp_path / "ring.json"))


@pytest.fixture
def sweep(database: Database, blobs: Blobs) -> Sweep:
    return Sweep(database, blobs, HOUR, clock=today)


def aged(folder: Path, name: str, age: timedelta) -> None:
    """Makes the store believe that an object was written so long ago."""
    moment = (TODAY - age).timestamp()
    os.utime(folder / name, (moment, moment))


async def orphan(blobs: Blobs, folder: Path, age: timedelta = 2 * HOUR, made: datetime = TODAY) -> str:
    name = name_of(made, str(uuid4()))
    await blobs.put(name, b"sealed")
    aged(folder, name, age)
    return name


async def names(blobs: Blobs) -> set[str]:
    return {blob.name async for page in blobs.list("") for blob in page}


async def test_orphans_go_once_the_grace_is_over(blobs: Blobs, folder: Path, sweep: Sweep) -> None:
    old = await orphan(blobs, folder, HOUR + timedelta(minutes=1))
    young = await orphan(blobs, folder, HOUR - timedelta(minutes=1))
    assert await sweep.work() == 1
    assert await names(blobs) == {young} != {old}


async def test_what_a_document_knows_stays_for_ever(
    database: Database, keys: RecordKeys, blobs: Blobs, folder: Path, sweep: Sweep
) -> None:
    held = await hold(database, keys, blobs, documents=3)
    deleted = "UPDATE document SET status = 'deleted' WHERE document_id = $1"
    await database.pool.execute(deleted, held.documents[0])
    for name in held.blobs:
        aged(folder, name, timedelta(days=400))
    assert await sweep.work() == 0
    assert await names(blobs) == set(held.blobs)


async def test_what_a_killed_deposit_left_half_written_goes_too(
    blobs: Blobs, folder: Path, sweep: Sweep
) -> None:
    """The folder's own leftovers, which no listing shows."""
    name = await orphan(blobs, folder, timedelta())
    (folder / f"{name}#1").write_bytes(b"half")
    aged(folder, f"{name}#1", 2 * HOUR)
    assert await sweep.work() == 1
    assert [path.name for path in (folder / name).parent.iterdir()] == [name.rpartition("/")[2]]


async def test_what_an_erasure_that_was_killed_left_goes(
    database: Database, keys: RecordKeys, blobs: Blobs, folder: Path, sweep: Sweep
) -> None:
    """It died between its commit and the deletion of the contents."""
    held = await hold(database, keys, blobs, closed=True, due=NOW - HOUR)
    async with database.begin(own_call()) as tx:
        await erasure.destroy_record(tx, tx.call.caller, held.person, NOW)
    assert set(held.blobs) <= await names(blobs)
    for name in held.blobs:
        aged(folder, name, 2 * HOUR)
    assert await sweep.work() == len(held.blobs)


async def test_each_pass_looks_at_the_latest_days_and_at_one_older(
    database: Database, blobs: Blobs, folder: Path
) -> None:
    days = [TODAY - timedelta(days=number) for number in (400, 300, 200, 1, 0)]
    by_day = [await orphan(blobs, folder, 2 * HOUR, day) for day in days]
    drawn: list[Sequence[str]] = []

    def draw(older: Sequence[str]) -> str:
        drawn.append(older)
        return older[1]

    assert await Sweep(database, blobs, HOUR, clock=today, draw=draw).work() == 3
    assert [len(older) for older in drawn] == [3]
    assert await names(blobs) == {by_day[0], by_day[2]}


async def test_two_replicas_sweep_at_once_without_harm(blobs: Blobs, folder: Path, sweep: Sweep) -> None:
    for _ in range(20):
        await orphan(blobs, folder)
    await asyncio.gather(sweep.work(), sweep.work())
    assert await names(blobs) == set()


async def test_a_store_of_which_nothing_is_known_is_not_emptied(
    database: Database, keys: RecordKeys, blobs: Blobs, folder: Path, sweep: Sweep
) -> None:
    """A wrong bucket, or a database restored beside the right one: every document would be lost."""
    for _ in range(SUSPECT):
        await orphan(blobs, folder)
    assert await sweep.work() == 0
    assert len(await names(blobs)) == SUSPECT
    held = await hold(database, keys, blobs, documents=1)
    known = name_of(TODAY, held.documents[0])
    await blobs.put(known, b"known")
    await database.pool.execute("UPDATE document SET blob = $1 WHERE blob = $2", known, held.blobs[0])
    aged(folder, known, 2 * HOUR)
    assert await sweep.work() >= SUSPECT
    assert known in await names(blobs)


async def test_an_empty_store_is_no_work(sweep: Sweep) -> None:
    assert await sweep.work() == 0
