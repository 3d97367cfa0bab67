"""Two identities as one, and two again: with the history of both, and an event that the person can see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import audit as audit_log
from chassis import outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from identity_ins import policy, store
from identity_ins.domain import (
    Change,
    Identity,
    IdentityId,
    PersonId,
    PersonUnknown,
    Status,
    match,
)
from identity_ins.domain import vigilance as rules
from identity_ins.domain.vigilance import Case, CaseId, CaseState, Merge, MergeId, MergeNotFound, Pair
from identity_ins.store import history
from identity_ins.store import merges as rows
from identity_ins.store import vigilance as worklist
from socle.identity_ins.v1 import events_pb2 as ev

from .common import STATUS, allow, audit, subject
from .vigilance import tell_settled


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge and both its identities, as they are now."""

    merge: Merge
    kept: Identity
    absorbed: Identity


@dataclass(frozen=True, slots=True)
class Wish:
    """Which identity is to be merged into which, and why."""

    kept: IdentityId
    absorbed: IdentityId
    reason: str


async def merge_identities(tx: Tx, caller: Caller, wanted: Wish, *, now: datetime) -> Merged:
    """Two identities of one person as one; what each of them held stays, so that it can be undone."""
    rules.check_pair(wanted.kept, wanted.absorbed)
    before = await _lock(tx, wanted.kept, wanted.absorbed)
    decision, _ = [allow(caller, identity) for identity in before]
    after = rules.merge(before, now)
    merge = _merge_of(caller, after, wanted.reason, now)
    await _save(tx, caller, Done(before, after, wanted.reason, ("merge", "absorbed")), now)
    rows.insert_merge(tx, merge)
    await _settle(tx, caller, before, CaseState.MERGED, wanted.reason, now)
    _audit(tx, caller, "identity.merge", before, decision, now)
    _tell_merged(tx, merge, before.absorbed, after.absorbed, now)
    return Merged(merge, *after)


async def unmerge_identities(tx: Tx, caller: Caller, id: MergeId, reason: str, *, now: datetime) -> Merged:
    """Two identities again; the one that was merged away is what it was before."""
    merge = await rows.get_merge(tx, id)
    decision = _allow(caller, merge)
    before = await _lock(tx, merge.kept, merge.absorbed)
    past = await history.get_identity_at(tx, merge.absorbed, before.absorbed.version - 1)
    after = rules.unmerge(merge, before, past, now)
    undone = rules.undo(merge, caller.public_subject, reason, now)
    await rows.save_undone(tx, undone)
    await _save(tx, caller, Done(before, after, reason, ("unmerge", "restored")), now)
    # Someone has said that they are two: the pair is not asked about again.
    await _settle(tx, caller, before, CaseState.DISMISSED, reason, now)
    _audit(tx, caller, "identity.unmerge", after, decision, now)
    _tell_unmerged(tx, undone, after.absorbed, now)
    return Merged(undone, *after)


async def list_merges(
    tx: Tx, caller: Caller, wanted: IdentityId | PersonId, before: UUID | None, size: int, *, now: datetime
) -> list[Merge]:
    """The merges of an identity of the structure, or of a person for that person; newest first."""
    if isinstance(wanted, PersonId):
        seen = policy.may_read_merges(caller, wanted)
        decision = require(seen, subject=wanted.value, unseen=PersonUnknown)
        audit_log.record(tx, caller, "person.read_merges", wanted.value, rules=decision.rules, now=now)
    else:
        identity = await store.get_identity(tx, wanted)
        decision = allow(caller, identity)
        audit(tx, caller, "identity.read_merges", identity, decision, now)
    return await rows.list_merges(tx, wanted, before, size)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to both identities, with the names of the two steps in their histories."""

    before: Pair
    after: Pair
    reason: str
    steps: tuple[str, str]


def _allow(caller: Caller, merge: Merge) -> Decision:
    return require(
        policy.may_see_vigilance(caller, merge.domain),
        subject=merge.person_id.value if merge.person_id else merge.kept.value,
        object_id=merge.id.value,
        unseen=MergeNotFound,
    )


async def _lock(tx: Tx, kept: IdentityId, absorbed: IdentityId) -> Pair:
    """Both identities; in the order of their ids, so that two merges of one pair wait for each other."""
    held = {}
    for value in sorted((kept.value, absorbed.value)):
        held[value] = await store.lock_identity(tx, IdentityId(value))
    return Pair(held[kept.value], held[absorbed.value])


async def _save(tx: Tx, caller: Caller, done: Done, now: datetime) -> None:
    """Both identities and their histories; what consumers must know is told by the event of the merge."""
    for before, after, step in zip(done.before, done.after, done.steps, strict=True):
        await store.save_identity(tx, after)
        store.insert_change(tx, caller, Change(step, before, after, done.reason), now)


async def _settle(tx: Tx, caller: Caller, pair: Pair, outcome: CaseState, reason: str, now: datetime) -> None:
    """The case of both, made when nobody had seen it: the worklist shows every merge."""
    first, second = sorted(pair, key=lambda identity: identity.id.value)
    case = await worklist.lock_case_of(tx, first.id, second.id)
    if case is None:
        case = _new_case(first, second, now)
        await worklist.open_case(tx, case)
    settled = rules.settle_by_merge(case, outcome, caller.public_subject, reason, now)
    await worklist.save_case(tx, settled)
    tell_settled(tx, settled, now)


def _new_case(first: Identity, second: Identity, now: datetime) -> Case:
    seen = match.compare(first, second)
    return Case(CaseId.new(), first.domain, first.id, second.id, seen.kind, seen.score, seen.fields, now)


def _merge_of(caller: Caller, pair: Pair, reason: str, now: datetime) -> Merge:
    kept, absorbed = pair
    return Merge(
        MergeId.new(),
        kept.domain,
        kept.id,
        absorbed.id,
        rules.person_of(pair),
        reason,
        caller.public_subject,
        now,
    )


def _audit(tx: Tx, caller: Caller, action: str, pair: Pair, decision: Decision, now: datetime) -> None:
    """A line for each identity, in the journal of its person when it has one."""
    for identity in pair:
        audit(tx, caller, action, identity, decision, now)


def _tell_merged(tx: Tx, merge: Merge, before: Identity, after: Identity, now: datetime) -> None:
    if before.status is Status.QUALIFIEE:
        # Nothing of it may be used from now on, whatever facts it keeps for the day the merge is undone.
        lost = {**_linked(after), "status": STATUS[Status.PROVISOIRE]}
        outbox.emit(tx, ev.IdentityDowngraded(**lost), now=now)
    outbox.emit(tx, ev.IdentitiesMerged(**_told(merge)), now=now)


def _tell_unmerged(tx: Tx, merge: Merge, restored: Identity, now: datetime) -> None:
    outbox.emit(tx, ev.IdentitiesUnmerged(**_told(merge)), now=now)
    if restored.status is Status.QUALIFIEE:
        outbox.emit(tx, ev.IdentityQualified(**_linked(restored)), now=now)


def _told(merge: Merge) -> dict[str, str]:
    return {
        "kept_id": merge.kept.value,
        "absorbed_id": merge.absorbed.value,
        "domain": merge.domain,
        "person_id": merge.person_id.value if merge.person_id else "",
        "merge_id": merge.id.value,
    }


def _linked(identity: Identity) -> dict[str, Any]:
    return {
        "identity_id": identity.id.value,
        "domain": identity.domain,
        "person_id": subject(identity),
        "version": identity.version,
    }
