"""For the person on call: what waits in the outbox, what was parked, and how to give it another try; whether
the journal is the one that was signed.

    python -m chassis.ops outbox status
    python -m chassis.ops outbox republish --since 1200
    python -m chassis.ops parked list
    python -m chassis.ops parked replay --service dmp
    python -m chassis.ops parked drop dmp-know-identity <event id>
    python -m chassis.ops ledger status
    python -m chassis.ops ledger verify

Run it with the environment of the service: the same `SOCLE_DATABASE_...` variables say which database is
meant.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import sqlalchemy as sa
import typer
from pydantic import ValidationError

from . import consume, db, ledger, relay, telemetry
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
ledgers = typer.Typer(no_args_is_help=True, help="The journal with proof.")
app.add_typer(outbox, name="outbox")
app.add_typer(parked, name="parked")
app.add_typer(ledgers, name="ledger")

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
    except SocleError as error:
        sys.exit(f"{type(error).__name__}: {error} {error.hint}".rstrip())
    except asyncpg.PostgresError as error:
        # The words of the driver hold the values of the row.
        where = getattr(error, "constraint_name", None) or type(error).__name__
        sys.exit(f"PostgreSQL refused ({error.sqlstate}): {where}")
    except OSError as error:
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


@ledgers.command("status")
def ledger_status() -> None:
    """How large the tree is, when its head was signed, how many lines wait to enter and for how long."""
    told(_ledger_status())


async def _ledger_status() -> None:
    async with opened() as database, database.read() as tx:
        head, queue = await ledger.find_head(tx), await tx.one(ledger.QUEUE)
    if queue is not None:
        typer.echo(f"leaves          {head.tree_size if head else 0}")
        typer.echo(f"last signed     {head.signed_at.isoformat(timespec='seconds') if head else 'never'}")
        typer.echo(f"waiting         {queue['pending']}")
        typer.echo(f"oldest waiting  {float(queue['age']):.0f} s")


@ledgers.command("verify")
def ledger_verify(
    key: Annotated[
        Path | None,
        typer.Option(envvar="SOCLE_LEDGER_KEY_FILE", help="The key file of the service: signatures too."),
    ] = None,
) -> None:
    """Makes the whole tree anew from the journal and compares; each fault is a line (then exit 1)."""
    count = told(_ledger_verify(ledger.Signer.from_file(key).jwks() if key else None))
    typer.echo(f"{count} faults" if key else f"{count} faults; signatures were not checked: give --key")
    if count:
        raise typer.Exit(1)


async def _ledger_verify(jwks: Mapping[str, Any] | None) -> int:
    """On one snapshot: what the service writes meanwhile is no fault."""
    count = 0
    async with (
        opened() as database,
        database.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        async for fault in ledger.check(db.ReadTx(connection), jwks):
            typer.echo(f"{fault.where}: {fault.what}")
            count += 1
    return count


def main() -> None:
    """The log goes to standard error, under the same rules as that of a service."""
    try:
        telemetry.configure(Settings(), "ops")
    except ValidationError as error:
        sys.exit(f"the environment is not that of a service: {error}")
    app()


if __name__ == "__main__":
    main()
