"""Verifies every stored signature: what was altered is named, whoever altered it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import ReadTx, Record
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.errors import SignatureBroken
from eprescription.domain.ids import PrescriptionId
from eprescription.store import prescriptions, signed

from . import signatures

BATCH = 500


@dataclass(frozen=True, slots=True)
class Broken:
    """An id and the names of what differs; nothing of the content."""

    prescription_id: PrescriptionId
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """One batch: how many were verified, which fail, and where the next one begins (None: at the end)."""

    count: int
    broken: tuple[Broken, ...]
    after: PrescriptionId | None


async def audit_batch(tx: ReadTx, after: PrescriptionId, size: int = BATCH) -> Audited:
    """Verifies the `size` signed prescriptions that follow `after`."""
    rows = await signed.list_signed(tx, after, size)
    ids = [PrescriptionId(str(row["prescription_id"])) for row in rows]
    lines = await signed.lines_of(tx, ids)
    pairs = zip(ids, rows, strict=True)
    found = [broken for one, row in pairs if (broken := await _audited(tx, one, row, lines.get(one, [])))]
    return Audited(len(ids), tuple(found), ids[-1] if len(ids) == size else None)


async def _audited(
    tx: ReadTx, prescription_id: PrescriptionId, row: Record, lines: Sequence[LineStatus]
) -> Broken | None:
    try:
        await signatures.verified(tx, prescriptions.to_prescription(row), lines)
    except SignatureBroken as broken:
        # A body that cannot be read names nothing.
        return Broken(prescription_id, broken.rules or ("signed.body",))
    return None
