"""The yardstick: the same rows by asyncpg alone, with as many connections as the service has.

`python -m bench.dmp.raw` reads one job as JSON on its input and writes one outcome on its output. No policy,
no journal, no seal opened, nothing written as FHIR: what is above it is what the platform adds.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import asdict
from typing import TypedDict

import asyncpg
import uvloop

from bench.identity.closed import closed_loop
from bench.load import Outcome
from dmp.store.tables import DOCUMENT

POOL = 8
SEARCH, INSERT = "search", "insert"
LIST = """
SELECT * FROM document WHERE person_id = $1::text::uuid AND status = 'current'
ORDER BY created_at DESC, document_id DESC LIMIT 20
"""
# A document beside those of the record it is copied from, in a table of the same columns and indexes.
TABLE = "bench_document"
COPY = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (LIKE document INCLUDING ALL);
TRUNCATE {TABLE};
"""
FRESH = {"document_id": "uuidv7()", "unique_id": "'urn:uuid:' || gen_random_uuid()"}
COLUMNS = [column.name for column in DOCUMENT.columns]
WRITTEN = ", ".join(FRESH.get(name, name) for name in COLUMNS)
WRITE = f"""
INSERT INTO {TABLE} ({", ".join(COLUMNS)})
SELECT {WRITTEN} FROM document WHERE person_id = $1::text::uuid LIMIT 1
"""  # noqa: S608 (names of our own columns)


class Job(TypedDict):
    """`persons` are asked for in turn; `what` is SEARCH or INSERT."""

    address: str
    password: str
    what: str
    persons: list[str]
    seconds: float
    clients: int


async def run(job: Job) -> Outcome:
    """The job, in this process."""
    statement = {SEARCH: LIST, INSERT: WRITE}[job["what"]]
    pool = await asyncpg.create_pool(job["address"], password=job["password"], min_size=POOL, max_size=POOL)
    turn = itertools.cycle(job["persons"])

    async def ask() -> str:
        async with pool.acquire() as connection:
            await connection.fetch(statement, next(turn))
            return "200"

    try:
        return await closed_loop(job["seconds"], job["clients"], ask)
    finally:
        await pool.close()


if __name__ == "__main__":
    json.dump(asdict(uvloop.run(run(json.load(sys.stdin)))), sys.stdout)
