"""The journal and the log of events cannot be rewritten, not even by the service that owns them."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from chassis.db import Database

LINE = """INSERT INTO audit VALUES
(gen_random_uuid(), now(), 'staff', 'x', '', '', '', 'a', 'permitted', 's', '', '', '', '{}', '')"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'someone else'",
        "UPDATE audit SET actor = 'x' WHERE false",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM outbox",
        "TRUNCATE outbox",
        "TRUNCATE outbox, audit, inbox CASCADE",
    ],
)
async def test_rewriting_is_refused(fresh: Database, statement: str) -> None:
    await fresh.pool.execute(LINE)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await fresh.pool.execute(statement)
    assert await fresh.pool.fetchval("SELECT actor FROM audit") == "x"


async def test_what_an_event_says_cannot_be_changed(
    fresh: Database, note: Callable[[Database], Awaitable[str]]
) -> None:
    await note(fresh)
    for column, value in {"subject": "'x'", "data": "''", "actor": "'x'", "occurred_at": "now()"}.items():
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await fresh.pool.execute(f"UPDATE outbox SET {column} = {value}")  # noqa: S608
    await fresh.pool.execute("UPDATE outbox SET position = 1, published_at = now()")


async def test_every_constraint_has_a_name_of_the_house(fresh: Database) -> None:
    names = await fresh.pool.fetch(
        "SELECT conname FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c')"
    )
    assert names
    assert all(row["conname"].split("_")[0] in {"pk", "uq", "fk", "ck"} for row in names)
