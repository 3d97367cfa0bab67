"""Nothing is ever dispensed twice: many clients, kill -9 of service and PostgreSQL, one sequential model.

SOCLE_CHAOS_OPERATIONS says how many contested operations; `make chaos` runs a hundred thousand.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest

from socle_local.platform import Platform
from tests.chaos.dispensing.arena import SERVICE, TTL, Arena, Tally
from tests.chaos.dispensing.history import Operation

OPERATIONS = int(os.environ.get("SOCLE_CHAOS_OPERATIONS", "800"))
SEED = int(os.environ.get("SOCLE_CHAOS_SEED", "20261122"))
pytestmark = pytest.mark.timeout(60 + OPERATIONS)
# Seconds. A short run must see some.
KILL_EVERY = 3.0 if OPERATIONS > 10_000 else 1.0
PLANTED = Path(__file__).parent / "dispensing" / "planted"
# What the tables themselves must say at the end, whatever the clients saw.
BEYOND = "SELECT count(*) FROM line WHERE delivered + forfeited > authorised"
MISCOUNTED = """
SELECT count(*) FROM line WHERE delivered <> (
  SELECT coalesce(sum(counted), 0) FROM intervention AS given WHERE given.line_id = line.line_id
     AND undoes IS NULL AND NOT EXISTS (SELECT FROM intervention AS u WHERE u.undoes = given.intervention_id))
"""
UNTOLD = """
SELECT count(*) FROM intervention WHERE NOT EXISTS (
  SELECT FROM outbox WHERE subject = 'socle.eprescription.line.intervened.v1'
     AND aggregate = 'line/' || line_id AND convert_from(data, 'UTF8')::jsonb ->> 'intervention_id'
         = intervention_id::text)
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    extra = {"SOCLE_HOLD_SECONDS": str(TTL)}
    with Platform(tmp_path_factory.mktemp("contested"), extra=extra) as running:
        yield running


@pytest.fixture
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The same, but the row of the prescription is read without its lock: the planted bug."""
    extra = {"SOCLE_HOLD_SECONDS": str(TTL), "PYTHONPATH": str(PLANTED)}
    with Platform(tmp_path_factory.mktemp("unlocked"), extra=extra) as running:
        yield running


async def asked(platform: Platform, *queries: str) -> list[int]:
    address, password = platform.database(SERVICE)
    connection = await asyncpg.connect(address, password=password)
    try:
        return [await connection.fetchval(query) or 0 for query in queries]
    finally:
        await connection.close()


def told(tally: Tally, more: str = "") -> None:
    """For whoever runs it: a proof that prints nothing convinces nobody."""
    sys.stderr.write(
        f"{tally.operations} operations on {tally.contests} prescriptions, {tally.refused} refused,"
        f" {tally.lost} lost, {tally.explored} states explored,"
        f" {len(tally.violations)} violations{more}\n"
    )


def lines_of(history: Sequence[Operation]) -> str:
    """A history that nothing explains, for a human."""
    began = min(one.start for one in history)
    return "\n".join(
        f"{one.start - began:8.3f} {one.end - began:8.3f} {one.kind:8} {one.pharmacy:16} {one.boxes or '':2}"
        f" {one.target[-6:]:6} {one.refused} {' '.join(word[-6:] for word in one.answer)}"
        for one in sorted(history, key=lambda one: one.start)
    )


async def test_nothing_is_dispensed_twice_while_everything_is_killed(platform: Platform) -> None:
    async with Arena.on(platform, SEED) as arena:
        over = asyncio.Event()
        killer = asyncio.create_task(arena.kill_now_and_then(KILL_EVERY, over))
        try:
            tally = await arena.fight(OPERATIONS, told)
        finally:
            over.set()
            kills = await killer
    told(tally, f", {kills} kills")
    assert not tally.violations, lines_of(tally.violations[0])
    assert kills > 0, "the run was too short to kill anything"
    assert await asked(platform, BEYOND, MISCOUNTED, UNTOLD) == [0, 0, 0]


async def test_removed_lock_is_caught_and_still_harms_nobody(unlocked: Platform) -> None:
    """The model sees it at once; what is counted is held by PostgreSQL's own guards too."""
    async with Arena.on(unlocked, SEED) as arena:
        tally = await arena.fight(20_000, one=True)
    told(tally, f", the first after {tally.seconds:.1f} s")
    assert tally.violations, "a service without its lock passed for a right one"
    assert await asked(unlocked, BEYOND, MISCOUNTED) == [0, 0]
