"""Signing keys: a row a key, never deleted: old prescriptions verify with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.db import ReadTx, Record, Tx
from eprescription.domain.signing_keys import Origin, SigningKey

from .tables import SIGNING_KEY

K = SIGNING_KEY.c
BY_ID = sa.select(*K).where(K.key_id == sa.bindparam("key_id"))
LOCK_BY_ID = BY_ID.with_for_update()
OF_PROFESSIONAL = (
    sa.select(*K).where(K.professional == sa.bindparam("professional")).order_by(K.registered_at, K.key_id)
)
INSERT_ONCE = (
    insert(SIGNING_KEY)
    .values({column.name: sa.bindparam(column.name, type_=column.type) for column in K})
    .on_conflict_do_nothing()
)
REVOKE = (
    sa.update(SIGNING_KEY)
    .where(K.key_id == sa.bindparam("of"))
    .values(
        revoked_at=sa.bindparam("at", type_=K.revoked_at.type),
        revoked_reason=sa.bindparam("why", type_=K.revoked_reason.type),
    )
)


async def find_key(tx: ReadTx, key_id: str) -> SigningKey | None:
    row = await tx.one(BY_ID, key_id=key_id)
    return to_key(row) if row else None


async def lock_key(tx: Tx, key_id: str) -> SigningKey | None:
    """The same, held until the end."""
    row = await tx.lock(LOCK_BY_ID, key_id=key_id)
    return to_key(row) if row else None


async def list_keys(tx: ReadTx, professional: str) -> list[SigningKey]:
    """Oldest first, revoked ones too."""
    return [to_key(row) for row in await tx.all(OF_PROFESSIONAL, professional=professional)]


async def insert_key(tx: Tx, key: SigningKey) -> bool:
    """False when the key is there already, whoever it belongs to."""
    return bool(await tx.change(INSERT_ONCE, **from_key(key)))


async def revoke_key(tx: Tx, key: SigningKey, reason: str, now: datetime) -> SigningKey:
    await tx.change(REVOKE, of=key.key_id, at=now, why=reason)
    return replace(key, revoked_at=now, revoked_reason=reason)


def from_key(key: SigningKey) -> dict[str, Any]:
    """Every column of the row."""
    return {
        "key_id": key.key_id,
        "professional": key.professional,
        "jwk": dict(key.jwk),
        "origin": key.origin.value,
        "registered_at": key.registered_at,
        "revoked_at": key.revoked_at,
        "revoked_reason": key.revoked_reason,
    }


def to_key(row: Record) -> SigningKey:
    return SigningKey(
        key_id=row["key_id"],
        professional=row["professional"],
        jwk=row["jwk"],
        origin=Origin(row["origin"]),
        registered_at=row["registered_at"],
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
    )
