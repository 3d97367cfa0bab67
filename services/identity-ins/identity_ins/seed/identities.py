"""Local identities of a structure, made of the persons of the registry, with their history and keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import asyncpg
import orjson
import sqlalchemy as sa

from chassis.caller import Caller, CallerKind
from chassis.db import Tx
from chassis.errors import RuleViolated
from identity_ins import domain, store
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Change,
    Creation,
    Identity,
    IdentityId,
    Paper,
    Person,
    Status,
    Step,
)
from identity_ins.store.keys import keys_of
from identity_ins.store.tables import IDENTITY_CHANGE, IDENTITY_KEY, LOCAL_IDENTITY

from . import indexes
from .generate import EPOCH_MS, mix, person, person_id_of, stamped_id
from .load import IS_THERE as PERSON_IS_THERE
from .load import Progress, Source, alone, fill, last_there
from .rows import Rows

AUTHOR = Caller(CallerKind.OPERATOR, "seed", name="seed")
IS_THERE = "SELECT EXISTS (SELECT FROM local_identity WHERE id = $1)"
EPOCH = datetime.fromtimestamp(EPOCH_MS / 1000, UTC)
# Of ten identities: two typed at a desk and no more, six that INSi answered for, two shown a paper besides.
STATUSES = (Status.PROVISOIRE,) * 2 + (Status.RECUPEREE,) * 6 + (Status.QUALIFIEE,) * 2
SALT = 11
# A dozen rows each: a batch is some ten megabytes of text.
BATCH = 5_000
# What the text format of COPY sets apart.
ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class PersonsMissing(RuleViolated):
    """The registry does not hold that many fictitious persons to make identities of."""


class Gathered(Tx):
    """Takes the rows that `store` inserts, for COPY to send them."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)

    def insert(self, table: sa.Table, **values: Any) -> None:
        self.rows[table.name].append(values)


async def load_identities(
    pool: asyncpg.Pool[Any],
    structure: str,
    count: int,
    progress: Progress = lambda done: None,
    workers: int = 0,
) -> int:
    """Makes identities number 1 to `count` of a structure stand; how many were added.

    Number n is person number n. Nothing is told to other services: these identities are there to be searched.
    Raises PersonsMissing.
    """
    async with pool.acquire() as connection, alone(connection):
        if count and not await connection.fetchval(PERSON_IS_THERE, person_id_of(count)):
            hint = f"Load them first: python -m identity_ins.seed --count {count}"
            raise PersonsMissing(field="count", hint=hint)
        there = await last_there(connection, IS_THERE, partial(identity_id_of, structure), count)
        progress(there)
        async with indexes.whole_after(connection, indexes.IDENTITIES, count - there):
            source = Source(partial(identity_rows, structure), BATCH, workers)
            await fill(connection, source, there + 1, count, progress)
        return count - there


def identity_id_of(structure: str, n: int) -> str:
    """The id of identity number n of a structure: the same everywhere, as that of a person."""
    return stamped_id(n, *_salts(structure))


@lru_cache(maxsize=16)
def _salts(structure: str) -> tuple[int, int]:
    digest = blake2b(structure.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8]), int.from_bytes(digest[8:])


def identity_rows(structure: str, first: int, last: int) -> Rows:
    """The rows of these identities, in the order that foreign keys ask for."""
    made = Gathered()
    for n in range(first, last + 1):
        _gather(made, structure, n)
    tables = (LOCAL_IDENTITY.name, IDENTITY_CHANGE.name, IDENTITY_KEY.name)
    return Rows(last, tuple((name, *_text(made.rows[name])) for name in tables))


def _gather(made: Gathered, structure: str, n: int) -> None:
    known, status = person(n), STATUSES[mix(n, SALT) % len(STATUSES)]
    now = EPOCH + timedelta(milliseconds=n)
    identity = domain.create(
        IdentityId(identity_id_of(structure, n)), structure, _creation(known, status), None, now
    )
    store.insert_change(made, AUTHOR, Change("create", None, identity), now)
    if status is not Status.PROVISOIRE:
        identity = _retrieved(made, identity, known, now)
    if status is Status.QUALIFIEE:
        checked = domain.check_paper(identity, Paper.IDENTITY_CARD, now)
        store.insert_change(made, AUTHOR, Change(Step.CHECK_PAPER, identity, checked), now)
        identity = checked
    store.insert_identity(made, identity)
    for kind, key in keys_of(identity):
        made.insert(IDENTITY_KEY, domain=structure, kind=kind, key=key, identity_id=identity.id.value)


def _creation(known: Person, status: Status) -> Creation:
    """What a desk types: the first names in use there, all of them only when INSi or a paper gave them."""
    traits = known.traits
    if status is Status.PROVISOIRE:
        traits = replace(traits, birth_first_names=traits.birth_first_names[:1])
    return Creation(traits)


def _retrieved(made: Gathered, identity: Identity, known: Person, now: datetime) -> Identity:
    answer = Answer(AnswerCode.FOUND, known)
    after = domain.retrieve(identity, domain.ask(identity), answer, now)
    store.insert_change(made, AUTHOR, Change(Step.RETRIEVE_INS, identity, after), now)
    return after


def _text(rows: list[Mapping[str, Any]]) -> tuple[tuple[str, ...], bytes]:
    """The columns of these rows, and the rows in the text format of COPY."""
    columns = tuple(rows[0])
    lines = ("\t".join(_cell(row[column]) for column in columns) for row in rows)
    return columns, "".join(f"{line}\n" for line in lines).encode()


def _cell(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, list):
        quoted = (str(one).translate(ESCAPED).replace('"', r"\"") for one in value)
        return "{" + ",".join(f'"{one}"' for one in quoted) + "}"
    if isinstance(value, dict):
        return orjson.dumps(value).decode().translate(ESCAPED)
    return value.isoformat() if isinstance(value, date) else str(value).translate(ESCAPED)
