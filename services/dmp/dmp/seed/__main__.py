"""`python -m dmp.seed`: fills the DMP in SOCLE_DATABASE_URL with fictitious records, for tests and measures.

`records PERSONS` makes a record with twenty documents of each person of the file, sealed under a key of its
own that the key provider of the service's settings wraps. `contents DOCUMENTS` puts the bytes of the listed
documents in the object store: a disk takes longer to write a million files than all the rest. Each can be
stopped and run again. Only for the local profile: a platform with records of real persons is never filled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

from chassis import db
from chassis.call import utc_now
from chassis.errors import RuleViolated
from chassis.ops import told
from chassis.progress import shown
from dmp.clients.settings import StorageSettings

from . import opened
from .fill import put_contents
from .load import load
from .people import Usual
from .rows import Span

T = TypeVar("T")
CORES = os.cpu_count() or 1
Lines = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


class RecordsNotOurs(RuleViolated):
    """In production the records are those of real persons: nothing fictitious is loaded beside them."""


@app.command()
def records(
    persons: Lines,
    professional: Annotated[str, typer.Option(help="PS_IdNat whom most records let read.")],
    structure: Annotated[str, typer.Option(help="Struct_IdNat whom most records let read.")],
    workers: Annotated[int, typer.Option(help="Processes that make and copy the rows.", min=1)] = CORES,
) -> None:
    """A record with twenty documents of each person of the file PERSONS, one identifier a line."""
    wanted = persons.read_text().split()
    work = partial(opened.add, Usual(professional, structure), utc_now())
    with shown("fictitious records", len(wanted)) as progress, opened.processes(workers) as started:

        def add(span: Span) -> Awaitable[int]:
            return asyncio.get_running_loop().run_in_executor(started, work, span)

        async def loaded(pool: asyncpg.Pool[Any]) -> int:
            async with pool.acquire() as connection:
                return await load(connection, wanted, add, progress)

        added = told(_with_pool(loaded))
    typer.echo(f"{added} records added, {len(wanted)} stand")


@app.command()
def contents(documents: Lines) -> None:
    """The sealed bytes of the documents of the file DOCUMENTS, one identifier a line."""
    wanted = documents.read_text().split()
    with shown("contents", len(wanted)) as progress:
        added = told(
            _with_pool(lambda pool: put_contents(pool, opened.keys(), opened.blobs(), wanted, progress))
        )
    typer.echo(f"{added} contents written")


async def _with_pool(work: Callable[[asyncpg.Pool[Any]], Awaitable[T]]) -> T:
    if StorageSettings().profile != "local":
        raise RecordsNotOurs
    with db.translated({}):
        async with opened.pool() as pool:
            return await work(pool)


if __name__ == "__main__":
    app()
