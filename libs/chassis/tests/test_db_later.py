"""Updates that wait for the insertions, and rows locked together."""

from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.db import Database
from chassis.errors import AlreadyExists
from chassis.ids import Id

from .test_db import by_id, call, listened, rename, write

__all__ = ["by_id", "rename"]


async def body_of(database: Database, note: str) -> Any:
    return await database.pool.fetchval("SELECT body FROM note WHERE id = $1", note)


async def test_update_leaves_with_the_insertions_in_one_round_trip(
    database: Database, note_table: sa.Table, probe: ModuleType, rename: sa.Update
) -> None:
    async with database.begin(call()) as tx:
        old = write(tx, note_table, probe)
    async with listened(database) as said, database.begin(call()) as tx:
        tx.change_later(rename, which=old, text="renamed")
        new = write(tx, note_table, probe)
    assert len(said) == 1
    assert (await body_of(database, old), await body_of(database, new)) == ("renamed", "body")


async def test_update_is_undone_with_the_insertion_that_is_refused(
    database: Database, note_table: sa.Table, probe: ModuleType, rename: sa.Update
) -> None:
    async with database.begin(call()) as tx:
        old = write(tx, note_table, probe)
    with pytest.raises(AlreadyExists):
        async with database.begin(call()) as tx:
            tx.change_later(rename, which=old, text="renamed")
            tx.insert(note_table, id=old, body="again")
    assert await body_of(database, old) == "body"


async def test_update_that_waits_is_there_for_the_next_read_and_dropped_by_an_exception(
    database: Database, note_table: sa.Table, probe: ModuleType, rename: sa.Update, by_id: Any
) -> None:
    async with database.begin(call()) as tx:
        old = write(tx, note_table, probe)
    with pytest.raises(ZeroDivisionError):
        async with database.begin(call()) as tx:
            tx.change_later(rename, which=old, text="renamed")
            row = await tx.one(by_id, id=old)
            assert row is not None
            assert row["body"] == "renamed"
            raise ZeroDivisionError
    assert await body_of(database, old) == "body"


async def test_rows_locked_together_are_held_until_the_end(
    database: Database, note_table: sa.Table, probe: ModuleType
) -> None:
    body = Id.new().value
    async with database.begin(call()) as tx:
        notes = {write(tx, note_table, probe, body=body) for _ in range(3)}
    wanted = sa.select(note_table.c.id).where(note_table.c.body == sa.bindparam("body")).with_for_update()
    free = "SELECT id FROM note WHERE body = $1 FOR UPDATE SKIP LOCKED"
    async with database.begin(call()) as tx:
        assert {str(row["id"]) for row in await tx.lock_all(wanted, body=body)} == notes
        assert await database.pool.fetch(free, body) == []
    assert len(await database.pool.fetch(free, body)) == 3
