"""What the service's own settings name: its database, its key provider and its store of blobs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from multiprocessing import get_context
from typing import Any

import asyncpg

from chassis import db
from chassis.settings import read_secret
from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from dmp.clients.settings import StorageSettings, blobs_of, provider_of

from .load import add_records
from .people import Usual
from .rows import Span


def keys() -> RecordKeys:
    """Raises OSError when there is no such ring of master keys."""
    return RecordKeys(provider_of(StorageSettings()))


def blobs() -> Blobs:
    """Raises OSError when the folder of the settings is not there."""
    return blobs_of(StorageSettings())


@asynccontextmanager
async def pool() -> AsyncIterator[asyncpg.Pool[Any]]:
    """One connection to the database."""
    settings = StorageSettings()
    made = await db.connect(settings.database_url, read_secret(settings.database_password_file), 1)
    try:
        yield made
    finally:
        await made.close()


def add(usual: Usual, now: datetime, span: Span) -> int:
    """For a process of its own: the records of a span; how many were added."""

    async def added() -> int:
        async with pool() as made:
            return await add_records(made, keys(), usual, now, span)

    return asyncio.run(added())


def processes(count: int) -> ProcessPoolExecutor:
    """Started afresh: a copy of a process with threads or a loop may hang. Ctrl-C is for the first alone."""
    return ProcessPoolExecutor(count, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN))
