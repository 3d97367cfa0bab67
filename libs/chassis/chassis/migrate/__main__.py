"""`python -m chassis.migrate <service>`: what the Job of a release runs, with the service's environment.

Without an option it brings the schema up to date. `--check` changes nothing: it says `behind`, `level` or
`ahead`, and exits with 1 when behind.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import asyncpg
import sqlalchemy as sa
from alembic.util import CommandError
from pydantic import ValidationError

from chassis import telemetry
from chassis.settings import Settings, read_secret, said

from . import State, folder_of, state, upgrade

log = telemetry.logger("migrate")
FAULTS = (OSError, ModuleNotFoundError, CommandError, asyncpg.PostgresError, asyncpg.InterfaceError)


def main(arguments: list[str]) -> None:
    """One migration run, or one look; a failure is one sentence and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m chassis.migrate", description=__doc__)
    parser.add_argument("service", help="the name of the service, such as dmp or identity-ins")
    parser.add_argument("--check", action="store_true", help="only say where the database stands")
    parser.add_argument(
        "--wait", type=float, default=60.0, help="seconds to wait for a database that does not answer yet"
    )
    chosen = parser.parse_args(arguments)
    settings = _settings(chosen.service)
    telemetry.configure(settings, f"{chosen.service}-migrate")
    try:
        folder = folder_of(chosen.service)
        if chosen.check:
            sys.exit(_checked(folder, settings))
        _migrated(folder, settings, chosen.wait)
    except FAULTS as error:
        sys.exit(f"{chosen.service}: its schema was not brought up to date: {type(error).__name__}: {error}")
    except sa.exc.DBAPIError as error:
        # The words of the driver may hold a row of the table.
        cause = error.orig.__cause__ if error.orig else None
        sys.exit(
            f"{chosen.service}: PostgreSQL refused a migration ({type(cause or error).__name__});"
            " nothing is kept of that one, those before it stay: see the log of the server"
        )


def _settings(service: str) -> Settings:
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"{service}: {said(error)}")
    if not settings.database_url:
        sys.exit(f"{service}: SOCLE_DATABASE_URL: missing, set it to postgresql://role@host:port/database")
    return settings


def _checked(folder: Path, settings: Settings) -> int:
    found = asyncio.run(state(folder, settings.database_url, read_secret(settings.database_password_file)))
    log.info("migrate.checked", state=found.value)
    return 1 if found is State.BEHIND else 0


async def _answered(folder: Path, settings: Settings, seconds: float) -> State:
    """Where the database stands, once it answers: on a first install it starts beside this Job."""
    limit = time.monotonic() + seconds
    password = read_secret(settings.database_password_file)
    while True:
        try:
            return await state(folder, settings.database_url, password)
        except (OSError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() >= limit:
                at = sa.make_url(settings.database_url)
                raise ConnectionError(
                    f"the database at {at.host}:{at.port} has not answered for {seconds:.0f} s"
                    f" ({type(error).__name__}): start it, open the way to it, or correct SOCLE_DATABASE_URL"
                ) from None
        await asyncio.sleep(1)


def _migrated(folder: Path, settings: Settings, wait: float) -> None:
    began = time.monotonic()
    password = read_secret(settings.database_password_file)
    found = asyncio.run(_answered(folder, settings, wait))
    log.info("migrate.began", state=found.value)
    # A newer release has been here: its schema is one that this release can live with.
    if found is not State.AHEAD:
        upgrade(
            folder,
            settings.database_url,
            password,
            lock_seconds=settings.migration_lock_seconds,
            tries=settings.migration_tries,
        )
        found = State.LEVEL
    log.info("migrate.done", state=found.value, seconds=round(time.monotonic() - began, 1))


if __name__ == "__main__":
    main(sys.argv[1:])
