"""What an identity was after each of its changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from chassis.db import ReadTx, Record
from identity_ins.domain import Identity, IdentityId, IdentityNotFound

from .identities import get_identity, identity_of
from .tables import IDENTITY_CHANGE

C = IDENTITY_CHANGE.c
CHANGES = (
    sa.select(C.version, C.changed_at, C.author_kind, C.author, C.step, C.reason, C.before)
    .where(C.identity_id == sa.bindparam("identity_id"), C.version <= sa.bindparam("last", type_=sa.Integer))
    .order_by(C.version.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)
# The row of a change holds the identity as it was before it: version n is found in the row of n + 1.
BEFORE = sa.select(C.before).where(
    C.identity_id == sa.bindparam("identity_id"), C.version == sa.bindparam("version", type_=sa.Integer)
)
MOMENTS = ("created_at", "updated_at", "retrieved_at", "verified_at", "paper_checked_at")
# What rows written by the first release do not hold.
SINCE = {
    "birth_date_precision": "day",
    "birth_place_name": "",
    "collection_method": "SM",
    "ipp_authority": "",
    "billing_number": "",
    "merged_into": None,
    "updated_at": None,
    "verified_at": None,
}


@dataclass(frozen=True, slots=True)
class Past:
    """One change, and the identity as it left it."""

    version: int
    changed_at: datetime
    author_kind: str
    author: str
    step: str
    reason: str
    before: Identity | None
    after: Identity


async def get_identity_at(tx: ReadTx, id: IdentityId, version: int) -> Identity:
    """The identity as its version `version` was; raises IdentityNotFound."""
    row = await tx.one(BEFORE, identity_id=id.value, version=version + 1)
    if row is not None:
        return _then(id, row["before"])
    identity = await get_identity(tx, id)
    if identity.version != version:
        raise IdentityNotFound(field="identity_id", hint=f"It has {identity.version} versions.")
    return identity


async def list_changes(tx: ReadTx, identity: Identity, last: int, size: int) -> list[Past]:
    """The changes up to version `last`, newest first; `identity` is the current one."""
    rows = await tx.all(CHANGES, identity_id=identity.id.value, last=last, size=size)
    after = await get_identity_at(tx, identity.id, last) if last < identity.version else identity
    return _chained(rows, after)


def _chained(rows: Sequence[Record], after: Identity) -> list[Past]:
    changes = []
    for row in rows:
        before = _then(after.id, row["before"]) if row["before"] else None
        said = {name: value for name, value in row.items() if name != "before"}
        changes.append(Past(before=before, after=after, **said))
        after = before or after
    return changes


def _then(id: IdentityId, held: dict[str, Any]) -> Identity:
    values = {**SINCE, **held, "id": id.value, "birth_date": date.fromisoformat(held["birth_date"])}
    for name in MOMENTS:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    return identity_of(values)
