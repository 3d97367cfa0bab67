"""Allergies of a person: written down, withdrawn, read; each access in the journal of the person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis import audit
from chassis.caller import Caller, Decision, require
from chassis.db import ReadTx, Tx
from chassis.errors import InvalidInput, NotFound
from eprescription.domain.allergies import Allergy
from eprescription.domain.content import Substance
from eprescription.domain.folding import name_of
from eprescription.domain.ids import AllergyId, PersonId
from eprescription.policy import safety as policy
from eprescription.store import allergies as store
from eprescription.store import medicines

from . import products

LONGEST_NAME = 200


class SubstanceWrong(InvalidInput):
    """Which substance is meant is not told, or told wrongly."""

    where = "substance"
    remedy = "Give the name of the substance, or its code of 5 digits as a search shows it."


class AllergyNotFound(NotFound):
    """This person has no such known allergy."""

    where = "allergy_id"
    remedy = "Read the allergies of the person (ListAllergies)."


async def record_allergy(
    tx: Tx, caller: Caller, person: PersonId, substance: Substance, note: str, now: datetime
) -> Allergy:
    """Raises SubstanceWrong, AllergyKnownAlready."""
    decision = _allowed(caller, person)
    named = await _named(tx, substance)
    made = Allergy(AllergyId.new(), person, named, note.strip(), now, caller.public_subject)
    store.insert_allergy(tx, made)
    # Refused here, by the index, and not when the transaction ends.
    await tx.flush()
    _tell(tx, caller, "allergy.record", person, made.id.value, decision, now)
    return made


async def withdraw_allergy(
    tx: Tx, caller: Caller, person: PersonId, id: AllergyId, reason: str, now: datetime
) -> None:
    """Raises AllergyNotFound."""
    decision = _allowed(caller, person)
    if not await store.withdraw_allergy(tx, id, person, caller.public_subject, reason, now):
        raise AllergyNotFound
    _tell(tx, caller, "allergy.withdraw", person, id.value, decision, now)


async def list_allergies(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> list[Allergy]:
    decision = _allowed(caller, person)
    _tell(tx, caller, "allergy.list", person, "", decision, now)
    return await store.list_allergies(tx, person)


def _allowed(caller: Caller, person: PersonId) -> Decision:
    return require(policy.may_keep_allergies(caller, person.value), subject=person.value)


def _tell(
    tx: Tx, caller: Caller, action: str, person: PersonId, object_id: str, decision: Decision, now: datetime
) -> None:
    audit.record(tx, caller, action, person.value, object_id=object_id, rules=decision.rules, now=now)


async def _named(tx: ReadTx, substance: Substance) -> Substance:
    """As the base names it; a name that it does not know is kept as told (latex, a food, a class)."""
    if substance.code:
        known = await products.components(tx, [substance.code])
        if substance.code not in known:
            raise SubstanceWrong("No substance of the base has this code.", field="substance.code")
        return Substance(substance.code, name_of(known[substance.code].name))
    name = name_of(substance.name)
    if not name or len(name) > LONGEST_NAME:
        raise SubstanceWrong(
            f"Give a name of 1 to {LONGEST_NAME} characters, or a code.", field="substance.name"
        )
    rows = await medicines.list_named(tx, [], [name])
    return replace(substance, code=rows[0]["code"] if len(rows) == 1 else "", name=name, strength="")
