"""Prescriptions: one row each. Whoever changes one locks its row first, then its lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from eprescription.domain import body
from eprescription.domain.content import Kind
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State

from .tables import PRESCRIPTION

P = PRESCRIPTION.c
SELECTED = sa.select(*P)
BY_ID = SELECTED.where(P.prescription_id == sa.bindparam("id", type_=sa.Uuid))
BY_NUMBER = SELECTED.where(P.number == sa.bindparam("number"))
LOCK_BY_ID = BY_ID.with_for_update()
LOCK_BY_NUMBER = BY_NUMBER.with_for_update()
# Those that may change once a row is there; the trigger `prescription_signed_once` holds the others.
CHANGING = (
    "state",
    "version",
    "restricted",
    "body",
    "signature",
    "key_id",
    "written_on",
    "expires_on",
    "signed_at",
    "changed_at",
)
SAVE = (
    sa.update(PRESCRIPTION)
    .where(P.prescription_id == sa.bindparam("id", type_=sa.Uuid), P.version == sa.bindparam("was"))
    .values({name: sa.bindparam(f"new_{name}", type_=P[name].type) for name in CHANGING})
)


async def find_prescription(tx: ReadTx, prescription_id: PrescriptionId) -> Prescription | None:
    return _found(await tx.one(BY_ID, id=prescription_id.value))


async def find_by_number(tx: ReadTx, number: str) -> Prescription | None:
    """`number` as `domain.number.check` gives it."""
    return _found(await tx.one(BY_NUMBER, number=number))


async def lock_prescription(tx: Tx, prescription_id: PrescriptionId) -> Prescription | None:
    """The same, held until the end of the transaction."""
    return _found(await tx.lock(LOCK_BY_ID, id=prescription_id.value))


async def lock_by_number(tx: Tx, number: str) -> Prescription | None:
    return _found(await tx.lock(LOCK_BY_NUMBER, number=number))


def insert_prescription(tx: Tx, prescription: Prescription) -> None:
    tx.insert(PRESCRIPTION, **from_prescription(prescription))


def save_locked(tx: Tx, prescription: Prescription) -> None:
    """A row that this transaction has locked, as it now stands, its version being one more than the stored
    one: it leaves with the other writes."""
    tx.change_later(SAVE, **_saved(prescription))


def save_later(tx: Tx, prescription: Prescription) -> None:
    """The same of a row that is not locked: what is written with it must fail where this touched nothing."""
    tx.change_later(SAVE, **_saved(prescription))


def _saved(prescription: Prescription) -> dict[str, Any]:
    columns = from_prescription(prescription)
    new = {f"new_{name}": columns[name] for name in CHANGING}
    return {"id": prescription.id.value, "was": prescription.version - 1, **new}


def from_prescription(prescription: Prescription) -> dict[str, Any]:
    """Every column of the row."""
    same = {name: getattr(prescription, name) for name in SAME_NAME}
    return {
        "prescription_id": prescription.id.value,
        "person_id": prescription.person.value,
        "kind": prescription.kind.value,
        "state": prescription.state.value,
        "parent_id": prescription.parent_id.value if prescription.parent_id else None,
        **same,
    }


SAME_NAME = (
    "number",
    "version",
    "prescriber",
    "organisation",
    "restricted",
    "body",
    "signature",
    "key_id",
    "written_on",
    "expires_on",
    "created_at",
    "signed_at",
    "changed_at",
)


def _found(row: Row | None) -> Prescription | None:
    return to_prescription(row) if row else None


def to_prescription(row: Row | Mapping[str, Any]) -> Prescription:
    """A row that has the columns of the table, maybe others."""
    same: dict[str, Any] = {name: row[name] for name in SAME_NAME}
    return Prescription(
        id=PrescriptionId(str(row["prescription_id"])),
        person=PersonId(str(row["person_id"])),
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        signed=body.read(row["body"]),
        parent_id=PrescriptionId(str(row["parent_id"])) if row["parent_id"] else None,
        **same,
    )
