"""Alembic, run by the service at start or by a Job; `migrations/env.py` of a service only calls `run_env`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

# Two replicas that start at once: one migrates, the other waits, then finds nothing to do.
LOCK = "SELECT pg_advisory_lock(hashtext('socle_migrate'))"


def config(folder: Path, url: str, password: str | None) -> Config:
    """The Alembic configuration of a service (its `migrations` folder, its database)."""
    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    made.attributes["url"] = sa.make_url(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    made.attributes["password"] = password
    return made


def upgrade(folder: Path, url: str, password: str | None) -> None:
    """Brings a database to the newest schema; nothing to do is fine."""
    command.upgrade(config(folder, url, password), "head")


def run_env(metadata: sa.MetaData) -> None:
    """For `migrations/env.py`: runs the migrations in one transaction, one process at a time."""
    asyncio.run(_online(metadata))


async def _online(metadata: sa.MetaData) -> None:
    attributes = context.config.attributes
    url: sa.URL = attributes["url"]
    if attributes.get("password"):
        url = url.set(password=attributes["password"])
    engine = create_async_engine(url, poolclass=sa.NullPool)
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
