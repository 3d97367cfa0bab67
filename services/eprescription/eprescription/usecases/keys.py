"""The signing keys of professionals: registered with a proof, revoked for what comes after, never deleted."""

from __future__ import annotations

from datetime import datetime

from chassis import audit
from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.errors import AlreadyExists, NotFound, RuleViolated
from eprescription.domain.signing_keys import SigningKey
from eprescription.policy import keys as policy
from eprescription.store import keys


class KeyNotFound(NotFound):
    """There is no such key of yours."""

    where = "key_id"
    remedy = "Read your keys (ListSigningKeys); the id is the RFC 7638 thumbprint."


class KeyTaken(AlreadyExists):
    """This key cannot be registered: a key belongs to one professional."""

    where = "jwk"
    remedy = "Make another key pair: two people with one key could not be told apart."


class KeyRevoked(RuleViolated):
    """This key was revoked: it never signs again."""

    where = "jwk"
    remedy = "Make another key pair and register it."


async def register_key(tx: Tx, caller: Caller, key: SigningKey, now: datetime) -> SigningKey:
    """`key` is of the caller, whose possession was proved. The same again changes nothing."""
    decision = require(policy.may_register(caller), subject=caller.subject, object_id=key.key_id)
    if not await keys.insert_key(tx, key):
        key = _same(await keys.lock_key(tx, key.key_id), caller)
    audit.record(
        tx,
        caller,
        "signing_key.register",
        caller.subject,
        now=now,
        object_id=key.key_id,
        rules=decision.rules,
    )
    return key


def _same(stored: SigningKey | None, caller: Caller) -> SigningKey:
    if stored is None or stored.professional != caller.subject:
        raise KeyTaken
    if stored.revoked_at is not None:
        raise KeyRevoked
    return stored


async def revoke_key(tx: Tx, caller: Caller, key_id: str, reason: str, now: datetime) -> SigningKey:
    """Ends the key now. Revoked twice, the first moment and reason stand."""
    key = await keys.lock_key(tx, key_id)
    if key is None:
        raise KeyNotFound
    decision = require(
        policy.may_revoke(caller, key), subject=caller.subject, object_id=key_id, unseen=KeyNotFound
    )
    if key.revoked_at is None:
        key = await keys.revoke_key(tx, key, reason, now)
    audit.record(
        tx, caller, "signing_key.revoke", key.professional, now=now, object_id=key_id, rules=decision.rules
    )
    return key


async def list_keys(tx: Tx, caller: Caller, professional: str, now: datetime) -> list[SigningKey]:
    """`professional` empty: the caller's own."""
    whose = professional or caller.subject
    decision = require(policy.may_list(caller, whose), subject=caller.subject)
    audit.record(tx, caller, "signing_key.list", whose, now=now, rules=decision.rules)
    return await keys.list_keys(tx, whose)
