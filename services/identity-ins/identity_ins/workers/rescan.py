"""`python -m identity_ins.workers.rescan --domain 1750000018`: looks a whole structure over for duplicates.

For identities that stood before the detection, that an import brought, or that were compared by an older
release. Can be stopped at any time: it says where to go on, and a pair that has a case is not opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer

import chassis
from chassis import audit, db
from chassis.call import Call, utc_now
from chassis.caller import service
from chassis.db import Database
from chassis.progress import shown
from chassis.settings import read_secret
from identity_ins import store
from identity_ins.store import vigilance as rows
from identity_ins.usecases import vigilance

# What is held in memory, and what one commit writes.
BATCH = 200
CALLER = service("identity-ins")


@dataclass(slots=True)
class Place:
    """How far a rescan has come."""

    after: UUID | None = None
    done: int = 0


async def rescan(
    database: Database, domain: str, place: Place, progress: Callable[[int], None] = lambda done: None
) -> None:
    """Looks at every identity of a structure after `place`, which follows each commit."""
    async with database.begin(_call()) as tx:
        audit.record(tx, CALLER, "vigilance.rescan", "", object_id=domain, now=tx.call.now())
    while True:
        async with database.begin(_call()) as tx:
            seen = await vigilance.rescan(tx, domain, place.after, BATCH, now=tx.call.now())
        if not seen:
            return
        place.after, place.done = UUID(seen[-1].value), place.done + len(seen)
        progress(place.done)


def _call() -> Call:
    return Call(CALLER, clock=utc_now)


async def _run(domain: str, place: Place) -> None:
    settings = chassis.Settings()
    pool = await db.connect(settings.database_url, read_secret(settings.database_password_file), 1)
    try:
        database = Database(pool, store.CONSTRAINTS)
        async with database.read() as tx:
            left = await rows.count_left(tx, domain, place.after)
        with shown("identities", left) as progress:
            await rescan(database, domain, place, progress)
    finally:
        await pool.close()


def main(
    domain: Annotated[str, typer.Option(help="National identifier of the structure.")],
    after: Annotated[UUID | None, typer.Option(help="Go on after this identity, as a stop said.")] = None,
) -> None:
    """Look a whole structure over for duplicates and homonyms."""
    place = Place(after)
    try:
        asyncio.run(_run(domain, place))
    except KeyboardInterrupt:
        going_on = f" --after {place.after}" if place.after else ""
        typer.echo(
            f"Stopped after {place.done} identities. Go on with: --domain {domain}{going_on}", err=True
        )
        raise typer.Exit(130) from None
    typer.echo(f"{place.done} identities looked at")


if __name__ == "__main__":
    typer.run(main)
