"""The beats that every use case on an identity shares."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis import audit as audit_log
from chassis import outbox
from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from identity_ins import policy, store
from identity_ins.domain import Change, Identity, IdentityNotFound, Status
from identity_ins.store.keys import write_keys
from socle.identity_ins.v1 import events_pb2 as ev

# The numbers of `IdentityStatus`, by their names in the contract.
STATUS = {
    Status.PROVISOIRE: "IDENTITY_STATUS_PROVISOIRE",
    Status.RECUPEREE: "IDENTITY_STATUS_RECUPEREE",
    Status.VALIDEE: "IDENTITY_STATUS_VALIDEE",
    Status.QUALIFIEE: "IDENTITY_STATUS_QUALIFIEE",
}


def allow(caller: Caller, identity: Identity) -> Decision:
    """The decision on this identity; raises IdentityNotFound to another structure."""
    return require(
        policy.may_handle(caller, identity),
        subject=subject(identity),
        object_id=identity.id.value,
        unseen=IdentityNotFound,
    )


async def save(tx: Tx, caller: Caller, change: Change, now: datetime) -> None:
    """Saves an identity with the row of its history and the events of what it lost and gained."""
    before, after = change.before, change.after
    await store.save_identity(tx, after)
    if before is None or before.traits != after.traits:
        await write_keys(tx, after)
    store.insert_change(tx, caller, change, now)
    tell(tx, before, after, now)


def tell(tx: Tx, before: Identity | None, after: Identity, now: datetime) -> None:
    """Emits the events of a change."""
    for event in told_by(before, after):
        outbox.emit(tx, event, now=now)


def told_by(before: Identity | None, after: Identity) -> list[Any]:
    """The events of a change: what was lost first, then what was gained, else that something changed."""
    told = [*_lost(before, after), *_gained(before, after)]
    if not told and before is not None and _seen(before) != _seen(after):
        return [ev.IdentityChanged(**_linked(after), **_standing(after))]
    return told


def audit(
    tx: Tx, caller: Caller, action: str, identity: Identity, decision: Decision, now: datetime, *more: str
) -> None:
    """A line of the journal of whom the identity speaks of."""
    rules = (*decision.rules, *more)
    audit_log.record(tx, caller, action, subject(identity), object_id=identity.id.value, rules=rules, now=now)


def subject(identity: Identity) -> str:
    """The journal is the person's once the person is known; before, it is that of the identity."""
    return (identity.person_id or identity.id).value


def _lost(before: Identity | None, after: Identity) -> list[Any]:
    if before is None or before.status is not Status.QUALIFIEE or after.status is Status.QUALIFIEE:
        return []
    # The person that the identity points to no longer: the one whose number consumers must drop.
    lost = {**_linked(before), "version": after.version}
    return [ev.IdentityDowngraded(**lost, **_standing(after))]


def _gained(before: Identity | None, after: Identity) -> list[Any]:
    told: list[Any] = [] if before else [ev.IdentityCreated(**_named(after))]
    held = before.retrieval if before else None
    if after.retrieval and not held:
        told.append(ev.IdentityRetrieved(**_linked(after)))
    if after.retrieval and held and after.retrieval.ins != held.ins:
        told.append(ev.IdentityInsReplaced(**_linked(after)))
    if after.status is Status.VALIDEE and not (before and before.paper_check):
        told.append(ev.IdentityValidated(**_named(after)))
    if after.status is Status.QUALIFIEE and not (before and before.status is Status.QUALIFIEE):
        told.append(ev.IdentityQualified(**_linked(after)))
    return told


def _seen(identity: Identity) -> tuple[Any, ...]:
    """What a consumer that reads the identity again may find different."""
    return identity.traits, identity.attributes, identity.status, identity.collection_method


def _standing(identity: Identity) -> dict[str, Any]:
    return {"status": STATUS[identity.status]}


def _named(identity: Identity) -> dict[str, Any]:
    return {"identity_id": identity.id.value, "domain": identity.domain, "version": identity.version}


def _linked(identity: Identity) -> dict[str, Any]:
    return {**_named(identity), "person_id": identity.person_id.value if identity.person_id else ""}
