"""What is known of a person when a product is checked: one statement, on the way of every signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from chassis.db import ReadTx
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.safety import KnownAllergy

from .tables import ALLERGY, LINE, OPPOSITION, PRESCRIPTION

PERSON = sa.bindparam("person", type_=sa.Uuid)
BESIDE = sa.bindparam("beside", type_=sa.Uuid)
L, R, A = LINE.c, PRESCRIPTION.c, ALLERGY.c


def _array(*columns: sa.ColumnElement[object]) -> sa.Function[object]:
    return sa.func.jsonb_agg(sa.func.jsonb_build_array(*columns))


LINES = (
    sa.select(_array(L.cis, L.substances, L.treated_until, R.restricted, R.prescriber))
    .select_from(LINE.join(PRESCRIPTION, L.prescription_id == R.prescription_id))
    .where(
        L.person_id == PERSON,
        L.treated_until >= sa.bindparam("today", type_=sa.Date),
        L.state != sa.literal_column("'cancelled'"),
        L.kind == sa.literal_column("'medicine'"),
        L.prescription_id.is_distinct_from(BESIDE),
    )
)
ALLERGIES = sa.select(_array(A.substance_code, A.substance)).where(
    A.person_id == PERSON, A.withdrawn_at.is_(None)
)
OPPOSED = sa.select(OPPOSITION.c.history_opposed).where(OPPOSITION.c.person_id == PERSON)
KNOWN = sa.select(
    LINES.scalar_subquery().label("lines"),
    ALLERGIES.scalar_subquery().label("allergies"),
    OPPOSED.scalar_subquery().label("opposed"),
)


@dataclass(frozen=True, slots=True)
class Treatment:
    """A line whose treatment is thought to run; `restricted`: it is not for every professional to read."""

    cis: str
    # ANSM codes.
    substances: tuple[str, ...]
    until: date
    restricted: bool
    # PS_IdNat.
    prescriber: str


@dataclass(frozen=True, slots=True)
class OfPerson:
    treatments: tuple[Treatment, ...]
    allergies: tuple[KnownAllergy, ...]
    opposed: bool


async def find_known(tx: ReadTx, person: PersonId, today: date, beside: PrescriptionId | None) -> OfPerson:
    """Treatments, allergies and opposition of a person, the lines of the prescription `beside` left out."""
    row = await tx.one(KNOWN, person=person.value, today=today, beside=beside.value if beside else None)
    if row is None:
        return OfPerson((), (), False)
    treatments = (
        Treatment(cis, tuple(codes), date.fromisoformat(until), restricted, prescriber)
        for cis, codes, until, restricted, prescriber in row["lines"] or []
    )
    allergies = (KnownAllergy(code, name, name) for code, name in row["allergies"] or [])
    return OfPerson(tuple(treatments), tuple(allergies), bool(row["opposed"]))
