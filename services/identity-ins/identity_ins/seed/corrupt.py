"""Corrupted copies of fictitious persons, and persons who only look like one another: the truth beside.

What identity vigilance is measured on. Record number n of a seed is the same on every machine. The shares of
the mistakes are estimates of what French admission desks let through, not a survey: a measure says which mix
it was made on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from identity_ins.domain import Sex, Traits

from .generate import FIRST_YEAR, PLACES, YEARS, person
from .mistakes import Draw, Mistake, corrupt
from .names import BIRTH_NAMES, FEMALE_FIRST_NAMES, MALE_FIRST_NAMES


class Lookalike(StrEnum):
    """Who is another person all the same."""

    HOMONYM = "homonym of one date"
    NAMESAKE = "homonym of another date"
    TWIN = "twin"
    SIBLING = "sibling"
    CHILD = "child of one name"


# Mistakes in a copy: one in ten is a plain second registration, one in twenty was made in great haste.
MISTAKES = {0: 10, 1: 60, 2: 25, 3: 5}
# The registry has homonyms of one date of its own, one person in 200: many times more than France has.
LOOKALIKES = {
    Lookalike.HOMONYM: 2,
    Lookalike.NAMESAKE: 38,
    Lookalike.TWIN: 20,
    Lookalike.SIBLING: 30,
    Lookalike.CHILD: 10,
}
# Of a hundred records: persons seen once, copies of one of them, persons who look like one of them.
KINDS = {"person": 80, "copy": 12, "lookalike": 8}

# Before, who looks like someone is born later; after, earlier: nobody is born in the future.
FIRST_OF_THEM = date(1980, 1, 1)


@dataclass(frozen=True, slots=True)
class Record:
    """One registration, and the truth about it."""

    traits: Traits
    # Number of the record that this person was first seen in: two records of one number are a duplicate.
    person: int
    # Number of the record that it was made from; None for a person who looks like nobody on purpose.
    source: int | None = None
    mistakes: tuple[Mistake, ...] = ()
    lookalike: Lookalike | None = None


def records(count: int, seed: int) -> list[Record]:
    """`count` registrations of one structure, in the order in which they come; deterministic."""
    made: list[Record] = []
    for number in range(count):
        draw = Draw(seed, number)
        kind = draw.weighted(KINDS) if number else "person"
        made.append(_MAKERS[kind](made, number, seed, draw))
    return made


def resemble(traits: Traits, lookalike: Lookalike, draw: Draw) -> Traits:
    """Another person who looks like this one."""
    return RESEMBLANCES[lookalike](traits, draw)


def _first_seen(made: list[Record], number: int, seed: int, draw: Draw) -> Record:
    # Seeds draw from parts of the registry that do not overlap, so that one is not tuned on the other.
    traits = person(1 + seed * 1_000_000 + number).traits
    woman = traits.sex is Sex.FEMALE and traits.birth_date.year < 2000
    if woman and draw.below(100) < 40:
        traits = replace(traits, used_name=draw.pick(BIRTH_NAMES))
    return Record(traits, number)


def _copy(made: list[Record], number: int, seed: int, draw: Draw) -> Record:
    # From what the person truly is: two copies of one person differ by the mistakes of both.
    source = made[draw.below(len(made))].person
    traits, mistakes = corrupt(made[source].traits, draw.weighted(MISTAKES), draw)
    return Record(traits, source, source, mistakes)


def _lookalike(made: list[Record], number: int, seed: int, draw: Draw) -> Record:
    source, lookalike = draw.below(len(made)), draw.weighted(LOOKALIKES)
    return Record(resemble(made[source].traits, lookalike, draw), number, source, lookalike=lookalike)


_MAKERS: dict[str, Callable[[list[Record], int, int, Draw], Record]] = {
    "person": _first_seen,
    "copy": _copy,
    "lookalike": _lookalike,
}


def _others(traits: Traits, sex: Sex, draw: Draw) -> tuple[str, ...]:
    """First names of someone else; the usual one of this person is not among them."""
    names = MALE_FIRST_NAMES if sex is Sex.MALE else FEMALE_FIRST_NAMES
    drawn = dict.fromkeys(draw.pick(names) for _ in range(1 + draw.below(3)))
    return tuple(name for name in drawn if name != traits.birth_first_names[0]) or ("ALEXIS",)


def _day_of(draw: Draw) -> date:
    return date(FIRST_YEAR, 1, 1) + timedelta(days=draw.below(365 * YEARS))


def _homonym(traits: Traits, draw: Draw) -> Traits:
    """What two persons share once in a lifetime of a structure: the name, the first name, the very day."""
    firsts = dict.fromkeys((traits.birth_first_names[0], *_others(traits, traits.sex, draw)))
    return Traits(traits.birth_name, tuple(firsts), traits.sex, traits.birth_date, draw.pick(PLACES))


def _namesake(traits: Traits, draw: Draw) -> Traits:
    return replace(_homonym(traits, draw), birth_date=_day_of(draw))


def _twin(traits: Traits, draw: Draw) -> Traits:
    sex = traits.sex if draw.below(3) else draw.pick((Sex.MALE, Sex.FEMALE))
    return replace(traits, birth_first_names=_others(traits, sex, draw), sex=sex, used_name="")


def _sibling(traits: Traits, draw: Draw) -> Traits:
    apart = timedelta(days=400 + draw.below(2500))
    born = traits.birth_date + (apart if traits.birth_date < FIRST_OF_THEM else -apart)
    return replace(_twin(traits, draw), birth_date=born)


def _child(traits: Traits, draw: Draw) -> Traits:
    """A father and his son, a mother and her daughter: the same name and first name."""
    apart = timedelta(days=365 * 20 + draw.below(365 * 20))
    born = traits.birth_date + (apart if traits.birth_date < FIRST_OF_THEM else -apart)
    return replace(
        traits, birth_date=born, used_name="", birth_place=draw.pick((traits.birth_place, draw.pick(PLACES)))
    )


RESEMBLANCES: dict[Lookalike, Callable[[Traits, Draw], Traits]] = {
    Lookalike.HOMONYM: _homonym,
    Lookalike.NAMESAKE: _namesake,
    Lookalike.TWIN: _twin,
    Lookalike.SIBLING: _sibling,
    Lookalike.CHILD: _child,
}
