"""The indexes that a large load fills at its end: entries in no order cost more than all the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex, ExecutableDDLElement

from chassis.sql import DIALECT
from identity_ins.store.tables import IDENTITY_KEY, INS_NUMBER, PERSON

# From so many numbers on, an index filled at once beats an index filled row by row.
LARGE = 500_000
HAS = "SELECT to_regclass($1) IS NOT NULL"


class Making(NamedTuple):
    """How an index goes and comes back."""

    drop: str
    create: str


class Late(NamedTuple):
    """The late indexes of a load, by name, and the table that must be empty for them to be dropped."""

    table: str
    indexes: Mapping[str, Making]


def _sql(element: ExecutableDDLElement) -> str:
    return str(element.compile(dialect=DIALECT))


def _index(table: sa.Table, name: str) -> Making:
    index = next(index for index in table.indexes if index.name == name)
    return Making(_sql(DropIndex(index)), _sql(CreateIndex(index)))


def _key(table: sa.Table) -> Making:
    return Making(_sql(DropConstraint(table.primary_key)), _sql(AddConstraint(table.primary_key)))


REGISTRY = Late(
    "person",
    {"ix_person_search": _index(PERSON, "ix_person_search"), "pk_ins_number": _key(INS_NUMBER)},
)
IDENTITIES = Late("identity_key", {"pk_identity_key": _key(IDENTITY_KEY)})


@asynccontextmanager
async def whole_after(connection: Any, late: Late, wanted: int) -> AsyncIterator[None]:
    """All stand at the end, whatever a load that was stopped had left.

    They are dropped before a large load into an empty table only. While it lasts, searches are slow, and that
    no key is given twice rests on the generator: putting the keys back proves it.
    """
    if wanted < LARGE:
        await restore(connection, late)
    elif await connection.fetchval(f"SELECT NOT EXISTS (SELECT FROM {late.table})"):  # noqa: S608 (our own name)
        await _drop(connection, late)
    yield
    await restore(connection, late)


async def restore(connection: Any, late: Late) -> None:
    """Makes whichever is missing."""
    for name, making in late.indexes.items():
        if not await connection.fetchval(HAS, name):
            async with connection.transaction():
                await connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
                await connection.execute(making.create)


async def _drop(connection: Any, late: Late) -> None:
    for name, making in late.indexes.items():
        if await connection.fetchval(HAS, name):
            await connection.execute(making.drop)
