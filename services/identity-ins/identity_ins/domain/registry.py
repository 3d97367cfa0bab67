"""The reference registry: one person of the country, what INSi may be asked about them, and what it answers.

Field names are ours here; `domain.insi` holds those of the téléservice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from chassis.errors import InvalidInput, NotFound, RuleViolated, Unavailable, Violation
from chassis.ids import Id

from .ins import Ins, Platform
from .traits import Sex, Traits, comparison_key


class PersonId(Id):
    """Opaque id of a person of the country: it survives any change of the number."""

    __slots__ = ()


class PersonUnknown(NotFound):
    """The reference registry knows no such person, or you may not see it."""

    where = "person_id"
    remedy = "Check the number; a structure sees whom it holds a retrieved identity of."


class SexNotInCivilStatus(InvalidInput):
    """INSi searches by the sex of the civil status, male or female."""


class RegistryNotOurs(RuleViolated):
    """Numbers are replaced on a test platform only: the registry of a real one is not kept here."""


class NumberUnchanged(RuleViolated):
    """The person has this number already."""


class NumberOfAnother(RuleViolated):
    """This number names another person, now or once: a number names one person for ever."""


class InsiUnavailable(Unavailable):
    """The INSi téléservice did not answer; nothing was changed."""

    # What was asked until it failed, the failed call included: whoever catches this must journal them.
    calls: tuple[InsiCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the reference registry."""

    id: PersonId
    traits: Traits
    ins: Ins
    # Former numbers (after a change of sex, a correction): never to be transmitted further.
    former: tuple[Ins, ...] = ()


class Operation(StrEnum):
    """What INSi is asked."""

    SEARCH_BY_TRAITS = "search_by_traits"
    SEARCH_BY_CARD = "search_by_card"
    VERIFY = "verify"
    VERIFY_LOT = "verify_lot"


class InsiCallId(Id):
    """One call of INSi."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class InsiCall:
    """One call, as the journal keeps it."""

    id: InsiCallId
    operation: Operation
    # SHA-256 of the id of the call and of the question: proves what was asked. The id makes equal questions
    # differ, so that nobody finds a person's calls by hashing that person's traits against the whole journal.
    input_hash: bytes
    # 00, 01, 02, OK, KO, or the code of a fault.
    code: str
    milliseconds: int
    # Lines asked at once by a lot.
    lines: int = 1


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
    """What INSi says to a search; the person comes with code 00 only."""

    code: AnswerCode
    person: Person | None = None
    calls: tuple[InsiCall, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        return LABELS[self.code]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What INSi says to a verification; the person comes with a confirmation only."""

    confirmed: bool
    person: Person | None = None
    calls: tuple[InsiCall, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class LotVerdict:
    """What INSi says to the verifications of a batch: for each, in order, whom it confirms."""

    persons: tuple[PersonId | None, ...]
    calls: tuple[InsiCall, ...] = field(default=(), compare=False)


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


def input_hash(id: InsiCallId, question: Sequence[str]) -> bytes:
    """What the journal keeps of a question: its values in their order, told apart by a control character."""
    return hashlib.sha256("\x1f".join((id.value, *question)).encode()).digest()


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
    return answer_with(
        [person for person in namesakes if _matches(person, wanted, search.birth_place.upper())]
    )


def answer_with(found: Sequence[Person]) -> Answer:
    """00 with the one person found, else 01 or 02 without any."""
    if len(found) == 1:
        return Answer(AnswerCode.FOUND, found[0])
    return Answer(AnswerCode.SEVERAL if found else AnswerCode.NOBODY)


def replace_number(person: Person, ins: Ins, holder: PersonId | None, platform: Platform) -> Person:
    """The person under another number; `holder` is whom this number names already, now or once.

    Raises RegistryNotOurs, NumberUnchanged or NumberOfAnother.
    """
    if platform is not Platform.TEST:
        raise RegistryNotOurs(field="person_id", hint="Wait for INSi to tell of the change.")
    if holder not in (None, person.id):
        raise NumberOfAnother(field="ins", hint="Read the number again from its source.")
    if ins == person.ins:
        raise NumberUnchanged(field="ins", hint="Give the number that replaces it.")
    former = (person.ins, *(number for number in person.former if number != ins))
    return replace(person, ins=ins, former=former)


def better(one: Answer, other: Answer) -> Answer:
    """The one that says more (a person, then "several", then "nobody"), with the calls of both."""
    calls = (*one.calls, *other.calls)
    if AnswerCode.FOUND in (one.code, other.code):
        return replace(one if one.code is AnswerCode.FOUND else other, calls=calls)
    return replace(max(one, other, key=lambda answer: answer.code), calls=calls)


def _matches(person: Person, first_name_key: str, place: str) -> bool:
    return first_name_key in person.traits.first_name_keys and place in ("", person.traits.birth_place)
