"""Outgoing HL7 v2 messages, in the order of each structure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from chassis.db import ReadTx, Record, Tx
from identity_ins.domain import Identity, IdentityId, IdentityNotFound
from identity_ins.domain.pam import Pam, PamMessageNotFound

from .tables import IDENTITY_CHANGE, MERGE, PAM_MESSAGE

M = PAM_MESSAGE.c


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """A message as it is kept."""

    id: str
    domain: str
    # From 1 in the domain, without a gap.
    position: int
    identity_id: str
    version: int
    trigger: str
    made_at: datetime
    # Whose journal its readers are written to.
    subject: str
    content: str


# Until the end: a second writer (parked events that are replayed) would take the same position.
TURN = sa.select(
    sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.literal("pam ") + sa.bindparam("domain"), 0))
)
NEXT = sa.select(sa.func.coalesce(sa.func.max(M.position), 0) + 1).where(M.domain == sa.bindparam("domain"))
GIVEN = [field.name for field in fields(Outgoing) if field.name != "position"]
INSERT = (
    postgresql.insert(PAM_MESSAGE)
    .values(position=NEXT.scalar_subquery(), **{name: sa.bindparam(name) for name in GIVEN})
    .on_conflict_do_nothing(index_elements=["id"])
)
SHOWN = [M[field.name] for field in fields(Outgoing)]
GET = sa.select(*SHOWN).where(M.id == sa.bindparam("message_id"))
LIST = (
    sa.select(*SHOWN)
    .where(M.domain == sa.bindparam("domain"), M.position > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(M.position)
    .limit(sa.bindparam("size", type_=sa.Integer))
)
LIST_OF_IDENTITY = LIST.where(M.identity_id == sa.bindparam("identity_id"))


def _version_at(moment: sa.ColumnElement[datetime]) -> sa.Select[tuple[int]]:
    """The version that a merge, or its end, gave to one of its identities."""
    change = IDENTITY_CHANGE.c
    return sa.select(sa.func.max(change.version).label("version")).where(
        MERGE.c.id == sa.bindparam("merge_id"),
        change.identity_id == sa.bindparam("identity_id"),
        change.changed_at <= moment,
    )


MERGED = _version_at(MERGE.c.merged_at)
UNMERGED = _version_at(MERGE.c.unmerged_at)


async def write_message(tx: Tx, identity: Identity, subject: str, message: Pam, now: datetime) -> None:
    """Adds a message behind the others of the structure; one that is there already stays as it is."""
    await tx.lock(TURN, domain=identity.domain)
    await tx.change(
        INSERT,
        id=message.id,
        domain=identity.domain,
        identity_id=identity.id.value,
        version=identity.version,
        trigger=message.trigger.value,
        made_at=now,
        subject=subject,
        content=message.content,
    )


async def get_message(tx: ReadTx, id: str) -> Outgoing:
    """The message; raises PamMessageNotFound."""
    row = await tx.one(GET, message_id=id)
    if row is None:
        raise PamMessageNotFound
    return _outgoing(row)


async def list_messages(
    tx: ReadTx, domain: str, identity_id: IdentityId | None, after: int, size: int
) -> list[Outgoing]:
    """The messages of a structure, or of one identity, that come after position `after`, in order."""
    if identity_id is None:
        rows = await tx.all(LIST, domain=domain, after=after, size=size)
    else:
        rows = await tx.all(
            LIST_OF_IDENTITY, domain=domain, after=after, size=size, identity_id=identity_id.value
        )
    return [_outgoing(row) for row in rows]


async def get_version_merged(tx: ReadTx, merge_id: str, id: IdentityId, *, undone: bool) -> int:
    """The version of an identity once it was merged, or once that was undone; raises IdentityNotFound."""
    statement = UNMERGED if undone else MERGED
    row = await tx.one(statement, merge_id=merge_id, identity_id=id.value)
    if row is None or row["version"] is None:
        raise IdentityNotFound
    version: int = row["version"]
    return version


def _outgoing(row: Record) -> Outgoing:
    values = dict(row)
    return Outgoing(**{**values, "id": str(values["id"]), "identity_id": str(values["identity_id"])})
