"""Prescriptions that time has something to do with: listed without a lock, then taken one by one."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Tx
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription

from .prescriptions import LOCK_BY_ID, to_prescription
from .tables import CLAIM, DISPENSING, DUPLICATE, INTERVENTION, LINE, MOMENT, PRESCRIPTION, SENDING

C, P = CLAIM.c, PRESCRIPTION.c
ID = sa.bindparam("id", type_=sa.Uuid)
SIZE = sa.bindparam("size", type_=sa.Integer)
AFTER = sa.bindparam("after", type_=sa.Uuid)
DAY = sa.bindparam("day", type_=sa.Date)
TAKE = sa.select(*P).where(P.prescription_id == ID).with_for_update(skip_locked=True)
HOLDS = (
    sa.select(C.prescription_id)
    .where(C.ended_at.is_(None), C.expires_at <= sa.bindparam("now", type_=MOMENT))
    .where(sa.or_(AFTER.is_(None), C.prescription_id > AFTER))
    .order_by(C.prescription_id)
    .limit(SIZE)
)
OVER = (
    sa.select(P.prescription_id)
    .where(
        P.expires_on < DAY,
        sa.or_(
            P.state == sa.literal_column("'active'"),
            P.state == sa.literal_column("'partially_dispensed'"),
        ),
    )
    .where(sa.or_(AFTER.is_(None), P.prescription_id > AFTER))
    .order_by(P.prescription_id)
    .limit(SIZE)
)
# A draft is dated by its creation. An exceptional renewal goes with its parent, which is the older one.
OLD = (
    sa.select(P.prescription_id)
    .where(P.created_at < sa.bindparam("before", type_=MOMENT), P.parent_id.is_(None))
    .where(sa.or_(P.written_on.is_(None), P.written_on < DAY))
    .where(sa.or_(AFTER.is_(None), P.prescription_id > AFTER))
    .order_by(P.prescription_id)
    .limit(SIZE)
)
FAMILY = sa.select(P.prescription_id).where(sa.or_(P.prescription_id == ID, P.parent_id == ID))
OF_FAMILY = sa.bindparam("family", type_=ARRAY(sa.Uuid))
DISPENSED = sa.select(DISPENSING.c.dispensing_id).where(DISPENSING.c.prescription_id == sa.any_(OF_FAMILY))
# What points to a row goes before it.
ERASE = (
    sa.delete(SENDING).where(
        sa.or_(SENDING.c.object_id == sa.any_(OF_FAMILY), SENDING.c.object_id.in_(DISPENSED))
    ),
    *(
        sa.delete(table).where(table.c.prescription_id == sa.any_(OF_FAMILY))
        for table in (DUPLICATE, DISPENSING, INTERVENTION, CLAIM, LINE, PRESCRIPTION)
    ),
)


async def list_expired_holds(
    tx: ReadTx, after: PrescriptionId | None, size: int, now: datetime
) -> list[PrescriptionId]:
    """Prescriptions with a hold whose time has passed, in the order of their ids."""
    rows = await tx.all(HOLDS, after=after and after.value, size=size, now=now)
    return [PrescriptionId(str(row["prescription_id"])) for row in rows]


async def list_over(tx: ReadTx, after: PrescriptionId | None, size: int, today: date) -> list[PrescriptionId]:
    """Prescriptions that nobody holds and whose last day is before `today`."""
    rows = await tx.all(OVER, after=after and after.value, size=size, day=today)
    return [PrescriptionId(str(row["prescription_id"])) for row in rows]


async def list_old(
    tx: ReadTx, after: PrescriptionId | None, size: int, before: datetime, day: date
) -> list[PrescriptionId]:
    """Prescriptions written before `day`, and drafts opened before that moment."""
    rows = await tx.all(OLD, after=after and after.value, size=size, before=before, day=day)
    return [PrescriptionId(str(row["prescription_id"])) for row in rows]


async def take(tx: Tx, prescription_id: PrescriptionId) -> Prescription | None:
    """Locked; None when it is gone, or when someone has it in hand: it is for the next pass."""
    row = await tx.lock(TAKE, id=prescription_id.value)
    return to_prescription(row) if row else None


async def erase(tx: Tx, prescription_id: PrescriptionId) -> None:
    """The rows of a prescription and of its exceptional renewal. Its row is locked."""
    family = [str(row["prescription_id"]) for row in await tx.all(FAMILY, id=prescription_id.value)]
    for one in family:
        await tx.lock(LOCK_BY_ID, id=one)
    for statement in ERASE:
        await tx.change(statement, family=family)
