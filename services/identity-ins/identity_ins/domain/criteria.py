"""What identities are searched by, and in which order they are listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from chassis.errors import InvalidInput, Violation

from .identity import IdentityId
from .ins import Ins
from .traits import PROBLEM_OF_NAME, Sex, starts_name


class CriterionNeeded(InvalidInput):
    """A search of identities needs at least one criterion."""


class CriteriaWrong(InvalidInput):
    """No identity can match these criteria: see each field."""


@dataclass(frozen=True, slots=True, repr=False)
class Criteria:
    """What identities are searched by: every criterion given must match."""

    ins: Ins | None = None
    ipp: str = ""
    # Starts of the birth name or used name, and of any first name.
    family: str = ""
    given: str = ""
    birth_date: date | None = None
    sex: Sex | None = None
    id: IdentityId | None = None
    # First and last dates of birth wanted, both included.
    born_from: date | None = None
    born_to: date | None = None

    def __repr__(self) -> str:
        return "Criteria(hidden)"


class Sort(StrEnum):
    """What a list is sorted by; identities that are equal in it follow each other by id."""

    ID = "id"
    FAMILY = "family"
    BIRTH_DATE = "birth_date"
    GIVEN = "given"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is wanted: the `size` identities that come after the identity `after`."""

    size: int
    after: str | None = None
    sort: Sort = Sort.ID
    descending: bool = False
    # Also identities that were merged into another.
    with_merged: bool = False


def check_criteria(criteria: Criteria) -> Criteria:
    """The same criteria; raises CriterionNeeded or CriteriaWrong."""
    if criteria == Criteria():
        raise CriterionNeeded(hint="Give an INS, an IPP, a name, a birth date, a sex or an id.")
    if wrong := list(_violations(criteria)):
        raise CriteriaWrong(violations=wrong)
    return criteria


def _violations(criteria: Criteria) -> Iterator[Violation]:
    for field, name in (("family", criteria.family), ("given", criteria.given)):
        if name and not starts_name(name):
            yield Violation(field, PROBLEM_OF_NAME)
    if criteria.born_from and criteria.born_to and criteria.born_from > criteria.born_to:
        yield Violation("born_to", "the last date wanted comes before the first one")
