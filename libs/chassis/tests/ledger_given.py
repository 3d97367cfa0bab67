"""A database whose journal carries proofs, and hands that change what nobody may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from chassis import audit, schema
from chassis.caller import Caller
from chassis.db import Database
from chassis.ledger import Fault, Sequencer, Signer, check
from chassis.testing import NOW, call_as, callers, copied

TABLES = [str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in schema.LEDGER_TABLES]  # type: ignore[no-untyped-call]


@asynccontextmanager
async def proven_database(postgres: Any, template: str) -> AsyncIterator[tuple[Database, str]]:
    """A copy of the probe's database with the ledger, and its address."""
    async with copied(postgres, template) as made:
        for statement in (*TABLES, *schema.LEDGER):
            await made.pool.execute(statement)
        name = await made.pool.fetchval("SELECT current_database()")
        yield made, postgres.url(name)


async def write(
    database: Database, subject: str, count: int = 1, chain: str = "", caller: Caller = callers.doctor
) -> list[str]:
    """Lines about `subject`, in one commit; their ids."""
    async with database.begin(call_as(caller)) as tx:
        hits = [audit.Hit("hit", ("a", "b"))]
        return [
            audit.record(
                tx,
                caller,
                "note.read",
                subject,
                now=NOW,
                object_id=str(n),
                rules=["r"],
                hits=hits,
                chain=chain,
            )
            for n in range(count)
        ]


async def sequence(database: Database, signer: Signer) -> int:
    """Puts all that waits in the tree, a batch at a time; how many lines it was."""
    sequencer = Sequencer("", None, signer, "probe")
    total = 0
    async with database.pool.acquire() as connection:
        edge = await sequencer.open(connection)
        while count := await sequencer.step(connection, edge):
            total += count
    return total


async def tamper(database: Database, statement: str, *values: Any) -> None:
    """Changes what is append-only, as someone with every right could; one row at least."""
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        touched = await connection.execute(statement, *values)
        assert touched.rsplit(" ", 1)[-1] != "0", statement


async def faults(database: Database, signer: Signer | None = None) -> list[Fault]:
    """What a check of the whole ledger finds."""
    async with database.read() as tx:
        return [fault async for fault in check(tx, signer.jwks() if signer else None)]
