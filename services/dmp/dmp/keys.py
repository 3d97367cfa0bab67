"""For the operator: the master key that wraps the keys of all records.

    python -m dmp.keys init
    python -m dmp.keys status
    python -m dmp.keys rotate
    python -m dmp.keys rewrap
    python -m dmp.keys destroy --version 1

Run it with the environment of the service (`SOCLE_DATABASE_...`, and `SOCLE_MASTER_KEY_FILE` or
`SOCLE_TRANSIT_...`), while it runs. See docs/how-to/rotate-keys-and-erase.md before destroying anything.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from chassis import telemetry
from chassis.caller import Caller, CallerKind
from chassis.ops import opened, told

from .clients.keys import KeyProvider, LocalKeyProvider
from .clients.settings import StorageSettings, provider_of, ring_of, transit_of
from .clients.transit import TransitKeyProvider
from .store import CONSTRAINTS, erasure
from .store import keys as rows
from .usecases.rotation import VersionInUse
from .workers.rotation import BATCH, Outcome, Rotation

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Batch = Annotated[
    int, typer.Option(min=1, max=5000, help="Keys wrapped by one request and kept by one commit.")
]


@asynccontextmanager
async def provider() -> AsyncIterator[KeyProvider]:
    """The provider that the environment names."""
    found = provider_of(StorageSettings())
    try:
        yield found
    finally:
        if isinstance(found, TransitKeyProvider):
            await found.close()


@asynccontextmanager
async def rotation(settle: float = 0.0) -> AsyncIterator[Rotation]:
    """Provider and database together."""
    operator = Caller(CallerKind.OPERATOR, getpass.getuser())
    async with provider() as found, opened(CONSTRAINTS) as database:
        yield Rotation(database, found, operator, settle)


@app.command()
def init() -> None:
    """Makes the first version of the master key; refuses when there is one."""
    typer.echo(told(_init()))


async def _init() -> str:
    settings = StorageSettings()
    options = transit_of(settings)
    if options:
        engine = TransitKeyProvider(options)
        await engine.create()
        await engine.close()
        return f"{options.key} is ready in {options.url}"
    path = ring_of(settings)
    LocalKeyProvider.create(path)
    return f"{path} is made: keep a copy of it in a safe place, apart from the backups"


@app.command()
def status() -> None:
    """Each version of the master key: how many keys it wraps, how many erasures wait for its destruction."""
    versions, used, waiting = told(_status())
    table = Table("version", "state", "keys", "erasures that wait", title="Master key")
    for version in sorted({*versions, *used, *waiting}):
        state = "current" if version == versions[-1] else "old" if version in versions else "destroyed"
        table.add_row(str(version), state, str(used.get(version, 0)), str(waiting.get(version, 0)))
    Console().print(table)


async def _status() -> tuple[list[int], dict[int, int], dict[int, int]]:
    async with rotation() as work:
        versions, used = await _used(work)
        async with work.db.read() as tx:
            return versions, used, await erasure.count_waiting(tx)


async def _used(work: Rotation) -> tuple[list[int], dict[int, int]]:
    versions = await work.provider.versions()
    async with work.db.read() as tx:
        return versions, await rows.count_by_version(tx)


@app.command()
def rotate(batch: Batch = BATCH) -> None:
    """Makes a new version of the master key and wraps all keys again with it."""
    version = told(_rotate())
    typer.echo(f"version {version} wraps new keys from now on")
    rewrap(batch)


async def _rotate() -> int:
    async with rotation() as work:
        return await work.rotate()


@app.command()
def rewrap(batch: Batch = BATCH) -> None:
    """Wraps the keys of older versions again: goes on where a stopped rotation left off."""
    outcome = told(_rewrap(batch))
    typer.echo(f"{outcome.done} keys wrapped again")
    for person in outcome.refused:
        typer.echo(f"the key of {person} is not recognised: restore its row of record_key", err=True)
    if outcome.refused:
        raise typer.Exit(1)


async def _rewrap(batch: int) -> Outcome:
    bar = Progress(
        TextColumn("wrapping keys"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
    )
    async with rotation() as work:
        versions, used = await _used(work)
        left = sum(n for version, n in used.items() if version < versions[-1])
        with bar:
            task = bar.add_task("keys", total=left)
            return await work.rewrap(batch, lambda done: bar.update(task, completed=done))


@app.command()
def destroy(
    version: Annotated[int, typer.Option(min=1, help="This version, and every older one.")],
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for calls under way, then to check again.")
    ] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroys old versions for ever: what backups hold under them cannot be opened any more."""
    if not yes:
        typer.confirm(f"Version {version} and older ones can never be brought back. Destroy?", abort=True)
    receipts = told(_destroy(version, settle))
    typer.echo(f"destroyed up to version {version}; {receipts} receipts of erasure now say so")


async def _destroy(version: int, settle: float) -> int:
    async with rotation(settle) as work:
        try:
            return await work.destroy(version)
        except ValueError as error:
            sys.exit(str(error))
        except VersionInUse as error:
            sys.exit(f"{error.sentence} {error.hint}")


def main() -> None:
    """The log goes to standard error, under the same rules as that of the service."""
    try:
        telemetry.configure(StorageSettings(), "dmp-keys")
    except ValidationError as error:
        sys.exit("; ".join(fault["msg"] for fault in error.errors()))
    app()


if __name__ == "__main__":
    main()
