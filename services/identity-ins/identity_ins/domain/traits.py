"""The five traits of a civil status and the names in use: how they are written, how they are compared."""

from __future__ import annotations

import re
import unicodedata
from calendar import IllegalMonthError, monthrange
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
        "\u2018": "'",
        "\u2019": "'",
        "\u02bc": "'",
        "\u2010": "-",
        "\u2011": "-",
        "\u2013": "-",
    }
)
MAX_NAME = 100
MAX_FIRST_NAMES = 20
PROBLEM_OF_NAME = f"1 to {MAX_NAME} Latin letters, spaces, hyphens or apostrophes are needed"
# Unicode categories that nobody sees or means to type: controls, formats (zero width, direction), unassigned.
UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs"}
# Nobody on record has lived longer than 122 years: an older date is a slip of the keyboard.
OLDEST_YEARS = 130
# Wallis-et-Futuna, from UTC.
EASTERNMOST = timedelta(hours=12)


class Sex(StrEnum):
    """Sex of the civil status; INSi knows the two first only."""

    MALE = "M"
    FEMALE = "F"
    UNKNOWN = "U"


class Precision(StrEnum):
    """What is known of a date of birth."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


TEXT_LENGTH = {Precision.DAY: 10, Precision.MONTH: 7, Precision.YEAR: 4}


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
    # Label of the place as received: not a trait, never compared.
    birth_place_name: str = ""
    # `birth_date` is the last day that it can be when the day or the month is not known.
    birth_date_precision: Precision = Precision.DAY

    def __repr__(self) -> str:
        return "Traits(hidden)"

    @property
    def birth_date_text(self) -> str:
        """YYYY-MM-DD, YYYY-MM or YYYY: what is known, and nothing more."""
        return self.birth_date.isoformat()[: TEXT_LENGTH[self.birth_date_precision]]

    @property
    def earliest_birth_date(self) -> date:
        """The first day that the date of birth can be: `birth_date` unless its day or month is not known."""
        first_month = self.birth_date_precision is Precision.YEAR
        if self.birth_date_precision is Precision.DAY:
            return self.birth_date
        return self.birth_date.replace(month=1 if first_month else self.birth_date.month, day=1)

    @property
    def strict(self) -> tuple[str, tuple[str, ...], Sex, str, str]:
        """The five traits of the civil status, without the names in use and the label of the place."""
        return self.birth_name, self.birth_first_names, self.sex, self.birth_date_text, self.birth_place

    @property
    def birth_name_key(self) -> str:
        return comparison_key(self.birth_name)

    @property
    def first_name_keys(self) -> tuple[str, ...]:
        return tuple(comparison_key(name) for name in self.birth_first_names)


def parse_birth_date(text: str, field: str = "traits.birth_date") -> tuple[date, Precision]:
    """The date that YYYY-MM-DD, YYYY-MM or YYYY stands for, and its precision.

    An unknown day or month is held as the last one possible: 31 December when only the year is known, as
    consular civil status has it. Raises TraitsWrong.
    """
    try:
        year, month, day = (int(part) for part in (*text.split("-"), "0", "0")[:3])
        last = monthrange(year, month or 12)[1]
        precision = Precision.DAY if day else Precision.MONTH if month else Precision.YEAR
        # A day of month 00 has all its characters, and is no day.
        if len(text) != TEXT_LENGTH[precision] or (day and not month):
            raise ValueError
        return date(year, month or 12, day or last), precision
    except (ValueError, IllegalMonthError):
        problem = "this date does not exist: write YYYY-MM-DD, YYYY-MM or YYYY"
        raise TraitsWrong(field=field, violations=[Violation(field, problem)]) from None


def civil_form(text: str) -> str:
    """A name as INSi writes it: upper case, no diacritics nor ligatures, hyphens and apostrophes kept."""
    if text.isascii():
        # Nearly every name, a dozen times a line of a lot: nothing of what follows would change it.
        return " ".join(text.upper().split())
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
        " ".join(raw.birth_place_name.split()),
        raw.birth_date_precision,
    )
    violations = [*_name_violations(raw, traits), *_birth_violations(traits, today)]
    if violations:
        raise TraitsWrong(field="traits", violations=violations)
    return traits


def _name_violations(raw: Traits, traits: Traits) -> Iterator[Violation]:
    if not 1 <= len(traits.birth_first_names) <= MAX_FIRST_NAMES:
        yield Violation("traits.birth_first_names", f"give 1 to {MAX_FIRST_NAMES} first names")
    for (field, typed), (_, civil) in zip(_names(raw), _names(traits), strict=True):
        optional = field.startswith("used_")
        if (typed or not optional) and (problem := problem_of_name(typed, civil)):
            yield Violation(f"traits.{field}", problem)


def _names(traits: Traits) -> Iterator[tuple[str, str]]:
    yield "birth_name", traits.birth_name
    yield from ((f"birth_first_names[{n}]", name) for n, name in enumerate(traits.birth_first_names))
    yield "used_name", traits.used_name
    yield "used_first_name", traits.used_first_name


def problem_of_name(typed: str, civil: str) -> str:
    """Why a name as typed, whose civil form is `civil`, cannot be one; "" when it can. It is not quoted."""
    if is_name(civil) and not UNSEEN & set(map(unicodedata.category, typed)):
        return ""
    if UNSEEN & set(map(unicodedata.category, typed)):
        return "it holds a control or an invisible character: type it again"
    if len(civil) > MAX_NAME:
        return f"it has {len(civil)} characters, {MAX_NAME} at most"
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in civil if letter.isalpha()}
    if len(scripts) > 1:
        return f"it mixes letters of several scripts ({', '.join(sorted(scripts))}): type it again"
    if scripts - {"LATIN"}:
        return "it is not in Latin letters: write it as the French civil status or the visa transliterates it"
    return PROBLEM_OF_NAME


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
    if traits.earliest_birth_date > today:
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
