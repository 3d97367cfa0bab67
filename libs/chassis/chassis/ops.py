"""For the person on call: what waits in the outbox, what was parked, and how to give it another try.

    python -m chassis.ops outbox status
    python -m chassis.ops outbox republish --since 1200
    python -m chassis.ops parked list
    python -m chassis.ops parked replay --service dmp
    python -m chassis.ops parked drop dmp-know-identity <event id>

Run it with the environment of the service: the same `SOCLE_DATABASE_...` variables say which database is
meant.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Annotated, Any, TypeVar

import asyncpg
import sqlalchemy as sa
import typer
from pydantic import ValidationError

from . import consume, db, relay, telemetry
from .call import Call
from .caller import service as service_caller
from .db import Database
from .errors import SocleError
from .schema import OUTBOX, PARKED
from .settings import Settings, read_secret

T = TypeVar("T")

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
outbox = typer.Typer(no_args_is_help=True, help="Events on their way out.")
parked = typer.Typer(no_args_is_help=True, help="Events that could not be handled.")
app.add_typer(outbox, name="outbox")
app.add_typer(parked, name="parked")

STATE = sa.select(
    sa.func.count().label("events"),
    sa.func.coalesce(sa.func.max(OUTBOX.c.position), 0).label("position"),
    sa.func.max(OUTBOX.c.published_at).label("published_at"),
)
PARKED_EVENTS = sa.select(
    PARKED.c.durable, PARKED.c.event_id, PARKED.c.subject, PARKED.c.problem, PARKED.c.parked_at
).order_by(PARKED.c.durable, PARKED.c.parked_at)


@asynccontextmanager
async def opened(constraints: db.Constraints | None = None) -> AsyncIterator[Database]:
    """The database that the environment names."""
    settings = Settings()
    if not settings.database_url:
        sys.exit("SOCLE_DATABASE_URL is missing: run this with the environment of the service")
    pool = await db.connect(settings.database_url, read_secret(settings.database_password_file), 2)
    try:
        yield Database(pool, constraints)
    finally:
        await pool.close()


def told(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end; a failure is one line on the terminal and a non-zero exit."""
    try:
        return asyncio.run(work)
    except (OSError, asyncpg.PostgresError, SocleError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


@outbox.command("status")
def outbox_status() -> None:
    """How many events there are, how many wait to be published, and for how long."""
    told(_status())


async def _status() -> None:
    async with opened() as database, database.read() as tx:
        state, backlog = await tx.one(STATE), await tx.one(relay.BACKLOG)
    if state is not None and backlog is not None:
        last = state["published_at"].isoformat(timespec="seconds") if state["published_at"] else "never"
        typer.echo(f"events          {state['events']}")
        typer.echo(f"last position   {state['position']}")
        typer.echo(f"last published  {last}")
        typer.echo(f"waiting         {backlog['waiting']}")
        typer.echo(f"oldest waiting  {float(backlog['age']):.0f} s")


@outbox.command("republish")
def outbox_republish(
    since: Annotated[int, typer.Option(min=1, help="First position to publish again.")],
) -> None:
    """Publishes again from a position on, same ids and order; the stream keeps none twice in ten minutes."""
    count = told(_republish(since))
    typer.echo(f"{count} events will be published again from position {since} by the relay of the service")


async def _republish(since: int) -> int:
    async with opened() as database, database.pool.acquire() as connection:
        return await relay.republish(connection, since)


@parked.command("list")
def parked_list() -> None:
    """Each parked event: durable, event id, when, what was wrong, subject. Never its content."""
    rows = told(_parked())
    for row in rows:
        moment = row["parked_at"].isoformat(timespec="seconds")
        typer.echo(f"{row['durable']}  {row['event_id']}  {moment}  {row['problem']}  {row['subject']}")
    typer.echo(f"{len(rows)} parked")


async def _parked() -> list[db.Record]:
    async with opened() as database, database.read() as tx:
        return await tx.all(PARKED_EVENTS)


@parked.command("replay")
def parked_replay(
    service: Annotated[str, typer.Option(help="Name of the service, such as identity-ins.")],
    durable: Annotated[str, typer.Option(help="Only this durable; every one without it.")] = "",
) -> None:
    """Handles parked events again with the service's own code; those that fail again stay (then exit 1)."""
    done, left = told(_replay(service, durable))
    typer.echo(f"{done} handled, {left} still parked")
    if left:
        raise typer.Exit(1)


async def _replay(service: str, durable: str) -> tuple[int, int]:
    groups, constraints = of_service(service)
    if durable and durable not in groups:
        sys.exit(f"{service} has no durable {durable!r}: choose one of {', '.join(sorted(groups))}")
    done = 0
    async with opened(constraints) as database:
        for name, lines in groups.items():
            if name == durable or not durable:
                done += await consume.Handler(name, lines, database, owner=service).replay_parked()
        async with database.read() as tx:
            rows = await tx.all(PARKED_EVENTS)
    return done, sum(row["durable"] == durable or not durable for row in rows)


def of_service(service: str) -> tuple[dict[str, list[consume.Consumer]], db.Constraints]:
    """The consumers of a service by durable name, and what its constraints mean."""
    package = service.replace("-", "_")
    try:
        table = import_module(f"{package}.consumers").TABLE
        constraints: db.Constraints = import_module(f"{package}.store").CONSTRAINTS
    except ModuleNotFoundError as error:
        sys.exit(f"{service} has no event consumers here: {error}")
    return consume.grouped(table), constraints


@parked.command("drop")
def parked_drop(
    durable: str,
    event_id: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Gives up an event for one durable. It stays in the outbox of the service that emitted it."""
    if not yes:
        typer.confirm(f"{durable} will never handle {event_id}. Drop it?", abort=True)
    if not told(_drop(durable, event_id)):
        sys.exit(f"{durable} has no parked event {event_id}: see `parked list`")
    typer.echo("dropped")


async def _drop(durable: str, event_id: str) -> int:
    call = Call(service_caller("operator"))
    async with opened() as database, database.begin(call) as tx:
        return await tx.change(consume.UNPARK, durable=durable, event_id=event_id)


def main() -> None:
    """The log goes to standard error, under the same rules as that of a service."""
    try:
        telemetry.configure(Settings(), "ops")
    except ValidationError as error:
        sys.exit(f"the environment is not that of a service: {error}")
    app()


if __name__ == "__main__":
    main()
