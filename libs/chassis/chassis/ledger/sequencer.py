"""The sequencer: lines of the journal, in order, into the tree; then a signed head over all of it.

One a service, elected by an advisory lock. A batch is one statement that adds its leaves, the nodes they
complete and the head, and takes the lines out of the queue: a crash at any point has done all of it or
nothing. It looks twice a second rather than at each commit, so that a head covers many lines.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis import leader, merkle, sql, telemetry
from chassis.call import Clock, utc_now
from chassis.db import Password, ReadTx, Record
from chassis.schema import AUDIT, LEDGER_HEAD, LEDGER_LEAF, LEDGER_NODE, LEDGER_PENDING
from chassis.settings import Settings
from chassis.stopping import asked_to_stop

from .lines import CHAIN, canonical, moment
from .proofs import Head, find_head, hashes_of
from .signing import Signer

log = telemetry.logger("ledger")

# Hashing a batch holds up the calls of the same process: some milliseconds at most.
BATCH = 500
# Seconds between two looks; between two measures of the queue; after a tree was found broken.
IDLE, MEASURED, BROKEN = 0.5, 5.0, 30.0
LOCK = "socle_ledger"
PENDING = telemetry.METER.create_gauge("socle.ledger.pending", description="Lines not in the tree yet")
AGE = telemetry.METER.create_gauge("socle.ledger.oldest_age", "s", "Age of the oldest line not in the tree")
SEQUENCED = telemetry.METER.create_counter("socle.ledger.sequenced", description="Lines put in the tree")

# Materialised: whatever the planner believes of the queue, rows of the journal are looked up one by one.
DUE = (
    sa.select(LEDGER_PENDING.c.audit_id)
    .order_by(LEDGER_PENDING.c.audit_id)
    .limit(sa.literal_column(str(BATCH)))
    .cte("due")
    .prefix_with("MATERIALIZED")
)
TAIL = (
    sa.select(LEDGER_LEAF.c.number, LEDGER_LEAF.c.hash)
    .where(LEDGER_LEAF.c.chain == CHAIN)
    .order_by(LEDGER_LEAF.c.number.desc())
    .limit(sa.literal_column("1"))
    .correlate(AUDIT)
    .lateral("tail")
)
WAITING = (
    sa.select(*AUDIT.c, CHAIN.label("whole"), TAIL.c.number, TAIL.c.hash)
    .select_from(DUE)
    .join(AUDIT, AUDIT.c.id == DUE.c.audit_id)
    .outerjoin(TAIL, sa.true())
    .order_by(AUDIT.c.id)
)
QUEUE = (
    sa.select(
        sa.func.count().label("pending"),
        sa.func.coalesce(
            sa.extract("epoch", sa.func.now() - sa.func.min(AUDIT.c.occurred_at)), sa.literal_column("0")
        ).label("age"),
    )
    .select_from(LEDGER_PENDING)
    .join(AUDIT, AUDIT.c.id == LEDGER_PENDING.c.audit_id)
)


def _rows(table: sa.Table) -> Any:
    """Adds rows given as one array a column."""
    columns = table.columns
    given = (
        sa.func.unnest(*(sa.bindparam(f"{table.name}_{c.name}", type_=ARRAY(c.type)) for c in columns))
        .table_valued(*(c.name for c in columns), name=f"given_{table.name}")
        .render_derived()
    )
    return sa.insert(table).from_select([c.name for c in columns], sa.select(given)).cte(f"add_{table.name}")


ADDED = tuple(_rows(table) for table in (LEDGER_LEAF, LEDGER_NODE, LEDGER_HEAD))
WRITE = sql.text(
    sa.delete(LEDGER_PENDING)
    .where(LEDGER_PENDING.c.audit_id == sa.any_(sa.bindparam("ledger_leaf_audit_id", type_=ARRAY(sa.Uuid))))
    .add_cte(*ADDED)
)


class LedgerBroken(Exception):
    """The stored tree is not the one that was signed: nothing more may be signed over it."""


class Batch:
    """Lines about to enter the tree."""

    def __init__(self, edge: merkle.Edge) -> None:
        self.edge = edge
        self.leaves: list[tuple[int, Any, str, int, bytes, bytes]] = []
        self.nodes: list[tuple[int, int, bytes]] = []
        self._tails: dict[str, tuple[int, bytes]] = {}

    def add(self, row: Record) -> None:
        """The next line of its chain and of the tree."""
        chain = row["whole"]
        number, previous = self._tails.get(chain) or (row["number"] or 0, row["hash"] or b"")
        leaf = merkle.leaf_hash(canonical(row, number + 1, previous))
        self.leaves.append((self.edge.size, row["id"], chain, number + 1, previous, leaf))
        self.nodes.extend((*place, node) for place, node in self.edge.add(leaf))
        self._tails[chain] = number + 1, leaf

    def arguments(self, head: Head) -> dict[str, list[Any]]:
        """The parameters of `WRITE`."""
        heads = [(head.tree_size, head.root_hash, head.signed_at, head.signature)]
        found: dict[str, list[Any]] = {}
        for table, rows in ((LEDGER_LEAF, self.leaves), (LEDGER_NODE, self.nodes), (LEDGER_HEAD, heads)):
            columns = zip(*rows, strict=True) if rows else ((),) * len(table.columns)
            for column, values in zip(table.columns, columns, strict=True):
                found[f"{table.name}_{column.name}"] = list(values)
        return found


class Sequencer:
    """Run it as a task of the service, which goes on answering when this one is held up."""

    def __init__(
        self, dsn: str, password: Password, signer: Signer, log_name: str, clock: Clock = utc_now
    ) -> None:
        self._dsn, self._password = dsn, password
        self._signer, self._log_name, self._clock = signer, log_name, clock
        self._measured = float("-inf")
        self.leading = False

    @classmethod
    def of(cls, settings: Settings, signer: Signer, log_name: str) -> Sequencer:
        """On the database of a service."""
        return cls(settings.database_url, settings.database_password, signer, log_name)

    async def run(self) -> None:
        """Until cancelled; a lost database is tried again for ever, a broken tree is never signed over."""
        while not asked_to_stop():
            try:
                await self._session()
            except leader.INTERRUPTIONS as error:
                log.warning("ledger.interrupted", error_type=type(error).__name__)
                await asyncio.sleep(IDLE)
            except LedgerBroken:
                log.critical("ledger.broken", problem="the stored tree is not the one that was signed")
                await asyncio.sleep(BROKEN)

    async def _session(self) -> None:
        async with leader.leading(self._dsn, self._password, LOCK, "socle-ledger") as connection:
            self.leading = True
            try:
                edge = await self.open(connection)
                log.info("ledger.leading", position=edge.size)
                while not asked_to_stop():
                    count = await self.step(connection, edge)
                    await self._measure(connection)
                    if count < BATCH:
                        await asyncio.sleep(IDLE)
            finally:
                self.leading = False

    async def open(self, connection: Any) -> merkle.Edge:
        """The right edge of the stored tree; signs the empty one first. Raises LedgerBroken."""
        tx = ReadTx(connection)
        head = await find_head(tx)
        if head is None:
            edge = merkle.Edge()
            await self._write(connection, Batch(edge))
            return edge
        places = merkle.covering(0, head.tree_size)
        known = await hashes_of(tx, places)
        if len(known) != len(places):
            raise LedgerBroken
        edge = merkle.Edge(head.tree_size, [known[place] for place in places])
        if edge.root != head.root_hash:
            raise LedgerBroken
        return edge

    async def step(self, connection: Any, edge: merkle.Edge) -> int:
        """Puts the next lines in the tree, `edge` with it; how many they were."""
        rows = await ReadTx(connection).all(WAITING)
        if rows:
            batch = Batch(edge)
            for row in rows:
                batch.add(row)
            await self._write(connection, batch)
            SEQUENCED.add(len(rows))
        return len(rows)

    async def _write(self, connection: Any, batch: Batch) -> None:
        head = self.signed(batch.edge.size, batch.edge.root, self._clock())
        await connection.execute(WRITE.sql, *WRITE.arguments(batch.arguments(head)))

    def signed(self, size: int, root: bytes, now: datetime) -> Head:
        """A head with its signature."""
        said = {"log": self._log_name, "tree_size": size, "root_hash": root.hex(), "signed_at": moment(now)}
        return Head(size, root, now, self._signer.sign(said))

    async def _measure(self, connection: Any) -> None:
        if time.monotonic() - self._measured >= MEASURED:
            self._measured = time.monotonic()
            row = await ReadTx(connection).one(QUEUE)
            if row is not None:
                PENDING.set(row["pending"])
                AGE.set(float(row["age"]))
