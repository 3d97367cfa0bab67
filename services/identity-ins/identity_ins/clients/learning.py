"""What a real téléservice tells is kept in the registry: a person must have one opaque id for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from chassis import outbox
from chassis.call import Call
from chassis.caller import service
from chassis.db import Database, Tx
from identity_ins.domain import Ins, Person, PersonId
from identity_ins.domain.insi import Individu, traits_of
from identity_ins.store import registry
from socle.identity_ins.v1 import events_pb2 as ev

# Two answers about one person at the same time: the second waits, then finds the first one's row.
ONE_AT_A_TIME = sa.select(
    sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("number", type_=sa.Text), 0))
)


async def learn(db: Database, individu: Individu) -> Person:
    """The person of the registry that the téléservice tells of: added when new, else brought up to date."""
    call = Call(service("identity-ins"))
    told = Person(
        PersonId.new(),
        traits_of(individu.tiq),
        individu.ins_actif.ins,
        tuple(former.ins for former in individu.ins_histo),
    )
    async with db.begin(call) as tx:
        await tx.lock(ONE_AT_A_TIME, number=told.ins.matricule)
        known = await _known(tx, (told.ins, *told.former))
        if known is None:
            registry.insert_person(tx, told, call.now())
            return told
        return await _updated(tx, known, told, call.now())


async def _known(tx: Tx, numbers: tuple[Ins, ...]) -> Person | None:
    """The holder of the first of these numbers that the registry knows."""
    for ins in numbers:
        if person := await registry.find_person(tx, ins):
            return person
    return None


async def _updated(tx: Tx, known: Person, told: Person, now: datetime) -> Person:
    await registry.save_person(tx, replace(told, id=known.id))
    for former in told.former:
        await registry.hold_number(tx, known.id, former, now, current=False)
    await registry.hold_number(tx, known.id, told.ins, now)
    if known.ins != told.ins:
        outbox.emit(tx, ev.PersonNumberReplaced(person_id=known.id.value), now=now)
    return await registry.get_person(tx, known.id)
