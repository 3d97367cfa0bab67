"""What the journal is read by: who may know of a line, the lines with their proofs, who has read before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from chassis import audit, ledger
from chassis.caller import Purpose
from chassis.db import ReadTx, Tx
from chassis.schema import AUDIT, OUTBOX
from dmp.domain.records import CareRole, PersonId
from dmp.domain.tracing import DOCUMENT as OF_DOCUMENT
from dmp.domain.tracing import SECRET

from .tables import CARE_ROLE, DOCUMENT, KNOWN_READER

A, D, R = AUDIT.c, DOCUMENT.c, CARE_ROLE.c
TEXTS = ARRAY(sa.Text)
HIDDEN = D.confidentiality.bool_op("&&")(sa.bindparam("hidden", type_=TEXTS))
OWN, EVERYTHING = sa.bindparam("own", type_=sa.Boolean), sa.bindparam("everything", type_=sa.Boolean)


def _text(value: str) -> sa.ColumnElement[str]:
    return sa.literal_column(f"'{value}'")


def _is_document(name: sa.ColumnElement[str], condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether this text is the identifier of a document of which the condition holds."""
    # A comparison before the cast, which an identifier of another kind would break.
    is_id = name.op("~")(_text("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))
    there = sa.exists().where(D.document_id == sa.cast(name, sa.Uuid), condition)
    return sa.case((is_id, there), else_=sa.false())


def _part(number: int) -> sa.ColumnElement[str]:
    return sa.func.split_part(A.chain, _text(":"), sa.literal_column(str(number)))


# A chain of a document is known to whoever may know of the document, a secret one to the holder alone.
CHAIN_SHOWN = sa.case(
    (A.chain == _text(""), sa.true()),
    (A.chain == _text(SECRET), OWN),
    (_part(1) == _text(OF_DOCUMENT), _is_document(_part(2), sa.not_(HIDDEN))),
    (_part(1) == _text(SECRET), sa.and_(OWN, _is_document(_part(2), sa.not_(HIDDEN)))),
    else_=sa.false(),
)
LINE_SHOWN = sa.and_(
    sa.or_(OWN, A.purpose != _text(Purpose.SECRET.value)), sa.not_(_is_document(A.object_id, HIDDEN))
)
LISTING = audit.Listing(sa.or_(EVERYTHING, sa.and_(CHAIN_SHOWN, LINE_SHOWN)))
PROVEN = ledger.listing(sa.not_(sa.or_(EVERYTHING, LINE_SHOWN)))
# The count alone would tell of a line that is kept from the reader, until it is in the tree.
PENDING = ledger.pending(sa.or_(EVERYTHING, CHAIN_SHOWN))


@dataclass(frozen=True, slots=True)
class Reader:
    """What a reader of a journal may know of: `hidden` are the codes that keep a document from them."""

    hidden: Sequence[str]
    # The holder in person, who alone reads what a secret connection did.
    own: bool = False
    # Whoever controls the traces.
    everything: bool = False

    def parameters(self) -> dict[str, Any]:
        """The parameters of `LISTING` and `PROVEN`."""
        return {"hidden": list(self.hidden), "own": self.own, "everything": self.everything}


_NAMED = sa.func.unnest(sa.bindparam("ids", type_=TEXTS)).table_valued("id", name="named").render_derived()
HIDDEN_AMONG = sa.select(_NAMED.c.id).where(_is_document(_NAMED.c.id, HIDDEN))


async def list_hidden(tx: ReadTx, ids: Collection[str], reader: Reader) -> set[str]:
    """Those of these identifiers that are documents the reader may not know of."""
    if not ids or not reader.hidden:
        return set()
    return {row["id"] for row in await tx.all(HIDDEN_AMONG, ids=list(ids), hidden=list(reader.hidden))}


SHOWN = (
    sa.select(D.document_id)
    .where(D.person_id == sa.bindparam("person", type_=sa.Uuid), sa.not_(HIDDEN))
    .order_by(D.document_id)
)


async def list_chains(tx: ReadTx, person: PersonId, reader: Reader, tree_size: int) -> list[str]:
    """The chains of a journal in this tree, in the order of an export: the record, documents, secret ones."""
    found = await tx.all(SHOWN, person=person.value, hidden=list(reader.hidden))
    chains = ["", *(f"{OF_DOCUMENT}:{row['document_id']}" for row in found)]
    if reader.own or reader.everything:
        chains += [*(f"{SECRET}:{row['document_id']}" for row in found), SECRET]
    names = [ledger.chain_of(person.value, chain) for chain in chains]
    return await ledger.list_chains(tx, names, tree_size)


async def list_leaves(
    tx: ReadTx, chains: Sequence[str], after: int, tree_size: int, size: int, reader: Reader
) -> list[ledger.Kept]:
    """The leaves of these chains in turn, the first one after this number; at most `size`."""
    rows = await tx.all(
        PROVEN, chains=list(chains), after=after, tree_size=tree_size, size=size, **reader.parameters()
    )
    return [ledger.Kept.of(row) for row in rows]


async def count_pending(tx: ReadTx, person: PersonId, reader: Reader) -> int:
    """The lines of the chains this reader may know of that are stored and not in the tree yet."""
    row = await tx.one(PENDING, subject=person.value, **reader.parameters())
    return int(row["pending"]) if row else 0


KNOW_READER = (
    insert(KNOWN_READER)
    .values({column.name: sa.bindparam(column.name) for column in KNOWN_READER.columns})
    .on_conflict_do_nothing()
)


async def know_reader(tx: Tx, person: PersonId, professional: str, now: datetime) -> bool:
    """Remembers that this professional has read the record; False when that was known."""
    touched = await tx.change(
        KNOW_READER, person_id=person.value, professional=professional, first_read_at=now
    )
    return touched == 1


@dataclass(frozen=True, slots=True)
class Notice:
    """A line that people are told of; `referring_doctor` is empty when the holder declared none."""

    person_id: PersonId
    entry: audit.Entry
    chain: str
    referring_doctor: str


_TOLD = sa.exists().where(
    # How `outbox.emit` names the aggregate of these events.
    OUTBOX.c.aggregate == _text("access/") + A.subject,
    OUTBOX.c.subject == sa.any_(sa.bindparam("subjects", type_=TEXTS)),
    sa.func.position(sa.func.convert_to(sa.cast(A.id, sa.Text), _text("UTF8")).op("IN")(OUTBOX.c.data))
    > sa.literal_column("0"),
)
_DOCTOR = (
    sa.select(R.professional)
    .where(
        sa.cast(R.person_id, sa.Text) == A.subject,
        R.role == _text(CareRole.MEDECIN_TRAITANT.value),
        R.ended_at.is_(None),
    )
    .scalar_subquery()
)
FIND_NOTICE = sa.select(*audit.SHOWN, A.subject, A.chain, _DOCTOR.label("doctor")).where(
    A.id == sa.bindparam("line", type_=sa.Uuid), _TOLD
)


async def find_notice(tx: ReadTx, line: str, subjects: Sequence[str]) -> Notice | None:
    """The line, when an event of one of these subjects spoke of it."""
    row = await tx.one(FIND_NOTICE, line=line, subjects=list(subjects))
    if row is None:
        return None
    return Notice(PersonId(row["subject"]), audit.entry_of(row), row["chain"], row["doctor"] or "")
