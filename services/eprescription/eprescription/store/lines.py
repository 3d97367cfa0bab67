"""How far each line is. What was delivered is counted by the trigger `intervention_counted`, never here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from eprescription.domain import body
from eprescription.domain.content import CountUnit, LineKind
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.ids import LineId, PersonId, PrescriptionId
from eprescription.domain.states import LineState

from .tables import LINE

L = LINE.c
OF_PRESCRIPTION = sa.select(*L).where(L.prescription_id == sa.bindparam("id", type_=sa.Uuid)).order_by(L.rank)
LOCK_LINES = OF_PRESCRIPTION.with_for_update()
RUNNING = (
    sa.select(*L)
    .where(
        L.person_id == sa.bindparam("person", type_=sa.Uuid),
        L.treated_until >= sa.bindparam("today", type_=sa.Date),
        L.state != sa.literal_column("'cancelled'"),
    )
    .order_by(L.line_id)
)
SAME_NAME = (
    "rank",
    "authorised",
    "delivered",
    "forfeited",
    "deliveries",
    "next_on",
    "until",
    "treated_until",
    "cis",
    "narcotic",
    "cancel_requested",
    "cancel_reason",
    "cancel_comment",
)
CHANGING = (
    "state",
    "deliveries",
    "next_on",
    "until",
    "treated_until",
    "cancel_requested",
    "cancel_reason",
    "cancel_comment",
)
SAVE = (
    sa.update(LINE)
    .where(L.line_id == sa.bindparam("id", type_=sa.Uuid))
    .values({name: sa.bindparam(f"new_{name}", type_=L[name].type) for name in CHANGING})
)


async def list_lines(tx: ReadTx, prescription_id: PrescriptionId) -> list[LineStatus]:
    """In the order of the prescription, then those added by hand on the paper."""
    return [to_line(row) for row in await tx.all(OF_PRESCRIPTION, id=prescription_id.value)]


async def lock_lines(tx: Tx, prescription_id: PrescriptionId) -> list[LineStatus]:
    """The same, held until the end; the row of the prescription is locked before them."""
    return [to_line(row) for row in await tx.lock_all(LOCK_LINES, id=prescription_id.value)]


async def list_running(tx: ReadTx, person: PersonId, today: date) -> list[LineStatus]:
    """The lines whose treatment is thought to run today, whatever prescription they are of."""
    return [to_line(row) for row in await tx.all(RUNNING, person=person.value, today=today)]


def insert_line(tx: Tx, line: LineStatus) -> None:
    tx.insert(LINE, **from_line(line))


def save_line(tx: Tx, line: LineStatus) -> None:
    """The line as it now stands, with the other writes: its row is locked by this transaction.

    Never what was delivered or forfeited: interventions alone count.
    """
    columns = from_line(line)
    tx.change_later(SAVE, id=line.line_id.value, **{f"new_{name}": columns[name] for name in CHANGING})


def from_line(line: LineStatus) -> dict[str, Any]:
    """Every column of the row."""
    same = {name: getattr(line, name) for name in SAME_NAME}
    return {
        "line_id": line.line_id.value,
        "prescription_id": line.prescription_id.value,
        "person_id": line.person.value,
        "kind": line.kind.value,
        "state": line.state.value,
        "unit": line.unit.value,
        "substances": list(line.substances),
        "additional": body.LINE.dump_python(line.additional, mode="json", exclude_defaults=True)
        if line.additional
        else None,
        **same,
    }


def to_line(row: Row | Mapping[str, Any]) -> LineStatus:
    """A row that has the columns of the table, maybe others."""
    same: dict[str, Any] = {name: row[name] for name in SAME_NAME}
    return LineStatus(
        line_id=LineId(str(row["line_id"])),
        prescription_id=PrescriptionId(str(row["prescription_id"])),
        person=PersonId(str(row["person_id"])),
        kind=LineKind(row["kind"]),
        state=LineState(row["state"]),
        unit=CountUnit(row["unit"]),
        substances=tuple(row["substances"]),
        additional=body.LINE.validate_python(row["additional"]) if row["additional"] else None,
        **same,
    )
