"""What a call costs the database, in round trips: the dearest part of a request after the hop itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from .db import Database, prepare
from .testing import Server


@asynccontextmanager
async def counting(database: Database, server: Server, trips: list[str]) -> AsyncIterator[Database]:
    """The same database through one connection, each statement noted in `trips`, BEGIN and COMMIT too."""

    class Counted(asyncpg.Connection):
        async def execute(self, query: str, *args: Any, **options: Any) -> Any:
            trips.append(query)
            return await super().execute(query, *args, **options)

        async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
            trips.append(query)
            return await super().fetch(query, *args, **options)

        async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
            trips.append(query)
            return await super().fetchrow(query, *args, **options)

    pool = await asyncpg.create_pool(
        server.url(await database.pool.fetchval("SELECT current_database()")),
        password=server.password,
        connection_class=Counted,
        init=prepare,
        reset=_quiet,
        min_size=1,
        max_size=1,
    )
    yield Database(pool, database.constraints)
    await pool.close()


async def _quiet(_connection: Any) -> None:
    """No reset between calls, as in the chassis."""
