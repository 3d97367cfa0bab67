"""A document taken to be changed, and its timers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from dmp.domain import Confidentiality, DocumentId, LotId, Relation

from .access import NOW, of_caller, to_relation
from .documents import COLUMNS, HABILITATED, NO_LINKS, D, Found, V, to_found
from .tables import ANNOUNCEMENT, DOCUMENT, LOT
from .taking import of_record, relation_of, taken

DOCUMENT_ID = sa.bindparam("document", type_=sa.Uuid)
OWNER = sa.select(D.person_id).where(D.document_id == DOCUMENT_ID).scalar_subquery()
TAKEN = taken(OWNER)
REPRESENTATIVES: sa.ColumnElement[Any] = sa.literal_column(
    f"'{{{Confidentiality.HIDDEN_FROM_REPRESENTATIVES}}}'::text[]"
)
# An earlier version carried the code and a later one did not.
SHOWN = sa.exists().where(
    V.document_id == D.document_id, V.confidentiality.bool_op("@>")(REPRESENTATIVES)
) & sa.not_(D.confidentiality.bool_op("@>")(REPRESENTATIVES))
TAKE_DOCUMENT = (
    sa.select(
        *COLUMNS,
        NO_LINKS,
        HABILITATED,
        TAKEN.c.last_received_at,
        *of_record(TAKEN),
        *relation_of(TAKEN.c.person_id),
        sa.select(LOT.c.content_type).where(LOT.c.lot_id == D.lot_id).scalar_subquery().label("content_type"),
        SHOWN.label("shown"),
    )
    .join(TAKEN, TAKEN.c.person_id == D.person_id)
    .where(D.document_id == DOCUMENT_ID)
    .with_for_update(of=DOCUMENT)
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A document that nobody else changes until the commit."""

    found: Found
    relation: Relation
    # The place of the change in the order of the record.
    received_at: datetime
    # Of the lot the document came with.
    content_type: str
    # The legal representatives may have read it before.
    shown_to_representatives: bool
    # Of the lot that the change is.
    lot_id: LotId


async def take_document(tx: Tx, document: DocumentId, caller: Caller, now: datetime) -> Taken | None:
    """The document and its record, taken together in this order everywhere: no two changes wait in a ring."""
    row = await tx.lock(
        TAKE_DOCUMENT, document=document.value, profession=caller.profession, **of_caller(caller, now)
    )
    if row is None:
        return None
    found = to_found(row)
    return Taken(
        found,
        to_relation(row, found.document.person_id),
        row["last_received_at"],
        row["content_type"],
        row["shown"],
        LotId.new(),
    )


N = ANNOUNCEMENT.c
END_ANNOUNCEMENT = (
    sa.update(ANNOUNCEMENT).where(N.document_id == DOCUMENT_ID, N.done_at.is_(None)).values(done_at=NOW)
)


def end_announcement(tx: Tx, document: DocumentId, now: datetime) -> None:
    """Its timers stop: the patient sees it, or nobody does any more."""
    tx.change_later(END_ANNOUNCEMENT, document=document.value, now=now)
