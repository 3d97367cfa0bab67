"""Taking the next place in the life of a record: the lock and the clock of deposits and changes.

`received_at` is later than that of the lot before by a microsecond at least, and is handed out under the lock
of the record, held until the commit: the order of the clock is that of the commits, and whoever polls "since
the last one I saw" misses nothing.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .access import NOW, relation_columns
from .tables import RECORD


def of_record(source: sa.Table | sa.CTE) -> list[sa.ColumnElement[Any]]:
    """The columns of the record that `to_relation` reads, from the table or from `taken`."""
    return [source.c[c.name] for c in RECORD.columns if c.name not in ("person_id", "last_received_at")]


def relation_of(person: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """What the caller is to the record of `person`, without the columns of the record itself."""
    return [c for c in relation_columns(person) if getattr(c, "table", None) is not RECORD]


def taken(person: sa.ColumnElement[Any]) -> sa.CTE:
    """The record as it is once nobody else changes it, and the moment that is now its latest."""
    later = RECORD.c.last_received_at + sa.text("interval '1 microsecond'")
    return (
        sa.update(RECORD)
        .where(RECORD.c.person_id == person)
        .values(last_received_at=sa.func.greatest(NOW, later))
        .returning(*RECORD.c)
        .cte("taken")
    )
