"""Identities made by the use cases themselves, and what those leave behind in a transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import orjson

from chassis.caller import Caller
from chassis.db import Tx
from chassis.testing import NOW, callers
from identity_ins import domain, seed, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Creation,
    Identity,
    IdentityId,
    Paper,
    Question,
    Traits,
    Verdict,
)

MakeTraits = Callable[..., Traits]
LATER = NOW + timedelta(hours=1)
PATIENT = seed.person(1)
FOUND, NOBODY = Answer(AnswerCode.FOUND, PATIENT), Answer(AnswerCode.NOBODY)
CONFIRMED, REFUTED = Verdict(True, PATIENT), Verdict(False)
QUESTION = Question(PATIENT.traits)
OTHERS = callers.other_doctor
HOMELESS = replace(callers.doctor, organisation="")
ABOUT = {"domain": "1750000018"}


async def created(
    tx: Tx, traits: Traits = PATIENT.traits, ipp: str = "", caller: Caller = callers.doctor, **wanted: Any
) -> Identity:
    """A new identity, provisoire unless `wanted` says more."""
    identity, _ = await usecases.create_identity(
        tx, caller, IdentityId.new(), Creation(traits, ipp, **wanted), now=NOW
    )
    return identity


async def retrieved(tx: Tx, traits: Traits = PATIENT.traits) -> Identity:
    """An identity récupérée, linked to person number 1."""
    identity = await created(tx, traits)
    return await usecases.retrieve_ins(
        tx, callers.doctor, identity.id, Question(identity.traits), FOUND, now=NOW
    )


async def qualified(tx: Tx) -> Identity:
    """An identity qualifiée, linked to person number 1."""
    identity = await retrieved(tx)
    return await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.PASSPORT, now=NOW)


async def events(tx: Tx) -> list[tuple[str, dict[str, Any]]]:
    """The events of the identities, in order: the short name and what is told."""
    rows = await rows_of(tx, "SELECT subject, data FROM outbox ORDER BY seq")
    short = "socle.identity_ins.identity."
    named = [(row["subject"].removesuffix(".v1"), orjson.loads(row["data"])) for row in rows]
    return [(name.removeprefix(short), told) for name, told in named if name.startswith(short)]


async def names_of_events(tx: Tx) -> list[str]:
    """The short names of the events of the identities."""
    return [name for name, _ in await events(tx)]


async def journal(tx: Tx) -> list[tuple[str, str, str, list[str]]]:
    """Action, subject, object and rules of each line of the access journal."""
    rows = await rows_of(tx, "SELECT action, subject, object_id, rules FROM audit ORDER BY id")
    return [(row["action"], row["subject"], row["object_id"], list(row["rules"])) for row in rows]


async def history(tx: Tx, id: IdentityId) -> list[tuple[int, str, str, str, str]]:
    """Version, step, status before and after, and reason of each change."""
    rows = await rows_of(
        tx,
        "SELECT version, step, status_before, status_after, reason FROM identity_change "
        "WHERE identity_id = $1 ORDER BY version",
        id.value,
    )
    return [tuple(row) for row in rows]


async def rows_of(tx: Tx, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """Rows as PostgreSQL has them, what waits included."""
    await tx.flush()
    rows: list[asyncpg.Record] = await tx._connection.fetch(sql, *arguments)
    return rows


def told_of(identity: Identity, **more: Any) -> dict[str, Any]:
    """What an event tells of an identity at its present version."""
    return {"identity_id": identity.id.value, **ABOUT, "version": identity.version, **more}


QUALIFIED_LOST = {"person_id": PATIENT.id.value}
BILLED = domain.parse_billing_number("284058832102532")
