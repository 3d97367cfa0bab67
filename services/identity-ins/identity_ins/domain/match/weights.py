"""What each agreement is worth: the one table of the score, in bits, each row with its reason.

Fellegi and Sunter (1969): the weight of an observation is log2(m/u), m its share among pairs that are one
person, u among pairs that are not. The shares are estimates for French civil status, adjusted on a corrupted
set of fictitious persons (docs/adr/0011). What a field is worth depends on no other identity, so that a score
can still be explained years later.
"""

from __future__ import annotations

from enum import Enum, StrEnum, unique
from typing import NamedTuple


class Field(StrEnum):
    """What is compared, in the words of the contract."""

    BIRTH_NAME = "birth_name"
    FIRST_NAMES = "first_names"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    BIRTH_PLACE = "birth_place"
    USED_NAME = "used_name"
    INS = "ins"
    IPP = "ipp"


class Agreement(StrEnum):
    """How a field agrees, for whoever reads the explanation."""

    EXACT = "exact"
    NEAR = "near"
    DIFFERENT = "different"
    MISSING = "missing"


class Weight(NamedTuple):
    """One row of the table: how it is told, its bits, its reason."""

    agreement: Agreement
    bits: float
    reason: str


EXACT, NEAR, DIFFERENT, MISSING = Agreement


@unique
class Name(Enum):
    """How birth names agree."""

    SAME = Weight(EXACT, 8, "one name in 250, common names counted as often as they are")
    SPELT = Weight(NEAR, 7, "hyphens, apostrophes, particles, or another spelling of one sound")
    USED = Weight(NEAR, 6, "the used name in place of the birth name: the usual mistake on married women")
    TYPO = Weight(NEAR, 5.5, "one slip of the keyboard, two in a long name")
    PART = Weight(NEAR, 5, "one of the names of a compound")
    SWAPPED = Weight(NEAR, 5.4, "typed where the first name belongs, and the other way round")
    LOOSE = Weight(NEAR, 2, "one slip more than such a name bears")
    OTHER = Weight(DIFFERENT, -4, "not less: a name taken by marriage that nobody recorded looks the same")
    UNKNOWN = Weight(MISSING, 0, "neither helps nor harms")


@unique
class First(Enum):
    """How first names agree, each as a list of the civil status."""

    SAME = Weight(EXACT, 7, "one first name in 120")
    SPELT = Weight(NEAR, 6, "hyphens, or another spelling of one sound")
    FEWER = Weight(NEAR, 6, "some left out, as cards and hurried clerks do")
    TYPO = Weight(NEAR, 4.5, "one slip of the keyboard, two in a long name")
    USED = Weight(NEAR, 5, "the used first name in place of the first of the list")
    REORDERED = Weight(NEAR, 5, "the same ones, another one first")
    PART = Weight(NEAR, 4, "the usual one shortened (J-PIERRE, MARIE for MARIE-LOUISE)")
    SWAPPED = Weight(NEAR, 5.4, "typed where the birth name belongs, and the other way round")
    CLASH = Weight(NEAR, -2, "the first is shared, the others contradict each other: homonyms look so")
    LOOSE = Weight(DIFFERENT, -6, "one slip more than such a name bears: twins are named so, too")
    OTHER = Weight(DIFFERENT, -10, "twins and siblings differ by this only")
    UNKNOWN = Weight(MISSING, 0, "neither helps nor harms")


@unique
class Born(Enum):
    """How dates of birth agree."""

    SAME = Weight(EXACT, 13, "one day of a century, less what a presumed 1 January takes away")
    TURNED = Weight(NEAR, 10, "day and month in each other's place")
    MONTH = Weight(NEAR, 9, "all that one of both knows is the month")
    SLIP = Weight(NEAR, 8, "one digit wrong, or two neighbours in each other's place")
    YEAR = Weight(NEAR, 6, "all that one of both knows is the year")
    PRESUMED = Weight(NEAR, 5, "an unknown day written as 1 January or 31 December")
    CLOSE = Weight(NEAR, 3, "the day is wrong altogether")
    SLIPS = Weight(NEAR, 0, "two digits wrong, or another day of one year: as common among strangers")
    OTHER = Weight(DIFFERENT, -8, "a father and a son of one name")
    UNKNOWN = Weight(MISSING, 0, "neither helps nor harms")


@unique
class Sexes(Enum):
    """How sexes agree."""

    SAME = Weight(EXACT, 1, "half of all persons")
    OTHER = Weight(DIFFERENT, -4, "twins, and first names borne by both; a wrong click, rarely")
    UNKNOWN = Weight(MISSING, 0, "neither helps nor harms")


@unique
class Place(Enum):
    """How places of birth agree."""

    SAME = Weight(EXACT, 5, "one person in 30, large towns counted as often as they are")
    REGION = Weight(NEAR, 1.5, "same department: communes merge, Paris has one code and twenty")
    OTHER = Weight(DIFFERENT, -3, "often the place of residence: INSi itself only filters by place")
    UNKNOWN = Weight(MISSING, 0, "neither helps nor harms")


@unique
class Used(Enum):
    """How used names agree, when both are known."""

    SAME = Weight(EXACT, 2, "beside a birth name it says little more")
    OTHER = Weight(DIFFERENT, -1, "people marry, part and marry again")
    UNKNOWN = Weight(MISSING, 0, "neither helps nor harms")


@unique
class Number(Enum):
    """How numbers agree, when both are known."""

    IPP = Weight(EXACT, 10, "the structure's own number, but perhaps that of the next file on the desk")
    OTHER = Weight(DIFFERENT, -10, "a former number of one person differs from the current one: no proof")


Level = Name | First | Born | Sexes | Place | Used | Number
# Bits of five traits that are all the same: a score of 1.
FULL = sum(level.value.bits for level in (Name.SAME, First.SAME, Born.SAME, Sexes.SAME, Place.SAME))
# Least scores of the grades; what they give is measured by bench/identity_quality.py.
CERTAIN, PROBABLE, POSSIBLE = 0.98, 0.52, 0.4
# Enough to be possible where no field contradicts: one name alone, or one date alone.
UNCONTRADICTED = 0.15
