"""How long the journal is kept: what goes, what stays, and what PostgreSQL lets nobody take."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import structlog
from pydantic import ValidationError

from chassis import expiry, schema
from chassis.db import Database
from chassis.expiry import Expiry, first_at
from chassis.settings import Settings
from chassis.telemetry import ALLOWED

from .ledger_given import proven_database
from .program_given import Place, place, sso

__all__ = ["place", "sso"]

LINE = """INSERT INTO audit VALUES
($1, $2, 'staff', 'x', '', '', '', 'note.read', 'permitted', 's', '', '', '', '{}', '')"""
YEAR = timedelta(days=366)
DAY = timedelta(days=1)
# The state in which a service made before this release is: one trigger refuses every deletion.
BEFORE_V3 = (
    "DROP TRIGGER audit_kept ON audit",
    "DROP TRIGGER audit_append_only ON audit",
    "DROP FUNCTION refuse_young",
    """CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()""",
)
OWN_CLOCK = """
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'infinity'::timestamptz $$
"""
TRIGGERS = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'audit'::regclass ORDER BY tgname
"""


async def lines(database: Database, ages: Sequence[timedelta]) -> list[UUID]:
    """A line of each age, under the identifier it was given then; their identifiers."""
    now = datetime.now(UTC)
    made = [UUID(int=first_at(now - age).int | n) for n, age in enumerate(ages, start=1)]
    rows = [(id, now - age) for id, age in zip(made, ages, strict=True)]
    await database.pool.executemany(LINE, rows)
    return made


async def kept(database: Database) -> list[UUID]:
    """The lines that a person left, oldest first."""
    rows = await database.pool.fetch("SELECT id FROM audit WHERE action <> 'journal.expire' ORDER BY id")
    return [row["id"] for row in rows]


async def test_old_lines_go_and_young_ones_stay(fresh: Database) -> None:
    old, older, young, new = await lines(fresh, [8 * YEAR, 30 * YEAR, 7 * YEAR - 10 * DAY, DAY])
    await Expiry("probe", fresh, 7).work()
    assert await kept(fresh) == [young, new]
    assert old not in await kept(fresh)
    assert older not in await kept(fresh)


async def test_a_deletion_is_told_in_the_journal_and_in_the_log(fresh: Database) -> None:
    await lines(fresh, [8 * YEAR, 9 * YEAR, DAY])
    with structlog.testing.capture_logs() as logged:
        await Expiry("probe", fresh, 7).work()
    (told,) = await fresh.pool.fetch("SELECT * FROM audit WHERE action = 'journal.expire'")
    assert (told["actor_kind"], told["actor"], told["subject"]) == ("service", "probe", "")
    (line,) = logged
    assert (line["event"], line["count"]) == ("journal.expired", 2)
    assert told["reason"] == f"2 lines from before {line['before'][:10]}"
    since = datetime.now(UTC) - datetime.fromisoformat(line["before"])
    assert 7 * 365 * DAY <= since <= 7 * YEAR
    assert {"count", "before"} <= ALLOWED


async def test_when_nothing_is_old_then_nothing_is_told(fresh: Database) -> None:
    await lines(fresh, [DAY])
    assert await Expiry("probe", fresh, 7).work() is False
    assert await fresh.pool.fetchval("SELECT count(*) FROM audit") == 1


async def test_many_go_in_portions_oldest_first(fresh: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "PORTION", 2)
    ids = await lines(fresh, [(20 - n) * YEAR for n in range(5)])
    work = Expiry("probe", fresh, 7).work
    left = []
    while await work():
        left.append(await kept(fresh))
    assert left == [ids[2:], ids[4:]]
    assert await kept(fresh) == []
    told = await fresh.pool.fetch("SELECT reason FROM audit ORDER BY id")
    assert [row["reason"].split()[0] for row in told] == ["2", "2", "1"]


async def test_replicas_do_not_wait_for_each_other(fresh: Database) -> None:
    held, _ = await lines(fresh, [9 * YEAR, 8 * YEAR])
    async with fresh.pool.acquire() as other, other.transaction():
        await other.execute("SELECT 1 FROM audit WHERE id = $1 FOR UPDATE", held)
        async with asyncio.timeout(5):
            await Expiry("probe", fresh, 7).work()
        assert await kept(fresh) == [held]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit",
        "UPDATE audit SET occurred_at = 'epoch'",
        "TRUNCATE audit",
        "WITH gone AS (DELETE FROM audit RETURNING id) SELECT * FROM gone",
    ],
)
async def test_postgresql_refuses_when_one_line_is_young(fresh: Database, statement: str) -> None:
    ids = await lines(fresh, [9 * YEAR, 6 * 365 * DAY])
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await fresh.pool.execute(statement)
    assert await kept(fresh) == ids


async def test_a_clock_of_the_session_is_not_believed(fresh: Database) -> None:
    (young,) = await lines(fresh, [DAY])
    async with fresh.pool.acquire() as connection, connection.transaction():
        await connection.execute(OWN_CLOCK)
        await connection.execute("SET LOCAL search_path = public, pg_catalog")
        assert await connection.fetchval("SELECT now() > clock_timestamp()")
        with pytest.raises(asyncpg.RaiseError, match="six years"):
            async with connection.transaction():
                await connection.execute("DELETE FROM audit")
    assert await kept(fresh) == [young]


async def test_the_program_asks_for_no_less_than_postgresql_allows(fresh: Database) -> None:
    text = await fresh.pool.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'refuse_young'")
    assert f"INTERVAL '{schema.AUDIT_FLOOR_YEARS} years'" in text
    with pytest.raises(ValidationError, match="audit_years"):
        Settings(audit_years=schema.AUDIT_FLOOR_YEARS - 1)
    await lines(fresh, [6 * YEAR])
    shortest = Settings(audit_years=schema.AUDIT_FLOOR_YEARS).audit_years
    assert shortest is not None
    await Expiry("probe", fresh, shortest).work()
    assert await kept(fresh) == []


async def test_without_the_setting_there_is_no_such_loop(fresh: Database) -> None:
    assert await expiry.tasks("probe", Settings(), fresh) == ()
    (loop,) = await expiry.tasks("probe", Settings(audit_years=7), fresh)
    await lines(fresh, [8 * YEAR])
    running = asyncio.ensure_future(loop())
    try:
        async with asyncio.timeout(10):
            while await kept(fresh):
                await asyncio.sleep(0.02)
    finally:
        running.cancel()


async def test_a_journal_with_proofs_is_kept_whole(postgres: Any, template: str) -> None:
    async with proven_database(postgres, template) as (database, _):
        with pytest.raises(expiry.JournalKeptWhole, match="SOCLE_AUDIT_YEARS"):
            await expiry.tasks("probe", Settings(audit_years=7), database)
        assert await expiry.tasks("probe", Settings(), database) == ()
        ids = await lines(database, [9 * YEAR])
        with pytest.raises(asyncpg.RaiseError, match="proven"):
            await database.pool.execute("DELETE FROM audit")
        assert await kept(database) == ids


async def test_a_service_made_before_comes_to_the_same_rules(fresh: Database) -> None:
    new = await fresh.pool.fetch(TRIGGERS)
    for statement in (*BEFORE_V3, *schema.V3):
        await fresh.pool.execute(statement)
    assert await fresh.pool.fetch(TRIGGERS) == new


async def test_a_service_that_is_told_to_forget_does(place: Place, fresh: Database) -> None:
    _, young = await lines(fresh, [8 * YEAR, DAY])
    async with place.running(SOCLE_AUDIT_YEARS="7") as program:
        assert (await program.said("journal.expired"))["count"] == 1
    assert await kept(fresh) == [young]


async def test_a_service_with_proofs_says_at_start_why_it_may_not_forget(
    place: Place, fresh: Database
) -> None:
    await fresh.pool.execute("CREATE TABLE ledger_leaf (n int)")
    code, said = await asyncio.to_thread(place.failing, SOCLE_AUDIT_YEARS="7")
    assert code == 1
    (line,) = said
    assert "carries proofs and is kept whole" in line
