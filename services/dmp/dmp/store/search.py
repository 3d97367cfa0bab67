"""Searches among the documents of one record: always by person first, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx
from dmp.domain import Order, PersonId, Range, Search

from .access import PERSON
from .documents import COLUMNS, DELETED, HABILITATED, TARGET, VISIBLE_LINKS, A, D, Found, to_found
from .reach import TEXTS, of_reach, within_reach
from .tables import DOCUMENT, MOMENT

if TYPE_CHECKING:
    from dmp import policy

BYTES = ARRAY(sa.LargeBinary)
AT, LAST = sa.bindparam("at", type_=MOMENT), sa.bindparam("last", type_=sa.Uuid)
RELATES_TO = sa.bindparam("relates_to", type_=sa.Text)
UNIQUE_ID = sa.bindparam("unique_id", type_=sa.Text)
ARCHIVED = sa.bindparam("archived", type_=sa.Boolean)
ONE_OF = {
    "statuses": D.status,
    "types": D.type_code,
    "classes": D.class_code,
    "facilities": D.facility_code,
    "practice_settings": D.practice_code,
    "formats": D.format_code,
}
RANGES = {
    "created": D.created_at,
    "service_start": D.service_start,
    # An act without an end is over when it began: most documents have a moment, not a span.
    "service_end": sa.func.coalesce(D.service_end, D.service_start),
    "changed": D.changed_at,
}
# Newest first unless said; the index of a record is in that order, the few documents of one person are
# sorted for the others.
ORDERS: dict[Order, tuple[sa.ColumnElement[Any], bool]] = {
    Order.NEWEST_CREATED: (D.created_at, True),
    Order.OLDEST_CREATED: (D.created_at, False),
    Order.LATEST_SERVICE: (D.service_start, True),
    Order.EARLIEST_SERVICE: (D.service_start, False),
    Order.LATEST_CHANGED: (D.changed_at, True),
    Order.EARLIEST_CHANGED: (D.changed_at, False),
}


def one_of(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    wanted = sa.bindparam(name, type_=TEXTS)
    return sa.or_(wanted.is_(None), column == sa.any_(wanted))


def shared(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """The array has one element wanted at least."""
    wanted = sa.bindparam(name, type_=TEXTS)
    return sa.or_(wanted.is_(None), column.bool_op("&&")(wanted))


def within(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    start = sa.bindparam(f"{name}_from", type_=MOMENT)
    end = sa.bindparam(f"{name}_to", type_=MOMENT)
    return sa.and_(sa.or_(start.is_(None), column >= start), sa.or_(end.is_(None), column < end))


def carries(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """All of the keyed hashes of the words looked for."""
    wanted = sa.bindparam("tokens", type_=BYTES)
    return sa.or_(wanted.is_(None), column.bool_op("@>")(wanted))


def _related() -> sa.ColumnElement[bool]:
    to_it = sa.or_(TARGET.c.unique_id == RELATES_TO, sa.cast(TARGET.c.document_id, sa.Text) == RELATES_TO)
    stands = (
        sa.exists()
        .where(A.source_id == D.document_id, TARGET.c.document_id == A.target_id, to_it, within_reach(TARGET))
        .correlate(DOCUMENT)
    )
    return sa.or_(RELATES_TO.is_(None), stands)


def _identified() -> sa.ColumnElement[bool]:
    wanted = sa.bindparam("identifiers", type_=TEXTS)
    ids = (D.unique_id, sa.cast(D.document_id, sa.Text), sa.cast(D.entry_id, sa.Text))
    return sa.or_(wanted.is_(None), *(i == sa.any_(wanted) for i in ids))


CRITERIA = (
    D.person_id == PERSON,
    D.status != DELETED,
    within_reach(),
    *(one_of(column, name) for name, column in ONE_OF.items()),
    *(within(column, name) for name, column in RANGES.items()),
    shared(D.confidentiality, "confidentiality"),
    shared(D.event_codes, "events"),
    sa.or_(shared(D.author_ids, "authors"), shared(D.structure_ids, "authors")),
    sa.or_(UNIQUE_ID.is_(None), D.unique_id == UNIQUE_ID),
    sa.or_(ARCHIVED.is_(None), D.archived == ARCHIVED),
    carries(D.tokens),
    _identified(),
    _related(),
)


def _listed(column: sa.ColumnElement[Any], descending: bool) -> sa.Select[Any]:
    place, start = sa.tuple_(column, D.document_id), sa.tuple_(AT, LAST)
    order = [c.desc() if descending else c.asc() for c in (column, D.document_id)]
    return (
        sa.select(*COLUMNS, VISIBLE_LINKS, HABILITATED)
        .where(*CRITERIA, sa.or_(AT.is_(None), place < start if descending else place > start))
        .order_by(*order)
        .limit(sa.bindparam("size", type_=sa.Integer))
    )


LIST_READABLE = {order: _listed(*by) for order, by in ORDERS.items()}


def of_range(name: str, wanted: Range) -> dict[str, Any]:
    """The parameters of `within`."""
    return {f"{name}_from": wanted.start, f"{name}_to": wanted.end}


def _of_search(wanted: Search) -> dict[str, Any]:
    names = (*ONE_OF, "confidentiality", "events", "authors", "identifiers", "tokens")
    lists: dict[str, Any] = {name: list(getattr(wanted, name)) or None for name in names}
    ranges: dict[str, Any] = {}
    for name in RANGES:
        ranges |= of_range(name, getattr(wanted, name))
    return {
        **lists,
        **ranges,
        "unique_id": wanted.unique_id or None,
        "relates_to": wanted.relates_to or None,
        "archived": wanted.archived,
        "at": wanted.after.at if wanted.after else None,
        "last": wanted.after.id.value if wanted.after else None,
        "size": wanted.size,
    }


async def list_readable(tx: ReadTx, person: PersonId, reach: policy.Reach, wanted: Search) -> list[Found]:
    """The documents within reach in the order wanted, at most `wanted.size`; a deleted one is in no list."""
    statement = LIST_READABLE[wanted.order]
    found = await tx.all(statement, person=person.value, **of_reach(reach), **_of_search(wanted))
    return [to_found(row) for row in found]
