"""Known allergies; one that is withdrawn stays, with who did and why."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from chassis.db import ReadTx, Record, Tx
from eprescription.domain.allergies import Allergy
from eprescription.domain.content import Substance
from eprescription.domain.ids import AllergyId, PersonId

from .tables import ALLERGY, MOMENT

A = ALLERGY.c
SHOWN = sa.select(
    A.allergy_id, A.person_id, A.substance_code, A.substance, A.note, A.recorded_at, A.recorded_by
)
OF_PERSON = (
    SHOWN.where(A.person_id == sa.bindparam("person", type_=sa.Uuid), A.withdrawn_at.is_(None))
    .order_by(A.recorded_at, A.allergy_id)
    .limit(500)
)
WITHDRAW = (
    sa.update(ALLERGY)
    .where(
        A.allergy_id == sa.bindparam("id", type_=sa.Uuid),
        A.person_id == sa.bindparam("person", type_=sa.Uuid),
        A.withdrawn_at.is_(None),
    )
    .values(
        withdrawn_at=sa.bindparam("now", type_=MOMENT),
        withdrawn_by=sa.bindparam("by", type_=sa.Text),
        withdrawn_reason=sa.bindparam("reason", type_=sa.Text),
    )
)


def insert_allergy(tx: Tx, allergy: Allergy) -> None:
    """The index `uq_allergy_known` refuses one that is known already."""
    tx.insert(
        ALLERGY,
        allergy_id=allergy.id.value,
        person_id=allergy.person.value,
        substance_code=allergy.substance.code,
        substance=allergy.substance.name,
        note=allergy.note,
        recorded_at=allergy.recorded_at,
        recorded_by=allergy.recorded_by,
        withdrawn_by="",
        withdrawn_reason="",
    )


async def withdraw_allergy(
    tx: Tx, id: AllergyId, person: PersonId, by: str, reason: str, now: datetime
) -> bool:
    """False when this person has no such allergy, or it was withdrawn already."""
    done = await tx.change(WITHDRAW, id=id.value, person=person.value, by=by, reason=reason, now=now)
    return done == 1


async def list_allergies(tx: ReadTx, person: PersonId) -> list[Allergy]:
    """Oldest first; those that are withdrawn are left out."""
    return [_allergy(row) for row in await tx.all(OF_PERSON, person=person.value)]


def _allergy(row: Record) -> Allergy:
    return Allergy(
        AllergyId(str(row["allergy_id"])),
        PersonId(str(row["person_id"])),
        Substance(row["substance_code"], row["substance"]),
        row["note"],
        row["recorded_at"],
        row["recorded_by"],
    )
