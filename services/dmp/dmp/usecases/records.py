"""The life of a record, and what a caller may know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis import audit, outbox
from chassis.caller import Caller, CallerKind, Decision, require
from chassis.db import Tx
from chassis.errors import NotFound, Refusal, SocleError
from dmp import policy
from dmp.domain import records as domain
from dmp.domain.errors import RecordClosed, RecordDestroyed, RecordNotFound
from dmp.domain.records import CloseReason, EmergencyConsent, PersonId, Record, Relation
from dmp.domain.sealing import Wrapped
from dmp.domain.tracing import chain
from dmp.store import access
from dmp.store import records as store
from socle.dmp.v1 import events_pb2 as ev

# What the state of a record refuses is not "you may not": the caller is told what stands in the way.
OF_STATE: dict[str, type[SocleError]] = {
    "dmp.no_record": RecordNotFound,
    "dmp.record_closed": RecordClosed,
    "dmp.record_destroyed": RecordDestroyed,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as one caller may know it."""

    record: Record
    # May the caller read it now, in the mode of the request?
    readable: Decision
    # PS_IdNat of the médecin traitant; empty when none is declared.
    referring_doctor: str
    # The consents and switches: for who decides on them.
    settings: bool
    consents: frozenset[EmergencyConsent]


def unseen(caller: Caller, person: PersonId) -> type[NotFound] | None:
    """A citizen who asks about somebody else is told what they would be told of nobody; who holds the record,
    represents its holder or helps them knows of it, and is told why not.
    """
    knows = caller.acts_for(person.value) or person.value in caller.assists
    return RecordNotFound if caller.kind is CallerKind.CITIZEN and not knows else None


def known(relation: Relation, person: PersonId) -> Record:
    """The record; RecordNotFound, and a line in the journal, when there is none."""
    if relation.record is None:
        raise no_record(person)
    return relation.record


def no_record(person: PersonId) -> RecordNotFound:
    return RecordNotFound(refusal=Refusal(person.value, "", ("dmp.no_record",)))


def allowed(decision: Decision, caller: Caller, person: PersonId) -> Decision:
    """A permission; a refusal is raised in the words of the record's state when that is what refuses."""
    numbered = chain(caller.purpose)
    raise_state(decision, Refusal(person.value, "", decision.rules, numbered))
    return require(decision, subject=person.value, unseen=unseen(caller, person), chain=numbered)


def raise_state(decision: Decision, refusal: Refusal) -> None:
    """RecordNotFound, RecordClosed or RecordDestroyed when that is what refuses."""
    error = None if decision.permitted else OF_STATE.get(decision.rules[0])
    if error is not None:
        raise error(hint=decision.hint, refusal=refusal)


def opened(relation: Relation, caller: Caller, person: PersonId) -> Record:
    """The record, which stands open; RecordNotFound, RecordClosed or RecordDestroyed otherwise."""
    refused = policy.not_open(relation.record)
    if refused is not None:
        allowed(refused, caller, person)
    return known(relation, person)


def write(
    tx: Tx, caller: Caller, action: str, person: PersonId, decision: Decision, now: datetime, about: str = ""
) -> None:
    """The line of the journal about the record as a whole, or about something of it that is no document."""
    audit.record(
        tx,
        caller,
        action,
        person.value,
        object_id=about,
        rules=decision.rules,
        chain=chain(caller.purpose),
        now=now,
    )


async def shown(tx: Tx, caller: Caller, relation: Relation, record: Record) -> Shown:
    """What the caller may know of the record as it now stands; `relation` tells the rest."""
    person = record.person_id
    return Shown(
        record,
        policy.may_consult(caller, person, replace(relation, record=record)),
        await store.find_referring_doctor(tx, person),
        policy.may_hold(caller, person).permitted,
        relation.consents,
    )


async def open_record(
    tx: Tx, caller: Caller, person: PersonId, qualified: bool, wrapped: Wrapped, now: datetime
) -> Shown:
    """Opens the record; when it is open already the answer is the same, and nothing else happens.

    `qualified`: the caller's structure holds a qualifiée identity of the person. `wrapped`: the key of a
    new record; a record that is there keeps its own. Raises RecordClosed, RecordDestroyed.
    """
    decision = allowed(policy.may_open(caller, person, qualified), caller, person)
    if await store.insert_record(tx, Record(person, now), wrapped):
        outbox.emit(tx, ev.RecordOpened(person_id=person.value), now=now)
    relation = await access.find_relation(tx, person, caller, now)
    record = opened(relation, caller, person)
    write(tx, caller, "dmp_record.open", person, decision, now)
    return await shown(tx, caller, relation, record)


async def get_record(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Shown:
    """The state of the record, and whether the caller may read it in the mode of the request (TD0.2)."""
    policy.check_purpose(caller)
    relation = await access.find_relation(tx, person, caller, now)
    allowed(policy.may_see(caller, person), caller, person)
    found = await shown(tx, caller, relation, known(relation, person))
    write(tx, caller, "dmp_record.read", person, found.readable, now)
    return found


async def close_record(
    tx: Tx,
    caller: Caller,
    person: PersonId,
    reason: CloseReason,
    comment: bytes | None,
    qualified: bool,
    now: datetime,
) -> Shown:
    """Closes the record for ten years, then it is destroyed; closed already, the answer is the same.

    `comment`: sealed under the key of the record. `qualified` as in `open_record`.
    """
    relation = await access.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_close(caller, person, relation, reason, qualified), caller, person)
    before = known(relation, person)
    record = domain.close(before, reason, now)
    if record != before:
        await store.save_record(tx, record)
        await store.save_comment(tx, person, comment)
        outbox.emit(tx, ev.RecordClosed(person_id=person.value), now=now)
    write(tx, caller, "dmp_record.close", person, decision, now)
    return await shown(tx, caller, relation, record)


async def reopen_record(tx: Tx, caller: Caller, person: PersonId, qualified: bool, now: datetime) -> Shown:
    """Open again with all that it held, its authorisations and roles too; open already, nothing happens."""
    relation = await access.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_reopen(caller, person, relation, qualified), caller, person)
    before = known(relation, person)
    record = domain.reopen(before)
    if record != before:
        await store.save_record(tx, record)
        await store.save_comment(tx, person, None)
        outbox.emit(tx, ev.RecordReopened(person_id=person.value), now=now)
    write(tx, caller, "dmp_record.reopen", person, decision, now)
    return await shown(tx, caller, relation, record)


async def request_destruction(
    tx: Tx, caller: Caller, person: PersonId, confirmed: bool, delay: timedelta, now: datetime
) -> Shown:
    """Sets the date of an early destruction; asked again, the first date stands. Reopening gives it up."""
    relation = await access.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_declare(caller, person), caller, person)
    before = known(relation, person)
    record = domain.request_destruction(before, confirmed, delay, now)
    if record != before:
        await store.save_record(tx, record)
        outbox.emit(tx, ev.RecordDestructionRequested(person_id=person.value), now=now)
    write(tx, caller, "dmp_record.request_destruction", person, decision, now)
    return await shown(tx, caller, relation, record)
