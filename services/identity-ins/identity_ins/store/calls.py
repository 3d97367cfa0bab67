"""Rows of the journal of INSi calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import ReadTx, Tx
from identity_ins.domain import InsiCall, InsiCallId, Operation

from .tables import INSI_CALL

C = INSI_CALL.c
EVERY = sa.select(INSI_CALL).order_by(C.id.desc()).limit(sa.bindparam("size", type_=sa.Integer))
BEFORE = sa.bindparam("before", type_=sa.Uuid)
EVERYONES = EVERY.where(sa.or_(BEFORE.is_(None), C.id < BEFORE))
OF_STRUCTURE = EVERYONES.where(C.organisation == sa.bindparam("organisation"))


@dataclass(frozen=True, slots=True)
class Journaled:
    """One call, with who made it and when."""

    call: InsiCall
    called_at: datetime
    actor_kind: str
    actor: str
    organisation: str


def insert_call(tx: Tx, caller: Caller, call: InsiCall, now: datetime) -> None:
    """Adds a call to the journal."""
    tx.insert(
        INSI_CALL,
        id=call.id.value,
        called_at=now,
        actor_kind=caller.kind.value,
        actor=caller.public_subject,
        organisation=caller.organisation,
        operation=call.operation.value,
        input_hash=call.input_hash,
        code=call.code,
        milliseconds=call.milliseconds,
        lines=call.lines,
    )


async def list_calls(tx: ReadTx, organisation: str | None, before: str | None, size: int) -> list[Journaled]:
    """The calls of a structure (None: of all), newest first, from the one before `before`."""
    statement = EVERYONES if organisation is None else OF_STRUCTURE
    rows = await tx.all(statement, organisation=organisation, before=before, size=size)
    return [
        Journaled(
            InsiCall(
                InsiCallId(str(row["id"])),
                Operation(row["operation"]),
                row["input_hash"],
                row["code"],
                row["milliseconds"],
                row["lines"],
            ),
            row["called_at"],
            row["actor_kind"],
            row["actor"],
            row["organisation"],
        )
        for row in rows
    ]
