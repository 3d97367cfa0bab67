"""The life of a local identity: created, read, listed, corrected, its history read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chassis import audit as audit_log
from chassis.caller import Caller, require
from chassis.db import Tx
from identity_ins import domain, policy, store
from identity_ins.domain import (
    Change,
    CollectionMethod,
    Creation,
    Criteria,
    Identity,
    IdentityId,
    IdentityNotFound,
    Person,
    Traits,
    Window,
)
from identity_ins.domain.match import Candidate
from identity_ins.domain.vigilance import flag_homonyms
from identity_ins.store import history
from identity_ins.store.keys import write_keys

from . import vigilance
from .common import allow, audit, tell


async def create_identity(
    tx: Tx, caller: Caller, id: IdentityId, wanted: Creation, person: Person | None = None, *, now: datetime
) -> tuple[Identity, list[Candidate]]:
    """A new identity in the domain of the caller's structure, and who there may be the same person.

    `person` is whom INSi confirmed under `wanted.ins`; without one the identity is not linked.
    """
    decision = require(policy.may_create(caller, wanted), subject="")
    checked = replace(wanted, traits=domain.check_traits(wanted.traits, domain.today_in_france(now)))
    made = domain.create(id, caller.organisation, checked, person, now)
    candidates = await vigilance.look(tx, made)
    identity = flag_homonyms(made, candidates)
    store.insert_identity(tx, identity)
    await write_keys(tx, identity)
    store.insert_change(tx, caller, Change("create", None, identity), now)
    audit(tx, caller, "identity.create", identity, decision, now)
    tell(tx, None, identity, now)
    await vigilance.open_cases(tx, identity, candidates, now)
    vigilance.trace_shown(tx, caller, candidates, decision, now)
    return identity, candidates


async def get_identity(tx: Tx, caller: Caller, id: IdentityId, *, now: datetime) -> Identity:
    """One identity of the caller's structure."""
    identity = await store.get_identity(tx, id)
    decision = allow(caller, identity)
    audit(tx, caller, "identity.read", identity, decision, now)
    return identity


async def list_identities(
    tx: Tx, caller: Caller, criteria: Criteria, window: Window, *, now: datetime
) -> list[Identity]:
    """The identities of the caller's structure that match; each one shown leaves a trace of its own."""
    decision = require(policy.may_keep_identities(caller), subject="")
    found = await store.list_visible_identities(
        tx, caller.organisation, domain.check_criteria(criteria), window
    )
    for identity in found:
        audit(tx, caller, "identity.search", identity, decision, now)
    if not found:
        audit_log.record(tx, caller, "identity.search", "", rules=decision.rules, now=now)
    return found


@dataclass(frozen=True, slots=True)
class Correction:
    """All the traits of an identity as they are to be, and why."""

    traits: Traits
    reason: str
    # None: typed in.
    method: CollectionMethod | None = None


async def correct_traits(
    tx: Tx, caller: Caller, id: IdentityId, wanted: Correction, *, now: datetime
) -> Identity:
    """The identity with the traits wanted; a strict trait takes the two facts with it."""
    before = await store.lock_identity(tx, id)
    decision = allow(caller, before)
    traits = domain.check_traits(wanted.traits, domain.today_in_france(now))
    after = domain.correct_traits(before, traits, wanted.method, now)
    if after is not before:
        step = domain.correction_of(before, traits)
        after = await vigilance.save_watched(tx, caller, Change(step, before, after, wanted.reason), now)
    audit(tx, caller, "identity.correct_traits", before, decision, now)
    return after


async def list_identity_changes(
    tx: Tx, caller: Caller, id: IdentityId, last: int | None, size: int, *, now: datetime
) -> list[history.Past]:
    """The history of an identity from version `last` (the present one when None) backwards, newest first."""
    identity = await store.get_identity(tx, id)
    decision = allow(caller, identity)
    if last is not None and last > identity.version:
        raise IdentityNotFound(field="version", hint=f"It has {identity.version} versions.")
    changes = await history.list_changes(tx, identity, last or identity.version, size)
    audit(tx, caller, "identity.read_history", identity, decision, now)
    return changes
