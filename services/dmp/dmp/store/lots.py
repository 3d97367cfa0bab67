"""Lots, changes and folders, each with those of its documents that the reader may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.caller import Caller
from chassis.db import ReadTx
from chassis.db import Record as Row
from dmp.domain import Confidentiality, DocumentId, LotId, LotSearch, PersonId, Relation, StoredLot
from dmp.domain.documents import Codes

from . import rows
from .access import PERSON, of_caller, to_relation
from .documents import DELETED, D
from .reach import TEXTS, of_reach, within_reach
from .search import AT, BYTES, LAST, carries, of_range, one_of, shared, within
from .tables import DOCUMENT, LOT, LOT_MEMBER, RECORD
from .taking import of_record, relation_of

if TYPE_CHECKING:
    from dmp import policy

L, M = LOT.c, LOT_MEMBER.c
LOT_ID = sa.bindparam("wanted_lot", type_=sa.Uuid)
COLUMNS = [column for column in LOT.columns if column.name not in ("tokens", "submitted_by", "submitted_for")]
# A deletion is told to those who might read the document, or a copy of it would be kept for ever.
STILL_TOLD = sa.or_(D.status != DELETED, L.kind == sa.literal_column("'change'"))
# A document that a replacement superseded is a member of the lot that brought the other one.
BROUGHT = sa.or_(L.kind != sa.literal_column("'deposit'"), D.lot_id == L.lot_id)
SEEN = (
    sa.select(
        sa.func.array_agg(M.document_id, type_=ARRAY(sa.Uuid)).label("documents"),
        sa.func.bool_or(BROUGHT).label("brought"),
    )
    .join(DOCUMENT, D.document_id == M.document_id)
    .where(M.lot_id == L.lot_id, within_reach(), STILL_TOLD)
    .correlate(LOT)
    .lateral("seen")
)
UNIQUE_ID = sa.bindparam("unique_id", type_=sa.Text)
SAID: dict[str, sa.types.TypeEngine[Any]] = {
    "unique_id": sa.Text(),
    "authors": TEXTS,
    "content_types": TEXTS,
    "source_ids": TEXTS,
    "tokens": BYTES,
}
CRITERIA = (
    L.person_id == PERSON,
    one_of(L.kind, "kinds"),
    one_of(L.source_id, "source_ids"),
    one_of(L.content_type, "content_types"),
    shared(L.author_ids, "authors"),
    within(L.submitted_at, "submitted"),
    within(L.received_at, "received"),
    carries(L.tokens),
    sa.or_(UNIQUE_ID.is_(None), L.unique_id == UNIQUE_ID),
    SEEN.c.documents.is_not(None),
    # What its sender says of a lot is no way to guess at the words of one that is not shown.
    sa.or_(SEEN.c.brought, sa.and_(*(sa.bindparam(name, type_=t).is_(None) for name, t in SAID.items()))),
)


def _listed(oldest_first: bool) -> sa.Select[Any]:
    place, start = sa.tuple_(L.received_at, L.lot_id), sa.tuple_(AT, LAST)
    order = [c.asc() if oldest_first else c.desc() for c in (L.received_at, L.lot_id)]
    return (
        sa.select(*COLUMNS, SEEN.c.documents, SEEN.c.brought)
        .join(SEEN, sa.true())
        .where(*CRITERIA, sa.or_(AT.is_(None), place > start if oldest_first else place < start))
        .order_by(*order)
        .limit(sa.bindparam("size", type_=sa.Integer))
    )


LIST_LOTS = {oldest_first: _listed(oldest_first) for oldest_first in (False, True)}


async def list_lots(tx: ReadTx, person: PersonId, reach: policy.Reach, wanted: LotSearch) -> list[StoredLot]:
    """The lots with one document within reach at least, by our clock, at most `wanted.size`."""
    found = await tx.all(
        LIST_LOTS[wanted.oldest_first],
        person=person.value,
        kinds=[kind.value for kind in wanted.kinds] or None,
        source_ids=list(wanted.source_ids) or None,
        content_types=list(wanted.content_types) or None,
        authors=list(wanted.authors) or None,
        tokens=list(wanted.tokens) or None,
        unique_id=wanted.unique_id or None,
        at=wanted.after.at if wanted.after else None,
        last=wanted.after.id.value if wanted.after else None,
        size=wanted.size,
        **of_range("submitted", wanted.submitted),
        **of_range("received", wanted.received),
        **of_reach(reach),
    )
    return [_seen(row) for row in found]


def _seen(row: Row) -> StoredLot:
    lot = rows.to_lot(row, [DocumentId(str(document)) for document in row["documents"]])
    return lot if row["brought"] else lot.without_words()


FIND_LOT = (
    sa.select(*COLUMNS, *of_record(RECORD), *relation_of(RECORD.c.person_id))
    .join(RECORD, RECORD.c.person_id == L.person_id)
    .where(L.lot_id == LOT_ID)
)


@dataclass(frozen=True, slots=True)
class There:
    """A lot without its documents, and how one caller stands to its record."""

    lot: StoredLot
    relation: Relation


async def find_lot(tx: ReadTx, lot: LotId, caller: Caller, now: datetime) -> There | None:
    row = await tx.one(FIND_LOT, wanted_lot=lot.value, **of_caller(caller, now))
    if row is None:
        return None
    found = rows.to_lot(row, ())
    return There(found, to_relation(row, found.person_id))


@dataclass(frozen=True, slots=True)
class Member:
    """A document of a lot; `seen`: within reach, `brought`: not merely replaced by one of the lot."""

    id: DocumentId
    codes: Codes
    seen: bool
    brought: bool


LIST_MEMBERS = (
    sa.select(
        M.document_id,
        D.confidentiality,
        sa.and_(within_reach(), STILL_TOLD).label("seen"),
        BROUGHT.label("brought"),
    )
    .select_from(LOT)
    .join(LOT_MEMBER, M.lot_id == L.lot_id)
    .join(DOCUMENT, D.document_id == M.document_id)
    .where(L.lot_id == LOT_ID)
    .order_by(M.document_id)
)


async def list_members(tx: ReadTx, lot: LotId, reach: policy.Reach) -> list[Member]:
    """The documents of the lot, those beyond reach too: they say where its lines of the journal belong."""
    found = await tx.all(LIST_MEMBERS, wanted_lot=lot.value, **of_reach(reach))
    return [
        Member(
            DocumentId(str(row["document_id"])),
            tuple(Confidentiality(code) for code in row["confidentiality"]),
            row["seen"],
            row["brought"],
        )
        for row in found
    ]
