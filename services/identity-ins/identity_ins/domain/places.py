"""Places of birth: which codes exist, and what is odd enough about traits for a person to look at.

Sources: code officiel géographique of INSEE (departments, territories and foreign countries, 2021 list of
countries). A code holds at the date of birth: communes merge and change department for ever, so a code that
is well formed is never refused, only remarked upon.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chassis.errors import InvalidInput

from .identity import Identity, Status
from .traits import Precision, Traits

UNKNOWN_PLACE = "99999"
# 20 was Corsica until 1976; 96 to 98 have other meanings below. Seine (75) kept its number.
DEPARTMENTS = frozenset(f"{n:02d}" for n in range(1, 96)) | {"2A", "2B"}
# 985 was Mayotte until 2011.
TERRITORIES = frozenset("971 972 973 974 975 976 977 978 984 985 986 987 988 989".split())
# Last three digits of the codes 99xxx, by continent: first and last of each run.
COUNTRY_RUNS = (
    (101, 142), (144, 145), (148, 148), (151, 151), (155, 157),
    (201, 262),
    (301, 352), (389, 399),
    (401, 445),
    (501, 517),
)  # fmt: skip
COUNTRIES = frozenset(f"99{n}" for first, last in COUNTRY_RUNS for n in range(first, last + 1))


class CogFileWrong(InvalidInput):
    """This is not a CSV file of the code officiel géographique: its header has no column `code`."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was accepted, and that a person should look at."""

    field: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """The codes that are known: all communes once files were given, else departments and countries only."""

    codes: frozenset[str] = frozenset()

    def knows(self, code: str) -> bool:
        """Whether a well-formed code is one of a place that exists or existed."""
        if code in self.codes or code in COUNTRIES or code == UNKNOWN_PLACE:
            return True
        if self.codes:
            return False
        return code[:2] in DEPARTMENTS or code[:3] in TERRITORIES


def read_codes(lines: Iterable[str]) -> Iterator[str]:
    """The codes of a CSV file of INSEE, whose column is named `code`, `COM` or `COG`; raises CogFileWrong."""
    rows = csv.DictReader(lines)
    column = next((name for name in rows.fieldnames or () if name.strip().lower() in CODE_COLUMNS), None)
    if column is None:
        raise CogFileWrong(hint="Give the paths of the CSV files as INSEE publishes them (SOCLE_COG_FILES).")
    return (row[column].strip() for row in rows if row[column])


CODE_COLUMNS = ("code", "com", "cog")


def remarks(identity: Identity, places: Places) -> tuple[Remark, ...]:
    """What is odd about the traits of an identity; it was accepted all the same."""
    return tuple(remarks_on(identity.traits, identity.status, places))


def remarks_on(traits: Traits, status: Status, places: Places) -> Iterator[Remark]:
    """What is odd about traits that are said to have this status."""
    place, field = traits.birth_place, "traits.birth_place"
    if place and not places.knows(place):
        yield Remark(field, "PLACE_UNKNOWN", "This code is in no list of places that this platform knows.")
    if place == UNKNOWN_PLACE and status in (Status.VALIDEE, Status.QUALIFIEE):
        yield Remark(field, "PLACE_NOT_STATED", "A checked paper states the place of birth: replace 99999.")
    if traits.birth_date_precision is not Precision.DAY:
        text = f"The civil status does not say more: held as {LAST[traits.birth_date_precision]}."
        yield Remark("traits.birth_date", "BIRTH_DATE_INCOMPLETE", text)


LAST = {
    Precision.MONTH: "the last day of the month",
    Precision.YEAR: "31 December of the year",
}
