"""How an identity leaves for other software: the symbol of its INS, a message for each change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from chassis import audit as audit_log
from chassis.caller import Caller, require
from chassis.db import Tx
from identity_ins import policy, store
from identity_ins.domain import Identity, IdentityId, datamatrix, pam
from identity_ins.store import history
from identity_ins.store import pam as messages
from identity_ins.store.pam import Outgoing
from socle.identity_ins.v1 import events_pb2 as ev

from .common import allow, audit, subject

Update = ev.IdentityRetrieved | ev.IdentityValidated | ev.IdentityQualified | ev.IdentityChanged


async def get_datamatrix(tx: Tx, caller: Caller, id: IdentityId, *, now: datetime) -> str:
    """What the Datamatrix INS of an identity qualifiée holds."""
    identity = await store.get_identity(tx, id)
    decision = allow(caller, identity)
    text = datamatrix.write(identity)
    audit(tx, caller, "datamatrix.read", identity, decision, now)
    return text


async def record_reading(tx: Tx, caller: Caller, action: str, *, now: datetime) -> None:
    """The trace of a text that someone had read for them: it speaks of nobody that is known here."""
    decision = require(policy.may_keep_identities(caller), subject="")
    audit_log.record(tx, caller, action, "", rules=decision.rules, now=now)


async def list_pam_messages(
    tx: Tx, caller: Caller, identity_id: IdentityId | None, after: int, size: int, *, now: datetime
) -> list[Outgoing]:
    """Messages of the caller's structure; each one shown leaves a trace of its own."""
    decision = require(policy.may_keep_identities(caller), subject="")
    if identity_id is not None:
        decision = allow(caller, await store.get_identity(tx, identity_id))
    found = await messages.list_messages(tx, caller.organisation, identity_id, after, size)
    for one in found:
        audit_log.record(
            tx,
            caller,
            "pam_message.list",
            one.subject,
            object_id=one.identity_id,
            rules=decision.rules,
            now=now,
        )
    if not found:
        audit_log.record(tx, caller, "pam_message.list", "", rules=decision.rules, now=now)
    return found


async def get_pam_message(tx: Tx, caller: Caller, id: str, *, now: datetime) -> Outgoing:
    """One message of the caller's structure."""
    found = await messages.get_message(tx, id)
    decision = require(
        policy.may_read_message(caller, found.domain),
        subject=found.subject,
        object_id=found.identity_id,
        unseen=pam.PamMessageNotFound,
    )
    audit_log.record(
        tx,
        caller,
        "pam_message.read",
        found.subject,
        object_id=found.identity_id,
        rules=decision.rules,
        now=now,
    )
    return found


async def announce_created(tx: Tx, event: ev.IdentityCreated, now: datetime) -> None:
    """A28."""
    created = await _at(tx, event.identity_id, event.version)
    await _write(tx, created, [pam.announce(created)], now)


async def update_changed(tx: Tx, event: Update, now: datetime) -> None:
    """A31; two events of one version make one message, since it says all that the version is."""
    changed = await _at(tx, event.identity_id, event.version)
    await _write(tx, changed, [pam.update(changed)], now)


async def drop_downgraded(tx: Tx, event: ev.IdentityDowngraded, now: datetime) -> None:
    """A47 with the number that the version before held."""
    before, after = await _both(tx, event)
    await _write(tx, after, pam.downgrade(before, after), now, subject(before))


async def change_replaced(tx: Tx, event: ev.IdentityInsReplaced, now: datetime) -> None:
    """A47 with both numbers."""
    before, after = await _both(tx, event)
    await _write(tx, after, pam.replacement(before, after), now, subject(before))


async def update_merged(tx: Tx, event: ev.IdentitiesMerged, now: datetime) -> None:
    """A31 of the identity that is merged away, which says DOUA (a confirmed duplicate), then of the other."""
    await _update_both(tx, event, now, undone=False)


async def update_unmerged(tx: Tx, event: ev.IdentitiesUnmerged, now: datetime) -> None:
    """A31 of the identity that stands by itself again, then of the other."""
    await _update_both(tx, event, now, undone=True)


async def _update_both(
    tx: Tx, event: ev.IdentitiesMerged | ev.IdentitiesUnmerged, now: datetime, *, undone: bool
) -> None:
    """The one that stays comes last: a receiver that dropped a number that both held gets it again."""
    for id in (IdentityId(event.absorbed_id), IdentityId(event.kept_id)):
        version = await messages.get_version_merged(tx, event.merge_id, id, undone=undone)
        identity = await _at(tx, id.value, version)
        await _write(tx, identity, [pam.update(identity)], now)


async def _at(tx: Tx, id: str, version: int) -> Identity:
    return await history.get_identity_at(tx, IdentityId(id), version)


async def _both(tx: Tx, event: ev.IdentityDowngraded | ev.IdentityInsReplaced) -> tuple[Identity, Identity]:
    """The identity before the event and after it."""
    return (
        await _at(tx, event.identity_id, event.version - 1),
        await _at(tx, event.identity_id, event.version),
    )


async def _write(tx: Tx, identity: Identity, made: Iterable[pam.Pam], now: datetime, about: str = "") -> None:
    """Keeps messages about a version of an identity, for the journal of `about`: whose number they tell."""
    for message in made:
        await messages.write_message(tx, identity, about or subject(identity), message, now)
