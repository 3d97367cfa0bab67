"""What stands in the databases, read with the services' own roles: a refused request must leave it alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import asyncpg

from dmp.consumers import TABLE as OF_DMP
from identity_ins.consumers import TABLE as OF_IDENTITY
from socle_local.platform import Platform

TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'
ORDER BY table_name
"""
# Reads made for the caller before the refusal; each leaves a line of its own, rightly.
READS_BEFORE = {"person.resolve", "person.compare", "person.standing"}
# Documents on their way from eprescription to the DMP.
UNSENT = "SELECT count(*) FROM sending WHERE done_at IS NULL"
UNPUBLISHED = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
# What each service acts upon, in its own words; all of it is published by identity-ins.
FOLLOWED = {
    "dmp": [line.subject for line in OF_DMP],
    "identity-ins": [line.subject for line in OF_IDENTITY],
}
# Seconds; a consumer that lost its bus looks again after some of them.
PATIENCE = 60.0
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One connection a service."""

    connections: dict[str, Any]

    @classmethod
    @asynccontextmanager
    async def of(cls, platform: Platform) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            connections = {}
            for service in (one for one in platform.services if one.grpc):
                address, password = platform.database(service.name)
                connection = await asyncpg.connect(address, password=password)
                stack.push_async_callback(connection.close)
                connections[service.name] = connection
            yield cls(connections)

    def __getitem__(self, service: str) -> Any:
        return self.connections[service]

    async def counts(self) -> Counts:
        """Rows of every table, as `dmp.document`."""
        return {
            f"{service}.{table}": await connection.fetchval(f'SELECT count(*) FROM "{table}"')  # noqa: S608
            for service, connection in self.connections.items()
            for table in [row["table_name"] for row in await connection.fetch(TABLES)]
        }

    async def settled(self, patience: float = PATIENCE) -> Counts:
        """The counts once every event is published and acted upon: twice the same, nothing on its way. Fails
        after so many seconds.
        """
        limit = time.monotonic() + patience
        before = await self.counts()
        while True:
            await asyncio.sleep(0.15)
            now = await self.counts()
            if now == before and not await self._on_their_way():
                return now
            assert time.monotonic() < limit, (
                f"still on their way, or something never stops changing: {await self._left()}"
            )
            before = now

    async def _on_their_way(self) -> bool:
        waiting = [await one.fetchval(UNPUBLISHED) for one in self.connections.values()]
        unsent = await self["eprescription"].fetchval(UNSENT)
        return (
            bool(unsent) or any(waiting) or any([await self._is_behind(*line) for line in FOLLOWED.items()])
        )

    async def _left(self) -> Counts:
        """What `settled` waits for: rows not published, events not acted upon, documents not sent."""
        left = {
            f"{name}.unpublished": await one.fetchval(UNPUBLISHED) for name, one in self.connections.items()
        }
        behind = {f"{name}.behind": await self._is_behind(name, lines) for name, lines in FOLLOWED.items()}
        return {**left, **behind, "unsent": await self["eprescription"].fetchval(UNSENT)}

    async def _is_behind(self, service: str, subjects: list[str]) -> bool:
        told = await self["identity-ins"].fetch("SELECT id FROM outbox WHERE subject = ANY($1)", subjects)
        seen = await self[service].fetch("SELECT event_id FROM inbox")
        return not {row["id"] for row in told} <= {row["event_id"] for row in seen}

    async def audited_since(self, before: Counts) -> list[dict[str, Any]]:
        """The audit lines written after `before` was counted, oldest first by service."""
        lines: list[dict[str, Any]] = []
        for service, connection in self.connections.items():
            written = "SELECT *, $2::text AS service FROM audit ORDER BY id OFFSET $1"
            lines += [
                dict(row) for row in await connection.fetch(written, before[f"{service}.audit"], service)
            ]
        return lines

    @asynccontextmanager
    async def no_trace(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Whatever is refused inside leaves the tables as they were, but for the audit of the refusal.

        Gives a list that holds those audit lines at the end.
        """
        before = await self.settled()
        refused: list[dict[str, Any]] = []
        yield refused
        after = await self.settled()
        lines = await self.audited_since(before)
        refused += [line for line in lines if line["outcome"] == "refused"]
        unexplained = [line["action"] for line in lines if line["outcome"] != "refused"]
        assert set(unexplained) <= READS_BEFORE, f"a refused request did {unexplained}"
        assert without_audit(after) == without_audit(before)


def without_audit(counts: Counts) -> Counts:
    """The proof of the journal follows the journal: its tables grow with each line of it."""
    return {
        table: rows
        for table, rows in counts.items()
        if not table.endswith(".audit") and ".ledger_" not in table
    }
