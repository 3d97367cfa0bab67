"""One function per intention, always the same beats: load, allow, decide, save, audit, emit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis import audit, outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from chassis.errors import Refusal
from socle.identity_ins.v1 import events_pb2 as ev

from . import domain, policy, store
from .domain import (
    Answer,
    Change,
    Criteria,
    Identity,
    IdentityId,
    IdentityNotFound,
    Ins,
    Paper,
    Person,
    PersonId,
    PersonUnknown,
    Search,
    Status,
    Step,
    Traits,
)


async def create_identity(
    tx: Tx, caller: Caller, id: IdentityId, traits: Traits, ipp: str, *, now: datetime
) -> Identity:
    """A new identity, provisoire, in the domain of the caller's structure."""
    decision = require(policy.may_keep_identities(caller), subject="")
    checked = domain.check_traits(traits, domain.today_in_france(now))
    identity = domain.create(id, caller.organisation, ipp, checked, now)
    store.insert_identity(tx, identity)
    store.insert_change(tx, caller, Change("create", None, identity), now)
    _audit(tx, caller, "identity.create", identity, decision, now)
    outbox.emit(
        tx,
        ev.IdentityCreated(identity_id=id.value, domain=identity.domain, version=identity.version),
        now=now,
    )
    return identity


async def get_identity(tx: Tx, caller: Caller, id: IdentityId, *, now: datetime) -> Identity:
    """One identity of the caller's structure."""
    identity = await store.get_identity(tx, id)
    decision = _allow(caller, identity)
    _audit(tx, caller, "identity.read", identity, decision, now)
    return identity


async def list_identities(
    tx: Tx, caller: Caller, criteria: Criteria, after: str | None, size: int, *, now: datetime
) -> list[Identity]:
    """The identities of the caller's structure that match; each one shown leaves a trace of its own."""
    decision = require(policy.may_keep_identities(caller), subject="")
    found = await store.list_visible_identities(
        tx, caller.organisation, domain.check_criteria(criteria), after, size
    )
    for identity in found:
        _audit(tx, caller, "identity.search", identity, decision, now)
    if not found:
        audit.record(tx, caller, "identity.search", "", rules=decision.rules, now=now)
    return found


async def record_ins_search(tx: Tx, caller: Caller, answer: Answer, *, now: datetime) -> Answer:
    """The trace of an INSi search, on the person it found; without it the answer does not leave."""
    decision = require(policy.may_search_ins(caller), subject="")
    subject = answer.person.id.value if answer.person else ""
    rules = (*decision.rules, f"insi.{answer.code}")
    audit.record(tx, caller, "insi.search", subject, rules=rules, now=now)
    return answer


async def ask_insi(tx: Tx, caller: Caller, id: IdentityId, *, now: datetime) -> tuple[Search, ...]:
    """What to ask INSi for an identity; the intent is traced first, since asking discloses the traits."""
    identity = await store.get_identity(tx, id)
    decision = _allow(caller, identity)
    searches = domain.searches(identity)
    _audit(tx, caller, "identity.ask_insi", identity, decision, now)
    return searches


async def retrieve_ins(tx: Tx, caller: Caller, id: IdentityId, answer: Answer, *, now: datetime) -> Identity:
    """The identity once INSi has answered: récupérée, or qualifiée when its paper was checked before."""
    before = await store.lock_identity(tx, id)
    decision = _allow(caller, before)
    after = domain.retrieve(before, answer, now)
    if after.retrieval is not None:
        await _save(tx, caller, Change(Step.RETRIEVE_INS, before, after), now)
        outbox.emit(tx, ev.IdentityRetrieved(**_linked(after)), now=now)
    if after.status is Status.QUALIFIEE:
        outbox.emit(tx, ev.IdentityQualified(**_linked(after)), now=now)
    _audit(tx, caller, "identity.retrieve_ins", after, decision, now, f"insi.{answer.code}")
    return after


async def check_identity_paper(
    tx: Tx, caller: Caller, id: IdentityId, paper: Paper, *, now: datetime
) -> Identity:
    """The identity whose paper was seen: validée, or qualifiée with the INS."""
    before = await store.lock_identity(tx, id)
    decision = _allow(caller, before)
    after = domain.check_paper(before, paper, now)
    await _save(tx, caller, Change(Step.CHECK_PAPER, before, after), now)
    _audit(tx, caller, "identity.check_paper", after, decision, now)
    if after.status is Status.QUALIFIEE:
        outbox.emit(tx, ev.IdentityQualified(**_linked(after)), now=now)
    else:
        outbox.emit(
            tx,
            ev.IdentityValidated(identity_id=id.value, domain=after.domain, version=after.version),
            now=now,
        )
    return after


async def mark_identity_doubtful(
    tx: Tx, caller: Caller, id: IdentityId, reason: str, *, now: datetime
) -> Identity:
    """The identity back to provisoire, without its INS; consumers learn it when it was qualifiée."""
    before = await store.lock_identity(tx, id)
    decision = _allow(caller, before)
    after = domain.mark_doubtful(before)
    await _save(tx, caller, Change(Step.MARK_DOUBTFUL, before, after, reason), now)
    # The trace goes to whom the identity spoke of until now.
    _audit(tx, caller, "identity.mark_doubtful", before, decision, now)
    if before.status is Status.QUALIFIEE:
        lost = {**_linked(before), "version": after.version}
        outbox.emit(tx, ev.IdentityDowngraded(**lost), now=now)
    return after


async def resolve_person(tx: Tx, caller: Caller, ins: Ins, *, now: datetime) -> PersonId:
    """The opaque id of whom a number names; a number that names nobody is traced as well."""
    decision = require(policy.may_resolve_person(caller), subject="")
    person_id = await store.find_person_id(tx, ins)
    if person_id is None:
        raise PersonUnknown(field="ins", refusal=Refusal("", "", ("person.unknown_ins",)))
    audit.record(tx, caller, "person.resolve", person_id.value, rules=decision.rules, now=now)
    return person_id


async def get_person(tx: Tx, caller: Caller, id: PersonId, *, now: datetime) -> Person:
    """The reference identity of a person."""
    person = await store.get_person(tx, id)
    linked = bool(caller.organisation) and await store.is_linked(tx, id, caller.organisation)
    decision = require(policy.may_read_person(caller, id, linked), subject=id.value, unseen=PersonUnknown)
    audit.record(tx, caller, "person.read", id.value, rules=decision.rules, now=now)
    return person


async def get_standing(tx: Tx, caller: Caller, id: PersonId, structure: str, *, now: datetime) -> bool:
    """Whether a structure holds a qualifiée identity of a person."""
    decision = require(policy.may_ask_standing(caller), subject=id.value)
    qualified = await store.is_qualified(tx, id, structure)
    audit.record(tx, caller, "person.standing", id.value, object_id=structure, rules=decision.rules, now=now)
    return qualified


def _allow(caller: Caller, identity: Identity) -> Decision:
    return require(
        policy.may_handle(caller, identity),
        subject=_subject(identity),
        object_id=identity.id.value,
        unseen=IdentityNotFound,
    )


async def _save(tx: Tx, caller: Caller, change: Change, now: datetime) -> None:
    await store.save_identity(tx, change.after)
    store.insert_change(tx, caller, change, now)


def _audit(
    tx: Tx, caller: Caller, action: str, identity: Identity, decision: Decision, now: datetime, *more: str
) -> None:
    rules = (*decision.rules, *more)
    audit.record(tx, caller, action, _subject(identity), object_id=identity.id.value, rules=rules, now=now)


def _subject(identity: Identity) -> str:
    """The journal is the person's once the person is known; before, it is that of the identity."""
    return (identity.person_id or identity.id).value


def _linked(identity: Identity) -> dict[str, Any]:
    """What every event about a retrieved identity tells."""
    return {
        "identity_id": identity.id.value,
        "domain": identity.domain,
        "person_id": str(identity.person_id),
        "version": identity.version,
    }
