"""The yardstick: the same rows by asyncpg alone, prepared statements, as many connections as the service has.

`python -m bench.identity.lookup` reads one job as JSON on its input and writes one outcome on its output.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import asdict
from datetime import date
from typing import Any, TypedDict

import asyncpg
import uvloop

from bench.identity.closed import closed_loop
from bench.load import Outcome

POOL = 8
COLUMNS = """
SELECT p.id, p.birth_name, p.birth_first_names, p.sex, p.birth_date, p.birth_place, p.birth_date_precision,
    n.matricule, n.oid
"""
BY_TRAITS = f"""
{COLUMNS} FROM person p JOIN ins_number n ON n.person_id = p.id
WHERE p.birth_date = $1 AND p.sex = $2 AND p.birth_name_key = $3
"""
BY_NUMBER = f"""
{COLUMNS} FROM ins_number n JOIN person p ON p.id = n.person_id WHERE n.matricule = $1 AND n.oid = $2
"""


class Job(TypedDict):
    """`rows` are the parameters of one question each; a date comes as text."""

    address: str
    password: str
    by: str
    rows: list[list[str]]
    seconds: float
    clients: int


async def run(job: Job) -> Outcome:
    """The job, in this process."""
    statement = {"traits": BY_TRAITS, "number": BY_NUMBER}[job["by"]]
    pool = await asyncpg.create_pool(job["address"], password=job["password"], min_size=POOL, max_size=POOL)
    turn = itertools.cycle([_typed(row) for row in job["rows"]])

    async def ask() -> str:
        async with pool.acquire() as connection:
            return "found" if await connection.fetch(statement, *next(turn)) else "none"

    try:
        return await closed_loop(job["seconds"], job["clients"], ask)
    finally:
        await pool.close()


def _typed(row: list[str]) -> list[Any]:
    return [date.fromisoformat(row[0]), *row[1:]] if len(row) == 3 else row


if __name__ == "__main__":
    json.dump(asdict(uvloop.run(run(json.load(sys.stdin)))), sys.stdout)
