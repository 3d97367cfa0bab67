"""Where a database stands, seen from a program: behind its migrations, level with them, or ahead."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from importlib import import_module
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from chassis import telemetry
from chassis.settings import Settings, read_secret

log = telemetry.logger("migrate")

APPLIED = "SELECT version_num FROM alembic_version"
LOOK_EVERY = 1.0
TELL_EVERY = 10.0
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class State(StrEnum):
    """AHEAD: a program newer than this one has migrated, and has left what this one uses. AWAY: unknown."""

    BEHIND = "behind"
    LEVEL = "level"
    AHEAD = "ahead"
    AWAY = "away"


def folder_of(service: str) -> Path:
    """The migrations of a service: beside its package. Raises ModuleNotFoundError, FileNotFoundError."""
    package = import_module(service.replace("-", "_")).__file__ or ""
    folder = Path(package).parent.parent / "migrations"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{service} has no folder {folder}: its migrations are not in this installation"
        )
    return folder


async def state(folder: Path, url: str, password: str | None) -> State:
    """BEHIND, LEVEL or AHEAD. Raises what the driver does when the database does not answer."""
    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(made)
    heads, applied = set(scripts.get_heads()), await _applied(url, password)
    if heads == applied:
        return State.LEVEL
    return State.AHEAD if any(_unknown(scripts, one) for one in applied) else State.BEHIND


def _unknown(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is None
    except CommandError:
        return True


async def _applied(url: str, password: str | None) -> set[str]:
    connection = await asyncpg.connect(url, password=password, timeout=5)
    try:
        return {row["version_num"] for row in await connection.fetch(APPLIED)}
    except asyncpg.UndefinedTableError:
        return set()
    finally:
        await connection.close(timeout=5)


async def waited_for(folder: Path, settings: Settings) -> None:
    """Returns when the schema is at least as new as this program.

    A database that does not answer is waited for too, where somebody can see it on `health_listen`; elsewhere
    a service that says nothing would be taken for one that hangs, and what the driver says is raised.
    """
    told = float("-inf")
    while (found := await _seen(folder, settings)) in (State.BEHIND, State.AWAY):
        telemetry.SCHEMA_BEHIND.set(1)
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            log.warning("schema.behind", state=found.value)
        await asyncio.sleep(LOOK_EVERY)
    telemetry.SCHEMA_BEHIND.set(0)
    log.info("schema.found", state=found.value)


async def _seen(folder: Path, settings: Settings) -> State:
    try:
        return await state(folder, settings.database_url, read_secret(settings.database_password_file))
    except AWAY as error:
        if not settings.health_listen:
            raise
        log.debug("schema.away", error_type=type(error).__name__)
        return State.AWAY
