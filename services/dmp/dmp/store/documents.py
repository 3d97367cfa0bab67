"""Lots, documents and their bytes; the rule of `policy.Reach` as a WHERE clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from dmp import policy
from dmp.domain import (
    Confidentiality,
    Deposit,
    Document,
    DocumentChangedMeanwhile,
    DocumentId,
    LotId,
    PersonId,
    Record,
    Relation,
    Search,
)

from . import rows
from .access import PERSON, of_caller, relation_columns, to_relation
from .tables import CONTENT, DOCUMENT, DOCUMENT_VERSION, HABILITATION, LOT, MOMENT, RECORD

D, H, V = DOCUMENT.c, HABILITATION.c, DOCUMENT_VERSION.c
TEXTS = ARRAY(sa.Text)
AUTHOR = sa.bindparam("author", type_=sa.Text)
PROFESSION = sa.bindparam("profession", type_=sa.Text)
COLUMNS = list(DOCUMENT.columns)
HIDDEN = D.confidentiality.bool_op("&&")(sa.bindparam("hidden", type_=TEXTS))

# The cell of the matrix: the type's own before the profession's default, the latest version of either.
HABILITATED = sa.func.coalesce(
    sa.select(H.allowed)
    .where(
        H.profession == PROFESSION,
        sa.or_(H.type_code == D.type_code, H.type_code == sa.literal_column("'*'")),
    )
    .order_by(H.type_code == sa.literal_column("'*'"), H.version.desc())
    .limit(sa.literal_column("1"))
    .scalar_subquery(),
    sa.false(),
)


def within_reach() -> sa.ColumnElement[bool]:
    """`policy.may_read` for every document of a list; both are proven equal by the tests."""
    own = sa.and_(
        sa.literal_column("''") != AUTHOR, sa.or_(D.submitted_by == AUTHOR, sa.any_(D.author_ids) == AUTHOR)
    )
    others = sa.and_(
        sa.bindparam("consult", type_=sa.Boolean),
        sa.or_(PROFESSION.is_(None), HABILITATED),
        sa.not_(HIDDEN),
    )
    return sa.or_(own, others)


def of_reach(reach: policy.Reach) -> dict[str, Any]:
    """The parameters of `within_reach`."""
    return {
        "author": reach.author,
        "consult": reach.consult.permitted,
        "profession": reach.profession,
        "hidden": [code.value for code in reach.hidden],
    }


def _one_of(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    wanted = sa.bindparam(name, type_=TEXTS)
    return sa.or_(wanted.is_(None), column == sa.any_(wanted))


FROM, TO = sa.bindparam("created_from", type_=MOMENT), sa.bindparam("created_to", type_=MOMENT)
AT, LAST = sa.bindparam("at", type_=MOMENT), sa.bindparam("last", type_=sa.Uuid)
UNIQUE_ID = sa.bindparam("unique_id", type_=sa.Text)
LIST_READABLE = (
    sa.select(*COLUMNS, HABILITATED.label("habilitated"))
    .where(
        D.person_id == PERSON,
        within_reach(),
        _one_of(D.status, "statuses"),
        _one_of(D.type_code, "types"),
        _one_of(D.class_code, "classes"),
        sa.or_(UNIQUE_ID.is_(None), D.unique_id == UNIQUE_ID),
        sa.or_(FROM.is_(None), D.created_at >= FROM),
        sa.or_(TO.is_(None), D.created_at < TO),
        sa.or_(AT.is_(None), sa.tuple_(D.created_at, D.document_id) < sa.tuple_(AT, LAST)),
    )
    .order_by(D.created_at.desc(), D.document_id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True)
class Found:
    """A document as one caller stands to it; `habilitated` is the cell of the matrix."""

    document: Document
    habilitated: bool


async def list_readable(tx: ReadTx, person: PersonId, reach: policy.Reach, wanted: Search) -> list[Found]:
    """The documents within reach, newest first, at most `wanted.size`."""
    found = await tx.all(
        LIST_READABLE,
        person=person.value,
        **of_reach(reach),
        statuses=[s.value for s in wanted.statuses] or None,
        types=list(wanted.types) or None,
        classes=list(wanted.classes) or None,
        unique_id=wanted.unique_id or None,
        created_from=wanted.created_from,
        created_to=wanted.created_to,
        at=wanted.after.created_at if wanted.after else None,
        last=wanted.after.id.value if wanted.after else None,
        size=wanted.size,
    )
    return [Found(rows.to_document(row), row["habilitated"]) for row in found]


FIND_DOCUMENT = (
    sa.select(*COLUMNS, HABILITATED.label("habilitated"), RECORD.c.opened_at, *relation_columns(D.person_id))
    .join(RECORD, RECORD.c.person_id == D.person_id)
    .where(D.document_id == sa.bindparam("document", type_=sa.Uuid))
)
LOCK_DOCUMENT = FIND_DOCUMENT.with_for_update(of=DOCUMENT)


async def find_document(
    tx: ReadTx, document: DocumentId, caller: Caller, now: datetime
) -> tuple[Found, Relation] | None:
    """The document and the relation of the caller to its record, in one reading."""
    row = await tx.one(
        FIND_DOCUMENT, document=document.value, profession=caller.profession, **of_caller(caller, now)
    )
    return _with_relation(row)


async def lock_document(
    tx: Tx, document: DocumentId, caller: Caller, now: datetime
) -> tuple[Found, Relation] | None:
    """The same, while nobody else changes its metadata."""
    row = await tx.lock(
        LOCK_DOCUMENT, document=document.value, profession=caller.profession, **of_caller(caller, now)
    )
    return _with_relation(row)


def _with_relation(row: Row | None) -> tuple[Found, Relation] | None:
    if row is None:
        return None
    document = rows.to_document(row)
    return Found(document, row["habilitated"]), to_relation(row, document.person_id)


GET_CONTENT = sa.select(CONTENT.c.bytes).where(
    CONTENT.c.document_id == sa.bindparam("document", type_=sa.Uuid)
)


async def get_content(tx: ReadTx, document: DocumentId) -> bytes:
    """The bytes as they were deposited."""
    row = await tx.one(GET_CONTENT, document=document.value)
    if row is None:
        raise RuntimeError("a document without content: the tables contradict each other")
    return bytes(row["bytes"])


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a lot would arrive: the record, and what it already holds of the lot."""

    record: Record | None
    # As they were first deposited: a depositor learns nothing of what became of them since.
    documents: Sequence[Document]
    lot: LotId | None


IS_LOT = sa.and_(LOT.c.person_id == RECORD.c.person_id, LOT.c.unique_id == sa.bindparam("lot"))
FIND_DESTINATION = (
    sa.select(
        RECORD.c.opened_at,
        sa.select(LOT.c.lot_id).where(IS_LOT).scalar_subquery().label("same_lot"),
        *(c for c in COLUMNS if c.name not in ("confidentiality", "version", "status", "archived")),
        *(V[name] for name in ("confidentiality", "version", "status", "archived")),
    )
    .outerjoin(
        DOCUMENT,
        sa.and_(
            D.person_id == RECORD.c.person_id, D.unique_id == sa.any_(sa.bindparam("unique_ids", type_=TEXTS))
        ),
    )
    .outerjoin(DOCUMENT_VERSION, sa.and_(V.document_id == D.document_id, V.version == sa.literal_column("1")))
    .where(RECORD.c.person_id == PERSON)
)


async def find_destination(tx: ReadTx, person: PersonId, deposit: Deposit) -> Destination:
    unique_ids = [item.entry.unique_id for item in deposit.items]
    found = await tx.all(
        FIND_DESTINATION, person=person.value, unique_ids=unique_ids, lot=deposit.lot.unique_id
    )
    if not found:
        return Destination(None, (), None)
    documents = [rows.to_document(row) for row in found if row["document_id"] is not None]
    same_lot = found[0]["same_lot"]
    return Destination(
        Record(person, found[0]["opened_at"]), documents, LotId(str(same_lot)) if same_lot else None
    )


def insert_lot(
    tx: Tx, lot_id: LotId, person: PersonId, deposit: Deposit, documents: Sequence[Document]
) -> None:
    """The lot, its documents and their bytes."""
    first = documents[0]
    tx.insert(LOT, **rows.from_lot(lot_id, person, deposit.lot, first))
    for document, item in zip(documents, deposit.items, strict=True):
        tx.insert(DOCUMENT, **rows.from_document(document))
        tx.insert(CONTENT, document_id=document.id.value, bytes=item.content)
        _insert_version(tx, document, document.submitted_by, document.submitted_at)


def _insert_version(tx: Tx, document: Document, by: str, now: datetime) -> None:
    tx.insert(
        DOCUMENT_VERSION,
        document_id=document.id.value,
        version=document.version,
        status=document.status.value,
        archived=document.archived,
        confidentiality=[c.value for c in document.entry.confidentiality],
        changed_at=now,
        changed_by=by,
    )


SAVE_DOCUMENT = (
    sa.update(DOCUMENT)
    .where(D.document_id == sa.bindparam("document"), D.version == sa.bindparam("before"))
    .values(
        version=sa.bindparam("next"),
        status=sa.bindparam("state"),
        archived=sa.bindparam("put_away"),
        confidentiality=sa.bindparam("codes", type_=TEXTS),
    )
)


async def save_document(tx: Tx, document: Document, by: str, now: datetime) -> None:
    """The next version of the metadata, with its line of history; raises DocumentChangedMeanwhile."""
    touched = await tx.change(
        SAVE_DOCUMENT,
        document=document.id.value,
        before=document.version - 1,
        next=document.version,
        state=document.status.value,
        put_away=document.archived,
        codes=[c.value for c in document.entry.confidentiality],
    )
    if touched != 1:
        raise DocumentChangedMeanwhile
    _insert_version(tx, document, by, now)


HIDDEN_AMONG = sa.select(D.document_id).where(
    D.document_id == sa.any_(sa.bindparam("documents", type_=ARRAY(sa.Uuid))),
    HIDDEN,
)


async def list_hidden(tx: ReadTx, ids: Sequence[str], codes: Sequence[Confidentiality]) -> set[str]:
    """Those of these documents that carry one of the codes."""
    found = await tx.all(HIDDEN_AMONG, documents=list(ids), hidden=[c.value for c in codes])
    return {str(row["document_id"]) for row in found}


__all__ = [
    "Destination",
    "Found",
    "find_destination",
    "find_document",
    "get_content",
    "insert_lot",
    "list_hidden",
    "list_readable",
    "lock_document",
    "save_document",
]
