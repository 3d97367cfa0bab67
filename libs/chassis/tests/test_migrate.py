"""Migrations: once, by one process at a time, and nothing kept of one that fails."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from chassis import migrate
from chassis.testing import run_sql

ENV = """
from chassis import schema
from chassis.migrate import run_env

run_env(schema.metadata())
"""
FIRST = """
from alembic import op
from chassis import schema

revision, down_revision = "0001", None

def upgrade():
    schema.create_v1(op)
    op.execute("CREATE TABLE visit (n int)")
    op.execute("SELECT pg_sleep(0.3)")
    op.execute("INSERT INTO visit VALUES (1)")
"""
BROKEN = """
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.execute("INSERT INTO visit VALUES (2)")
    op.execute("SELECT 1 / 0")
"""

# A change of the table that needs a lock nobody else may have.
CHANGING = """
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.execute("ALTER TABLE visit ADD COLUMN why text")
"""
INDEXED = """
from alembic import op
from chassis import migrate

revision, down_revision = "0002", "0001"

def upgrade():
    op.execute("ALTER TABLE visit ADD COLUMN IF NOT EXISTS why text")
    migrate.index_online(op, "uq_visit_n", "UNIQUE ON visit (n) WHERE n > 0")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions" / "0001_first.py").write_text(FIRST)
    return tmp_path


@pytest.fixture
async def connection(postgres: Any) -> AsyncIterator[Any]:
    name = f"migrated_{uuid4().hex[:8]}"
    await run_sql(postgres, f"CREATE DATABASE {name}")
    opened = await asyncpg.connect(postgres.url(name), password=postgres.password)
    yield opened
    await opened.close()
    await run_sql(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def upgrade(connection: Any, postgres: Any, folder: Path) -> None:
    name = await connection.fetchval("SELECT current_database()")
    await asyncio.to_thread(migrate.upgrade, folder, postgres.url(name), postgres.password)


async def test_brings_the_tables_of_the_chassis_then_finds_nothing_to_do(
    connection: Any, postgres: Any, folder: Path
) -> None:
    for _ in range(2):
        await upgrade(connection, postgres, folder)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row["tablename"] for row in tables} >= {
        "outbox",
        "inbox",
        "parked",
        "audit",
        "idempotency",
        "visit",
    }
    assert await connection.fetchval("SELECT count(*) FROM visit") == 1
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await connection.execute("TRUNCATE audit")


async def test_several_at_once_one_migrates_and_the_others_wait(
    connection: Any, postgres: Any, folder: Path, tmp_path: Path
) -> None:
    """In processes of their own, as replicas are."""
    secret = tmp_path / "secret"
    secret.write_text(postgres.password)
    name = await connection.fetchval("SELECT current_database()")
    code = "import sys; from pathlib import Path; from chassis import migrate;"
    code += " migrate.upgrade(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text())"
    command = [sys.executable, "-c", code, str(folder), postgres.url(name), str(secret)]
    replicas = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert [await replica.wait() for replica in replicas] == [0, 0, 0]
    assert await connection.fetchval("SELECT count(*) FROM visit") == 1


async def test_one_that_fails_leaves_nothing(connection: Any, postgres: Any, folder: Path) -> None:
    await upgrade(connection, postgres, folder)
    (folder / "versions" / "0002_broken.py").write_text(BROKEN)
    with pytest.raises(Exception, match="division by zero"):
        await upgrade(connection, postgres, folder)
    assert await connection.fetchval("SELECT count(*) FROM visit") == 1
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0001"


async def test_a_lock_not_had_is_given_up_so_that_calls_go_on_and_asked_for_again(
    connection: Any, postgres: Any, folder: Path
) -> None:
    """Somebody's long transaction has the table. Those behind the migration in the queue wait for the time
    limit and no longer.
    """
    await upgrade(connection, postgres, folder)
    (folder / "versions" / "0002_changing.py").write_text(CHANGING)
    name = await connection.fetchval("SELECT current_database()")
    longest = 0.0
    async with connection.transaction():
        await connection.execute("SELECT * FROM visit")
        migrating = asyncio.ensure_future(
            asyncio.to_thread(
                migrate.upgrade, folder, postgres.url(name), postgres.password, lock_seconds=0.3, tries=20
            )
        )
        other = await asyncpg.connect(postgres.url(name), password=postgres.password)
        until_when = time.monotonic() + 2.5
        while time.monotonic() < until_when:
            began = time.monotonic()
            await other.fetch("SELECT * FROM visit")
            longest = max(longest, time.monotonic() - began)
            await asyncio.sleep(0.01)
        await other.close()
        assert not migrating.done()
    await migrating
    assert 0.1 < longest < 1.5
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0002"


async def test_the_last_try_tells_what_refused(connection: Any, postgres: Any, folder: Path) -> None:
    await upgrade(connection, postgres, folder)
    (folder / "versions" / "0002_changing.py").write_text(CHANGING)
    name = await connection.fetchval("SELECT current_database()")
    async with connection.transaction():
        await connection.execute("SELECT * FROM visit")
        with pytest.raises(Exception, match="lock timeout"):
            await asyncio.to_thread(
                migrate.upgrade, folder, postgres.url(name), postgres.password, lock_seconds=0.1, tries=2
            )


async def test_an_index_is_built_while_others_write_and_again_after_a_failure(
    connection: Any, postgres: Any, folder: Path
) -> None:
    await upgrade(connection, postgres, folder)
    (folder / "versions" / "0002_indexed.py").write_text(INDEXED)
    # A second visit of the same number.
    await connection.execute("INSERT INTO visit VALUES (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        await upgrade(connection, postgres, folder)
    # What a failed try leaves: an index that takes the name and that nobody uses.
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'uq_visit_n'::regclass"
    assert await connection.fetchval(valid) is False
    await connection.execute("DELETE FROM visit")
    await upgrade(connection, postgres, folder)
    assert await connection.fetchval(valid) is True


async def test_a_migrator_that_waits_does_not_hold_an_index_up(
    connection: Any, postgres: Any, folder: Path
) -> None:
    """An index built without a lock waits for every older snapshot: one waiting *in* a statement would have
    one, and the two would wait for each other.
    """
    await upgrade(connection, postgres, folder)
    lock = "SELECT pg_advisory_lock(hashtext('socle_migrate'))"
    await connection.execute(lock)
    name = await connection.fetchval("SELECT current_database()")
    waiting = asyncio.ensure_future(
        asyncio.to_thread(migrate.upgrade, folder, postgres.url(name), postgres.password)
    )
    await asyncio.sleep(1)
    async with asyncio.timeout(5):
        await connection.execute("CREATE INDEX CONCURRENTLY ix_visit ON visit (n)")
    assert not waiting.done()
    await connection.execute("SELECT pg_advisory_unlock_all()")
    await waiting
