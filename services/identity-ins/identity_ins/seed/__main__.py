"""`python -m identity_ins.seed`: fills the database in SOCLE_DATABASE_URL with persons.

`--count 1000000` alone, or `persons --count`, fills the registry with fictitious ones; `import FILE` adds
those of a CSV file; `identities` makes local identities of a structure. Each can be stopped and run again.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

import chassis
from chassis import db
from chassis.call import utc_now
from chassis.errors import RuleViolated
from chassis.ops import told
from chassis.progress import shown
from chassis.settings import read_secret
from identity_ins.domain import Platform, today_in_france

from .identities import load_identities
from .intake import Intake, rejections, take_in
from .lines import count_lines, header_of, read_lines
from .load import load

FIRST_START = 10_000
T = TypeVar("T")
Count = Annotated[int, typer.Option(help="How many must stand at the end.", min=0)]
Workers = Annotated[
    int, typer.Option(help="Processes that make the rows; 0 for none beside this one.", min=0)
]
CORES = os.cpu_count() or 1

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Settings(chassis.Settings):
    """Those of the service that this command needs."""

    ins_platform: Platform = Platform.TEST


class RegistryNotOurs(RuleViolated):
    """On a production platform the registry is that of the téléservice INSi: nothing is loaded into it."""


@app.callback(invoke_without_command=True)
def main(context: typer.Context, count: Count = FIRST_START, workers: Workers = CORES) -> None:
    """Fill the reference registry with fictitious persons, under the INS test OID."""
    if context.invoked_subcommand is None:
        persons(count, workers)


@app.command()
def persons(count: Count = FIRST_START, workers: Workers = CORES) -> None:
    """Persons number 1 to COUNT, the same on every machine."""
    with shown("fictitious persons", count) as progress:
        added = told(_with_pool(lambda pool: load(pool, count, progress, workers)))
    typer.echo(f"{added} persons added, {count} stand in the registry")


@app.command("import")
def take(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with the columns of INSi.")],
    rejected: Annotated[
        Path | None,
        typer.Option(help="Where refused lines go, with reasons; FILE.rejected.csv if not given."),
    ] = None,
) -> None:
    """The persons of a CSV file; lines that are wrong go to a file of their own, with the reason."""
    refused = rejected or file.with_name(f"{file.name}.rejected.csv")
    if refused.resolve() == file.resolve():
        raise typer.BadParameter("the refused lines would overwrite the file that is read")
    with shown("lines", count_lines(file)) as progress:
        found = told(_with_pool(lambda pool: _take_file(pool, file, refused, progress)))
    typer.echo(f"{found.added} persons added, {found.standing} stood already, {found.rejected} lines refused")
    if found.rejected:
        typer.echo(f"What is wrong with each refused line: {refused}")
        raise typer.Exit(1)


@app.command()
def identities(
    domain: Annotated[str, typer.Option(help="National identifier of the structure.")],
    count: Count = FIRST_START,
    workers: Workers = CORES,
) -> None:
    """Local identities of a structure, made of persons 1 to COUNT: provisoires, récupérées, qualifiées."""
    with shown("local identities", count) as progress:
        added = told(_with_pool(lambda pool: load_identities(pool, domain, count, progress, workers)))
    typer.echo(f"{added} identities added, {count} stand in {domain}")


async def _take_file(
    pool: asyncpg.Pool[Any], file: Path, refused: Path, progress: Callable[[int], None]
) -> Intake:
    lines = read_lines(file, Settings().ins_platform, today_in_france(utc_now()))
    with rejections(refused, header_of(file)) as reject:
        return await take_in(pool, lines, reject, progress)


async def _with_pool(work: Callable[[asyncpg.Pool[Any]], Awaitable[T]]) -> T:
    settings = Settings()
    if settings.ins_platform is not Platform.TEST:
        raise RegistryNotOurs
    with db.translated({}):
        pool = await db.connect(settings.database_url, read_secret(settings.database_password_file), 1)
        try:
            return await work(pool)
        finally:
            await pool.close()


if __name__ == "__main__":
    app()
