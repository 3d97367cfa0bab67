"""What the ledger proves: signed heads, lines with their audit paths, a tree as the beginning of another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis import merkle
from chassis.db import ReadTx, Record
from chassis.errors import NotFound
from chassis.merkle import Place
from chassis.schema import AUDIT, LEDGER_HEAD, LEDGER_LEAF, LEDGER_NODE, LEDGER_PENDING

from .lines import canonical

H, L, N = LEDGER_HEAD.c, LEDGER_LEAF.c, LEDGER_NODE.c
SIZE = sa.bindparam("tree_size", type_=sa.BigInteger)
# What a column of the ledger holds; the contract's numbers go further.
LARGEST = 2**63 - 1


class HeadNotFound(NotFound):
    """No head of this size was ever signed."""


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head; `signature` is a compact JWS over the other three."""

    tree_size: int
    root_hash: bytes
    signed_at: datetime
    signature: str


HEADS = sa.select(H.tree_size, H.root_hash, H.signed_at, H.signature)
LATEST = HEADS.order_by(H.tree_size.desc()).limit(sa.literal_column("1"))
OF_SIZE = HEADS.where(H.tree_size == SIZE)


async def find_head(tx: ReadTx, size: int | None = None) -> Head | None:
    """The head of this size, or the latest one."""
    if size is not None and size > LARGEST:
        return None
    row = await (tx.one(LATEST) if size is None else tx.one(OF_SIZE, tree_size=size))
    return Head(*row.values()) if row else None


_WANTED = (
    sa.func.unnest(
        sa.bindparam("levels", type_=ARRAY(sa.SmallInteger)),
        sa.bindparam("positions", type_=ARRAY(sa.BigInteger)),
    )
    .table_valued("level", "position", name="wanted")
    .render_derived()
)
_LEAVES: sa.ColumnElement[int] = sa.literal_column("0")
# Level 0 of the tree is the leaves themselves.
HASHES = (
    sa.select(_WANTED.c.level, _WANTED.c.position, sa.func.coalesce(L.hash, N.hash).label("hash"))
    .select_from(_WANTED)
    .outerjoin(LEDGER_LEAF, sa.and_(_WANTED.c.level == _LEAVES, L.leaf_index == _WANTED.c.position))
    .outerjoin(LEDGER_NODE, sa.and_(N.level == _WANTED.c.level, N.index == _WANTED.c.position))
)


async def hashes_of(tx: ReadTx, places: Collection[Place]) -> dict[Place, bytes]:
    """The stored hash of each; what is missing from the tables is missing here."""
    levels, positions = [p.level for p in places], [p.position for p in places]
    rows = await tx.all(HASHES, levels=levels, positions=positions) if places else []
    return {Place(r["level"], r["position"]): bytes(r["hash"]) for r in rows if r["hash"] is not None}


async def prove_consistency(tx: ReadTx, first: int, second: int) -> list[bytes]:
    """The proof that the tree of `first` leaves is the beginning of that of `second` (at least `first`)."""
    ranges = merkle.consistency(first, second)
    return merkle.folded(ranges, await hashes_of(tx, merkle.places(ranges)))


CHAINS = sa.select(L.chain).where(
    L.chain == sa.any_(sa.bindparam("chains", type_=ARRAY(sa.Text))),
    L.number == sa.literal_column("1"),
    L.leaf_index < SIZE,
)


async def list_chains(tx: ReadTx, chains: Sequence[str], size: int) -> list[str]:
    """Those of these chains that have a line in the tree of this size, in the order given."""
    found = {row["chain"] for row in await tx.all(CHAINS, chains=list(chains), tree_size=size)}
    return [chain for chain in chains if chain in found]


def listing(withheld: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The lines of some chains, chain after chain; `withheld` says of a row of `audit` what is not shown.

    Parameters: `chains`, `after` (number of the last line seen of the first chain), `tree_size`, `size`. A
    leaf whose row of `audit` is missing is there, without a line: it must be seen to be missing.
    """
    wanted = (
        sa.func.unnest(sa.bindparam("chains", type_=ARRAY(sa.Text)))
        .table_valued("chain", with_ordinality="place", name="wanted")
        .render_derived()
    )
    first = wanted.c.place == sa.literal_column("1")
    after = sa.case(
        (first, sa.bindparam("after", type_=sa.BigInteger)), else_=sa.cast(_LEAVES, sa.BigInteger)
    )
    most = sa.bindparam("size", type_=sa.Integer)
    lines = (
        sa.select(L.leaf_index, L.chain.label("whole"), L.number, L.previous, L.hash, L.audit_id)
        .where(L.chain == wanted.c.chain, L.number > after, L.leaf_index < SIZE)
        .order_by(L.number)
        .limit(most)
        .correlate(wanted)
        .lateral("lines")
    )
    return (
        sa.select(
            *(c for c in lines.c if c.name != "audit_id"),
            *AUDIT.c,
            sa.func.coalesce(withheld, sa.false()).label("withheld"),
        )
        .select_from(wanted)
        .join(lines, sa.true())
        .outerjoin(AUDIT, AUDIT.c.id == lines.c.audit_id)
        .order_by(wanted.c.place, lines.c.number)
        .limit(most)
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A leaf as it is stored, and the line made anew from its row; no line when the row is gone."""

    chain: str
    number: int
    leaf_index: int
    leaf_hash: bytes
    line: bytes
    object_ids: frozenset[str]
    withheld: bool

    @classmethod
    def of(cls, row: Record) -> Kept:
        """From a row of `listing`."""
        there = row["id"] is not None
        hits = {hit["object_id"] for hit in row["hits"] or ()}
        return cls(
            row["whole"],
            row["number"],
            row["leaf_index"],
            bytes(row["hash"]),
            canonical(row, row["number"], bytes(row["previous"])) if there else b"",
            frozenset({row["object_id"], *hits} - {"", None}),
            row["withheld"],
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """A leaf with its audit path, lowest first."""

    leaf: Kept
    path: tuple[bytes, ...]


async def prove(tx: ReadTx, leaves: Sequence[Kept], size: int) -> list[Proven]:
    """Each leaf with its path in the tree of this size."""
    paths = [merkle.inclusion(leaf.leaf_index, size) for leaf in leaves]
    known = await hashes_of(tx, merkle.places(step for path in paths for step in path))
    return [Proven(leaf, tuple(merkle.folded(p, known))) for leaf, p in zip(leaves, paths, strict=True)]


def pending(shown: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Counts (`pending`) the lines about `:subject` that are stored and not in the tree yet.

    `shown` says of a row of `audit` that the reader may know of its chain.
    """
    return (
        sa.select(sa.func.count().label("pending"))
        .select_from(AUDIT)
        .join(LEDGER_PENDING, LEDGER_PENDING.c.audit_id == AUDIT.c.id)
        .where(AUDIT.c.subject == sa.bindparam("subject"), shown)
    )
