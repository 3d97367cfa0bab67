"""Alembic, run by a Job (`python -m chassis.migrate dmp`), or on one's own machine by the service at start.

The service goes on while its schema changes, which sets the rules. One migrator at a time. A migration that
cannot have its lock gives up its place in the queue, since calls queue behind it, and tries again later. Each
migration is a transaction; what cannot be in one (an index built without a lock) says so with `online`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chassis import telemetry

from .state import State, folder_of, state, waited_for

__all__ = [
    "State",
    "config",
    "differences",
    "folder_of",
    "index_online",
    "online",
    "run_env",
    "state",
    "upgrade",
    "waited_for",
]

log = telemetry.logger("migrate")

# Asked rather than waited for: a waiting statement holds a snapshot, and an index that is being built without
# a lock waits for every snapshot older than itself. The two would wait for each other.
LOCK = sa.text("SELECT pg_try_advisory_lock(hashtext('socle_migrate'))")
LOOK_EVERY = 0.5
# A lock not had in time; a deadlock with the calls of the service. Another try may well succeed.
NOT_NOW = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
FIRST_DELAY, LONGEST_DELAY = 0.5, 15.0


def config(folder: Path, url: str, password: str | None, lock_seconds: float = 3.0) -> Config:
    """The Alembic configuration of a service (its `migrations` folder, its database)."""
    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    made.attributes.update(url=url, password=password, lock_seconds=lock_seconds)
    return made


def upgrade(
    folder: Path, url: str, password: str | None, *, lock_seconds: float = 3.0, tries: int = 30
) -> None:
    """Brings a database to the newest schema; nothing to do is fine.

    Waits `lock_seconds` for a lock, at most `tries` times; then the last refusal is raised. What succeeded
    meanwhile stays.
    """
    for attempt in range(1, tries + 1):
        try:
            command.upgrade(config(folder, url, password, lock_seconds), "head")
            return
        except sa.exc.DBAPIError as error:
            if attempt == tries or not isinstance(_cause(error), NOT_NOW):
                raise
            log.warning("migrate.again", attempt=attempt, error_type=type(_cause(error)).__name__)
            time.sleep(min(FIRST_DELAY * 2.0 ** (attempt - 1), LONGEST_DELAY))


def _cause(error: sa.exc.DBAPIError) -> BaseException | None:
    # SQLAlchemy's own exception, around its adapter's, around the driver's.
    return error.orig.__cause__ if error.orig else None


def run_env(metadata: sa.MetaData) -> None:
    """For `migrations/env.py`: runs each migration in a transaction of its own, one process at a time."""
    asyncio.run(_online(metadata))


async def _online(metadata: sa.MetaData) -> None:
    given = context.config.attributes
    engine = _engine(given["url"], given["password"])
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata, given["lock_seconds"])
    await engine.dispose()


def _engine(url: str, password: str | None) -> AsyncEngine:
    # The driver reads the address itself: how TLS is asked for in it, SQLAlchemy does not know.
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, password=password),
        poolclass=sa.NullPool,
    )


def _migrate(connection: sa.Connection, metadata: sa.MetaData, lock_seconds: float) -> None:
    while not connection.scalar(LOCK):
        connection.commit()
        time.sleep(LOOK_EVERY)
    connection.execute(sa.text(f"SET lock_timeout = {round(lock_seconds * 1000)}"))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


@contextmanager
def online(op: Any) -> Iterator[None]:
    """Inside a migration: statements outside any transaction, that may wait for locks as long as it takes.

    For what holds nobody up while it waits (`CREATE INDEX CONCURRENTLY`, `VALIDATE CONSTRAINT`). What the
    migration did before is committed by it, and stays when something inside fails: the migration is then run
    again from its beginning, so make it one that can be.
    """
    with op.get_context().autocommit_block():
        before = op.get_bind().scalar(sa.text("SHOW lock_timeout"))
        op.execute("SET lock_timeout = 0")
        yield
        op.execute(f"SET lock_timeout = '{before}'")


def index_online(op: Any, name: str, definition: str) -> None:
    """Builds an index while the table is written to; `definition` is `[UNIQUE] ON table (columns) [...]`.

    One left half built by a try that failed is invalid, takes its name and is used by nobody: it goes first.
    """
    unique, definition = ("UNIQUE ", definition[7:]) if definition.startswith("UNIQUE ") else ("", definition)
    with online(op):
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {unique}INDEX CONCURRENTLY {name} {definition}")


async def differences(url: str, password: str | None, metadata: sa.MetaData) -> list[Any]:
    """Where a migrated database and the declared tables disagree; empty when every change is migrated."""
    engine = _engine(url, password)
    async with engine.connect() as connection:
        found = await connection.run_sync(_compared, metadata)
    await engine.dispose()
    return found


def _compared(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    return list(
        compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    )
