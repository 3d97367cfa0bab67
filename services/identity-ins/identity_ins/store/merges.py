"""Rows of the merges: one each, undone or not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.db import ReadTx, Record, Tx
from chassis.errors import Conflict
from identity_ins.domain import IdentityId, PersonId
from identity_ins.domain.vigilance import Merge, MergeId, MergeNotFound

from .tables import LOCAL_IDENTITY, MERGE

M, T = MERGE.c, LOCAL_IDENTITY.c
SIDES = (M.kept_id, M.absorbed_id)
BEFORE, WANTED = sa.bindparam("before", type_=sa.Uuid), sa.bindparam("wanted", type_=sa.Uuid)
GET_MERGE = sa.select(*M).where(M.id == sa.bindparam("merge_id"))
UNDONE = ("unmerge_reason", "unmerged_by", "unmerged_at")
SAVE_MERGE = (
    sa.update(MERGE)
    .where(M.id == sa.bindparam("merge_id"), M.unmerged_at.is_(None))
    .values({name: sa.bindparam(name) for name in UNDONE})
)
_merges = (
    sa.select(*M)
    .where(sa.or_(BEFORE.is_(None), M.id < BEFORE))
    .order_by(M.id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
)
# Also those of identities that got their INS after the merge.
_of_person = sa.union(
    sa.select(M.id).where(M.person_id == WANTED),
    *(sa.select(M.id).join(LOCAL_IDENTITY, T.id == side).where(T.person_id == WANTED) for side in SIDES),
)
MERGES_OF = {
    "identity": _merges.where(sa.or_(*(side == WANTED for side in SIDES))),
    "person": _merges.where(M.id.in_(_of_person)),
}


def insert_merge(tx: Tx, merge: Merge) -> None:
    """Adds a merge of two identities that are locked."""
    tx.insert(MERGE, **_merge_values(merge))


async def get_merge(tx: ReadTx, id: MergeId) -> Merge:
    """The merge; raises MergeNotFound."""
    row = await tx.one(GET_MERGE, merge_id=id.value)
    if row is None:
        raise MergeNotFound
    return _merge_of(row)


async def save_undone(tx: Tx, merge: Merge) -> None:
    """Saves who undid a merge; raises Conflict when someone did meanwhile."""
    values = {name: value for name, value in _merge_values(merge).items() if name in UNDONE}
    if await tx.change(SAVE_MERGE, merge_id=merge.id.value, **values) != 1:
        raise Conflict(field="merge_id", hint="List the merges again, then decide again.")


async def list_merges(
    tx: ReadTx, wanted: IdentityId | PersonId, before: UUID | None, size: int
) -> list[Merge]:
    """The merges of an identity or of a person, newest first, undone ones included."""
    kind = "person" if isinstance(wanted, PersonId) else "identity"
    rows = await tx.all(MERGES_OF[kind], wanted=wanted.value, before=before, size=size)
    return [_merge_of(row) for row in rows]


def _merge_of(row: Record) -> Merge:
    return Merge(
        MergeId(str(row["id"])),
        row["domain"],
        IdentityId(str(row["kept_id"])),
        IdentityId(str(row["absorbed_id"])),
        PersonId(str(row["person_id"])) if row["person_id"] else None,
        row["reason"],
        row["merged_by"],
        row["merged_at"],
        row["unmerge_reason"],
        row["unmerged_by"],
        row["unmerged_at"],
    )


def _merge_values(merge: Merge) -> dict[str, Any]:
    return {
        "id": merge.id.value,
        "domain": merge.domain,
        "kept_id": merge.kept.value,
        "absorbed_id": merge.absorbed.value,
        "person_id": merge.person_id.value if merge.person_id else None,
        "reason": merge.reason,
        "merged_by": merge.merged_by,
        "merged_at": merge.merged_at,
        "unmerge_reason": merge.unmerge_reason,
        "unmerged_by": merge.unmerged_by,
        "unmerged_at": merge.unmerged_at,
    }
