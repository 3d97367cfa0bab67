"""Destroying all that a record holds, and the receipts that remain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Tx
from dmp.domain.erasure import Receipt, ReceiptId
from dmp.domain.records import PersonId, Record, RecordState

from . import tables as t

PERSON: sa.BindParameter[object] = sa.bindparam("person")
# Two replicas never work on the same record, and neither waits for the other.
DUE = (
    sa.select(t.RECORD.c.person_id)
    .where(
        t.RECORD.c.state == "closed",
        t.RECORD.c.destroy_at <= sa.bindparam("now"),
        t.RECORD.c.person_id != sa.all_(sa.bindparam("passed_over", type_=ARRAY(sa.Uuid))),
    )
    .order_by(t.RECORD.c.destroy_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
LIFE = [t.RECORD.c[name] for name in ("opened_at", "state", "closed_at", "destroy_at")]
LOCK = sa.select(*LIFE).where(t.RECORD.c.person_id == PERSON).with_for_update()
HELD = sa.select(t.DOCUMENT.c.blob, t.DOCUMENT.c.size).where(t.DOCUMENT.c.person_id == PERSON)
LOTS = sa.select(sa.func.count().label("lots")).where(t.LOT.c.person_id == PERSON)
DOCUMENTS = sa.select(t.DOCUMENT.c.document_id).where(t.DOCUMENT.c.person_id == PERSON)
# In the order that the foreign keys ask for.
DELETIONS = (
    sa.delete(t.ANNOUNCEMENT).where(t.ANNOUNCEMENT.c.document_id.in_(DOCUMENTS)),
    sa.delete(t.ASSOCIATION).where(
        t.ASSOCIATION.c.source_id.in_(DOCUMENTS) | t.ASSOCIATION.c.target_id.in_(DOCUMENTS)
    ),
    sa.delete(t.LOT_MEMBER).where(t.LOT_MEMBER.c.document_id.in_(DOCUMENTS)),
    sa.delete(t.DOCUMENT_VERSION).where(t.DOCUMENT_VERSION.c.document_id.in_(DOCUMENTS)),
    *(
        sa.delete(table).where(table.c.person_id == PERSON)
        for table in (
            t.DOCUMENT,
            t.LOT,
            t.AUTHORISATION,
            t.BLOCK,
            t.CARE_ROLE,
            t.KNOWN_READER,
            t.EMERGENCY_CONSENT,
            t.RECORD_KEY,
        )
    ),
)
# The tombstone says that there was a record, since when and until when; nothing that was decided about it.
BURY = (
    sa.update(t.RECORD)
    .where(t.RECORD.c.person_id == PERSON)
    .values(
        state="destroyed",
        close_reason="",
        close_comment=None,
        attached=False,
        feeding_allowed=False,
        consultation_allowed=False,
        masked_by_default=False,
    )
)
RECEIPT = sa.select(
    t.ERASURE.c.receipt_id,
    t.ERASURE.c.erased_at,
    t.ERASURE.c.documents,
    t.ERASURE.c.lots,
    t.ERASURE.c.bytes,
    t.ERASURE.c.key_fingerprint,
    t.ERASURE.c.master_version,
    t.ERASURE.c.backups_unreadable_at,
)
LATEST = RECEIPT.where(t.ERASURE.c.person_id == PERSON).order_by(t.ERASURE.c.erased_at.desc()).limit(1)
SAY_UNREADABLE = (
    sa.update(t.ERASURE)
    .where(t.ERASURE.c.master_version <= sa.bindparam("version"), t.ERASURE.c.backups_unreadable_at.is_(None))
    .values(backups_unreadable_at=sa.bindparam("now"))
)
WAITING = (
    sa.select(t.ERASURE.c.master_version, sa.func.count().label("n"))
    .where(t.ERASURE.c.backups_unreadable_at.is_(None))
    .group_by(t.ERASURE.c.master_version)
)


async def take_due(tx: Tx, now: datetime, passed_over: Sequence[PersonId] = ()) -> PersonId | None:
    """A closed record whose time is over, held until the end of the transaction; None when there is no other
    than those passed over."""
    row = await tx.lock(DUE, now=now, passed_over=[person.value for person in passed_over])
    return PersonId(str(row["person_id"])) if row else None


async def lock_life(tx: Tx, person: PersonId) -> Record | None:
    """The record as far as its destruction goes, held until the end of the transaction."""
    row = await tx.lock(LOCK, person=person.value)
    if row is None:
        return None
    state = RecordState(row["state"])
    return Record(person, row["opened_at"], state, row["closed_at"], destroy_at=row["destroy_at"])


async def list_blobs(tx: Tx, person: PersonId) -> tuple[tuple[str, ...], int]:
    """The names of all stored contents, deleted documents included, and their bytes together."""
    rows = await tx.all(HELD, person=person.value)
    return tuple(row["blob"] for row in rows), sum(row["size"] for row in rows)


async def count_lots(tx: Tx, person: PersonId) -> int:
    row = await tx.one(LOTS, person=person.value)
    return int(row["lots"]) if row else 0


async def destroy(tx: Tx, person: PersonId) -> None:
    """Deletes all that a record holds; its own row stays, and says so."""
    for statement in DELETIONS:
        await tx.change(statement, person=person.value)
    await tx.change(BURY, person=person.value)


def insert_receipt(tx: Tx, receipt: Receipt) -> None:
    tx.insert(
        t.ERASURE,
        receipt_id=receipt.id.value,
        person_id=receipt.person_id.value,
        erased_at=receipt.erased_at,
        documents=receipt.documents,
        lots=receipt.lots,
        bytes=receipt.size,
        key_fingerprint=receipt.key_fingerprint,
        master_version=receipt.master_version,
        backups_unreadable_at=receipt.backups_unreadable_at,
    )


async def find_receipt(tx: ReadTx, person: PersonId) -> Receipt | None:
    """The receipt of the latest erasure; None when the record was never destroyed."""
    row = await tx.one(LATEST, person=person.value)
    if row is None:
        return None
    return Receipt(
        ReceiptId(str(row["receipt_id"])),
        person,
        row["erased_at"],
        row["documents"],
        row["lots"],
        row["bytes"],
        bytes(row["key_fingerprint"]),
        row["master_version"],
        row["backups_unreadable_at"],
    )


async def say_unreadable(tx: Tx, version: int, now: datetime) -> int:
    """The master keys up to this version are destroyed: the receipts that waited for it say so; how many."""
    return await tx.change(SAY_UNREADABLE, version=version, now=now)


async def count_waiting(tx: ReadTx) -> dict[int, int]:
    """How many receipts wait for the destruction of each version of the master key."""
    return {row["master_version"]: row["n"] for row in await tx.all(WAITING)}
