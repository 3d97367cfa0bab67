"""A registry of fictitious persons: person number n is the same on every machine and at every size."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from uuid import UUID

from identity_ins.domain import Authority, Ins, Person, PersonId, Sex, Traits, key_of

from .known import KNOWN
from .names import (
    BIRTH_NAMES,
    BORN_ABROAD,
    BORN_IN_FRANCE,
    FEMALE_FIRST_NAMES,
    HARD_NAMES,
    MALE_FIRST_NAMES,
)

MASK = (1 << 64) - 1
# 2020-01-01T00:00:00Z in milliseconds: a UUIDv7 carries a date; one per millisecond keeps the order.
EPOCH_MS = 1_577_836_800_000
# One person in so many is a homonym of the one before: same birth name, first name, sex and date.
HOMONYM_EVERY = 200
FIRST_YEAR, YEARS = 1925, 100
PLACES = BORN_IN_FRANCE + BORN_ABROAD
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Order numbers: the first half for everyone, the second for homonyms, the last for the known persons.
ORDERS, KNOWN_ORDER = 499, 999
SLOTS = ORDERS * len(PLACES)
# Coprime with SLOTS, so that neighbours in number are not neighbours in place, and no two share a slot.
STRIDE = 1_000_003
MAX_PERSONS = SLOTS * YEARS * 12


class Birth(NamedTuple):
    """Where a person stands among all births: two persons never share the four, so numbers never collide."""

    year: int
    month: int
    place: int
    order: int


def mix(n: int, salt: int) -> int:
    """64 well-mixed bits for (n, salt), the same on every version of Python (finaliser of splitmix64)."""
    z = (n * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def person_id_of(n: int) -> str:
    """The opaque id of person number n (from 1): shaped as a UUIDv7, in the order of n."""
    _check_number(n)
    return stamped_id(n, 1, 2)


def stamped_id(n: int, *salts: int) -> str:
    """A UUIDv7 in the order of n, its random part made of two salts."""
    high, low = (mix(n, salt) for salt in salts)
    stamped = (EPOCH_MS + n) << 80 | ((high << 64 | low) & ((1 << 80) - 1))
    versioned = stamped & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=versioned & ~(0x3 << 62) | 0x2 << 62))


def person(n: int) -> Person:
    """Person number n (from 1): traits, number under the test OID, and former numbers."""
    _check_number(n)
    known = KNOWN.get(n)
    if known is None:
        return _homonym_of(n - 1, n) if n % HOMONYM_EVERY == 0 else _ordinary(n)
    matricule = known.matricule or _matricule(known.traits, known.traits.birth_date.month, KNOWN_ORDER)
    former = tuple(_ins(number) for number in known.former)
    return Person(PersonId(person_id_of(n)), known.traits, _ins(matricule), former)


def people(count: int, start: int = 1) -> Iterator[Person]:
    """Persons number `start` to `start + count - 1`."""
    return (person(n) for n in range(start, start + count))


def _check_number(n: int) -> None:
    if not 1 <= n <= MAX_PERSONS:
        raise ValueError(f"persons are numbered from 1 to {MAX_PERSONS}, not {n}")


def _ordinary(n: int) -> Person:
    birth = _birth(n)
    traits = _traits(n, birth)
    return _person(n, traits, _written_month(n, birth), birth.order)


def _homonym_of(other: int, n: int) -> Person:
    birth = _birth(other)
    same = _traits(other, birth)
    place = PLACES[(birth.place + len(PLACES) // 2) % len(PLACES)]
    first_names = (same.birth_first_names[0], *_first_names(n, same.sex))
    distinct = tuple(dict.fromkeys(first_names))[:3]
    traits = Traits(same.birth_name, distinct, same.sex, same.birth_date, place)
    return _person(n, traits, birth.month, birth.order + ORDERS)


def _person(n: int, traits: Traits, written_month: int, order: int) -> Person:
    return Person(PersonId(person_id_of(n)), traits, _ins(_matricule(traits, written_month, order)))


def _birth(n: int) -> Birth:
    cycle, slot = divmod(n, SLOTS)
    order, place = divmod(slot * STRIDE % SLOTS, len(PLACES))
    year = FIRST_YEAR + (mix(slot, 3) + cycle) % YEARS
    month = 1 + (mix(slot, 4) + cycle // YEARS) % 12
    return Birth(year, month, place, 1 + order)


def _written_month(n: int, birth: Birth) -> int:
    """Months above 20 in a number say that the month of birth was not known when it was given."""
    abroad = birth.place >= len(BORN_IN_FRANCE)
    return birth.month + 20 if abroad and mix(n, 5) % 20 == 0 else birth.month


def _traits(n: int, birth: Birth) -> Traits:
    sex = Sex.MALE if mix(n, 6) % 2 else Sex.FEMALE
    day = 1 + mix(n, 7) % DAYS[birth.month - 1]
    return Traits(
        _birth_name(n), _first_names(n, sex), sex, date(birth.year, birth.month, day), PLACES[birth.place]
    )


def _birth_name(n: int) -> str:
    draw = mix(n, 8)
    name = BIRTH_NAMES[draw % len(BIRTH_NAMES)]
    shape = (draw >> 32) % 100
    if shape < 2:
        return HARD_NAMES[(draw >> 40) % len(HARD_NAMES)]
    if shape < 8:
        return f"{name}-{BIRTH_NAMES[(draw >> 16) % len(BIRTH_NAMES)]}"
    return name


def _first_names(n: int, sex: Sex) -> tuple[str, ...]:
    names = MALE_FIRST_NAMES if sex is Sex.MALE else FEMALE_FIRST_NAMES
    draw = mix(n, 9)
    wanted = (1, 2, 2, 3, 3, 3, 3, 4)[draw & 7]
    return tuple(dict.fromkeys(names[(draw >> (8 + 12 * i)) % len(names)] for i in range(wanted)))


def _matricule(traits: Traits, written_month: int, order: int) -> str:
    sex = 1 if traits.sex is Sex.MALE else 2
    body = f"{sex}{traits.birth_date.year % 100:02d}{written_month:02d}{traits.birth_place}{order:03d}"
    return body + key_of(body)


def _ins(matricule: str) -> Ins:
    return Ins(matricule, Authority.NIR_TEST)
