"""Rows of the worklist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from chassis.db import ReadTx, Record, Tx
from identity_ins.domain import Identity, IdentityId
from identity_ins.domain.match import Agreement, FieldAgreement, Kind
from identity_ins.domain.vigilance import Case, CaseId, CaseNotFound, CaseState

from .identities import SHOWN, identity_of
from .tables import LOCAL_IDENTITY, VIGILANCE_CASE

C, T = VIGILANCE_CASE.c, LOCAL_IDENTITY.c
PAIR = (C.first_id == sa.bindparam("first_id"), C.second_id == sa.bindparam("second_id"))
SIZE = sa.bindparam("size", type_=sa.Integer)
AFTER = sa.bindparam("after", type_=sa.Uuid)

GET_CASE = sa.select(*C).where(C.id == sa.bindparam("case_id"))
LOCK_CASE = GET_CASE.with_for_update()
LOCK_PAIR = sa.select(*C).where(*PAIR).with_for_update()
# A pair is one case for ever: who has decided is not asked again.
OPEN_CASE = (
    insert(VIGILANCE_CASE)
    .values({column.name: sa.bindparam(column.name) for column in C})
    .on_conflict_do_nothing(index_elements=[C.first_id, C.second_id])
)
# What is known of an open pair may grow: an INS proves that it is one person, or two.
REFRESH_CASE = (
    sa.update(VIGILANCE_CASE)
    .where(*PAIR, C.state == CaseState.OPEN.value)
    .values({name: sa.bindparam(name) for name in ("kind", "score", "fields")})
)
SETTLED = ("state", "settled_at", "settled_by", "reason")
SAVE_CASE = (
    sa.update(VIGILANCE_CASE)
    .where(C.id == sa.bindparam("case_id"))
    .values({name: sa.bindparam(name) for name in SETTLED})
)
# Nobody need look at an identity that was merged away; its cases come back when the merge is undone.
MERGED_AWAY = sa.exists().where(T.id.in_((C.first_id, C.second_id)), T.merged_into.is_not(None))
WORKLIST = (
    sa.select(*C)
    .where(C.domain == sa.bindparam("domain"), C.state == sa.bindparam("state"))
    .where(sa.or_(C.state != CaseState.OPEN.value, ~MERGED_AWAY))
    .where(sa.or_(AFTER.is_(None), C.id > AFTER))
    .order_by(C.id)
    .limit(SIZE)
)
ITS_WORKLIST = WORKLIST.where(
    sa.or_(C.first_id == sa.bindparam("identity_id"), C.second_id == sa.bindparam("identity_id"))
)

THESE = sa.select(*SHOWN).where(T.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid))))

_every = sa.select(*SHOWN).where(T.domain == sa.bindparam("domain"))
NEXT = _every.where(sa.or_(AFTER.is_(None), T.id > AFTER)).order_by(T.id).limit(SIZE)
HOW_MANY = sa.select(sa.func.count().label("found")).where(
    T.domain == sa.bindparam("domain"), sa.or_(AFTER.is_(None), T.id > AFTER)
)


async def open_case(tx: Tx, case: Case) -> bool:
    """Adds a case, or tells an open one of the same pair what is known by now; whether it was added."""
    row = _case_values(case)
    if await tx.change(OPEN_CASE, **row):
        return True
    known = {name: row[name] for name in ("first_id", "second_id", "kind", "score", "fields")}
    await tx.change(REFRESH_CASE, **known)
    return False


async def get_case(tx: ReadTx, id: CaseId) -> Case:
    """The case; raises CaseNotFound."""
    return _case_found(await tx.one(GET_CASE, case_id=id.value))


async def lock_case(tx: Tx, id: CaseId) -> Case:
    """The case, which nobody else may settle until the end; raises CaseNotFound."""
    return _case_found(await tx.lock(LOCK_CASE, case_id=id.value))


async def lock_case_of(tx: Tx, first: IdentityId, second: IdentityId) -> Case | None:
    """The case of two identities, the one that was there first given first."""
    row = await tx.lock(LOCK_PAIR, first_id=first.value, second_id=second.value)
    return _case_of(row) if row else None


async def save_case(tx: Tx, case: Case) -> None:
    """Saves what settled a case that is locked."""
    values = {name: value for name, value in _case_values(case).items() if name in SETTLED}
    await tx.change(SAVE_CASE, case_id=case.id.value, **values)


async def list_cases(
    tx: ReadTx, domain: str, state: CaseState, identity: IdentityId | None, after: UUID | None, size: int
) -> list[Case]:
    """The cases of a structure in a state, oldest first, those of one identity when it is given."""
    page = {"domain": domain, "state": state.value, "after": after, "size": size}
    if identity:
        rows = await tx.all(ITS_WORKLIST, identity_id=identity.value, **page)
    else:
        rows = await tx.all(WORKLIST, **page)
    return [_case_of(row) for row in rows]


async def list_these(tx: ReadTx, ids: Iterable[IdentityId]) -> dict[IdentityId, Identity]:
    """The identities of these ids."""
    rows = await tx.all(THESE, ids=sorted({id.value for id in ids}))
    return {identity.id: identity for identity in map(identity_of, rows)}


async def list_next(tx: ReadTx, domain: str, after: UUID | None, size: int) -> list[Identity]:
    """The identities of a structure, merged ones included, by id, from the one after `after`."""
    return [identity_of(row) for row in await tx.all(NEXT, domain=domain, after=after, size=size)]


async def count_left(tx: ReadTx, domain: str, after: UUID | None) -> int:
    """How many identities of a structure come after `after`."""
    row = await tx.one(HOW_MANY, domain=domain, after=after)
    return int(row["found"]) if row else 0


def _case_found(row: Record | None) -> Case:
    if row is None:
        raise CaseNotFound
    return _case_of(row)


def _case_of(row: Record) -> Case:
    told = [{**field, "agreement": Agreement(field["agreement"])} for field in row["fields"]]
    return Case(
        CaseId(str(row["id"])),
        row["domain"],
        IdentityId(str(row["first_id"])),
        IdentityId(str(row["second_id"])),
        Kind(row["kind"]),
        row["score"],
        tuple(FieldAgreement(**field) for field in told),
        row["opened_at"],
        CaseState(row["state"]),
        row["settled_at"],
        row["settled_by"],
        row["reason"],
    )


def _case_values(case: Case) -> dict[str, Any]:
    return {
        "id": case.id.value,
        "domain": case.domain,
        "first_id": case.first.value,
        "second_id": case.second.value,
        "kind": case.kind.value,
        "score": case.score,
        "fields": [asdict(field) for field in case.fields],
        "state": case.state.value,
        "opened_at": case.opened_at,
        "settled_at": case.settled_at,
        "settled_by": case.settled_by,
        "reason": case.reason,
    }
