"""Holds of prescriptions, what a visit reads and moves, refused attempts to open, receipts.

Every writer locks the row of the prescription first (`prescriptions.lock_*`), so what is read after it stays
true until the commit. The index `uq_claim_one_pharmacy` refuses a second hold whatever the code above does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from eprescription.domain.dispensing import Claim, Intervention, LineStatus
from eprescription.domain.ids import ClaimId, DispensingId, PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.visits import ClosedVisit, Visit, tied

from . import interventions, lines, prescriptions
from .medicines import LAST_IMPORT
from .tables import CLAIM, CLAIM_ATTEMPT, DISPENSING, INTERVENTION, LINE, MOMENT, PRESCRIPTION

C, D, I, L, P, A = CLAIM.c, DISPENSING.c, INTERVENTION.c, LINE.c, PRESCRIPTION.c, CLAIM_ATTEMPT.c  # noqa: E741 (one letter a table)
ID = sa.bindparam("id", type_=sa.Uuid)
LINE_LABELS, DONE_LABELS, CLAIM_LABELS = (
    {column.name: f"{prefix}_{column.name}" for column in columns}
    for prefix, columns in (("line", L), ("done", I), ("claim", C))
)
# One statement for all that hangs on a prescription: a line comes once for each thing that was done about it.
VISIT = (
    sa.select(
        *(column.label(LINE_LABELS[column.name]) for column in L),
        *(column.label(DONE_LABELS[column.name]) for column in I),
        *(column.label(CLAIM_LABELS[column.name]) for column in C),
        # What the medicines of the visit are looked up in.
        LAST_IMPORT.scalar_subquery().label("last_import"),
    )
    .select_from(
        LINE.outerjoin(
            CLAIM, sa.and_(C.prescription_id == L.prescription_id, C.ended_at.is_(None))
        ).outerjoin(INTERVENTION, I.line_id == L.line_id)
    )
    .where(L.prescription_id == ID)
    .order_by(L.rank, I.intervention_id)
)
MOVE = (
    sa.update(PRESCRIPTION)
    .where(P.prescription_id == ID)
    .values(
        state=sa.bindparam("new_state"),
        version=sa.bindparam("new_version"),
        expires_on=sa.bindparam("new_expires_on", type_=sa.Date),
        changed_at=sa.bindparam("new_changed_at", type_=MOMENT),
    )
)
EXTEND = sa.update(CLAIM).where(C.claim_id == ID).values(expires_at=sa.bindparam("until", type_=MOMENT))
END = (
    sa.update(CLAIM)
    .where(C.claim_id == ID, C.ended_at.is_(None))
    .values(ended_at=sa.bindparam("at", type_=MOMENT), end_reason=sa.bindparam("reason"))
)
OF_PHARMACY = (
    sa.select(*C)
    .where(C.prescription_id == ID, C.pharmacy == sa.bindparam("pharmacy"))
    .order_by(C.claim_id.desc())
    .limit(sa.literal_column("1"))
)
CLOSED = sa.select(*D).where(D.claim_id == ID)
BY_DISPENSING = sa.select(*D).where(D.dispensing_id == ID)
ATTEMPTS = sa.select(sa.func.count().label("attempts"), sa.func.min(A.tried_at).label("first")).where(
    A.number == sa.bindparam("number"),
    A.pharmacy == sa.bindparam("pharmacy"),
    A.tried_at > sa.bindparam("since", type_=MOMENT),
)
RENEWAL = (
    sa.select(*P)
    .where(
        P.parent_id == ID,
        P.kind == sa.literal_column("'exceptional_renewal'"),
        P.state != sa.literal_column("'cancelled'"),
    )
    .limit(sa.literal_column("1"))
)
FORGET_ATTEMPTS = sa.delete(CLAIM_ATTEMPT).where(A.tried_at < sa.bindparam("before", type_=MOMENT))


async def read_visit(tx: ReadTx, prescription: Prescription) -> Visit:
    """All that hangs on a prescription, the row of which this transaction has locked."""
    rows = await tx.all(VISIT, id=prescription.id.value)
    found: dict[str, LineStatus] = {}
    done: list[Intervention] = []
    for row in rows:
        line = str(row["line_line_id"])
        if line not in found:
            found[line] = lines.to_line(_part(row, LINE_LABELS))
        if row["done_intervention_id"] is not None:
            done.append(interventions.to_intervention(_part(row, DONE_LABELS)))
    held = bool(rows) and rows[0]["claim_claim_id"] is not None
    claim = to_claim(_part(rows[0], CLAIM_LABELS)) if held else None
    in_order = sorted(done, key=lambda one: one.id.value)
    last_import = str(rows[0]["last_import"] or "") if rows else ""
    return Visit(prescription, tuple(found.values()), tied(in_order), claim, last_import)


def _part(row: Row, labels: Mapping[str, str]) -> dict[str, Any]:
    return {name: row[label] for name, label in labels.items()}


def move_prescription(tx: Tx, prescription: Prescription) -> None:
    """The state, the version and the last day of a locked prescription, with the other writes."""
    tx.change_later(
        MOVE,
        id=prescription.id.value,
        new_state=prescription.state.value,
        new_version=prescription.version,
        new_expires_on=prescription.expires_on,
        new_changed_at=prescription.changed_at,
    )


def save_lines(tx: Tx, changed: Sequence[LineStatus]) -> None:
    """Lines of a locked prescription, with the other writes. What was delivered of them is not written: it
    counts itself."""
    for line in changed:
        lines.save_line(tx, line)


def insert_claim(tx: Tx, claim: Claim) -> None:
    tx.insert(
        CLAIM,
        claim_id=claim.id.value,
        prescription_id=claim.prescription_id.value,
        pharmacy=claim.pharmacy,
        pharmacist=claim.pharmacist,
        began_at=claim.began_at,
        expires_at=claim.expires_at,
        ended_at=claim.ended_at,
        end_reason=claim.end_reason,
    )


def extend_claim(tx: Tx, claim: Claim) -> None:
    """Of a locked prescription, with the other writes."""
    tx.change_later(EXTEND, id=claim.id.value, until=claim.expires_at)


def end_claim(tx: Tx, claim: Claim) -> None:
    """`claim` as it ended; of a locked prescription, with the other writes."""
    tx.change_later(END, id=claim.id.value, at=claim.ended_at, reason=claim.end_reason)


async def find_last_claim(tx: ReadTx, prescription_id: PrescriptionId, pharmacy: str) -> Claim | None:
    """The last hold of this pharmacy, running or ended."""
    row = await tx.one(OF_PHARMACY, id=prescription_id.value, pharmacy=pharmacy)
    return to_claim(row) if row else None


def insert_closed(tx: Tx, closed: ClosedVisit) -> None:
    tx.insert(
        DISPENSING,
        dispensing_id=closed.id.value,
        prescription_id=closed.prescription_id.value,
        person_id=closed.person.value,
        claim_id=closed.claim_id.value,
        pharmacy=closed.pharmacy,
        pharmacist=closed.pharmacist,
        closed_at=closed.closed_at,
        receipt=closed.receipt,
    )


async def find_closed(tx: ReadTx, claim_id: ClaimId) -> ClosedVisit | None:
    """How the visit of this hold was closed."""
    row = await tx.one(CLOSED, id=claim_id.value)
    return to_closed(row) if row else None


async def find_dispensing(tx: ReadTx, dispensing_id: DispensingId) -> ClosedVisit | None:
    row = await tx.one(BY_DISPENSING, id=dispensing_id.value)
    return to_closed(row) if row else None


async def find_renewal(tx: ReadTx, parent: PrescriptionId) -> Prescription | None:
    """The exceptional renewal of a prescription; the index `uq_prescription_one_renewal` lets one be."""
    row = await tx.one(RENEWAL, id=parent.value)
    return prescriptions.to_prescription(row) if row else None


async def count_attempts(
    tx: ReadTx, number: str, pharmacy: str, since: datetime
) -> tuple[int, datetime | None]:
    """Wrong codes and dates that a pharmacy gave for a number, whether or not it exists; and the first of
    them."""
    row = await tx.one(ATTEMPTS, number=number, pharmacy=pharmacy, since=since)
    return (row["attempts"], row["first"]) if row else (0, None)


def insert_attempt(tx: Tx, number: str, pharmacy: str, pharmacist: str, now: datetime) -> None:
    tx.insert(CLAIM_ATTEMPT, number=number, pharmacy=pharmacy, pharmacist=pharmacist, tried_at=now)


async def forget_attempts(tx: Tx, before: datetime) -> int:
    """How many were deleted."""
    return await tx.change(FORGET_ATTEMPTS, before=before)


def to_claim(row: Row | dict[str, Any]) -> Claim:
    return Claim(
        ClaimId(str(row["claim_id"])),
        PrescriptionId(str(row["prescription_id"])),
        row["pharmacy"],
        row["pharmacist"],
        row["began_at"],
        row["expires_at"],
        row["ended_at"],
        row["end_reason"],
    )


def to_closed(row: Row) -> ClosedVisit:
    return ClosedVisit(
        DispensingId(str(row["dispensing_id"])),
        PrescriptionId(str(row["prescription_id"])),
        PersonId(str(row["person_id"])),
        ClaimId(str(row["claim_id"])),
        row["pharmacy"],
        row["pharmacist"],
        row["closed_at"],
        row["receipt"],
    )
