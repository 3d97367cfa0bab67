"""Local identities in the database, and what vigilance left behind, for the tests of vigilance."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson

from chassis.db import Tx
from chassis.testing import NOW, callers
from identity_ins import domain, seed, store, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Attribute,
    Identity,
    Paper,
    Person,
    Step,
    Traits,
)

from .usecases_given import LATER, PATIENT, created, rows_of

LATER_STILL = NOW + timedelta(hours=2)
__all__ = ["LATER", "PATIENT", "created", "rows_of"]
DOCTOR, STAFF, STRANGER = callers.doctor, callers.staff, callers.other_doctor
# The same person written twice: a slip in the name, and the second first name left out.
SLIPPED = replace(PATIENT.traits, birth_name="MARTIN-DELROME", birth_first_names=("CAMILLE",))
NOBODY_NEAR = Traits("ZYGLER", ("OSWALD",), domain.Sex.MALE, date(1931, 8, 9), "67482")
# Two persons of the registry whom only the place of birth and the later first names tell apart.
FIRST_HOMONYM, SECOND_HOMONYM = seed.person(199), seed.person(200)


async def retrieved(tx: Tx, person: Person = PATIENT, traits: Traits | None = None) -> Identity:
    """An identity whose INS was found at INSi."""
    identity = await created(tx, traits or person.traits)
    asked, answer = domain.ask(identity), Answer(AnswerCode.FOUND, person)
    return await usecases.retrieve_ins(tx, DOCTOR, identity.id, asked, answer, now=NOW)


async def qualified(tx: Tx, person: Person = PATIENT) -> Identity:
    """An identity qualifiée."""
    identity = await retrieved(tx, person)
    return await usecases.check_identity_paper(tx, DOCTOR, identity.id, Paper.PASSPORT, now=NOW)


async def marked(tx: Tx, identity: Identity, step: Step) -> Identity:
    """The identity with a mark that someone gave it."""
    return await usecases.mark_identity(tx, DOCTOR, identity.id, step, "tried", now=NOW)


def is_marked(identity: Identity, attribute: Attribute) -> bool:
    return attribute in identity.attributes


async def reread(tx: Tx, identity: Identity) -> Identity:
    """The identity as it is stored by now."""
    return await store.get_identity(tx, identity.id)


async def events(tx: Tx) -> list[tuple[str, dict[str, Any]]]:
    """Every event so far, in order: the end of its subject, and what it tells."""
    rows = await rows_of(tx, "SELECT subject, data FROM outbox ORDER BY seq")
    short = "socle.identity_ins."
    return [
        (row["subject"].removeprefix(short).removesuffix(".v1"), orjson.loads(row["data"])) for row in rows
    ]


async def journal(tx: Tx, action: str) -> list[str]:
    """Whose journals hold a line of this action, in order."""
    rows = await rows_of(tx, "SELECT subject FROM audit WHERE action = $1 ORDER BY id", action)
    return [row["subject"] for row in rows]


async def steps(tx: Tx, identity: Identity) -> list[tuple[int, str, str]]:
    """The history of an identity: version, step and reason."""
    found = await rows_of(
        tx,
        "SELECT version, step, reason FROM identity_change WHERE identity_id = $1 ORDER BY version",
        identity.id.value,
    )
    return [tuple(row) for row in found]
