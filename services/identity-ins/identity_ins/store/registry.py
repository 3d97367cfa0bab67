"""Rows of the reference registry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from chassis.db import ReadTx, Record, Tx
from identity_ins.domain import (
    Authority,
    BillingNumber,
    Ins,
    Person,
    PersonId,
    PersonUnknown,
    Precision,
    Search,
    Sex,
    Traits,
)

from .tables import BENEFICIARY, INS_NUMBER, PERSON

P, N, B = PERSON.c, INS_NUMBER.c, BENEFICIARY.c
TEXTS = ARRAY(sa.Text)
TRAITS = (P.birth_name, P.birth_first_names, P.sex, P.birth_date, P.birth_place, P.birth_date_precision)
PERSONS = (
    sa.select(P.id, *TRAITS, N.matricule, N.oid)
    .join_from(PERSON, INS_NUMBER, N.person_id == P.id)
    .order_by(P.id, N.current.desc(), N.recorded_at.desc(), N.matricule)
)
BY_ID = PERSONS.where(P.id == sa.bindparam("id"))
# A change of number comes after another, never at the same time.
LOCK = sa.select(P.id).where(P.id == sa.bindparam("id")).with_for_update()
NAMESAKES = PERSONS.where(
    P.birth_date == sa.bindparam("birth_date"),
    P.sex == sa.bindparam("sex"),
    P.birth_name_key == sa.bindparam("birth_name_key"),
)
# A former number still names its person: letters and messages carry it for years.
BY_INS = sa.select(N.person_id).where(N.matricule == sa.bindparam("matricule"), N.oid == sa.bindparam("oid"))
HOLDER = BY_INS.add_columns(N.current)
NAMED = PERSONS.where(P.id == BY_INS.scalar_subquery())

RANK = sa.bindparam("birth_rank", type_=sa.Integer)
# A child is found under the number of a parent, and an insured person, first of their rank, under their own.
# Both are looked for: a card that fits two persons must not be answered with one of them.
COVERED = sa.select(B.person_id).where(
    B.billing_number == sa.bindparam("billing_number"),
    B.birth_date == sa.bindparam("birth_date"),
    sa.or_(RANK == 0, B.birth_rank == RANK),
)
INSURED = (
    sa.select(P.id)
    .join_from(PERSON, INS_NUMBER, N.person_id == P.id)
    .where(
        N.matricule == sa.bindparam("billing_number"), P.birth_date == sa.bindparam("birth_date"), RANK <= 1
    )
)
ON_CARD = PERSONS.where(P.id.in_(sa.union(COVERED, INSURED)))

ASKED = (
    sa.func.unnest(sa.bindparam("matricules", type_=TEXTS), sa.bindparam("oids", type_=TEXTS))
    .table_valued("matricule", "oid", with_ordinality="place", name="asked")
    .render_derived()
)
# Current numbers only: verifying a former one must fail.
HOLDERS = (
    sa.select(ASKED.c.place, *TRAITS)
    .join_from(ASKED, INS_NUMBER, sa.and_(N.matricule == ASKED.c.matricule, N.oid == ASKED.c.oid, N.current))
    .join(PERSON, P.id == N.person_id)
)
NAMED_EACH = sa.select(ASKED.c.place, N.person_id).join_from(
    ASKED, INS_NUMBER, sa.and_(N.matricule == ASKED.c.matricule, N.oid == ASKED.c.oid)
)

RETIRE = sa.update(INS_NUMBER).where(N.person_id == sa.bindparam("id"), N.current).values(current=False)
NUMBER = insert(INS_NUMBER).values(
    matricule=sa.bindparam("matricule"),
    oid=sa.bindparam("oid"),
    person_id=sa.bindparam("id"),
    current=sa.bindparam("current", type_=sa.Boolean),
    recorded_at=sa.bindparam("recorded_at"),
)
# Touches no row when the number is somebody else's.
HOLD = NUMBER.on_conflict_do_update(
    index_elements=[N.matricule, N.oid],
    set_={"current": NUMBER.excluded.current, "recorded_at": NUMBER.excluded.recorded_at},
    where=N.person_id == NUMBER.excluded.person_id,
)
SAVE = (
    sa.update(PERSON)
    .where(P.id == sa.bindparam("person_id"))
    .values({column.name: sa.bindparam(column.name) for column in (*TRAITS, P.birth_name_key)})
)


async def get_person(tx: ReadTx, id: PersonId) -> Person:
    """The person; raises PersonUnknown."""
    found = _persons(await tx.all(BY_ID, id=id.value))
    if not found:
        raise PersonUnknown
    return found[0]


async def lock_person(tx: Tx, id: PersonId) -> Person:
    """The person, whose number nobody else may change until the end; raises PersonUnknown."""
    await tx.lock(LOCK, id=id.value)
    return await get_person(tx, id)


async def list_namesakes(tx: ReadTx, search: Search) -> list[Person]:
    """The persons of the searched birth name (in its comparison form), sex and date of birth."""
    rows = await tx.all(
        NAMESAKES,
        birth_date=search.birth_date,
        sex=search.sex.value,
        birth_name_key=search.birth_name_key,
    )
    return _persons(rows)


async def list_on_card(tx: ReadTx, number: BillingNumber, born: date, rank: int) -> list[Person]:
    """The persons that the content of a card may speak of; rank 0 stands for any."""
    rows = await tx.all(ON_CARD, billing_number=number.number, birth_date=born, birth_rank=rank)
    return _persons(rows)


async def find_person_id(tx: ReadTx, ins: Ins) -> PersonId | None:
    """Whom a number names, or named once."""
    row = await tx.one(BY_INS, matricule=ins.matricule, oid=ins.oid.value)
    return PersonId(str(row["person_id"])) if row else None


async def find_holder(tx: ReadTx, ins: Ins) -> tuple[PersonId, bool] | None:
    """Whom a number names, and whether it is the current one."""
    row = await tx.one(HOLDER, matricule=ins.matricule, oid=ins.oid.value)
    return (PersonId(str(row["person_id"])), row["current"]) if row else None


async def find_person(tx: ReadTx, ins: Ins) -> Person | None:
    """Whom a number names, or named once, in whole."""
    found = _persons(await tx.all(NAMED, matricule=ins.matricule, oid=ins.oid.value))
    return found[0] if found else None


async def list_person_ids(tx: ReadTx, numbers: Sequence[Ins]) -> list[PersonId | None]:
    """Whom each number names, or named once."""
    ids: list[PersonId | None] = [None] * len(numbers)
    for row in await tx.all(NAMED_EACH, **_asked(numbers)):
        ids[row["place"] - 1] = PersonId(str(row["person_id"]))
    return ids


async def list_holders(tx: ReadTx, numbers: Sequence[Ins]) -> list[Traits | None]:
    """The traits of whoever holds each number now."""
    holders: list[Traits | None] = [None] * len(numbers)
    for row in await tx.all(HOLDERS, **_asked(numbers)):
        holders[row["place"] - 1] = _traits(row)
    return holders


def insert_person(tx: Tx, person: Person, now: datetime) -> None:
    """Adds a person with their numbers."""
    tx.insert(PERSON, id=person.id.value, **_trait_values(person.traits))
    for ins in (person.ins, *person.former):
        tx.insert(INS_NUMBER, **_number_values(person.id, ins, ins is person.ins, now))


async def save_person(tx: Tx, person: Person) -> None:
    """Saves the traits; numbers are changed by `hold_number`."""
    await tx.change(SAVE, person_id=person.id.value, **_trait_values(person.traits))


async def hold_number(tx: Tx, id: PersonId, ins: Ins, now: datetime, *, current: bool = True) -> bool:
    """Gives a number to a person, the current one becoming a former one; False when it is somebody else's."""
    if current:
        await tx.change(RETIRE, id=id.value)
    values = _number_values(id, ins, current, now)
    return await tx.change(HOLD, id=values.pop("person_id"), **values) == 1


def _asked(numbers: Sequence[Ins]) -> dict[str, list[str]]:
    return {"matricules": [ins.matricule for ins in numbers], "oids": [ins.oid.value for ins in numbers]}


def _number_values(id: PersonId, ins: Ins, current: bool, now: datetime) -> dict[str, object]:
    return {
        "matricule": ins.matricule,
        "oid": ins.oid.value,
        "person_id": id.value,
        "current": current,
        "recorded_at": now,
    }


def _trait_values(traits: Traits) -> dict[str, object]:
    return {
        "birth_name": traits.birth_name,
        "birth_first_names": list(traits.birth_first_names),
        "sex": traits.sex.value,
        "birth_date": traits.birth_date,
        "birth_place": traits.birth_place,
        "birth_date_precision": traits.birth_date_precision.value,
        "birth_name_key": traits.birth_name_key,
    }


def _persons(rows: Sequence[Record]) -> list[Person]:
    """One person for the consecutive rows of its numbers, the current one first."""
    return [_person(list(group)) for _, group in groupby(rows, key=lambda row: row["id"])]


def _person(rows: Sequence[Record]) -> Person:
    current, *former = (Ins(row["matricule"], Authority(row["oid"])) for row in rows)
    return Person(PersonId(str(rows[0]["id"])), _traits(rows[0]), current, tuple(former))


def _traits(row: Record) -> Traits:
    return Traits(
        row["birth_name"],
        tuple(row["birth_first_names"]),
        Sex(row["sex"]),
        row["birth_date"],
        row["birth_place"],
        birth_date_precision=Precision(row["birth_date_precision"]),
    )
