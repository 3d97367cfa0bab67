"""Opening a record, and what a caller may do with it."""

from __future__ import annotations

from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, CallerKind, Decision, require
from chassis.db import Tx
from chassis.errors import NotFound, Refusal
from dmp import policy, store
from dmp.domain import PersonId, Record, RecordNotFound, Relation
from socle.dmp.v1 import events_pb2 as ev


def unseen(caller: Caller) -> type[NotFound] | None:
    """A citizen who asks about somebody else is told what they would be told of nobody."""
    return RecordNotFound if caller.kind is CallerKind.CITIZEN else None


def known(relation: Relation, person: PersonId) -> Record:
    """The record; RecordNotFound, and a line in the journal, when there is none."""
    if relation.record is None:
        raise no_record(person)
    return relation.record


def no_record(person: PersonId) -> RecordNotFound:
    return RecordNotFound(refusal=Refusal(person.value, "", ("dmp.no_record",)))


async def open_record(tx: Tx, caller: Caller, person: PersonId, qualified: bool, now: datetime) -> Record:
    """Opens the record; when it is open already the answer is the same, and nothing else happens.

    `qualified`: the caller's structure holds a qualifiée identity of the person.
    """
    decision = require(
        policy.may_open(caller, person, qualified), subject=person.value, unseen=unseen(caller)
    )
    record = Record(person, now)
    if await store.insert_record(tx, record):
        outbox.emit(tx, ev.RecordOpened(person_id=person.value), now=now)
    else:
        record = await store.get_record(tx, person)
    audit.record(tx, caller, "dmp_record.open", person.value, rules=decision.rules, now=now)
    return record


async def get_record(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> tuple[Record, Decision]:
    """The record, and whether the caller may read it in the mode of the request (TD0.2)."""
    policy.check_purpose(caller)
    relation = await store.find_relation(tx, person, caller, now)
    decision = policy.may_consult(caller, person, relation)
    if caller.kind is CallerKind.CITIZEN:
        require(decision, subject=person.value, unseen=RecordNotFound)
    record = known(relation, person)
    audit.record(tx, caller, "dmp_record.read", person.value, rules=decision.rules, now=now)
    return record, decision
