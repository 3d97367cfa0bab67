"""Reads the fictitious base that stands beside this file, by the same parsers as the public one, and puts it
in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from eprescription.domain.base import Base
from eprescription.domain.folder import read_folder
from eprescription.domain.folding import name_of
from eprescription.domain.imports import FileReport, Reading
from eprescription.domain.interactions import InteractionRow
from eprescription.domain.thesaurus import row_of
from eprescription.store import imports as store

FOLDER = files("eprescription.seed")
PAIRS, CLASSES = "pairs.tsv", "classes.tsv"


def base(today: date) -> Base:
    """The fictitious medicines."""
    return read_folder(lambda name: (FOLDER / "base" / name).read_bytes(), Reading(today, fictitious=True))


def pairs() -> list[InteractionRow]:
    """The interactions, in our own words."""
    ranks: dict[str, int] = {}
    rows = []
    for one, other, level, mechanism, advice in _cells(FOLDER / PAIRS):
        row = row_of(name_of(one), name_of(other), int(level), advice, mechanism)
        ranks[row.pair] = ranks.get(row.pair, 0) + 1
        rows.append(row._replace(rank=ranks[row.pair]))
    return rows


def classes() -> list[tuple[str, str]]:
    return [(name_of(substance), name_of(class_)) for substance, class_ in _cells(FOLDER / CLASSES)]


def _cells(file: Traversable) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text("utf-8").splitlines()]


async def load(
    connection: Any, now: datetime, progress: Callable[[int], None] = lambda done: None
) -> list[FileReport]:
    """What was put in place: the medicines; and the interactions, but where a real thesaurus was imported.

    All or nothing. Run again, it puts the same in its own place.
    """
    read = base(now.date())
    async with connection.transaction():
        await store.replace_base(connection, read, "seed", now)
        progress(1)
        if await connection.fetchval("SELECT 1 FROM import WHERE source = 'thesaurus' LIMIT 1"):
            return read.reports
        found, named = pairs(), classes()
        reports = [FileReport(PAIRS, len(found)), FileReport(CLASSES, len(named))]
        await store.replace_thesaurus(connection, found, named, reports, "seed", now)
        progress(2)
        return read.reports + reports


async def fill(connection: Any, now: datetime) -> None:
    """The same on a newcomer's machine: nothing where a base was imported or seeded before."""
    if not await connection.fetchval("SELECT 1 FROM import LIMIT 1"):
        await load(connection, now)
