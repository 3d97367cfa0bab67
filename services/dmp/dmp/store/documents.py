"""Documents found, read and changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from dmp.domain import (
    Document,
    DocumentChangedMeanwhile,
    DocumentId,
    Link,
    LinkKind,
    PersonId,
    Relation,
)

from . import rows
from .access import PERSON, of_caller, to_relation
from .reach import TEXTS, habilitated, of_reach, within_reach
from .tables import ASSOCIATION, DOCUMENT, DOCUMENT_VERSION, RECORD
from .taking import of_record, relation_of

if TYPE_CHECKING:
    from dmp import policy

D, A, V = DOCUMENT.c, ASSOCIATION.c, DOCUMENT_VERSION.c
TARGET = DOCUMENT.alias("target")
WANTED = sa.bindparam("documents", type_=ARRAY(sa.Uuid))
# Columns that only searches look at stay in the tables.
COLUMNS = [column for column in DOCUMENT.columns if column.name != "tokens"]
HABILITATED = habilitated(D.type_code).label("habilitated")
DELETED: sa.ColumnElement[str] = sa.literal_column("'deleted'")


def links(*where: sa.ColumnElement[bool]) -> sa.Label[Any]:
    """The relations of a document to others, as JSON; `where` filters the others (`TARGET`)."""
    link = sa.func.jsonb_build_object(
        "kind", A.kind, "document_id", A.target_id, "unique_id", TARGET.c.unique_id
    )
    return (
        sa.select(sa.func.jsonb_agg(link, type_=JSONB))
        .join(TARGET, TARGET.c.document_id == A.target_id)
        .where(A.source_id == D.document_id, *where)
        .correlate(DOCUMENT)
        .scalar_subquery()
        .label("links")
    )


# A relation to a document that the reader may not know would tell that it is there.
VISIBLE_LINKS = links(within_reach(TARGET))
NO_LINKS = sa.null().label("links")


@dataclass(frozen=True, slots=True)
class Found:
    """A document as one caller stands to it; `habilitated` is the cell of the matrix."""

    document: Document
    habilitated: bool


def to_found(row: Row) -> Found:
    return Found(rows.to_document(row), row["habilitated"])


RECORD_PERSON = RECORD.c.person_id
LINKED = sa.exists().where(A.source_id == D.document_id).label("linked")
FIND_DOCUMENT = (
    sa.select(*COLUMNS, NO_LINKS, LINKED, HABILITATED, *of_record(RECORD), *relation_of(RECORD_PERSON))
    .join(RECORD, D.person_id == RECORD_PERSON)
    .where(D.document_id == sa.bindparam("document", type_=sa.Uuid))
)


@dataclass(frozen=True, slots=True)
class There:
    """A document, without its relations to others, and how one caller stands to its record."""

    found: Found
    relation: Relation
    # It stands in a relation to another document at least.
    linked: bool


async def find_document(tx: ReadTx, document: DocumentId, caller: Caller, now: datetime) -> There | None:
    """The document and the relation of the caller to its record, in one reading."""
    row = await tx.one(
        FIND_DOCUMENT, document=document.value, profession=caller.profession, **of_caller(caller, now)
    )
    if row is None:
        return None
    found = to_found(row)
    return There(found, to_relation(row, found.document.person_id), row["linked"])


LIST_LINKS = (
    sa.select(A.kind, A.target_id, TARGET.c.unique_id)
    .join(TARGET, TARGET.c.document_id == A.target_id)
    .where(A.source_id == sa.bindparam("document", type_=sa.Uuid), within_reach(TARGET))
    .order_by(A.target_id)
)


async def list_links(tx: ReadTx, document: DocumentId, reach: policy.Reach) -> tuple[Link, ...]:
    """The relations of the document to others that are within reach."""
    found = await tx.all(LIST_LINKS, document=document.value, **of_reach(reach))
    return tuple(Link(LinkKind(r["kind"]), str(r["target_id"]), r["unique_id"]) for r in found)


LIST_DOCUMENTS = (
    sa.select(*COLUMNS, VISIBLE_LINKS, HABILITATED)
    .where(D.document_id == sa.any_(WANTED), D.person_id == PERSON, within_reach(), D.status != DELETED)
    .order_by(D.document_id)
)
LIST_RELATED = (
    sa.select(*COLUMNS, VISIBLE_LINKS, HABILITATED)
    .where(
        D.document_id.in_(sa.select(A.target_id).where(A.source_id == sa.any_(WANTED))),
        sa.not_(D.document_id == sa.any_(WANTED)),
        D.person_id == PERSON,
        within_reach(),
        D.status != DELETED,
    )
    .order_by(D.document_id)
)


async def list_documents(
    tx: ReadTx, person: PersonId, documents: Sequence[DocumentId], reach: policy.Reach
) -> list[Found]:
    """Those of these documents of the record that are within reach; a deleted one is not."""
    ids = [document.value for document in documents]
    return [to_found(r) for r in await tx.all(LIST_DOCUMENTS, documents=ids, **_within(person, reach))]


async def list_related(
    tx: ReadTx, person: PersonId, documents: Sequence[DocumentId], reach: policy.Reach
) -> list[Found]:
    """The other documents that these stand in a relation to, as far as they are within reach."""
    ids = [document.value for document in documents]
    return [to_found(r) for r in await tx.all(LIST_RELATED, documents=ids, **_within(person, reach))]


def _within(person: PersonId, reach: policy.Reach) -> dict[str, Any]:
    return {"person": person.value, **of_reach(reach)}


def insert_version(tx: Tx, document: Document, by: str) -> None:
    """The line of history of the present version."""
    tx.insert(
        DOCUMENT_VERSION,
        document_id=document.id.value,
        version=document.version,
        status=document.status.value,
        archived=document.archived,
        confidentiality=[c.value for c in document.facts.confidentiality],
        changed_at=document.changed_at,
        changed_by=by,
        entry_id=document.entry_id.value,
    )


SAVE_DOCUMENT = (
    sa.update(DOCUMENT)
    .where(D.document_id == sa.bindparam("document"), D.version == sa.bindparam("before"))
    .values(
        version=sa.bindparam("next"),
        status=sa.bindparam("state"),
        archived=sa.bindparam("put_away"),
        confidentiality=sa.bindparam("codes", type_=TEXTS),
        entry_id=sa.bindparam("entry"),
        changed_at=sa.bindparam("at"),
    )
)


async def save_document(tx: Tx, document: Document, by: str) -> None:
    """The next version of the metadata, with its line of history; raises DocumentChangedMeanwhile."""
    touched = await tx.change(
        SAVE_DOCUMENT,
        document=document.id.value,
        before=document.version - 1,
        next=document.version,
        state=document.status.value,
        put_away=document.archived,
        codes=[c.value for c in document.facts.confidentiality],
        entry=document.entry_id.value,
        at=document.changed_at,
    )
    if touched != 1:
        raise DocumentChangedMeanwhile
    insert_version(tx, document, by)
