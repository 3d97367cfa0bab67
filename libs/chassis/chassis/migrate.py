"""Alembic, run by the service at start or by a Job; `migrations/env.py` of a service only calls `run_env`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

# Two replicas that start at once: one migrates, the other waits, then finds nothing to do.
LOCK = "SELECT pg_advisory_lock(hashtext('socle_migrate'))"


def config(folder: Path, url: str, password: str | None) -> Config:
    """The Alembic configuration of a service (its `migrations` folder, its database)."""
    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    made.attributes["url"] = address(url, password)
    return made


def address(url: str, password: str | None) -> sa.URL:
    """The address of a database as SQLAlchemy's asynchronous engine takes it."""
    made = sa.make_url(url).set(drivername="postgresql+asyncpg")
    return made.set(password=password) if password else made


def upgrade(folder: Path, url: str, password: str | None) -> None:
    """Brings a database to the newest schema; nothing to do is fine."""
    command.upgrade(config(folder, url, password), "head")


def run_env(metadata: sa.MetaData) -> None:
    """For `migrations/env.py`: runs the migrations in one transaction, one process at a time."""
    asyncio.run(_online(metadata))


async def _online(metadata: sa.MetaData) -> None:
    engine = create_async_engine(context.config.attributes["url"], poolclass=sa.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata)
    await engine.dispose()


def _migrate(connection: Any, metadata: sa.MetaData) -> None:
    connection.execute(sa.text(LOCK))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(sa.text("SELECT pg_advisory_unlock_all()"))
    connection.commit()


async def differences(url: str, password: str | None, metadata: sa.MetaData) -> list[Any]:
    """Where a migrated database and the declared tables disagree; empty when every change is migrated."""
    engine = create_async_engine(address(url, password), poolclass=sa.NullPool)
    async with engine.connect() as connection:
        found = await connection.run_sync(_compared, metadata)
    await engine.dispose()
    return found


def _compared(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    return list(
        compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    )
