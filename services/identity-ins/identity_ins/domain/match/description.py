"""A person as far as known: what an identity, or a search, gives to compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from chassis.errors import InvalidInput, Violation
from identity_ins.domain.identity import Identity
from identity_ins.domain.ins import Ins
from identity_ins.domain.registry import PersonId
from identity_ins.domain.traits import PROBLEM_OF_NAME, Precision, Sex, civil_form, starts_name

# Which part of a date is on record, in its written form YYYY-MM-DD.
KNOWN_LENGTH = {Precision.DAY: 10, Precision.MONTH: 7, Precision.YEAR: 4}


class DescriptionTooThin(InvalidInput):
    """A person is looked for by a name or a date of birth at least: one of them is needed."""


class DescriptionWrong(InvalidInput):
    """No identity can match this description: see each field."""


@dataclass(frozen=True, slots=True, repr=False)
class Description:
    """A person as far as known, names in civil form: an empty field neither helps nor harms."""

    birth_name: str = ""
    first_names: tuple[str, ...] = ()
    sex: Sex = Sex.UNKNOWN
    # The last day that it can be when only `precision` of it is known; None when nothing is.
    birth_date: date | None = None
    precision: Precision = Precision.DAY
    birth_place: str = ""
    used_name: str = ""
    used_first_name: str = ""
    ins: Ins | None = None
    ipp: str = ""
    # Whom the registry says that the number names.
    person_id: PersonId | None = None

    def __repr__(self) -> str:
        return "Description(hidden)"

    @property
    def date_text(self) -> str:
        """YYYY-MM-DD, YYYY-MM or YYYY: what is known; empty when nothing is."""
        return self.birth_date.isoformat()[: KNOWN_LENGTH[self.precision]] if self.birth_date else ""

    @property
    def turned(self) -> Description | None:
        """The same person with day and month in each other's place; None when that makes no other date."""
        born = self.birth_date
        if born is None or self.precision is not Precision.DAY or born.day > 12 or born.day == born.month:
            return None
        return replace(self, birth_date=born.replace(month=born.day, day=born.month))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the person goes by: birth name, then the used one."""
        return tuple(dict.fromkeys(name for name in (self.birth_name, self.used_name) if name))

    @property
    def firsts(self) -> tuple[str, ...]:
        """The first names that the person may be called by: the first of the list, then the used one."""
        return tuple(dict.fromkeys(name for name in (*self.first_names[:1], self.used_first_name) if name))


def period(day: date, precision: Precision) -> tuple[date, date]:
    """The first and last days that a date known to `precision` can be."""
    first = day.replace(
        month=1 if precision is Precision.YEAR else day.month,
        day=day.day if precision is Precision.DAY else 1,
    )
    return first, day


def describe(identity: Identity) -> Description:
    """All that a local identity tells of its person."""
    traits = identity.traits
    return Description(
        traits.birth_name,
        traits.birth_first_names,
        traits.sex,
        traits.birth_date,
        traits.birth_date_precision,
        traits.birth_place,
        traits.used_name,
        traits.used_first_name,
        ins=identity.retrieval.ins if identity.retrieval else None,
        person_id=identity.person_id,
    )


def check_description(raw: Description) -> Description:
    """The description in civil form; raises DescriptionTooThin or DescriptionWrong."""
    checked = replace(
        raw,
        birth_name=civil_form(raw.birth_name),
        first_names=tuple(civil_form(name) for name in raw.first_names if name.strip()),
        birth_place=raw.birth_place.upper(),
        used_name=civil_form(raw.used_name),
        used_first_name=civil_form(raw.used_first_name),
    )
    if not (checked.names or checked.birth_date):
        raise DescriptionTooThin(
            field="description", hint="List the identities by INS or IPP to look up a number alone."
        )
    violations = list(_violations(checked))
    if violations:
        raise DescriptionWrong(field="description", violations=violations)
    return checked


def _violations(description: Description) -> Iterator[Violation]:
    named = [("birth_name", description.birth_name), ("used_name", description.used_name)]
    named += [(f"birth_first_names[{n}]", name) for n, name in enumerate(description.first_names)]
    named += [("used_first_name", description.used_first_name)]
    for field, name in named:
        if name and not starts_name(name):
            yield Violation(f"description.{field}", PROBLEM_OF_NAME)
