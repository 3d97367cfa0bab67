"""`python -m identity_ins.seed --count 1000000`: fills the registry of the database in SOCLE_DATABASE_URL."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import Progress

from chassis import db
from chassis.settings import Settings, read_secret

from .load import load

FIRST_START = 10_000


async def _fill(count: int) -> int:
    settings = Settings()
    password = read_secret(settings.database_password_file)
    pool = await db.connect(settings.database_url, password, 1)
    try:
        with Progress() as bar:
            task = bar.add_task("fictitious persons", total=count)
            return await load(pool, count, lambda done: bar.update(task, completed=done))
    finally:
        await pool.close()


def main(
    count: Annotated[int, typer.Option(help="Persons that must stand in the registry.")] = FIRST_START,
) -> None:
    """Fill the reference registry with fictitious persons, under the INS test OID."""
    added = asyncio.run(_fill(count))
    typer.echo(f"{added} persons added, {count} stand in the registry")


if __name__ == "__main__":
    typer.run(main)
