"""What persons decided about the sight of what was dispensed to them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.db import ReadTx, Tx
from eprescription.domain.history import Opposition
from eprescription.domain.ids import PersonId

from .tables import MOMENT, OPPOSITION

O = OPPOSITION.c  # noqa: E741 (one letter a table)
PERSON = sa.bindparam("person", type_=sa.Uuid)
HISTORY, EXECUTION = sa.bindparam("history", type_=sa.Boolean), sa.bindparam("execution", type_=sa.Boolean)
OF_PERSON = sa.select(O.history_opposed, O.execution_hidden).where(O.person_id == PERSON)
ROW = insert(OPPOSITION).values(
    person_id=PERSON,
    history_opposed=sa.func.coalesce(HISTORY, sa.false()),
    execution_hidden=sa.func.coalesce(EXECUTION, sa.false()),
    changed_at=sa.bindparam("now", type_=MOMENT),
)
# One statement: two changes at once, each of one switch, both hold.
SET = ROW.on_conflict_do_update(
    index_elements=[O.person_id],
    set_={
        "history_opposed": sa.func.coalesce(HISTORY, O.history_opposed),
        "execution_hidden": sa.func.coalesce(EXECUTION, O.execution_hidden),
        "changed_at": ROW.excluded.changed_at,
    },
)


async def find_opposition(tx: ReadTx, person: PersonId) -> Opposition:
    """Nothing is opposed by whoever said nothing."""
    row = await tx.one(OF_PERSON, person=person.value)
    return Opposition(row["history_opposed"], row["execution_hidden"]) if row else Opposition()


async def set_opposition(
    tx: Tx, person: PersonId, history: bool | None, execution: bool | None, now: datetime
) -> None:
    """None: as it stands."""
    await tx.change(SET, person=person.value, history=history, execution=execution, now=now)
