"""What was delivered to a person, whatever the prescription: deliveries that stand, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import ReadTx
from chassis.db import Record as Row
from eprescription.domain.dispensing import InterventionKind
from eprescription.domain.history import Given
from eprescription.domain.ids import InterventionId, LineId, PersonId, PrescriptionId

from .tables import INTERVENTION, PRESCRIPTION

I, P = INTERVENTION.c, PRESCRIPTION.c  # noqa: E741 (one letter a table)
UNDOING, LAST = INTERVENTION.alias("undoing"), INTERVENTION.alias("last")
PERSON = sa.bindparam("person", type_=sa.Uuid)
LAST_ID = sa.bindparam("last", type_=sa.Uuid)
OWN = sa.bindparam("own", type_=sa.Boolean)
PHARMACY = sa.bindparam("pharmacy", type_=sa.Text)
PRESCRIBER = sa.bindparam("prescriber", type_=sa.Text)
# The token of a page names the last delivery shown, not its day: a day of treatment stays out of addresses.
AFTER = sa.tuple_(I.delivered_on, I.intervention_id) < (
    sa.select(LAST.c.delivered_on, LAST.c.intervention_id)
    .where(LAST.c.intervention_id == LAST_ID, LAST.c.person_id == PERSON)
    .scalar_subquery()
)
# Who may see the prescription itself: the person, who wrote it, the pharmacy that served it.
INVOLVED = sa.or_(
    OWN,
    P.prescriber == PRESCRIBER,
    sa.and_(sa.func.length(PHARMACY) > sa.literal_column("0"), I.pharmacy == PHARMACY),
)
DELIVERED = (
    sa.select(
        I.intervention_id,
        I.prescription_id,
        I.line_id,
        I.delivered_on,
        I.pharmacy,
        I.cip13,
        I.cis,
        I.label,
        I.packs,
        I.days_covered,
        I.kind,
        INVOLVED.label("involved"),
    )
    .join(PRESCRIPTION, P.prescription_id == I.prescription_id)
    .where(
        I.person_id == PERSON,
        I.delivered_on >= sa.bindparam("since", type_=sa.Date),
        I.kind != sa.literal_column("'not_delivered'"),
        I.kind != sa.literal_column("'undone'"),
        ~sa.exists().where(UNDOING.c.undoes == I.intervention_id),
        sa.or_(~P.restricted, sa.bindparam("in_person", type_=sa.Boolean), INVOLVED & ~OWN),
        sa.or_(LAST_ID.is_(None), AFTER),
    )
    .order_by(I.delivered_on.desc(), I.intervention_id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)


async def list_visible_deliveries(
    tx: ReadTx, caller: Caller, person: PersonId, since: date, last: str | None, size: int
) -> Sequence[Given]:
    """Those of this person since that day that the caller may know of, newest first, `last` excluded.

    A restricted prescription (anonymous abortion) is known to its prescriber, to the pharmacy that served it
    and to the person in person alone: not to a representative, not to another professional.
    """
    rows = await tx.all(
        DELIVERED,
        person=person.value,
        since=since,
        last=last,
        size=size,
        own=caller.acts_for(person.value),
        in_person=caller.person_id == person.value,
        pharmacy=caller.organisation,
        prescriber=caller.subject,
    )
    return [_given(row) for row in rows]


def _given(row: Row) -> Given:
    return Given(
        InterventionId(str(row["intervention_id"])),
        PrescriptionId(str(row["prescription_id"])) if row["involved"] else None,
        LineId(str(row["line_id"])),
        row["delivered_on"],
        row["pharmacy"],
        row["cip13"],
        row["cis"],
        row["label"],
        row["packs"],
        row["days_covered"],
        InterventionKind(row["kind"]),
    )
