"""Where a lot arrives: what is read before, the one statement that takes the record, the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from dmp.domain import (
    Deposit,
    Document,
    DocumentId,
    LotId,
    PersonId,
    Relation,
    StoredLot,
    Wrapped,
)
from dmp.domain.announcements import Timers

from . import rows
from .access import IS_QUALIFIED, PERSON, of_caller, to_relation
from .documents import COLUMNS, HABILITATED, D, Found, V, insert_version, links, to_found
from .reach import TEXTS
from .tables import (
    ANNOUNCEMENT,
    ASSOCIATION,
    DOCUMENT,
    DOCUMENT_VERSION,
    LOT,
    LOT_MEMBER,
    RECORD_KEY,
)
from .taking import of_record, relation_of, taken

NAMED = sa.bindparam("named", type_=TEXTS)
UUIDS = ARRAY(sa.Uuid)


@dataclass(frozen=True, slots=True)
class Receiver:
    """What a deposit needs to know before it is sealed."""

    # None: there is no record, or it was destroyed.
    key: Wrapped | None
    # The events say that the caller's structure holds a qualifiée identity of the person.
    qualified: bool
    # One of the documents or the lot itself is there already: nothing new is to be stored.
    met: bool


K = RECORD_KEY.c
OF_PERSON = sa.and_(D.person_id == PERSON, D.unique_id == sa.any_(NAMED))
MET = sa.or_(
    sa.exists().where(OF_PERSON),
    sa.exists().where(LOT.c.person_id == PERSON, LOT.c.unique_id == sa.any_(NAMED)),
)
FIND_RECEIVER = sa.select(
    sa.exists(IS_QUALIFIED).label("qualified"),
    sa.select(K.wrapped).where(K.person_id == PERSON).scalar_subquery().label("wrapped"),
    sa.select(K.master_version).where(K.person_id == PERSON).scalar_subquery().label("master_version"),
    MET.label("met"),
)


async def find_receiver(
    tx: ReadTx, person: PersonId, organisation: str, unique_ids: Sequence[str] = ()
) -> Receiver:
    """The key of the record, and what is known already of who deposits and of what."""
    row = await tx.one(FIND_RECEIVER, person=person.value, domain=organisation, named=list(unique_ids))
    if row is None:
        raise RuntimeError("a SELECT without FROM has one row")
    key = Wrapped(bytes(row["wrapped"]), row["master_version"]) if row["wrapped"] else None
    return Receiver(key, row["qualified"], row["met"])


@dataclass(frozen=True, slots=True)
class Destination:
    """The record a lot arrives in, taken until the commit, and what it holds of what the lot names."""

    relation: Relation
    # The place of the lot in the order of the record.
    received_at: datetime
    # The lot already there under the same unique identifier.
    lot: LotId | None
    # By unique identifier, as they were first deposited: a depositor learns nothing of what became of them.
    same: Mapping[str, Document]
    # As they are now: what relations and folders name.
    named: Sequence[Found]
    # Of those that still wait for their announcement.
    timers: Mapping[DocumentId, Timers]


TAKEN = taken(PERSON)
IS_LOT = sa.and_(LOT.c.person_id == TAKEN.c.person_id, LOT.c.unique_id == sa.bindparam("lot"))
MEANT = sa.or_(D.unique_id == sa.any_(NAMED), D.document_id == sa.any_(sa.bindparam("targets", type_=UUIDS)))
FIRST = {
    name: V[name].label(f"first_{name}") for name in ("confidentiality", "archived", "entry_id", "changed_at")
}
TAKE_DESTINATION = (
    sa.select(
        TAKEN.c.last_received_at,
        *of_record(TAKEN),
        *relation_of(TAKEN.c.person_id),
        sa.select(LOT.c.lot_id).where(IS_LOT).scalar_subquery().label("same_lot"),
        *COLUMNS,
        *FIRST.values(),
        ANNOUNCEMENT.c.warn_at,
        ANNOUNCEMENT.c.show_at,
        links(),
        HABILITATED,
    )
    .select_from(TAKEN)
    .outerjoin(DOCUMENT, sa.and_(D.person_id == TAKEN.c.person_id, MEANT))
    .outerjoin(DOCUMENT_VERSION, sa.and_(V.document_id == D.document_id, V.version == sa.literal_column("1")))
    .outerjoin(
        ANNOUNCEMENT, sa.and_(ANNOUNCEMENT.c.document_id == D.document_id, ANNOUNCEMENT.c.done_at.is_(None))
    )
)


async def take_destination(
    tx: Tx, person: PersonId, deposit: Deposit, caller: Caller, now: datetime
) -> Destination | None:
    """The record and what it holds of the lot, while nobody else deposits or changes; None without a record.

    Rows are read as they were when the statement began: what is committed while it waits for the lock is
    found by the constraints (`DepositedMeanwhile`, `DocumentReplacedMeanwhile`), and the lot sent again.
    """
    own = {item.entry.unique_id for item in deposit.items}
    meant = [link for item in deposit.items for link in item.entry.relations]
    others = {m for folder in deposit.folders for m in folder.members}
    found = await tx.lock_all(
        TAKE_DESTINATION,
        person=person.value,
        lot=deposit.lot.unique_id,
        named=sorted(own | others | {link.unique_id for link in meant if link.unique_id}),
        targets=sorted({link.document_id for link in meant if link.document_id}),
        profession=caller.profession,
        **of_caller(caller, now),
    )
    if not found:
        return None
    return _destination(found, person, own)


def _destination(found: Sequence[Row], person: PersonId, own: set[str]) -> Destination:
    first, there = found[0], [row for row in found if row["document_id"] is not None]
    same = [row for row in there if row["unique_id"] in own]
    return Destination(
        relation=to_relation(first, person),
        received_at=first["last_received_at"],
        lot=LotId(str(first["same_lot"])) if first["same_lot"] else None,
        same={row["unique_id"]: _as_deposited(row) for row in same},
        named=[to_found(row) for row in there],
        timers={
            DocumentId(str(row["document_id"])): Timers(row["warn_at"], row["show_at"])
            for row in there
            if row["warn_at"] is not None
        },
    )


def _as_deposited(row: Row) -> Document:
    first = {name: row[label.name] for name, label in FIRST.items()}
    return rows.to_document({**row, **first, "version": 1, "status": "current"})


SUPERSEDE = (
    sa.update(DOCUMENT)
    .where(D.document_id == sa.bindparam("document"), D.version == sa.bindparam("before"))
    .values(
        status=sa.literal_column("'superseded'"),
        version=sa.bindparam("next"),
        entry_id=sa.bindparam("entry"),
        changed_at=sa.bindparam("at"),
    )
)


def insert_document(tx: Tx, document: Document, tokens: Sequence[bytes]) -> None:
    """A new document, its first version and its place in its lot."""
    tx.insert(DOCUMENT, **rows.from_document(document, tokens))
    insert_version(tx, document, document.submitted_by)
    insert_member(tx, document.lot_id, document)
    for link in document.links:
        tx.insert(ASSOCIATION, source_id=document.id.value, target_id=link.document_id, kind=link.kind.value)


def supersede(tx: Tx, document: Document, lot: LotId, by: str) -> None:
    """The version of a document that says it was replaced, a member of the lot that brought the other.

    Another version committed meanwhile has its number in the history already, and the key of that table
    refuses this one (`DocumentChangedMeanwhile`).
    """
    tx.change_later(
        SUPERSEDE,
        document=document.id.value,
        before=document.version - 1,
        next=document.version,
        entry=document.entry_id.value,
        at=document.changed_at,
    )
    insert_version(tx, document, by)
    insert_member(tx, lot, document)


def insert_lot(tx: Tx, lot: StoredLot, tokens: Sequence[bytes], by: str, organisation: str) -> None:
    """A lot, a change or a folder, without its members."""
    tx.insert(LOT, **rows.from_lot(lot, tokens, by, organisation))


def insert_member(tx: Tx, lot: LotId, document: Document) -> None:
    """This version of the document is in the lot."""
    tx.insert(LOT_MEMBER, lot_id=lot.value, document_id=document.id.value, entry_id=document.entry_id.value)


def insert_announcement(tx: Tx, document: Document, timers: Timers) -> None:
    """The timers of a document that waits for its announcement."""
    tx.insert(
        ANNOUNCEMENT,
        document_id=document.id.value,
        warn_at=timers.warn_at,
        show_at=timers.show_at,
    )
