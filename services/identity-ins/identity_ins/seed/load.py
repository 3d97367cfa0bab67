"""Fills the reference registry by COPY; can be stopped and run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import asyncpg

from identity_ins.domain import Person, comparison_key

from .generate import people, person_id_of

BATCH = 20_000
PERSON_COLUMNS = (
    "id",
    "birth_name",
    "birth_first_names",
    "sex",
    "birth_date",
    "birth_place",
    "birth_name_key",
)
NUMBER_COLUMNS = ("matricule", "oid", "person_id", "current")
# Two services that start at once on one database: the second waits, then finds everything there.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('identity_ins_seed'))"
IS_THERE = "SELECT EXISTS (SELECT FROM person WHERE id = $1)"

key_of_name = lru_cache(maxsize=100_000)(comparison_key)


async def load(
    pool: asyncpg.Pool[Any], count: int, progress: Callable[[int], None] = lambda done: None
) -> int:
    """Makes persons number 1 to `count` stand in the registry; how many were added.

    Each batch is a transaction of its own; `progress` is told how many persons stand after each one.
    """
    added = 0
    async with pool.acquire() as connection:
        while True:
            async with connection.transaction():
                await connection.execute(LOCK)
                there = await _last_there(connection, count)
                progress(there)
                if there >= count:
                    return added
                batch = min(BATCH, count - there)
                await _copy(connection, people(batch, there + 1))
                added += batch


async def _last_there(connection: Any, count: int) -> int:
    """The last person that stands: loads leave no gap, so it is found by halves."""
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        if await connection.fetchval(IS_THERE, person_id_of(middle)):
            low = middle
        else:
            high = middle - 1
    return low


async def _copy(connection: Any, batch: Iterable[Person]) -> None:
    persons = list(batch)
    await connection.copy_records_to_table("person", records=map(_row, persons), columns=PERSON_COLUMNS)
    await connection.copy_records_to_table("ins_number", records=_numbers(persons), columns=NUMBER_COLUMNS)


def _row(person: Person) -> tuple[Any, ...]:
    traits = person.traits
    return (
        person.id.value,
        traits.birth_name,
        list(traits.birth_first_names),
        traits.sex.value,
        traits.birth_date,
        traits.birth_place,
        key_of_name(traits.birth_name),
    )


def _numbers(persons: Iterable[Person]) -> Iterator[tuple[Any, ...]]:
    for person in persons:
        for ins in (person.ins, *person.former):
            yield ins.matricule, ins.oid.value, person.id.value, ins is person.ins
