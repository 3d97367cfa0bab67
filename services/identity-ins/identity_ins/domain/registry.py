"""The reference registry: one person of the country, and the search rules of the INSi téléservice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from chassis.errors import InvalidInput, NotFound, Violation
from chassis.ids import Id

from .ins import Ins
from .traits import Sex, Traits, comparison_key


class PersonId(Id):
    """Opaque id of a person of the country: it survives any change of the number."""

    __slots__ = ()


class PersonUnknown(NotFound):
    """The reference registry knows no such person, or you may not see it."""


class SexNotInCivilStatus(InvalidInput):
    """INSi searches by the sex of the civil status, male or female."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the reference registry."""

    id: PersonId
    traits: Traits
    ins: Ins
    # Former numbers (after a change of sex, a correction): never to be transmitted further.
    former: tuple[Ins, ...] = ()


class AnswerCode(StrEnum):
    """Codes of an INSi answer (CodeCR)."""

    FOUND = "00"
    NOBODY = "01"
    SEVERAL = "02"


LABELS = {
    AnswerCode.FOUND: "OK",
    AnswerCode.NOBODY: "Aucune identité trouvée",
    AnswerCode.SEVERAL: "Plusieurs identités trouvées",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What INSi says; the person comes with code 00 only."""

    code: AnswerCode
    person: Person | None = None

    @property
    def label(self) -> str:
        return LABELS[self.code]


@dataclass(frozen=True, slots=True, repr=False)
class Search:
    """One question to INSi: a single first name, any of the list of the civil status."""

    birth_name: str
    first_name: str
    sex: Sex
    birth_date: date
    birth_place: str = ""

    def __repr__(self) -> str:
        return "Search(hidden)"

    @property
    def birth_name_key(self) -> str:
        return comparison_key(self.birth_name)


def attempts(traits: Traits) -> tuple[Search, ...]:
    """The questions to ask for these traits until one has a single answer.

    Each first name alone, in order, then each again with the place of birth: a place may be wrong, or
    written with the code of a later date, so it only serves to choose between several persons.
    """
    places = dict.fromkeys(("", traits.birth_place))
    return tuple(
        Search(traits.birth_name, first_name, traits.sex, traits.birth_date, place)
        for place in places
        for first_name in traits.birth_first_names
    )


def check_search(search: Search) -> Search:
    """The same question; raises SexNotInCivilStatus."""
    if search.sex is Sex.UNKNOWN:
        problem = Violation("sex", "INSi knows male and female only")
        raise SexNotInCivilStatus(field="sex", violations=[problem])
    return search


def answer(search: Search, namesakes: Sequence[Person]) -> Answer:
    """The answer of INSi, among the persons of the same birth name, sex and date of birth."""
    wanted = comparison_key(search.first_name)
    found = [person for person in namesakes if _matches(person, wanted, search.birth_place.upper())]
    if len(found) == 1:
        return Answer(AnswerCode.FOUND, found[0])
    return Answer(AnswerCode.SEVERAL if found else AnswerCode.NOBODY)


def better(one: Answer, other: Answer) -> Answer:
    """The one that says more: a person, then "several", then "nobody"."""
    if AnswerCode.FOUND in (one.code, other.code):
        return one if one.code is AnswerCode.FOUND else other
    return max(one, other, key=lambda answer: answer.code)


def _matches(person: Person, first_name_key: str, place: str) -> bool:
    return first_name_key in person.traits.first_name_keys and place in ("", person.traits.birth_place)
