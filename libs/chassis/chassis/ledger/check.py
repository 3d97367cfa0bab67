"""The whole ledger against the journal: every leaf, node, chain and head made anew from the rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from chassis import merkle
from chassis.db import ReadTx, Record
from chassis.schema import AUDIT, LEDGER_HEAD, LEDGER_LEAF, LEDGER_NODE, LEDGER_PENDING

from .lines import canonical, chain_of, moment
from .proofs import HEADS, hashes_of
from .signing import payload_of

PAGE = 1000
L = LEDGER_LEAF.c
BEFORE = LEDGER_LEAF.alias("before")
LEAVES = (
    sa.select(
        L.leaf_index,
        L.chain.label("whole"),
        L.number,
        L.previous,
        L.hash,
        BEFORE.c.hash.label("hash_before"),
        *AUDIT.c,
    )
    .outerjoin(AUDIT, AUDIT.c.id == L.audit_id)
    .outerjoin(
        BEFORE, sa.and_(BEFORE.c.chain == L.chain, BEFORE.c.number == L.number - sa.literal_column("1"))
    )
    .where(L.leaf_index >= sa.bindparam("start", type_=sa.BigInteger))
    .order_by(L.leaf_index)
    .limit(sa.literal_column(str(PAGE)))
)
SIGNED = HEADS.where(
    LEDGER_HEAD.c.tree_size >= sa.bindparam("start", type_=sa.BigInteger),
    LEDGER_HEAD.c.tree_size < sa.bindparam("end", type_=sa.BigInteger),
).order_by(LEDGER_HEAD.c.tree_size)
COUNTS = sa.select(
    sa.select(sa.func.count()).select_from(LEDGER_LEAF).scalar_subquery().label("leaves"),
    sa.select(sa.func.count()).select_from(LEDGER_NODE).scalar_subquery().label("nodes"),
    sa.select(sa.func.coalesce(sa.func.max(LEDGER_HEAD.c.tree_size), sa.literal_column("0")))
    .scalar_subquery()
    .label("signed"),
)
LEFT_OUT = (
    sa.select(AUDIT.c.id)
    .where(
        ~sa.exists().where(L.audit_id == AUDIT.c.id),
        ~sa.exists().where(LEDGER_PENDING.c.audit_id == AUDIT.c.id),
    )
    .order_by(AUDIT.c.id)
    .limit(sa.literal_column("100"))
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold; `where` is a place of the ledger, never a word of a line."""

    where: str
    what: str


async def check(tx: ReadTx, jwks: Mapping[str, Any] | None = None) -> AsyncIterator[Fault]:
    """Every fault of the ledger; with `jwks`, of the signatures too. Reads all of it, a page at a time, and
    takes what is written meanwhile for a fault: `tx` is to be on one snapshot.

    For an operator: it compares tables with each other, so whoever rewrote all of them and holds the key
    passes. What stops that are the heads that others keep.
    """
    edge = merkle.Edge()
    for fault in await _heads(tx, {0: edge.root}, jwks):
        yield fault
    while rows := await tx.all(LEAVES, start=edge.size):
        made: dict[merkle.Place, bytes] = {}
        roots: dict[int, bytes] = {}
        for row in rows:
            if row["leaf_index"] != edge.size:
                yield Fault(f"leaf {edge.size}", "is missing: nothing after it can be checked")
                return
            for what in _wrong(row):
                yield Fault(f"leaf {edge.size}", what)
            made.update(edge.add(bytes(row["hash"])))
            roots[edge.size] = edge.root
        for fault in [*await _nodes(tx, made), *await _heads(tx, roots, jwks)]:
            yield fault
    for fault in await _ends(tx, edge.size):
        yield fault


def _wrong(row: Record) -> list[str]:
    """What does not hold of one leaf by itself."""
    if row["id"] is None:
        return ["its line is missing from the journal"]
    faults = []
    line = canonical(row, row["number"], bytes(row["previous"]))
    if merkle.leaf_hash(line) != bytes(row["hash"]):
        faults.append("its line, or the leaf, was changed")
    if row["whole"] != chain_of(row["subject"], row["chain"]):
        faults.append("it stands in another chain than its line")
    if (row["number"] == 1) != (row["hash_before"] is None):
        faults.append("the line before it in its chain is missing")
    elif bytes(row["previous"]) != bytes(row["hash_before"] or b""):
        faults.append("it does not follow the line before it in its chain")
    return faults


async def _nodes(tx: ReadTx, made: Mapping[merkle.Place, bytes]) -> list[Fault]:
    stored = await hashes_of(tx, list(made))
    return [
        Fault(f"node {place.level}/{place.position}", "is not the one its leaves make")
        for place, node in made.items()
        if stored.get(place) != node
    ]


async def _heads(tx: ReadTx, roots: Mapping[int, bytes], jwks: Mapping[str, Any] | None) -> list[Fault]:
    """The signed heads over trees that end on this page."""
    faults = []
    for row in await tx.all(SIGNED, start=min(roots), end=max(roots) + 1):
        where = f"head {row['tree_size']}"
        if bytes(row["root_hash"]) != roots[row["tree_size"]]:
            faults.append(Fault(where, "is not the root of the leaves"))
        if jwks is not None and not _is_signed(row, jwks):
            faults.append(Fault(where, "is not signed by a key that was given"))
    return faults


def _is_signed(row: Record, jwks: Mapping[str, Any]) -> bool:
    said = payload_of(row["signature"], jwks) or {}
    named = {
        "tree_size": row["tree_size"],
        "root_hash": bytes(row["root_hash"]).hex(),
        "signed_at": moment(row["signed_at"]),
    }
    return {name: said.get(name) for name in named} == named


async def _ends(tx: ReadTx, size: int) -> list[Fault]:
    """What the leaves alone cannot tell: rows too many, a tree cut short, lines that never entered."""
    row = await tx.one(COUNTS)
    assert row is not None  # noqa: S101 (an aggregate has a row)
    faults = []
    if row["signed"] != size:
        faults.append(Fault("tree", f"{row['signed']} leaves were signed and {size} are there"))
    # A tree of n leaves has n minus its number of complete subtrees nodes above them.
    if row["nodes"] != size - size.bit_count():
        faults.append(Fault("tree", "it has nodes too many, or too few"))
    left_out = await tx.all(LEFT_OUT)
    return faults + [Fault(f"line {line['id']}", "never entered the ledger") for line in left_out]
