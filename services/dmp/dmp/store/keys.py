"""The wrapped keys of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Tx
from dmp.domain import PersonId
from dmp.domain.sealing import Wrapped

from .tables import RECORD_KEY

FIND = sa.select(RECORD_KEY.c.wrapped, RECORD_KEY.c.master_version).where(
    RECORD_KEY.c.person_id == sa.bindparam("person")
)


def insert_key(tx: Tx, person: PersonId, wrapped: Wrapped) -> None:
    """The key of a record that has just been opened."""
    tx.insert(
        RECORD_KEY,
        person_id=person.value,
        wrapped=wrapped.wrapped,
        master_version=wrapped.master_version,
    )


async def find_key(tx: ReadTx, person: PersonId) -> Wrapped | None:
    """None: there is no record, or it was destroyed."""
    row = await tx.one(FIND, person=person.value)
    return Wrapped(bytes(row["wrapped"]), row["master_version"]) if row else None


@dataclass(frozen=True, slots=True)
class Stored:
    """The key of a record as it is stored."""

    person: PersonId
    key: Wrapped


OLD = (
    sa.select(RECORD_KEY.c.person_id, RECORD_KEY.c.wrapped, RECORD_KEY.c.master_version)
    .where(
        RECORD_KEY.c.master_version < sa.bindparam("current"),
        sa.or_(
            sa.bindparam("after", type_=sa.Uuid).is_(None),
            RECORD_KEY.c.person_id > sa.bindparam("after", type_=sa.Uuid),
        ),
    )
    .order_by(RECORD_KEY.c.person_id)
    .limit(sa.bindparam("size", type_=sa.Integer))
)
NEW = (
    sa.func.unnest(
        sa.bindparam("persons", type_=ARRAY(sa.Uuid)),
        sa.bindparam("olds", type_=ARRAY(sa.LargeBinary)),
        sa.bindparam("news", type_=ARRAY(sa.LargeBinary)),
        sa.bindparam("versions", type_=ARRAY(sa.Integer)),
    )
    .table_valued(
        sa.column("person_id", sa.Uuid),
        sa.column("old", sa.LargeBinary),
        sa.column("new", sa.LargeBinary),
        sa.column("version", sa.Integer),
        name="given",
    )
    .render_derived()
)
# Only where the key still is the one that was read: it may have been destroyed, or wrapped by another run.
REPLACE = (
    sa.update(RECORD_KEY)
    .where(RECORD_KEY.c.person_id == NEW.c.person_id, RECORD_KEY.c.wrapped == NEW.c.old)
    .values(wrapped=NEW.c.new, master_version=NEW.c.version)
)
IN_USE = sa.select(RECORD_KEY.c.master_version, sa.func.count().label("n")).group_by(
    RECORD_KEY.c.master_version
)


async def list_old(tx: ReadTx, current: int, after: PersonId | None, size: int) -> list[Stored]:
    """Keys wrapped by a version older than `current`, after this person in the order of identifiers."""
    rows = await tx.all(OLD, current=current, after=after.value if after else None, size=size)
    return [
        Stored(PersonId(str(row["person_id"])), Wrapped(bytes(row["wrapped"]), row["master_version"]))
        for row in rows
    ]


async def replace_keys(tx: Tx, olds: Sequence[Stored], news: Sequence[Wrapped]) -> int:
    """Puts each new wrapping in the place of the old one; how many still had the old one."""
    return await tx.change(
        REPLACE,
        persons=[old.person.value for old in olds],
        olds=[old.key.wrapped for old in olds],
        news=[new.wrapped for new in news],
        versions=[new.master_version for new in news],
    )


async def count_by_version(tx: ReadTx) -> dict[int, int]:
    """How many keys each version of the master key wraps."""
    return {row["master_version"]: row["n"] for row in await tx.all(IN_USE)}
