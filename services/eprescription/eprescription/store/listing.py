"""Prescriptions as their readers look for them: one with what decides who may see it, or a page of many.

The conditions of a list are those of `policy.prescriptions.may_read`, as a WHERE clause.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from eprescription.domain.dispensing import Claim, LineStatus
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.policy.prescriptions import Standing

from .claims import to_claim
from .lines import L, to_line
from .prescriptions import P, to_prescription
from .tables import CLAIM, INTERVENTION, LINE, OPPOSITION, PRESCRIPTION

C, I, O = CLAIM.c, INTERVENTION.c, OPPOSITION.c  # noqa: E741 (one letter a table)
PHARMACY = sa.bindparam("pharmacy", type_=sa.Text)
HIDDEN = sa.func.coalesce(O.execution_hidden, sa.false()).label("opposed")
WHOLE_CLAIM = [column.label(f"claim_{column.name}") for column in CLAIM.c]
JOINED = PRESCRIPTION.outerjoin(CLAIM, sa.and_(C.prescription_id == P.prescription_id, C.ended_at.is_(None)))
JOINED_WITH_OPPOSITION = JOINED.outerjoin(OPPOSITION, O.person_id == P.person_id)
SERVED = sa.exists().where(I.prescription_id == P.prescription_id, I.pharmacy == PHARMACY)
SEEN = sa.select(*P, *WHOLE_CLAIM, HIDDEN, SERVED.label("served")).select_from(JOINED_WITH_OPPOSITION)
SEEN_BY_ID = SEEN.where(P.prescription_id == sa.bindparam("id", type_=sa.Uuid))
SEEN_BY_NUMBER = SEEN.where(P.number == sa.bindparam("number"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A prescription and what decides who may see it."""

    prescription: Prescription
    standing: Standing


async def find_seen(tx: ReadTx, prescription_id: PrescriptionId, pharmacy: str) -> Seen | None:
    """`pharmacy`: the structure of the caller, which may hold it or have served it."""
    return _seen(await tx.one(SEEN_BY_ID, id=prescription_id.value, pharmacy=pharmacy))


async def get_locked(tx: Tx, prescription_id: PrescriptionId, pharmacy: str) -> Seen:
    """The same of a row that this transaction has locked, hence there."""
    seen = await find_seen(tx, prescription_id, pharmacy)
    if seen is None:
        raise RuntimeError("a locked prescription is not there")
    return seen


async def find_seen_by_number(tx: ReadTx, number: str, pharmacy: str) -> Seen | None:
    """`number` as `domain.number.check` gives it."""
    return _seen(await tx.one(SEEN_BY_NUMBER, number=number, pharmacy=pharmacy))


def _seen(row: Row | None) -> Seen | None:
    return to_seen(row) if row else None


def to_seen(row: Row) -> Seen:
    return Seen(to_prescription(row), Standing(_claim(row), row["served"], row["opposed"]))


def _claim(row: Row) -> Claim | None:
    if row["claim_claim_id"] is None:
        return None
    return to_claim({column.name: row[f"claim_{column.name}"] for column in CLAIM.c})


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a list is made; what is empty opens nothing.

    `person_in_person` sees restricted ones, `everything` all that was signed; the author and the structure
    see their own. `blind`: the execution stays hidden where the person opposed.
    """

    everything: bool = False
    person_in_person: bool = False
    author: str = ""
    # Whose prescriptions, but for the restricted ones, this reader sees.
    structure: str = ""
    # Where the author works now: their drafts are there.
    works_for: str = ""
    blind: bool = False

    def parameters(self) -> dict[str, Any]:
        return {
            "everything": self.everything,
            "in_person": self.person_in_person,
            "author": self.author,
            "structure": self.structure,
            "works_for": self.works_for,
            "blind": self.blind,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Which of them: `states` as the reader sees them today (empty: all), after `last`, `size` at most."""

    size: int
    # Europe/Paris.
    today: date
    states: Collection[State] = ()
    last: str | None = None

    def parameters(self) -> dict[str, Any]:
        states = [state.value for state in self.states] or None
        return {"states": states, "last": self.last, "size": self.size, "today": self.today}


def _flag(name: str) -> sa.BindParameter[bool]:
    return sa.bindparam(name, type_=sa.Boolean)


def _text(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.Text)


def _states(*states: State) -> sa.ColumnElement[bool]:
    return sa.or_(*(P.state == sa.literal_column(f"'{state.value}'") for state in states))


UNSIGNED = _states(State.DRAFT, State.DISCARDED)
EXECUTED = _states(State.IN_DISPENSE, State.PARTIALLY_DISPENSED, State.COMPLETED)
# What a prescriber reads of the state when the person opposed: `domain.veiling.veil`, in SQL.
VEILED = sa.and_(_flag("blind"), sa.func.coalesce(O.execution_hidden, sa.false()), EXECUTED)
SHOWN_STATE = sa.case(
    (sa.not_(VEILED), P.state),
    (P.expires_on < sa.bindparam("today", type_=sa.Date), sa.literal_column("'expired'")),
    else_=sa.literal_column("'active'"),
)
LAST = sa.bindparam("last", type_=sa.Uuid)
WANTED = sa.bindparam("states", type_=ARRAY(sa.Text))
PAGED = (
    sa.or_(LAST.is_(None), P.prescription_id < LAST),
    sa.or_(WANTED.is_(None), sa.any_(WANTED) == SHOWN_STATE),
)
OWN_DRAFT = sa.and_(P.prescriber == _text("author"), P.organisation == _text("works_for"))
VISIBLE = (
    sa.or_(
        _flag("everything"),
        P.prescriber == _text("author"),
        sa.and_(P.organisation == _text("structure"), ~P.restricted),
    ),
    sa.or_(~P.restricted, _flag("in_person"), P.prescriber == _text("author")),
    sa.or_(~UNSIGNED, OWN_DRAFT),
)
NEWEST = P.prescription_id.desc()
SIZE = sa.bindparam("size", type_=sa.Integer)
NOT_SERVED = sa.false().label("served")
PAGE_OF = sa.select(*P, *WHOLE_CLAIM, HIDDEN, NOT_SERVED).select_from(JOINED_WITH_OPPOSITION)
OF_PERSON = (
    PAGE_OF.where(P.person_id == sa.bindparam("person", type_=sa.Uuid), *VISIBLE, *PAGED)
    .order_by(NEWEST)
    .limit(SIZE)
)
WRITTEN = (
    PAGE_OF.where(P.prescriber == _text("author"), sa.or_(~UNSIGNED, OWN_DRAFT), *PAGED)
    .order_by(NEWEST)
    .limit(SIZE)
)
# Held now, or something was recorded; a delivery from the paper had no hold.
HERE = sa.union(
    sa.select(C.prescription_id).where(
        C.pharmacy == PHARMACY,
        sa.or_(
            C.ended_at.is_(None),
            sa.exists().where(I.prescription_id == C.prescription_id, I.pharmacy == PHARMACY),
        ),
    ),
    sa.select(I.prescription_id).where(I.pharmacy == PHARMACY, I.paper_reference != sa.literal_column("''")),
).subquery("here")
OF_PHARMACY = (
    sa.select(*P, *WHOLE_CLAIM, HIDDEN, sa.true().label("served"))
    .select_from(JOINED_WITH_OPPOSITION.join(HERE, HERE.c.prescription_id == P.prescription_id))
    .where(*PAGED)
    .order_by(NEWEST)
    .limit(SIZE)
)


async def list_of_person(tx: ReadTx, person: PersonId, reader: Reader, page: Page) -> list[Seen]:
    """Newest first."""
    given = {**reader.parameters(), **page.parameters()}
    return [to_seen(row) for row in await tx.all(OF_PERSON, person=person.value, **given)]


async def list_written(tx: ReadTx, reader: Reader, page: Page) -> list[Seen]:
    """What `reader.author` wrote, wherever; drafts where they work now. Newest first."""
    given = {**reader.parameters(), **page.parameters()}
    return [to_seen(row) for row in await tx.all(WRITTEN, **given)]


async def list_of_pharmacy(tx: ReadTx, pharmacy: str, page: Page) -> list[Seen]:
    """What the pharmacy holds or served, newest first."""
    given = {**page.parameters(), "blind": False}
    return [to_seen(row) for row in await tx.all(OF_PHARMACY, pharmacy=pharmacy, **given)]


LINES_OF = (
    sa.select(*LINE.c)
    .where(L.prescription_id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid))))
    .order_by(L.prescription_id, L.rank)
)


async def list_lines_of(
    tx: ReadTx, prescriptions: Sequence[PrescriptionId]
) -> Mapping[PrescriptionId, list[LineStatus]]:
    """The lines of several prescriptions, in their order; an id without lines is left out."""
    found: dict[PrescriptionId, list[LineStatus]] = {}
    if prescriptions:
        for row in await tx.all(LINES_OF, ids=[one.value for one in prescriptions]):
            line = to_line(row)
            found.setdefault(line.prescription_id, []).append(line)
    return found
