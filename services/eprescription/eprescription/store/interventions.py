"""What was done about lines: rows that are only ever added. PostgreSQL counts each as it is inserted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from chassis.db import ReadTx, Tx
from chassis.db import Record as Row
from eprescription.domain.dispensing import Details, Intervention, InterventionKind
from eprescription.domain.ids import ClaimId, InterventionId, LineId, PersonId, PrescriptionId
from eprescription.domain.visits import tied

from .tables import INTERVENTION

I = INTERVENTION.c  # noqa: E741 (one letter a table)
DETAILS: TypeAdapter[Details] = TypeAdapter(Details)
OF_PRESCRIPTION = (
    sa.select(*I).where(I.prescription_id == sa.bindparam("id", type_=sa.Uuid)).order_by(I.intervention_id)
)
SERVED: sa.Select[tuple[int]] = (
    sa.select(sa.literal_column("1"))
    .where(I.prescription_id == sa.bindparam("id", type_=sa.Uuid), I.pharmacy == sa.bindparam("pharmacy"))
    .limit(sa.literal_column("1"))
)
SAME_NAME = (
    "recorded_at",
    "delivered_on",
    "pharmacist",
    "pharmacy",
    "cis",
    "cip13",
    "label",
    "packs",
    "counted",
    "forfeits",
    "excess",
    "days_covered",
    "offline",
    "paper_reference",
)


def insert_intervention(tx: Tx, one: Intervention) -> None:
    """Waits with the other writes; the triggers check the hold and the line, and count.

    Flush before the state of a line is changed: the trigger reads it.
    """
    tx.insert(
        INTERVENTION,
        intervention_id=one.id.value,
        prescription_id=one.prescription_id.value,
        line_id=one.line_id.value,
        person_id=one.person.value,
        claim_id=one.claim_id.value if one.claim_id else None,
        kind=one.kind.value,
        undoes=one.undoes.value if one.undoes else None,
        details=DETAILS.dump_python(one.details, mode="json", exclude_defaults=True),
        **{name: getattr(one, name) for name in SAME_NAME},
    )


async def list_interventions(tx: ReadTx, prescription_id: PrescriptionId) -> list[Intervention]:
    """Oldest first, each with the one that undid it."""
    rows = await tx.all(OF_PRESCRIPTION, id=prescription_id.value)
    return list(tied([to_intervention(row) for row in rows]))


async def has_served(tx: ReadTx, prescription_id: PrescriptionId, pharmacy: str) -> bool:
    """Whether this pharmacy did anything about the prescription."""
    return await tx.one(SERVED, id=prescription_id.value, pharmacy=pharmacy) is not None


def to_intervention(row: Row | Mapping[str, Any]) -> Intervention:
    """A row that has the columns of the table, maybe others."""
    same: dict[str, Any] = {name: row[name] for name in SAME_NAME}
    return Intervention(
        id=InterventionId(str(row["intervention_id"])),
        prescription_id=PrescriptionId(str(row["prescription_id"])),
        line_id=LineId(str(row["line_id"])),
        person=PersonId(str(row["person_id"])),
        claim_id=ClaimId(str(row["claim_id"])) if row["claim_id"] else None,
        kind=InterventionKind(row["kind"]),
        undoes=InterventionId(str(row["undoes"])) if row["undoes"] else None,
        details=DETAILS.validate_python(row["details"]),
        **same,
    )
