"""`python -m eprescription.seed`: fictitious medicines and interactions into SOCLE_DATABASE_URL.

Run it again at will: it replaces what it brought before, and leaves an imported public base alone. Only for
the local profile: nobody is prescribed a medicine that does not exist.
"""

from __future__ import annotations

import typer

from chassis.call import utc_now
from chassis.errors import RuleViolated
from chassis.ops import opened, told
from chassis.progress import shown
from chassis.settings import Settings
from eprescription.domain.imports import FileReport
from eprescription.store import CONSTRAINTS

from .load import load

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class BaseNotOurs(RuleViolated):
    """In production the medicines are those of the public base: nothing fictitious is loaded beside them."""

    remedy = "Import the public base: python -m eprescription.medicines import FOLDER."


@app.command()
def main() -> None:
    """Load the fictitious medicines and interactions."""
    for report in told(_load()):
        typer.echo(f"{report.file}: {report.taken} lines, {report.rejected} rejected")


async def _load() -> list[FileReport]:
    if Settings().profile != "local":
        raise BaseNotOurs
    with shown("fictitious medicines", 2) as progress:
        async with opened(CONSTRAINTS) as database, database.pool.acquire() as connection:
            return await load(connection, utc_now(), progress)


if __name__ == "__main__":
    app()
