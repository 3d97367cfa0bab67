"""Hiding or showing all the documents of a record at once: one statement, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from dmp.domain.documents import Codes, Confidentiality, DocumentId, EntryId
from dmp.domain.records import PersonId, Relation

from .access import PERSON, of_caller, to_relation
from .reach import TEXTS
from .tables import ANNOUNCEMENT, DOCUMENT, DOCUMENT_VERSION, LOT, LOT_MEMBER, MOMENT
from .taking import of_record, relation_of, taken

D, N = DOCUMENT.c, ANNOUNCEMENT.c
TAKEN = taken(PERSON)
TAKE_RECORD = sa.select(TAKEN.c.last_received_at, *of_record(TAKEN), *relation_of(TAKEN.c.person_id))


async def take_record(
    tx: Tx, person: PersonId, caller: Caller, now: datetime
) -> tuple[Relation, datetime] | None:
    """The record while nobody else changes it, and the place of this change in its order."""
    row = await tx.lock(TAKE_RECORD, person=person.value, **of_caller(caller, now))
    return (to_relation(row, person), row["last_received_at"]) if row else None


CODE: sa.ColumnElement[str] = sa.literal_column(f"'{Confidentiality.MASKED}'")
MASKED = sa.bindparam("masked", type_=sa.Boolean)
IS_MASKED = sa.any_(D.confidentiality) == CODE
# N, R or V stands first and is alone of its kind, and MASQUE_PS comes just after (`documents.in_order`).
WITH_CODE = sa.func.array_cat(
    sa.func.array_append(D.confidentiality[1:1], CODE, type_=TEXTS), D.confidentiality[2:6], type_=TEXTS
)
WITHOUT_CODE = sa.func.array_remove(D.confidentiality, CODE, type_=TEXTS)
CHANGED = (
    sa.update(DOCUMENT)
    .where(
        D.person_id == PERSON,
        D.status != sa.literal_column("'deleted'"),
        IS_MASKED != MASKED,
        sa.not_(D.confidentiality.bool_op("&&")(sa.bindparam("hidden", type_=TEXTS))),
    )
    .values(
        version=D.version + 1,
        confidentiality=sa.case((MASKED, WITH_CODE), else_=WITHOUT_CODE),
        entry_id=sa.func.gen_random_uuid(),
        changed_at=sa.bindparam("at", type_=MOMENT),
    )
    .returning(*DOCUMENT.columns)
    .cte("changed")
)
C = CHANGED.c
KEPT = [V for V in DOCUMENT_VERSION.columns if V.name != "changed_by"]
VERSIONS = (
    sa.insert(DOCUMENT_VERSION)
    .from_select(
        [*(V.name for V in KEPT), "changed_by"],
        sa.select(*(C[V.name] for V in KEPT), sa.bindparam("by", type_=sa.Text)),
    )
    .cte("versions")
)
MASK_ALL = (
    sa.select(
        C.document_id,
        C.entry_id,
        C.version,
        C.confidentiality,
        sa.select(LOT.c.content_type).where(LOT.c.lot_id == C.lot_id).scalar_subquery().label("content_type"),
    )
    .add_cte(VERSIONS)
    .order_by(C.document_id)
)


@dataclass(frozen=True, slots=True)
class Changed:
    """A document as it now is."""

    id: DocumentId
    entry_id: EntryId
    version: int
    codes: Codes
    # Of the lot it came with.
    content_type: str


async def mask_all(
    tx: Tx, person: PersonId, masked: bool, but: Collection[Confidentiality], by: str, at: datetime
) -> list[Changed]:
    """Hides all documents from professionals or shows them, with their lines of history.

    Those that carry a code of `but` are left as they are. The caller holds the record (`take_record`).
    """
    hidden = [code.value for code in but]
    rows = await tx.all(MASK_ALL, person=person.value, masked=masked, hidden=hidden, by=by, at=at)
    return [
        Changed(
            DocumentId(str(row["document_id"])),
            EntryId(str(row["entry_id"])),
            row["version"],
            tuple(Confidentiality(code) for code in row["confidentiality"]),
            row["content_type"],
        )
        for row in rows
    ]


def insert_member(tx: Tx, lot_id: str, changed: Changed) -> None:
    """This version of the document is in the lot."""
    tx.insert(LOT_MEMBER, lot_id=lot_id, document_id=changed.id.value, entry_id=changed.entry_id.value)


WAITING = (
    sa.select(sa.func.count().label("waiting"))
    .select_from(DOCUMENT.join(ANNOUNCEMENT, N.document_id == D.document_id))
    .where(
        D.person_id == PERSON,
        D.status != sa.literal_column("'deleted'"),
        sa.not_(IS_MASKED),
        sa.not_(D.confidentiality.bool_op("&&")(sa.bindparam("hidden", type_=TEXTS))),
        N.warned_at.is_not(None),
        N.done_at.is_(None),
    )
)


async def count_waiting(tx: ReadTx, person: PersonId, but: Collection[Confidentiality]) -> int:
    """Documents that wait for their announcement, of those that the patient was told of (R1111-53); without
    those that carry a code of `but`."""
    row = await tx.one(WAITING, person=person.value, hidden=[code.value for code in but])
    return int(row["waiting"]) if row else 0
