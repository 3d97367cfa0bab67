"""After a restore to an earlier moment, before the service starts again: its log of events says so.

    python -m chassis.restored dmp --to 2026-06-12T10:00:00+00:00

Events that were published after that moment are gone from the table, and somebody may hold them. Were their
positions given again, a subscriber that keeps its place by position would skip as many events without a word.
So the log goes on far beyond, with an event that tells why and which position is the last that stands.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import orjson
import sqlalchemy as sa
import typer
from google.protobuf.json_format import MessageToDict

from socle.common.v1 import log_pb2

from . import relay, sql
from .call import utc_now
from .outbox import EventId
from .schema import OUTBOX
from .settings import Settings, read_secret

# More events than any service publishes between a backup and a restore: the log of a country adds about as
# many in a year. A number that JSON readers keep exact is left for millions of restores.
LEAP = 10**9
ALONE = "SELECT pg_try_advisory_xact_lock(hashtext($1))"
LAST = sql.text(sa.select(sa.func.coalesce(sa.func.max(OUTBOX.c.position), 0)))
MARK = sql.text(
    sa.insert(OUTBOX).values(
        {name: sa.bindparam(name) for name in "id subject aggregate data actor occurred_at position".split()}
    )
)


class StillPublishing(Exception):
    """A relay of this service runs: stop every replica of it first, then ask again."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What the log says: the last position that stands, and the one of the event that tells it."""

    last: int
    position: int


def subject_of(service: str) -> str:
    """The subject of the event by which a service's log tells of its restore."""
    return f"socle.{service.replace('-', '_')}.log.restored.v1"


async def mark(connection: Any, service: str, restored_to: datetime, now: datetime) -> Restored:
    """Adds the event; what waits for a place is placed after it. Raises StillPublishing."""
    async with connection.transaction():
        if not await connection.fetchval(ALONE, relay.CHANNEL):
            raise StillPublishing(StillPublishing.__doc__)
        last = int(await connection.fetchval(LAST.sql, *LAST.arguments({})))
        values = {
            "id": EventId.new().value,
            "subject": subject_of(service),
            "aggregate": f"log/{service}",
            "data": _told(last, restored_to),
            "actor": "operator",
            "occurred_at": now,
            "position": last + LEAP,
        }
        await connection.execute(MARK.sql, *MARK.arguments(values))
    return Restored(last, last + LEAP)


def _told(last: int, restored_to: datetime) -> bytes:
    message = log_pb2.LogRestored(position=last)
    message.restored_to.FromDatetime(restored_to)
    return orjson.dumps(MessageToDict(message, preserving_proto_field_name=True))


async def run(service: str, restored_to: datetime, settings: Settings) -> Restored:
    """Marks the log of the service in the database that the settings name."""
    password = read_secret(settings.database_password_file)
    connection = await asyncpg.connect(settings.database_url, password=password)
    try:
        return await mark(connection, service, restored_to, utc_now())
    finally:
        await connection.close()


def main(
    service: Annotated[str, typer.Argument(help="Name of the service, such as identity-ins.")],
    to: Annotated[str, typer.Option(help="The moment restored to, ISO 8601 with its offset.")],
) -> None:
    """Tells subscribers that the log of a service was restored; run it once, before the service starts."""
    settings, moment = Settings(), _moment(to)
    if not settings.database_url:
        sys.exit("SOCLE_DATABASE_URL is missing: run this with the environment of the service")
    try:
        done = asyncio.run(run(service, moment, settings))
    except (StillPublishing, OSError, asyncpg.PostgresError) as error:
        sys.exit(f"{service}: {error}")
    typer.echo(f"{service}: events stand up to position {done.last}; the log goes on at {done.position}")


def _moment(text: str) -> datetime:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    sys.exit(f"--to {text!r}: write a moment with its offset, such as 2026-06-12T10:00:00+00:00")


if __name__ == "__main__":
    typer.run(main)
