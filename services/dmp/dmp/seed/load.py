"""Fills an empty DMP by binary COPY; can be stopped and run again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex, ExecutableDDLElement

from chassis.sql import DIALECT
from dmp.clients.keys import RecordKeys
from dmp.store.tables import DOCUMENT

from .people import Usual
from .rows import TABLES, Row, Span, gathered

# Records of one transaction.
BATCH = 500
# From so many records on, foreign keys proven at once beat foreign keys proven row by row.
LARGE = 5_000
LOCK = "SELECT pg_advisory_lock(hashtext('dmp_seed'))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext('dmp_seed'))"
IS_THERE = "SELECT EXISTS (SELECT FROM record WHERE person_id = $1)"
IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM record)"
HAS_INDEX = "SELECT to_regclass($1) IS NOT NULL"
HAS_CONSTRAINT = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = $1)"
MEMORY = "SET LOCAL maintenance_work_mem = '512MB'"

Progress = Callable[[int], None]
Add = Callable[[Span], Awaitable[int]]


async def load(
    connection: Any,
    persons: Sequence[str],
    add: Add,
    progress: Progress = lambda done: None,
    large: int = LARGE,
    batch: int = BATCH,
) -> int:
    """Makes a record of each of these persons stand; how many were added.

    `add` is asked for the records of every span at once and says how many were not there; `progress` is told
    how many stand. From `large` records on into an empty database, the foreign keys are proven at the end.
    `batch` records are one transaction.
    """

    async def asked(span: Span) -> tuple[int, int]:
        return await add(span), len(span.persons)

    added = standing = 0
    async with _alone(connection), _whole_after(connection, len(persons) >= large):
        for ended in asyncio.as_completed([asked(span) for span in spans(persons, batch)]):
            fresh, count = await ended
            added, standing = added + fresh, standing + count
            progress(standing)
    return added


def spans(persons: Sequence[str], batch: int) -> Iterator[Span]:
    """The persons in batches; the number of each is its place in the whole, from 1."""
    for at in range(0, len(persons), batch):
        yield Span(at + 1, persons[at : at + batch])


async def add_records(
    pool: asyncpg.Pool[Any], keys: RecordKeys, usual: Usual, now: datetime, span: Span
) -> int:
    """The records of a span in one transaction; how many were added: all of them, or none when they stand.

    Documents arrive in the order they came in over all these persons, so that those of one person are as far
    apart on the disk as the years make them.
    """
    async with pool.acquire() as connection:
        if await connection.fetchval(IS_THERE, span.persons[0]):
            return 0
        made = await gathered(keys, usual, now, span)
        async with connection.transaction():
            for table in TABLES:
                await _copy(connection, table, made[table.name])
        return len(span.persons)


async def _copy(connection: Any, table: sa.Table, rows: Sequence[Row]) -> None:
    """All the rows have the columns of the first: what none names takes the default of the server."""
    if rows:
        columns = list(rows[0])
        records = (tuple(row[column] for column in columns) for row in rows)
        await connection.copy_records_to_table(table.name, records=records, columns=columns)


@asynccontextmanager
async def _alone(connection: Any) -> AsyncIterator[None]:
    """One load at a time on a database."""
    await connection.execute(LOCK)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(UNLOCK)


def _sql(element: ExecutableDDLElement) -> str:
    return str(element.compile(dialect=DIALECT))


def _foreign_keys() -> Iterator[sa.ForeignKeyConstraint]:
    """Between the tables that are filled; sorted, so that each load proves them in one order."""
    for table in TABLES:
        yield from sorted(table.foreign_key_constraints, key=lambda one: str(one.name))


BLOB_INDEX = next(index for index in DOCUMENT.indexes if [c.name for c in index.columns] == ["blob"])


@asynccontextmanager
async def _whole_after(connection: Any, large: bool) -> AsyncIterator[None]:
    """All constraints stand at the end, whatever a load that was stopped had left.

    They are dropped before a large load into an empty database only, where nobody works: putting the foreign
    keys back proves every row.
    """
    if large and await connection.fetchval(IS_EMPTY):
        for key in _foreign_keys():
            await connection.execute(_sql(DropConstraint(key)))
        await connection.execute(_sql(DropIndex(BLOB_INDEX)))
    yield
    await _restore(connection)


async def _restore(connection: Any) -> None:
    """Makes whichever is missing."""
    for key in _foreign_keys():
        if not await connection.fetchval(HAS_CONSTRAINT, _name(key)):
            await connection.execute(_sql(AddConstraint(key)))
    if not await connection.fetchval(HAS_INDEX, BLOB_INDEX.name):
        async with connection.transaction():
            await connection.execute(MEMORY)
            await connection.execute(_sql(CreateIndex(BLOB_INDEX)))


def _name(key: sa.ForeignKeyConstraint) -> str:
    return DIALECT.identifier_preparer.format_constraint(key) or ""
