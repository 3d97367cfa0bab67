"""The timers of R1111-53 that are due, shared by replicas that never wait for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from dmp.domain import DocumentId, PersonId

from .access import NOW
from .tables import ANNOUNCEMENT, DOCUMENT, MOMENT, RECORD

N, D, R = ANNOUNCEMENT.c, DOCUMENT.c, RECORD.c
SIZE = sa.bindparam("size", type_=sa.Integer)
# A closed record is shown to nobody: its timers wait until it is opened again.
DUE = (
    sa.select(N.document_id, N.show_at, D.person_id, D.version)
    .join(DOCUMENT, D.document_id == N.document_id)
    .join(RECORD, R.person_id == D.person_id)
    .where(N.done_at.is_(None), R.state == sa.literal_column("'open'"))
)
TO_WARN = (
    DUE.where(N.warned_at.is_(None), N.warn_at <= NOW)
    .order_by(N.warn_at)
    .limit(SIZE)
    .with_for_update(of=ANNOUNCEMENT, skip_locked=True)
)
AFTER = (sa.bindparam("after_at", type_=MOMENT), sa.bindparam("after_id", type_=sa.Uuid))
TO_SHOW = (
    DUE.where(
        N.show_at <= NOW,
        sa.or_(AFTER[0].is_(None), sa.tuple_(N.show_at, N.document_id) > sa.tuple_(*AFTER)),
    )
    .order_by(N.show_at, N.document_id)
    .limit(SIZE)
)
# The record first, as every change does: two that took them the other way round would wait for each other.
TAKE_TO_SHOW = DUE.where(
    N.show_at <= NOW, N.document_id == sa.bindparam("document", type_=sa.Uuid)
).with_for_update(of=RECORD, key_share=True, skip_locked=True)


@dataclass(frozen=True, slots=True)
class Due:
    """A document whose timer rang."""

    document_id: DocumentId
    person_id: PersonId
    version: int
    show_at: datetime


def _due(row: Row) -> Due:
    return Due(
        DocumentId(str(row["document_id"])), PersonId(str(row["person_id"])), row["version"], row["show_at"]
    )


async def take_to_warn(tx: Tx, size: int, now: datetime) -> Sequence[Due]:
    """Those whose patient is to be told that an update needs a consultation; nobody else takes them."""
    return [_due(row) for row in await tx.lock_all(TO_WARN, size=size, now=now)]


async def list_to_show(tx: ReadTx, after: Due | None, size: int, now: datetime) -> Sequence[Due]:
    """Those whose month is over, oldest first, after the last one looked at."""
    found = await tx.all(
        TO_SHOW,
        size=size,
        now=now,
        after_at=after.show_at if after else None,
        after_id=after.document_id.value if after else None,
    )
    return [_due(row) for row in found]


async def take_to_show(tx: Tx, document: DocumentId, now: datetime) -> bool:
    """False when it waits no longer, or somebody is at work on its record at this moment."""
    return await tx.lock(TAKE_TO_SHOW, document=document.value, now=now) is not None


WARNED = (
    sa.update(ANNOUNCEMENT)
    .where(N.document_id == sa.any_(sa.bindparam("documents", type_=ARRAY(sa.Uuid))))
    .values(warned_at=NOW)
)


def save_warned(tx: Tx, documents: Sequence[DocumentId], now: datetime) -> None:
    """Once, whatever the number of passes."""
    tx.change_later(WARNED, documents=[d.value for d in documents], now=now)
