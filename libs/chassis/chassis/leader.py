"""One worker a service, elected by an advisory lock of PostgreSQL that lives as long as its connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from . import db
from .db import Password, prepare

# A connection lost, or a server that stops: another try follows, for ever.
INTERRUPTIONS = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What the driver says when a connection is cut in the middle of a statement's answer.
    asyncpg.InternalClientError,
)
# A leader cut off from the database must lose its lock, or nobody could take over.
ALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


@asynccontextmanager
async def leading(dsn: str, password: Password, lock: str, program: str) -> AsyncIterator[Any]:
    """Waits to be the only one with this lock; a connection that holds it until the block ends."""
    settings = {"application_name": program, **ALIVE}
    connection = await asyncpg.connect(
        dsn,
        password=password,
        timeout=db.CONNECT_SECONDS,
        command_timeout=60,
        server_settings=settings,
    )
    try:
        await prepare(connection)
        # Asked rather than waited for: a waiting statement would hold a snapshot open, and vacuum back.
        while not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", lock):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        yield connection
    finally:
        await _closed(connection)


async def _closed(connection: Any) -> None:
    with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=2)
