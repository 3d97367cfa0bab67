"""Rows of the reference registry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import sqlalchemy as sa

from chassis.db import ReadTx, Record
from identity_ins.domain import Authority, Ins, Person, PersonId, PersonUnknown, Search, Sex, Traits

from .tables import INS_NUMBER, PERSON

PERSONS = (
    sa.select(
        PERSON.c.id,
        PERSON.c.birth_name,
        PERSON.c.birth_first_names,
        PERSON.c.sex,
        PERSON.c.birth_date,
        PERSON.c.birth_place,
        INS_NUMBER.c.matricule,
        INS_NUMBER.c.oid,
    )
    .join_from(PERSON, INS_NUMBER, INS_NUMBER.c.person_id == PERSON.c.id)
    .order_by(
        PERSON.c.id, INS_NUMBER.c.current.desc(), INS_NUMBER.c.recorded_at.desc(), INS_NUMBER.c.matricule
    )
)
BY_ID = PERSONS.where(PERSON.c.id == sa.bindparam("id"))
NAMESAKES = PERSONS.where(
    PERSON.c.birth_date == sa.bindparam("birth_date"),
    PERSON.c.sex == sa.bindparam("sex"),
    PERSON.c.birth_name_key == sa.bindparam("birth_name_key"),
)
# A former number still names its person: letters and messages carry it for years.
BY_INS = sa.select(INS_NUMBER.c.person_id).where(
    INS_NUMBER.c.matricule == sa.bindparam("matricule"), INS_NUMBER.c.oid == sa.bindparam("oid")
)


async def get_person(tx: ReadTx, id: PersonId) -> Person:
    """The person; raises PersonUnknown."""
    found = _persons(await tx.all(BY_ID, id=id.value))
    if not found:
        raise PersonUnknown(field="person_id")
    return found[0]


async def list_namesakes(tx: ReadTx, search: Search) -> list[Person]:
    """The persons of the searched birth name (in its comparison form), sex and date of birth."""
    rows = await tx.all(
        NAMESAKES,
        birth_date=search.birth_date,
        sex=search.sex.value,
        birth_name_key=search.birth_name_key,
    )
    return _persons(rows)


async def find_person_id(tx: ReadTx, ins: Ins) -> PersonId | None:
    """Whom a number names, or named once."""
    row = await tx.one(BY_INS, matricule=ins.matricule, oid=ins.oid.value)
    return PersonId(str(row["person_id"])) if row else None


def _persons(rows: Sequence[Record]) -> list[Person]:
    """One person for the consecutive rows of its numbers, the current one first."""
    return [_person(list(group)) for _, group in groupby(rows, key=lambda row: row["id"])]


def _person(rows: Sequence[Record]) -> Person:
    first = rows[0]
    traits = Traits(
        first["birth_name"],
        tuple(first["birth_first_names"]),
        Sex(first["sex"]),
        first["birth_date"],
        first["birth_place"],
    )
    current, *former = (Ins(row["matricule"], Authority(row["oid"])) for row in rows)
    return Person(PersonId(str(first["id"])), traits, current, tuple(former))
