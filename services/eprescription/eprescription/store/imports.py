"""Imports: a whole base or a whole thesaurus replaced in one transaction, by COPY; and their reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.db import ReadTx
from chassis.ids import Id
from eprescription.domain.base import Base
from eprescription.domain.imports import FileReport

from .medicine_tables import IMPORT

# Two imports at once would mix their rows; readers are not held up.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('eprescription_import'))"
TABLES = ("availability", "condition", "generic", "component", "pack", "medicine")
# DELETE and not TRUNCATE: readers go on reading the old base until the commit.
OFFICIAL = "cis !~ '^69996[0-8]'"
FICTITIOUS = "cis ~ '^69996[0-8]'"
BEFORE = sa.bindparam("before", type_=sa.Uuid)
LIST = (
    sa.select(IMPORT)
    .where(sa.or_(BEFORE.is_(None), IMPORT.c.import_id < BEFORE))
    .order_by(IMPORT.c.import_id.desc())
    .limit(sa.bindparam("size"))
)
STANDS = sa.select(IMPORT.c.import_id).where(IMPORT.c.source == sa.bindparam("source")).limit(1)


# Numbers and the shortest words are not looked for by likeness.
WORDS = """
INSERT INTO search_word (word, medicines)
SELECT word, count(*) FROM medicine, LATERAL unnest(string_to_array(searched, ' ')) AS word
WHERE length(word) >= 4 AND word ~ '[A-Z]{3}' GROUP BY word
"""


class ImportId(Id):
    """One import."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Import:
    id: str
    # `bdpm`, `seed`, `thesaurus`.
    source: str
    finished_at: datetime
    files: tuple[FileReport, ...]


async def replace_base(
    connection: Any,
    base: Base,
    source: str,
    now: datetime,
    progress: Callable[[int], None] = lambda done: None,
) -> Import:
    """Puts a base in the place of what its source brought before; `connection` is in a transaction.

    The fictitious products have a range of CIS of their own, so that a demo goes on working beside the
    public base. Raises what PostgreSQL raises, and nothing is changed then.
    """
    await connection.execute(ONE_AT_A_TIME)
    which = FICTITIOUS if source == "seed" else OFFICIAL
    for table in TABLES:
        await connection.execute(f"DELETE FROM {table} WHERE {which}")  # noqa: S608 (names of our own)
    for done, (table, rows) in enumerate(_rows(base), 1):
        await copy(connection, table, rows)
        progress(done)
    await connection.execute("DELETE FROM search_word")
    await connection.execute(WORDS)
    # The planner would go on believing in an empty table until the next autovacuum.
    await connection.execute(f"ANALYZE search_word, {', '.join(TABLES)}")
    return await _write(connection, source, base.reports, now)


def _rows(base: Base) -> Iterable[tuple[str, Sequence[Any]]]:
    yield "medicine", base.medicines
    yield "pack", base.packs
    yield "component", base.components
    yield "generic", base.generics
    yield "condition", base.conditions
    yield "availability", base.availabilities


async def copy(connection: Any, table: str, rows: Sequence[Any]) -> None:
    """Rows are named tuples whose fields are columns."""
    if rows:
        await connection.copy_records_to_table(table, records=rows, columns=list(rows[0]._fields))


async def replace_thesaurus(
    connection: Any,
    pairs: Sequence[Any],
    classes: Sequence[tuple[str, str]],
    reports: Sequence[FileReport],
    source: str,
    now: datetime,
) -> Import:
    """Puts a thesaurus of interactions in the place of the one there is."""
    await connection.execute(ONE_AT_A_TIME)
    await connection.execute("DELETE FROM interaction")
    await connection.execute("DELETE FROM substance_class")
    await copy(connection, "interaction", pairs)
    await connection.copy_records_to_table("substance_class", records=classes, columns=["substance", "class"])
    return await _write(connection, source, reports, now)


async def _write(connection: Any, source: str, reports: Sequence[FileReport], now: datetime) -> Import:
    made = Import(ImportId.new().value, source, now, tuple(reports))
    await connection.execute(
        "INSERT INTO import (import_id, source, finished_at, files) VALUES ($1, $2, $3, $4)",
        made.id,
        source,
        now,
        [asdict(report) for report in reports],
    )
    return made


async def list_imports(tx: ReadTx, size: int, before: UUID | None) -> list[Import]:
    """Last first."""
    rows = await tx.all(LIST, size=size, before=before)
    return [
        Import(
            str(row["import_id"]),
            row["source"],
            row["finished_at"],
            tuple(FileReport(**one) for one in row["files"]),
        )
        for row in rows
    ]


async def stands(tx: ReadTx, source: str) -> bool:
    """Whether this source was imported once at least."""
    return await tx.one(STANDS, source=source) is not None
