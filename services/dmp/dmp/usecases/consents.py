"""What the holder allows: feeding, consultation, emergencies, what new documents show, roles."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chassis import outbox
from chassis.caller import Caller
from chassis.db import Tx
from dmp import policy
from dmp.domain.errors import CareRoleNotFound, ProfessionalIsBlocked
from dmp.domain.records import (
    CareRole,
    CareRoleId,
    Consents,
    DeclaredRole,
    EmergencyConsent,
    PersonId,
    Relation,
)
from dmp.store import access
from dmp.store import records as store
from socle.dmp.v1 import events_pb2 as ev

from .accesses import READ_THE_LIST, end_role, held
from .records import Shown, allowed, opened, shown, write


async def change_consents(tx: Tx, caller: Caller, person: PersonId, asked: Consents, now: datetime) -> Shown:
    """The record with the consents asked for; asking for what stands already changes nothing.

    The reason for opposing feeding is kept where it is read again: in the line of the journal.
    """
    asked.check()
    relation = await access.lock_relation(tx, person, caller, now)
    decision = allowed(policy.may_change_consents(caller, person, relation, asked), caller, person)
    before = opened(relation, caller, person)
    after = replace(relation, record=asked.applied(before), consents=_switched(relation, asked))
    if after != relation:
        await _save(tx, person, relation, after)
        outbox.emit(tx, ev.ConsentsChanged(person_id=person.value), now=now)
    who = replace(caller, reason=asked.reason) if asked.reason else caller
    write(tx, who, "dmp_consent.change", person, decision, now)
    return await shown(tx, caller, after, asked.applied(before))


def _switched(relation: Relation, asked: Consents) -> frozenset[EmergencyConsent]:
    given = dict(asked.emergency)
    return frozenset(c for c in EmergencyConsent if given.get(c, c in relation.consents))


async def _save(tx: Tx, person: PersonId, before: Relation, after: Relation) -> None:
    if after.record is not None and after.record != before.record:
        await store.save_record(tx, after.record)
    for consent in sorted(before.consents ^ after.consents):
        await store.save_consent(tx, person, consent, consent in after.consents)


async def declare_care_role(
    tx: Tx, caller: Caller, person: PersonId, professional: str, role: CareRole, now: datetime
) -> DeclaredRole:
    """Gives a role; declared already, it is given back unchanged. A person has one médecin traitant: the
    one before is ended in the same commit."""
    decision = await held(tx, caller, person, now)
    if await access.find_block(tx, person, professional):
        raise ProfessionalIsBlocked(field="professional", hint="Unblock the professional first.")
    declared = await _declared(tx, person, professional, role, now)
    write(tx, caller, "dmp_care_role.declare", person, decision, now, declared.id.value)
    return declared


async def _declared(
    tx: Tx, person: PersonId, professional: str, role: CareRole, now: datetime
) -> DeclaredRole:
    there = await store.list_holders_of(tx, person, role)
    for same in there:
        if same.professional == professional:
            return same
    for former in there if role is CareRole.MEDECIN_TRAITANT else ():
        await end_role(tx, former, now)
    declared = DeclaredRole(CareRoleId.new(), person, professional, role, now)
    store.insert_role(tx, declared)
    event = ev.CareRoleDeclared(person_id=person.value, care_role_id=declared.id.value)
    outbox.emit(tx, event, now=now)
    return declared


async def end_care_role(
    tx: Tx, caller: Caller, person: PersonId, care_role_id: CareRoleId, now: datetime
) -> None:
    """The professional reads again by the common rules."""
    decision = await held(tx, caller, person, now)
    role = await store.find_role(tx, person, care_role_id)
    if role is None:
        raise CareRoleNotFound(field="care_role_id", hint=READ_THE_LIST)
    await end_role(tx, role, now)
    write(tx, caller, "dmp_care_role.end", person, decision, now, care_role_id.value)
