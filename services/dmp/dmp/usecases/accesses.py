"""Who may read a record: authorisations and blocked professionals."""

from __future__ import annotations

from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from dmp import policy, store
from dmp.domain import (
    Authorisation,
    AuthorisationId,
    AuthorisationNotFound,
    Block,
    BlockId,
    BlockNotFound,
    Grant,
    GranteeKind,
    PersonId,
    ProfessionalIsBlocked,
)
from socle.dmp.v1 import events_pb2 as ev

from .records import known, unseen


async def grant_access(
    tx: Tx, caller: Caller, person: PersonId, asked: Grant, now: datetime
) -> Authorisation:
    """Authorises a reader; the same authorisation asked again is given back unchanged."""
    asked.check(now)
    relation = await store.lock_relation(tx, person, caller, now)
    decision = require(
        policy.may_grant(caller, person, relation, asked), subject=person.value, unseen=unseen(caller)
    )
    known(relation, person)
    if asked.kind is GranteeKind.PROFESSIONAL and await store.find_block(tx, person, asked.grantee):
        raise ProfessionalIsBlocked(field="grantee", hint="Unblock the professional first.")
    granted = await _given(tx, caller, person, asked, now)
    audit.record(
        tx,
        caller,
        "dmp_access.grant",
        person.value,
        object_id=granted.id.value,
        rules=decision.rules,
        now=now,
    )
    return granted


async def _given(tx: Tx, caller: Caller, person: PersonId, asked: Grant, now: datetime) -> Authorisation:
    wanted = Authorisation(AuthorisationId.new(), person, asked.grantee, asked.kind, now, asked.until)
    there = await store.find_authorisation_of(tx, person, asked.grantee, asked.kind)
    if there is not None and there.runs(now) and there.until == wanted.until:
        return there
    if there is not None:
        await _end(tx, there, now)
    store.insert_authorisation(tx, wanted, caller.public_subject)
    event = ev.AccessGranted(person_id=wanted.person_id.value, authorisation_id=wanted.id.value)
    outbox.emit(tx, event, now=now)
    return wanted


async def _end(tx: Tx, authorisation: Authorisation, now: datetime) -> None:
    await store.end_authorisation(tx, authorisation.id, now)
    event = ev.AccessRevoked(person_id=authorisation.person_id.value, authorisation_id=authorisation.id.value)
    outbox.emit(tx, event, now=now)


async def revoke_access(
    tx: Tx, caller: Caller, person: PersonId, authorisation_id: AuthorisationId, now: datetime
) -> None:
    """Ends an authorisation."""
    decision = await _held(tx, caller, person, now)
    authorisation = await store.find_authorisation(tx, person, authorisation_id)
    if authorisation is None:
        raise AuthorisationNotFound(field="access_id", hint="List the accesses of the record.")
    await _end(tx, authorisation, now)
    audit.record(
        tx,
        caller,
        "dmp_access.revoke",
        person.value,
        object_id=authorisation_id.value,
        rules=decision.rules,
        now=now,
    )


async def block_professional(
    tx: Tx, caller: Caller, person: PersonId, professional: str, now: datetime
) -> Block:
    """Nothing is readable any more, in any mode; deposits stay possible. Ends the professional's
    authorisation."""
    decision = await _held(tx, caller, person, now)
    block = await store.find_block(tx, person, professional)
    if block is None:
        block = Block(BlockId.new(), person, professional, now)
        store.insert_block(tx, block)
        outbox.emit(tx, ev.ProfessionalBlocked(person_id=person.value, block_id=block.id.value), now=now)
        running = await store.find_authorisation_of(tx, person, professional, GranteeKind.PROFESSIONAL)
        if running is not None:
            await _end(tx, running, now)
    audit.record(
        tx,
        caller,
        "dmp_professional.block",
        person.value,
        object_id=block.id.value,
        rules=decision.rules,
        now=now,
    )
    return block


async def unblock_professional(
    tx: Tx, caller: Caller, person: PersonId, professional: str, now: datetime
) -> None:
    """The professional must be authorised again: unblocking gives nothing back."""
    decision = await _held(tx, caller, person, now)
    block = await store.find_block(tx, person, professional)
    if block is None:
        raise BlockNotFound(field="professional", hint="List the accesses of the record.")
    await store.end_block(tx, block.id, now)
    outbox.emit(tx, ev.ProfessionalUnblocked(person_id=person.value, block_id=block.id.value), now=now)
    audit.record(
        tx,
        caller,
        "dmp_professional.unblock",
        person.value,
        object_id=block.id.value,
        rules=decision.rules,
        now=now,
    )


async def list_accesses(
    tx: Tx, caller: Caller, person: PersonId, now: datetime
) -> tuple[list[Authorisation], list[Block]]:
    """The running authorisations and the blocked professionals (L1111-19)."""
    decision = require(policy.may_hold(caller, person), subject=person.value, unseen=unseen(caller))
    known(await store.find_relation(tx, person, caller, now), person)
    running = await store.list_authorisations(tx, person, now)
    blocks = await store.list_blocks(tx, person)
    audit.record(tx, caller, "dmp_access.list", person.value, rules=decision.rules, now=now)
    return running, blocks


async def _held(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Decision:
    """The holder's own decision; nobody else changes the accesses of this record until the end."""
    relation = await store.lock_relation(tx, person, caller, now)
    decision = require(policy.may_hold(caller, person), subject=person.value, unseen=unseen(caller))
    known(relation, person)
    return decision
