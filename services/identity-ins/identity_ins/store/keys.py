"""By what an identity is found beside its own columns: its first names, and the blocks of its duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx, Tx
from identity_ins.domain import Identity, comparison_key
from identity_ins.domain.match import Description, block_keys, describe, lock_of, period, wanted_keys

from .identities import SHOWN, STANDS, identity_of
from .tables import IDENTITY_KEY, LOCAL_IDENTITY

K, T = IDENTITY_KEY.c, LOCAL_IDENTITY.c
GIVEN, BLOCK = "given", "block"
# Most that is read of one block, and of all: a name that half of a country bears costs no more than another.
OF_A_BLOCK, OF_ALL = 64, 256
DOMAIN = sa.bindparam("domain", type_=sa.Text)
FORGET = sa.delete(IDENTITY_KEY).where(K.identity_id == sa.bindparam("identity_id"))
_lock = sa.func.unnest(sa.bindparam("locks", type_=ARRAY(sa.BigInteger))).column_valued("lock")
# Counted, so that the one row that is read needs every lock; unnest keeps their order.
LOCK = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(_lock)))

_keys = sa.func.unnest(sa.bindparam("keys", type_=ARRAY(sa.Text)))
_wanted = _keys.table_valued("key").render_derived("wanted")
_block = (
    sa.select(K.identity_id)
    .where(K.domain == DOMAIN, K.kind == BLOCK, K.key == _wanted.c.key)
    .order_by(K.identity_id)
    .limit(OF_A_BLOCK)
    .lateral("block")
)
# Those that share most blocks first.
_near = (
    sa.select(_block.c.identity_id)
    .select_from(_wanted.join(_block, sa.true()))
    .group_by(_block.c.identity_id)
    .order_by(sa.func.count().desc(), _block.c.identity_id)
    .limit(OF_ALL)
)
NEAR = sa.select(*SHOWN).where(T.id == sa.func.any(sa.func.array(_near.scalar_subquery())), STANDS)


def _few(*conditions: sa.ColumnElement[bool] | sa.TextClause) -> sa.Select[Any]:
    return sa.select(*SHOWN).where(T.domain == DOMAIN, *conditions, STANDS).limit(OF_A_BLOCK)


# What a description without blocks is looked for by: one index each.
SOURCES = {
    "person": _few(T.person_id == sa.bindparam("person")),
    "number": _few(T.ins_matricule == sa.bindparam("number"), T.ins_oid == sa.bindparam("oid")),
    "ipp": _few(T.ipp == sa.bindparam("ipp")),
    "birth_name": _few(T.birth_name_key == sa.bindparam("birth_name")),
    # Not empty, said as the index says it: the planner cannot know it of a parameter.
    "used_name": _few(T.used_name_key == sa.bindparam("used_name"), sa.text("used_name_key <> ''")),
    "born": _few(T.birth_date.between(sa.bindparam("born"), sa.bindparam("born_to"))),
}


async def write_keys(tx: Tx, identity: Identity) -> None:
    """Replaces the keys of an identity by those of its traits; call it with every change of a trait."""
    # A first version has no keys yet: its creation is spared a round trip.
    if identity.version > 1:
        await rewrite_keys(tx, identity)
    else:
        _insert(tx, identity)


async def rewrite_keys(tx: Tx, identity: Identity) -> None:
    """The same for an identity of any version that may have keys: those of an older release, say."""
    await tx.change(FORGET, identity_id=identity.id.value)
    _insert(tx, identity)


def _insert(tx: Tx, identity: Identity) -> None:
    for kind, key in keys_of(identity):
        tx.insert(IDENTITY_KEY, domain=identity.domain, kind=kind, key=key, identity_id=identity.id.value)


def keys_of(identity: Identity) -> Iterator[tuple[str, str]]:
    """The keys of an identity, each with its kind: for mass loads, which write them by COPY."""
    traits = identity.traits
    used = (comparison_key(traits.used_first_name),) if traits.used_first_name else ()
    for key in sorted({*traits.first_name_keys, *used}):
        yield GIVEN, key
    for key in sorted(block_keys(identity.domain, describe(identity))):
        yield BLOCK, key


async def lock_blocks(tx: Tx, identity: Identity) -> None:
    """Holds the blocks of an identity until the end: whoever creates the same person waits, then sees it.

    In one order for everyone, so that two who want the same blocks wait instead of both failing.
    """
    keys = wanted_keys(identity.domain, describe(identity))
    await tx.lock(LOCK, locks=sorted(map(lock_of, keys)))


async def list_neighbours(tx: ReadTx, domain: str, person: Description) -> list[Identity]:
    """The standing identities of a structure that share a block, a number or the only name or date given.

    At most OF_ALL by blocks and OF_A_BLOCK by each other way, whatever the size of the structure.
    """
    keys = sorted(wanted_keys(domain, person))
    rows = await tx.all(NEAR, domain=domain, keys=keys) if keys else []
    for source, values in [*_numbers(person), *([] if keys else _thin(person))]:
        rows += await tx.all(SOURCES[source], domain=domain, **values)
    found = {row["id"]: row for row in rows}
    return [identity_of(row) for row in found.values()]


def _numbers(person: Description) -> Iterator[tuple[str, dict[str, Any]]]:
    if person.person_id:
        yield "person", {"person": person.person_id.value}
    if person.ins:
        yield "number", {"number": person.ins.matricule, "oid": person.ins.oid.value}
    if person.ipp:
        yield "ipp", {"ipp": person.ipp}


def _thin(person: Description) -> Iterator[tuple[str, dict[str, Any]]]:
    """Too little for a block: the only name, or else the only date, as it is."""
    for key in map(comparison_key, person.names):
        yield "birth_name", {"birth_name": key}
        yield "used_name", {"used_name": key}
    if person.birth_date and not person.names:
        first, last = period(person.birth_date, person.precision)
        yield "born", {"born": first, "born_to": last}
