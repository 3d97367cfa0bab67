"""For the operator: the public medicines base and the thesaurus of interactions, imported as published.

    python -m eprescription.medicines import FOLDER
    python -m eprescription.medicines import-thesaurus THESAURUS.json INDEX.json
    python -m eprescription.medicines report
    python -m eprescription.medicines search "amoxiciline 500"

Run it with the environment of the service (`SOCLE_DATABASE_...`), while it runs: readers keep the old base
until the new one is whole. Every line that was rejected is told, with its number and reason.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from chassis import telemetry
from chassis.call import utc_now
from chassis.ops import opened, told
from chassis.progress import shown
from chassis.settings import Settings

from .domain import imports, thesaurus
from .domain.base import Base
from .domain.folder import FileMissing, read_folder
from .domain.imports import FileReport, LineRejected, Reading
from .store import CONSTRAINTS
from .store import imports as store
from .store.imports import Import
from .usecases import medicines
from .usecases.medicines import Hit

# The base has 35 MB; a file of this size is another.
LARGEST = 256 * 1024 * 1024
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console(highlight=False, soft_wrap=True)
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


@app.command("import")
def import_base(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The files of the BDPM.")],
) -> None:
    """Puts the medicines base of FOLDER in the place of the one there is, in one transaction."""
    with shown("reading files", len(imports.FILES)) as progress:
        base = _read(folder, progress)
    with shown("writing tables", len(store.TABLES)) as progress:
        made = told(_write(base, progress))
    _print(made, everything=True)


def _read(folder: Path, progress: Callable[[int], None]) -> Base:
    try:
        return read_folder(lambda name: _content(folder / name), Reading(utc_now().date()), progress)
    except FileMissing as missing:
        sys.exit(f"{missing} is not in {folder}: download the files of the public base into it")


def _content(file: Path) -> bytes | None:
    if not file.is_file():
        return None
    if file.stat().st_size > LARGEST:
        sys.exit(f"{file.name} is larger than {LARGEST} bytes: it is no file of the base")
    return file.read_bytes()


async def _write(base: Base, progress: Callable[[int], None]) -> Import:
    async with (
        opened(CONSTRAINTS) as database,
        database.pool.acquire() as connection,
        connection.transaction(),
    ):
        return await store.replace_base(connection, base, "bdpm", utc_now(), progress)


@app.command("import-thesaurus")
def import_thesaurus(
    file: File,
    index: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="Substances and their classes.")
    ] = None,
) -> None:
    """Puts a thesaurus of interactions (JSON) in the place of the one there is, in one transaction."""
    reports = [FileReport(file.name), *([FileReport(index.name)] if index else [])]
    try:
        pairs = thesaurus.read_pairs(_json(file), reports[0])
        classes = thesaurus.read_classes(_json(index), reports[1]) if index else []
    except LineRejected as reason:
        sys.exit(f"{reason} Nothing was changed.")
    if not pairs:
        sys.exit(f"{file.name} holds no pair: nothing was changed")
    _print(told(_write_thesaurus(pairs, classes, reports)), everything=True)


def _json(file: Path) -> object:
    try:
        return json.loads((_content(file) or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        sys.exit(f"{file.name} is not JSON in UTF-8")


async def _write_thesaurus(pairs: Any, classes: Any, reports: list[FileReport]) -> Import:
    async with (
        opened(CONSTRAINTS) as database,
        database.pool.acquire() as connection,
        connection.transaction(),
    ):
        return await store.replace_thesaurus(connection, pairs, classes, reports, "thesaurus", utc_now())


@app.command()
def report(
    last: Annotated[int, typer.Option(min=1, max=50, help="How many imports.")] = 1,
    everything: Annotated[bool, typer.Option("--all", help="The rejected lines too.")] = False,
) -> None:
    """The last imports: lines taken, rejected, why; and the conditions that no rule understands."""
    found, unknown = told(_reports(last))
    for one in found:
        _print(one, everything=everything)
    for text, count in unknown:
        out.print(f"not understood, {count} medicines: {text}", markup=False)


async def _reports(last: int) -> tuple[list[Import], list[tuple[str, int]]]:
    async with opened(CONSTRAINTS) as database, database.read() as tx:
        return await store.list_imports(tx, last, None), list(await medicines.list_unknown_conditions(tx))


@app.command()
def search(text: str, limit: Annotated[int, typer.Option(min=1, max=100)] = 20) -> None:
    """Searches as the service does."""
    table = Table("CIS", "label", "marketed", "score", "packs")
    for hit in told(_search(text, limit)):
        packs = " ".join(pack.cip13 for pack in hit.medicine.packs)
        marketed = "yes" if hit.medicine.marketed else "no"
        table.add_row(hit.medicine.cis, hit.medicine.label, marketed, f"{hit.score:.2f}", packs)
    out.print(table)


async def _search(text: str, limit: int) -> list[Hit]:
    async with opened(CONSTRAINTS) as database, database.read() as tx:
        return await medicines.search_medicines(tx, text, False, limit)


def _print(made: Import, *, everything: bool) -> None:
    out.print(f"import {made.id} of {made.source}, {made.finished_at.isoformat(timespec='seconds')}")
    for one in made.files:
        if one.missing:
            out.print(f"  {one.file}: missing, done without")
            continue
        out.print(f"  {one.file}: {one.taken} lines taken, {one.rejected} rejected")
        for reason, count in sorted(one.reasons.items(), key=lambda pair: -pair[1]):
            out.print(f"    {count} x {reason}", markup=False)
        for problem in one.problems if everything else ():
            out.print(f"    {problem}", markup=False)
        told_of = len([problem for problem in one.problems if " rejected: " in problem])
        if one.rejected > told_of and everything:
            out.print(f"    and {one.rejected - told_of} more")


def main() -> None:
    """The log goes to standard error, under the same rules as that of the service."""
    try:
        telemetry.configure(Settings(), "eprescription-medicines")
    except ValidationError as error:
        sys.exit("; ".join(fault["msg"] for fault in error.errors()))
    app()


if __name__ == "__main__":
    main()
