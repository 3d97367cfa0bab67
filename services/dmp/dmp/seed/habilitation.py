"""`python -m dmp.seed.habilitation FILE --source NAME`: puts a matrix of habilitation in force.

Without code: the annex of the arrêté as a CSV file becomes the next version of the matrix, in one
transaction. `--dry-run` shows what it would change and writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import chassis
from chassis import db
from chassis.call import Call
from chassis.caller import Caller, CallerKind
from chassis.db import Database, Tx
from chassis.errors import SocleError
from chassis.settings import read_secret
from dmp.domain.habilitation import ANY_TYPE, Cell, Difference, differences, successor
from dmp.store import habilitation as store

from .annex import AnnexRefused, Fault, read

OPERATOR = Caller(CallerKind.OPERATOR, "habilitation", name="habilitation", client="habilitation")
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
out, errors = Console(highlight=False), Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    version: int
    cells: int
    changed: Sequence[Difference]
    # Professions that the file does not name: what was in force stays so.
    kept: Sequence[str]


async def load(tx: Tx, text: str, source: str, *, dry_run: bool = False) -> Loaded:
    """Writes the cells of a file as the next version of the matrix; raises AnnexRefused."""
    version = await store.take_matrix(tx) + 1
    in_force = await store.list_cells(tx)
    given = read(text, version, source)
    cells = successor(in_force, given)
    if not dry_run:
        store.insert_cells(tx, cells)
    named = {cell.profession for cell in given}
    kept = sorted({cell.profession for cell in in_force} - named)
    return Loaded(version, len(cells), _seen(in_force, cells), kept)


def _seen(in_force: Sequence[Cell], cells: Sequence[Cell]) -> list[Difference]:
    """Without the cells that say for the first time what the default said."""
    usual = {cell.profession: cell.allowed for cell in in_force if cell.type_code == ANY_TYPE}
    changed = differences(in_force, cells)
    return [d for d in changed if d.before is not None or usual.get(d.place[0], False) is not d.after]


@app.command()
def main(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV of cells, or a matrix.")],
    source: Annotated[str, typer.Option(help="Where it comes from, shown with each cell: arrete-2023...")],
    dry_run: Annotated[bool, typer.Option(help="Show what would change, write nothing.")] = False,
) -> None:
    """Put a matrix of habilitation in force, from a CSV file."""
    try:
        done = asyncio.run(_run(file.read_text(encoding="utf-8-sig"), source, dry_run))
    except UnicodeDecodeError:
        errors.print("The file is not UTF-8: save it so, then load it again.")
        raise typer.Exit(1) from None
    except AnnexRefused as refused:
        _show_faults(refused.faults)
        raise typer.Exit(1) from None
    except SocleError as error:
        errors.print(str(error))
        raise typer.Exit(1) from None
    _show(done, dry_run)


async def _run(text: str, source: str, dry_run: bool) -> Loaded:
    settings = chassis.Settings()
    password = read_secret(settings.database_password_file)
    with db.translated({}):
        pool = await db.connect(settings.database_url, password, 1)
        try:
            async with Database(pool).begin(Call(OPERATOR)) as tx:
                return await load(tx, text, source, dry_run=dry_run)
        finally:
            await pool.close()


def _show_faults(faults: Sequence[Fault]) -> None:
    for fault in faults:
        errors.print(f"line {fault.line}: {fault.problem}")
    errors.print(f"faults: {len(faults)}; nothing was loaded")


def _show(done: Loaded, dry_run: bool) -> None:
    if done.changed:
        table = Table("profession", "type", "was", "becomes")
        for d in done.changed:
            was = "the default" if d.before is None else _word(d.before)
            table.add_row(*d.place, was, _word(d.after))
        out.print(table)
    if done.kept:
        out.print(f"not in the file, left as they are: professions {', '.join(done.kept)}")
    verb = "would be" if dry_run else "are"
    out.print(
        f"version {done.version}: {done.cells} cells {verb} in force, {len(done.changed)} decide otherwise"
    )


def _word(allowed: bool) -> str:
    return "allowed" if allowed else "refused"


if __name__ == "__main__":
    app()
