"""What the holder decides about the sight of what was dispensed to them (R.4073-1, L.1111-23)."""

from __future__ import annotations

from datetime import datetime

from chassis import audit
from chassis.caller import Caller, require
from chassis.db import Tx
from eprescription.domain.history import Opposition
from eprescription.domain.ids import PersonId
from eprescription.policy import dispensing as policy
from eprescription.store import oppositions


async def set_opposition(
    tx: Tx,
    caller: Caller,
    person: PersonId,
    history: bool | None,
    execution: bool | None,
    now: datetime,
) -> Opposition:
    """None: as it stands. What was decided is told back."""
    decision = require(policy.may_oppose(caller, person.value), subject=person.value)
    await oppositions.set_opposition(tx, person, history, execution, now)
    audit.record(tx, caller, "dispensing_history.set_opposition", person.value, rules=decision.rules, now=now)
    return await oppositions.find_opposition(tx, person)


async def get_opposition(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Opposition:
    decision = require(policy.may_oppose(caller, person.value), subject=person.value)
    found = await oppositions.find_opposition(tx, person)
    audit.record(tx, caller, "dispensing_history.get_opposition", person.value, rules=decision.rules, now=now)
    return found
