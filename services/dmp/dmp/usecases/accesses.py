"""Who may read a record: authorisations and blocked professionals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis import outbox
from chassis.caller import Caller, Decision
from chassis.db import Tx
from dmp import policy
from dmp.domain.errors import AuthorisationNotFound, BlockNotFound, ProfessionalIsBlocked
from dmp.domain.records import (
    Authorisation,
    AuthorisationId,
    Block,
    BlockId,
    DeclaredRole,
    Grant,
    GranteeKind,
    PersonId,
)
from dmp.store import access as store
from dmp.store import records
from socle.dmp.v1 import events_pb2 as ev

from .records import allowed, known, opened, write

READ_THE_LIST = "List the accesses of the record (ListAccesses)."


@dataclass(frozen=True, slots=True)
class Accesses:
    """Who may read the record, who may not, who has a role in it (L1111-19)."""

    authorisations: list[Authorisation]
    blocks: list[Block]
    roles: list[DeclaredRole]


async def grant_access(
    tx: Tx, caller: Caller, person: PersonId, asked: Grant, now: datetime
) -> Authorisation:
    """Authorises a reader; the same authorisation asked again is given back unchanged."""
    asked.check(now)
    relation = await store.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_grant(caller, person, relation, asked), caller, person)
    opened(relation, caller, person)
    if asked.kind is GranteeKind.PROFESSIONAL and await store.find_block(tx, person, asked.grantee):
        raise ProfessionalIsBlocked(field="grantee", hint="Unblock the professional first.")
    granted = await _given(tx, caller, person, asked, now)
    write(tx, caller, "dmp_access.grant", person, decision, now, granted.id.value)
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
    decision = await held(tx, caller, person, now)
    authorisation = await store.find_authorisation(tx, person, authorisation_id)
    if authorisation is None:
        raise AuthorisationNotFound(field="access_id", hint=READ_THE_LIST)
    await _end(tx, authorisation, now)
    write(tx, caller, "dmp_access.revoke", person, decision, now, authorisation_id.value)


async def block_professional(
    tx: Tx, caller: Caller, person: PersonId, professional: str, now: datetime
) -> Block:
    """Nothing is readable any more, in any mode; deposits stay possible.

    Ends the professional's authorisation and roles.
    """
    relation = await store.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_block(caller, person, relation), caller, person)
    opened(relation, caller, person)
    block = await store.find_block(tx, person, professional)
    if block is None:
        block = Block(BlockId.new(), person, professional, now)
        store.insert_block(tx, block)
        outbox.emit(tx, ev.ProfessionalBlocked(person_id=person.value, block_id=block.id.value), now=now)
        await _end_all(tx, person, professional, now)
    write(tx, caller, "dmp_professional.block", person, decision, now, block.id.value)
    return block


async def _end_all(tx: Tx, person: PersonId, professional: str, now: datetime) -> None:
    running = await store.find_authorisation_of(tx, person, professional, GranteeKind.PROFESSIONAL)
    if running is not None:
        await _end(tx, running, now)
    for role in await records.list_roles(tx, person):
        if role.professional == professional:
            await end_role(tx, role, now)


async def end_role(tx: Tx, role: DeclaredRole, now: datetime) -> None:
    """Ends a role and tells it."""
    await records.end_role(tx, role.id, now)
    event = ev.CareRoleEnded(person_id=role.person_id.value, care_role_id=role.id.value)
    outbox.emit(tx, event, now=now)


async def unblock_professional(
    tx: Tx, caller: Caller, person: PersonId, professional: str, now: datetime
) -> None:
    """The professional must be authorised again: unblocking gives nothing back."""
    decision = await held(tx, caller, person, now)
    block = await store.find_block(tx, person, professional)
    if block is None:
        raise BlockNotFound(field="professional", hint=READ_THE_LIST)
    await store.end_block(tx, block.id, now)
    outbox.emit(tx, ev.ProfessionalUnblocked(person_id=person.value, block_id=block.id.value), now=now)
    write(tx, caller, "dmp_professional.unblock", person, decision, now, block.id.value)


async def list_accesses(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Accesses:
    """The running authorisations, the blocked professionals and the roles (L1111-19)."""
    decision = allowed(policy.may_hold(caller, person), caller, person)
    known(await store.find_relation(tx, person, caller, now), person)
    running = await store.list_authorisations(tx, person, now)
    found = Accesses(running, await store.list_blocks(tx, person), await records.list_roles(tx, person))
    write(tx, caller, "dmp_access.list", person, decision, now)
    return found


async def held(tx: Tx, caller: Caller, person: PersonId, now: datetime) -> Decision:
    """The holder's own decision; nobody else changes the accesses of this open record until the end."""
    relation = await store.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_hold(caller, person), caller, person)
    opened(relation, caller, person)
    return decision
