"""Deliveries beyond what was prescribed, found when they were recorded from the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from eprescription.domain.content import CountUnit
from eprescription.domain.dispensing import Duplicate
from eprescription.domain.ids import DuplicateId, InterventionId, LineId, PersonId, PrescriptionId

from .tables import DUPLICATE, INTERVENTION, OPPOSITION, PRESCRIPTION

D, O, P = DUPLICATE.c, OPPOSITION.c, PRESCRIPTION.c  # noqa: E741 (one letter a table)
UNDOING = INTERVENTION.alias("undoing")
# What was recorded by mistake and undone delivered nothing.
STANDS = ~sa.exists().where(UNDOING.c.undoes == D.intervention_id)
PRESCRIPTION_ID = sa.bindparam("prescription", type_=sa.Uuid)
LAST = sa.bindparam("last", type_=sa.Uuid)
EVERY = (
    sa.select(*D, P.person_id)
    .join(PRESCRIPTION, P.prescription_id == D.prescription_id)
    .where(
        STANDS,
        sa.or_(PRESCRIPTION_ID.is_(None), D.prescription_id == PRESCRIPTION_ID),
        sa.or_(LAST.is_(None), D.duplicate_id < LAST),
    )
    .order_by(D.duplicate_id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)
PHARMACY = sa.bindparam("pharmacy", type_=sa.Text)
WORKS_SOMEWHERE = sa.func.length(PHARMACY) > sa.literal_column("0")
# The person keeps what pharmacies did from their prescribers (R.4073-1).
HIDDEN = sa.exists().where(O.person_id == P.person_id, O.execution_hidden)
# A pharmacy learns of those it made and of those that another one made after it; a prescriber of their own.
CONCERNED = EVERY.where(
    sa.or_(
        sa.and_(D.prescriber == sa.bindparam("prescriber", type_=sa.Text), ~HIDDEN),
        sa.and_(WORKS_SOMEWHERE, sa.or_(D.pharmacy == PHARMACY, sa.any_(D.others) == PHARMACY)),
    )
)
OF_PRESCRIPTION = sa.select(*D).where(D.prescription_id == PRESCRIPTION_ID).order_by(D.duplicate_id)


@dataclass(frozen=True, slots=True)
class Found:
    """A duplicate, and whom it is about."""

    duplicate: Duplicate
    person: PersonId


def insert_duplicate(tx: Tx, one: Duplicate) -> None:
    tx.insert(
        DUPLICATE,
        duplicate_id=one.id.value,
        prescription_id=one.prescription_id.value,
        line_id=one.line_id.value,
        intervention_id=one.intervention_id.value,
        pharmacy=one.pharmacy,
        prescriber=one.prescriber,
        unit=one.unit.value,
        excess=one.excess,
        found_at=one.found_at,
        delivered_at=one.delivered_at,
        others=list(one.others),
    )


async def list_every(
    tx: ReadTx, prescription: PrescriptionId | None, last: str | None, size: int
) -> Sequence[Found]:
    """Newest first, `last` excluded."""
    rows = await tx.all(EVERY, prescription=prescription and prescription.value, last=last, size=size)
    return [_found(row) for row in rows]


async def list_concerned(
    tx: ReadTx, caller: Caller, prescription: PrescriptionId | None, last: str | None, size: int
) -> Sequence[Found]:
    """Those of the caller's pharmacy or prescriptions, newest first."""
    rows = await tx.all(
        CONCERNED,
        pharmacy=caller.organisation,
        prescriber=caller.subject,
        prescription=prescription and prescription.value,
        last=last,
        size=size,
    )
    return [_found(row) for row in rows]


async def list_of(tx: ReadTx, prescription: PrescriptionId) -> list[Duplicate]:
    """All that were found on a prescription, oldest first."""
    return [to_duplicate(row) for row in await tx.all(OF_PRESCRIPTION, prescription=prescription.value)]


def _found(row: Row) -> Found:
    return Found(to_duplicate(row), PersonId(str(row["person_id"])))


def to_duplicate(row: Row) -> Duplicate:
    return Duplicate(
        id=DuplicateId(str(row["duplicate_id"])),
        prescription_id=PrescriptionId(str(row["prescription_id"])),
        line_id=LineId(str(row["line_id"])),
        intervention_id=InterventionId(str(row["intervention_id"])),
        pharmacy=row["pharmacy"],
        prescriber=row["prescriber"],
        unit=CountUnit(row["unit"]),
        excess=row["excess"],
        found_at=row["found_at"],
        delivered_at=row["delivered_at"],
        others=tuple(row["others"]),
    )
