"""Fills the reference registry by COPY; can be stopped and run again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing, asynccontextmanager
from datetime import date
from io import BytesIO
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, NamedTuple

import asyncpg

from . import indexes
from .generate import person_id_of
from .known import beneficiaries
from .rows import Rows, rows_of

BATCH = 20_000
# Two services that start at once on one database: the second waits, then finds everything there.
LOCK = "SELECT pg_advisory_lock(hashtext('identity_ins_seed'))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext('identity_ins_seed'))"
# Both halves of the number of an advisory lock are columns of their own there.
IS_LOCKED = """
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()
    WHERE locktype = 'advisory' AND classid::bigint << 32 | objid::bigint = hashtext('identity_ins_seed'))
"""
IS_THERE = "SELECT EXISTS (SELECT FROM person WHERE id = $1)"
# Those who are covered under the number of another; said again at each load, in case a release adds some.
COVER = """
INSERT INTO beneficiary (billing_number, birth_date, birth_rank, person_id) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
Progress = Callable[[int], None]


class Source(NamedTuple):
    """What makes the rows of numbers `first` to `last`: so many numbers a batch, in so many processes.

    With none they are made by the process that copies them.
    """

    make: Callable[[int, int], Rows]
    batch: int
    workers: int


async def load(
    pool: asyncpg.Pool[Any], count: int, progress: Progress = lambda done: None, workers: int = 0
) -> int:
    """Makes persons number 1 to `count` stand in the registry; how many were added.

    Each batch is a transaction of its own; `progress` is told how many persons stand at first and after each
    one. `workers` processes make the rows; none suits a few batches.
    """
    async with pool.acquire() as connection:
        if await _is_past(connection, count):
            return 0
        async with alone(connection):
            there = await last_there(connection, IS_THERE, person_id_of, count)
            progress(there)
            async with indexes.whole_after(connection, indexes.REGISTRY, count - there):
                await fill(connection, Source(rows_of, BATCH, workers), there + 1, count, progress)
            await connection.executemany(COVER, beneficiaries_up_to(count))
            return count - there


async def _is_past(connection: Any, count: int) -> bool:
    """Whether another load is under way and has all that is wanted: a service does not wait for its end."""
    if not await connection.fetchval(IS_LOCKED):
        return False
    return count > 0 and bool(await connection.fetchval(IS_THERE, person_id_of(count)))


def beneficiaries_up_to(count: int) -> list[tuple[str, date, int, str]]:
    """The rows of those among persons 1 to `count` who are covered under the number of another."""
    return [
        (*covered[:3], person_id_of(covered.person)) for covered in beneficiaries() if covered.person <= count
    ]


@asynccontextmanager
async def alone(connection: Any) -> AsyncIterator[None]:
    """One load at a time on a database."""
    await connection.execute(LOCK)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(UNLOCK)


async def fill(connection: Any, source: Source, first: int, last: int, progress: Progress) -> None:
    """Copies what the source makes of numbers `first` to `last`, each batch in a transaction of its own."""
    async with aclosing(batches(source, first, last)) as made:
        async for rows in made:
            async with connection.transaction():
                for table, columns, text in rows.tables:
                    await connection.copy_to_table(table, source=BytesIO(text), columns=columns)
            progress(rows.last)


async def batches(source: Source, first: int, last: int) -> AsyncGenerator[Rows]:
    """The rows of numbers `first` to `last`, in order; never more than two batches a worker are held."""
    make, batch, workers = source
    spans = [(start, min(start + batch - 1, last)) for start in range(first, last + 1, batch)]
    if not workers:
        for span in spans:
            yield make(*span)
        return
    with makers(workers) as pool:
        loop, waiting = asyncio.get_running_loop(), deque[asyncio.Future[Rows]]()
        for span in spans:
            waiting.append(loop.run_in_executor(pool, make, *span))
            if len(waiting) > workers:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()


class makers(ProcessPoolExecutor):  # noqa: N801 (reads as a statement)
    """Processes that make rows. Started afresh: a copy of a process with threads or a loop may hang."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, get_context("spawn"), initializer=_follow_parent)

    def __exit__(self, *error: object) -> None:
        self.shutdown(wait=True, cancel_futures=True)


def _follow_parent() -> None:
    """Ctrl-C reaches every process of a terminal: the one that commits decides, and none outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


async def last_there(connection: Any, is_there: str, id_of: Callable[[int], str], most: int) -> int:
    """The last number that stands, up to `most`: loads leave no gap, so it is found by halves."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if await connection.fetchval(is_there, id_of(middle)):
            low = middle
        else:
            high = middle - 1
    return low
