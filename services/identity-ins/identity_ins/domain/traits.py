"""The five traits of a civil status and the names in use: how they are written, how they are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from chassis.errors import InvalidInput, Violation

NAME = re.compile(r"[A-Z](?:[A-Z '-]*[A-Z'])?")
PLACE = re.compile(r"\d{5}|2[AB]\d{3}", re.ASCII)
# Letters and ligatures that Unicode does not decompose; dashes and apostrophes of word processors.
SPELLED_OUT = str.maketrans(
    {
        "Œ": "OE",
        "Æ": "AE",
        "Ø": "O",
        "Ł": "L",
        "Đ": "D",
        "Ð": "D",
        "Þ": "TH",
        "’": "'",
        "\u2010": "-",
        "\u2011": "-",
    }
)
MAX_NAME = 100
MAX_FIRST_NAMES = 20
PROBLEM_OF_NAME = f"1 to {MAX_NAME} Latin letters, spaces, hyphens or apostrophes are needed"
# Nobody on record has lived longer than 122 years: an older date is a slip of the keyboard.
OLDEST_YEARS = 130
# Wallis-et-Futuna, from UTC.
EASTERNMOST = timedelta(hours=12)


class Sex(StrEnum):
    """Sex of the civil status; INSi knows the two first only."""

    MALE = "M"
    FEMALE = "F"
    UNKNOWN = "U"


class TraitsWrong(InvalidInput):
    """The traits cannot be those of a civil status: see each field."""


@dataclass(frozen=True, slots=True, repr=False)
class Traits:
    """Traits in their stored form. Printing them shows nothing: they must never reach a log."""

    birth_name: str
    birth_first_names: tuple[str, ...]
    sex: Sex
    birth_date: date
    # COG code at the date of birth; empty when it is not known.
    birth_place: str = ""
    used_name: str = ""
    used_first_name: str = ""

    def __repr__(self) -> str:
        return "Traits(hidden)"

    @property
    def birth_name_key(self) -> str:
        return comparison_key(self.birth_name)

    @property
    def first_name_keys(self) -> tuple[str, ...]:
        return tuple(comparison_key(name) for name in self.birth_first_names)


def civil_form(text: str) -> str:
    """A name as INSi writes it: upper case, no diacritics nor ligatures, hyphens and apostrophes kept."""
    upper = unicodedata.normalize("NFKC", text).upper().translate(SPELLED_OUT)
    bare = "".join(c for c in unicodedata.normalize("NFD", upper) if not unicodedata.combining(c))
    return " ".join(bare.split())


def comparison_key(text: str) -> str:
    """A name for comparing only, never for storing in its place: hyphens and apostrophes count as spaces."""
    return " ".join(civil_form(text).replace("-", " ").replace("'", " ").split())


def check_traits(raw: Traits, today: date) -> Traits:
    """The traits in their stored form; raises TraitsWrong with every violation at once."""
    traits = Traits(
        civil_form(raw.birth_name),
        tuple(civil_form(name) for name in raw.birth_first_names),
        raw.sex,
        raw.birth_date,
        raw.birth_place.upper(),
        civil_form(raw.used_name),
        civil_form(raw.used_first_name),
    )
    violations = [*_name_violations(traits), *_birth_violations(traits, today)]
    if violations:
        raise TraitsWrong(field="traits", violations=violations)
    return traits


def _name_violations(traits: Traits) -> Iterator[Violation]:
    if not 1 <= len(traits.birth_first_names) <= MAX_FIRST_NAMES:
        yield Violation("traits.birth_first_names", f"give 1 to {MAX_FIRST_NAMES} first names")
    named = [("birth_name", traits.birth_name)]
    named += [(f"birth_first_names[{n}]", name) for n, name in enumerate(traits.birth_first_names)]
    named += [("used_name", traits.used_name), ("used_first_name", traits.used_first_name)]
    for field, name in named:
        optional = field.startswith("used_")
        if (name or not optional) and not is_name(name):
            yield Violation(f"traits.{field}", PROBLEM_OF_NAME)


def is_name(civil: str) -> bool:
    """Whether a name in its civil form can be one: other scripts, digits and control characters cannot."""
    return len(civil) <= MAX_NAME and NAME.fullmatch(civil) is not None


def starts_name(text: str) -> bool:
    """Whether a name may start so, whatever its case and diacritics."""
    return is_name(comparison_key(text))


def today_in_france(now: datetime) -> date:
    """The latest date it is anywhere in France: a child born this morning in Wallis is not born tomorrow."""
    return (now + EASTERNMOST).date()


def _birth_violations(traits: Traits, today: date) -> Iterator[Violation]:
    if traits.birth_date > today:
        yield Violation("traits.birth_date", "this date is in the future")
    if traits.birth_date.year < today.year - OLDEST_YEARS:
        yield Violation("traits.birth_date", f"this date is more than {OLDEST_YEARS} years ago")
    if traits.birth_place and not PLACE.fullmatch(traits.birth_place):
        yield Violation("traits.birth_place", "a COG code has 5 characters, such as 75056, 2A004 or 99352")


def same_person(local: Traits, insi: Traits) -> bool:
    """Whether a checked identity and the answer of INSi speak of one civil status.

    A paper may show fewer first names than the civil status, and no COG code: what it does show must agree.
    """
    return (
        local.birth_name_key == insi.birth_name_key
        and (local.sex, local.birth_date) == (insi.sex, insi.birth_date)
        and set(local.first_name_keys) <= set(insi.first_name_keys)
        and local.birth_place in ("", insi.birth_place)
    )
