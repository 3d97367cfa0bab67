"""Takes persons of a file into the reference registry, through a staging table, batch by batch."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from identity_ins.domain import Person

from . import indexes
from .lines import Line
from .load import Progress, alone
from .rows import PERSON_COLUMNS, key_of_name

BATCH = 20_000
OTHER_TRAITS = "numIdentifiant: this number stands in the registry, with other traits"
STAGED = ("line", "matricule", "oid", *PERSON_COLUMNS)
STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS imported (
    line integer, matricule text, oid text, id uuid, birth_name text, birth_first_names text[], sex text,
    birth_date date, birth_place text, birth_date_precision text, birth_name_key text
) ON COMMIT DELETE ROWS
"""
# Of two lines with one number the first counts; the second is then a line whose number stands already.
TAKE = """
WITH fresh AS (
    SELECT DISTINCT ON (matricule, oid) * FROM imported
    WHERE NOT EXISTS (
        SELECT FROM ins_number n WHERE n.matricule = imported.matricule AND n.oid = imported.oid)
    ORDER BY matricule, oid, line
), persons AS (
    INSERT INTO person (
        id, birth_name, birth_first_names, sex, birth_date, birth_place, birth_date_precision, birth_name_key
    )
    SELECT
        id, birth_name, birth_first_names, sex, birth_date, birth_place, birth_date_precision, birth_name_key
    FROM fresh
)
INSERT INTO ins_number (matricule, oid, person_id, current) SELECT matricule, oid, id, true FROM fresh
"""
DIFFERENT = """
SELECT i.line FROM imported i JOIN ins_number n USING (matricule, oid) JOIN person p ON p.id = n.person_id
WHERE (i.birth_name, i.birth_first_names, i.sex, i.birth_date, i.birth_place, i.birth_date_precision)
    IS DISTINCT FROM
    (p.birth_name, p.birth_first_names, p.sex, p.birth_date, p.birth_place, p.birth_date_precision)
"""

Reject = Callable[[Line, str], None]


@dataclass(slots=True)
class Intake:
    """What became of the lines of a file."""

    added: int = 0
    # The same person, with the same traits, stood in the registry before: nothing to do.
    standing: int = 0
    rejected: int = 0


async def take_in(
    pool: asyncpg.Pool[Any],
    lines: Iterable[Line],
    reject: Reject,
    progress: Progress = lambda done: None,
    batch: int = BATCH,
) -> Intake:
    """Adds the persons of these lines to the registry; `reject` is given each refused line and its reason.

    Each `batch` of lines is a transaction of its own, and a line whose person stands already changes nothing:
    a file that was stopped half-way is simply taken in again.
    """
    found, waiting = Intake(), iter(lines)
    async with pool.acquire() as connection, alone(connection):
        await indexes.restore(connection, indexes.REGISTRY)
        await connection.execute(STAGING)
        seen = 0
        while taken := list(islice(waiting, batch)):
            await _take_batch(connection, taken, reject, found)
            seen += len(taken)
            progress(seen)
    return found


async def _take_batch(connection: Any, batch: list[Line], reject: Reject, found: Intake) -> None:
    good = [(line, line.person) for line in batch if line.person]
    async with connection.transaction():
        await connection.copy_records_to_table(
            "imported", records=(_staged(line.number, person) for line, person in good), columns=STAGED
        )
        added = int((await connection.execute(TAKE)).rpartition(" ")[2])
        different = {row["line"] for row in await connection.fetch(DIFFERENT)}
    found.added += added
    found.standing += len(good) - added - len(different)
    for line in batch:
        if problem := OTHER_TRAITS if line.number in different else line.problem:
            found.rejected += 1
            reject(line, problem)


def _staged(number: int, person: Person) -> tuple[Any, ...]:
    traits = person.traits
    return (
        number,
        person.ins.matricule,
        person.ins.oid.value,
        person.id.value,
        traits.birth_name,
        list(traits.birth_first_names),
        traits.sex.value,
        traits.birth_date,
        traits.birth_place,
        traits.birth_date_precision.value,
        key_of_name(traits.birth_name),
    )


@contextmanager
def rejections(path: Path, header: Iterable[str]) -> Iterator[Reject]:
    """Writes refused lines, each with its number and reason, where only their owner can read them.

    They are the persons' own traits: they go to this file, and nowhere else.
    """
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["line", "reason", *header])
        yield lambda line, problem: table.writerow([line.number, problem, *line.cells])
