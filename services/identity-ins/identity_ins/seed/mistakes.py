"""The mistakes of an admission desk, one function each: traits and draws in, the traits as typed out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from identity_ins.domain import Sex, Traits

from .generate import PLACES, mix
from .names import BIRTH_NAMES

T = TypeVar("T")
SALT = 29
# Neighbours on an AZERTY keyboard.
KEYBOARD = ("AZERTYUIOP", "QSDFGHJKLM", "WXCVBN")
# What is said alike and written in several ways, both ways round.
SPELLINGS = (
    ("PH", "F"), ("F", "PH"), ("AN", "EN"), ("EN", "AN"), ("Y", "I"), ("I", "Y"), ("SS", "S"), ("S", "SS"),
    ("QU", "K"), ("C", "K"), ("K", "C"), ("AU", "O"), ("O", "AU"), ("EAU", "AUX"), ("TT", "T"), ("T", "TT"),
    ("NN", "N"), ("N", "NN"), ("LL", "L"), ("L", "LL"), ("TH", "T"), ("RD", "R"), ("X", "Z"), ("Z", "S"),
    ("AI", "E"), ("EI", "AI"), ("GU", "G"), ("OU", "W"), ("CH", "SH"), ("IN", "AIN"), ("EZ", "ES"),
    ("D", "T"), ("M", "MM"),
)  # fmt: skip


class Draw:
    """Draws that depend on a seed and a number only."""

    def __init__(self, seed: int, number: int) -> None:
        self._state, self._turn = mix(number, SALT + 2 * seed), 0

    def below(self, end: int) -> int:
        """0 to `end` - 1."""
        self._turn += 1
        return mix(self._state, self._turn) % end

    def pick(self, some: Sequence[T]) -> T:
        """One of them."""
        return some[self.below(len(some))]

    def weighted(self, shares: dict[T, int]) -> T:
        """One of them, as often as its share."""
        left = self.below(sum(shares.values()))
        for choice, share in shares.items():
            left -= share
            if left < 0:
                return choice
        raise ValueError("the shares are not positive")


class Mistake(StrEnum):
    """What a copy differs by."""

    TYPO = "typo"
    TRANSPOSITION = "transposition"
    SPELLING = "phonetic spelling"
    SWAPPED = "swapped names"
    MARRIED = "married name as birth name"
    FEWER = "missing first names"
    REORDERED = "reordered first names"
    HYPHEN = "lost hyphen or apostrophe"
    ABBREVIATED = "abbreviated compound name"
    DAY_MONTH = "day and month swapped"
    YEAR = "wrong year digit"
    DAY = "wrong day"
    SEX = "wrong sex"
    PLACE = "wrong place"
    NO_PLACE = "no place"


# In a hundred mistakes.
SHARES = {
    Mistake.TYPO: 16,
    Mistake.TRANSPOSITION: 5,
    Mistake.SPELLING: 12,
    Mistake.SWAPPED: 4,
    Mistake.MARRIED: 10,
    Mistake.FEWER: 18,
    Mistake.REORDERED: 3,
    Mistake.HYPHEN: 6,
    Mistake.ABBREVIATED: 5,
    Mistake.DAY_MONTH: 4,
    Mistake.YEAR: 4,
    Mistake.DAY: 3,
    Mistake.SEX: 2,
    Mistake.PLACE: 3,
    Mistake.NO_PLACE: 5,
}


def corrupt(traits: Traits, mistakes: int, draw: Draw) -> tuple[Traits, tuple[Mistake, ...]]:
    """A copy with so many mistakes of different kinds, and which; one that cannot be made is drawn again."""
    made: list[Mistake] = []
    while len(made) < mistakes:
        mistake = draw.weighted(SHARES)
        after = traits if mistake in made else CORRUPTIONS[mistake](traits, draw)
        if after != traits:
            traits = after
            made.append(mistake)
    return traits, tuple(made)


def _in_a_name(change: Callable[[str, Draw], str]) -> Callable[[Traits, Draw], Traits]:
    """A mistake in the birth name, or in the first of the first names."""

    def made(traits: Traits, draw: Draw) -> Traits:
        if draw.below(5) < 3:
            return replace(traits, birth_name=change(traits.birth_name, draw))
        first, *rest = traits.birth_first_names
        return replace(traits, birth_first_names=(change(first, draw), *rest))

    return made


def _typo(name: str, draw: Draw) -> str:
    """One key wrong, doubled, left out or hit besides another."""
    at = draw.below(len(name))
    row = next((row for row in KEYBOARD if name[at] in row), "")
    if not row or len(name) < 3:
        return name
    beside = row[max(0, row.index(name[at]) - 1) : row.index(name[at]) + 2].replace(name[at], "")
    return draw.pick(
        (
            name[:at] + draw.pick(beside) + name[at + 1 :],
            name[:at] + draw.pick(beside) + name[at:],
            name[:at] + name[at] + name[at:],
            name[:at] + name[at + 1 :],
        )
    )


def _transposed(name: str, draw: Draw) -> str:
    at = draw.below(max(1, len(name) - 1))
    pair = name[at : at + 2]
    return name[:at] + pair[::-1] + name[at + 2 :] if pair.isalpha() else name


def _spelt(name: str, draw: Draw) -> str:
    fitting = [pair for pair in SPELLINGS if pair[0] in name]
    return name.replace(*draw.pick(fitting), 1) if fitting else name


def _swapped(traits: Traits, draw: Draw) -> Traits:
    first, *rest = traits.birth_first_names
    return replace(traits, birth_name=first, birth_first_names=(traits.birth_name, *rest))


def _married(traits: Traits, draw: Draw) -> Traits:
    """Her used name where her birth name belongs; one in three times nobody had recorded it before."""
    if draw.below(3) == 0:
        return replace(traits, birth_name=draw.pick(BIRTH_NAMES), used_name="")
    return replace(traits, birth_name=traits.used_name or traits.birth_name, used_name="")


def _fewer(traits: Traits, draw: Draw) -> Traits:
    kept = 1 + draw.below(max(1, len(traits.birth_first_names) - 1))
    return replace(traits, birth_first_names=traits.birth_first_names[:kept])


def _reordered(traits: Traits, draw: Draw) -> Traits:
    first, *rest = traits.birth_first_names
    return replace(traits, birth_first_names=(*rest, first))


def _bare(name: str, draw: Draw) -> str:
    """Hyphens and apostrophes lost, with a space in their place or none."""
    between = draw.pick(("", " "))
    return name.replace("-", between).replace("'", between)


def _abbreviated(name: str, draw: Draw) -> str:
    """One of the names of a compound, or the initial of its first."""
    parts = name.replace(" ", "-").split("-")
    if len(parts) < 2:
        return name
    return draw.pick((parts[0], parts[-1], f"{parts[0][0]}-{parts[-1]}"))


def _day_month(traits: Traits, draw: Draw) -> Traits:
    born = traits.birth_date
    return (
        replace(traits, birth_date=born.replace(month=born.day, day=born.month)) if born.day < 13 else traits
    )


def _year(traits: Traits, draw: Draw) -> Traits:
    """One of the last two digits of the year wrong; never a year to come."""
    text = f"{traits.birth_date.year:04d}"
    at = 2 + draw.below(2)
    year = int(text[:at] + str(draw.below(10)) + text[at + 1 :])
    leap = (traits.birth_date.month, traits.birth_date.day) == (2, 29)
    return traits if year > 2024 or leap else replace(traits, birth_date=traits.birth_date.replace(year=year))


def _day(traits: Traits, draw: Draw) -> Traits:
    return replace(traits, birth_date=traits.birth_date.replace(day=1 + draw.below(28)))


def _sex(traits: Traits, draw: Draw) -> Traits:
    return replace(traits, sex=Sex.FEMALE if traits.sex is Sex.MALE else Sex.MALE)


def _place(traits: Traits, draw: Draw) -> Traits:
    return replace(traits, birth_place=draw.pick(PLACES))


def _no_place(traits: Traits, draw: Draw) -> Traits:
    return replace(traits, birth_place="")


CORRUPTIONS: dict[Mistake, Callable[[Traits, Draw], Traits]] = {
    Mistake.TYPO: _in_a_name(_typo),
    Mistake.TRANSPOSITION: _in_a_name(_transposed),
    Mistake.SPELLING: _in_a_name(_spelt),
    Mistake.SWAPPED: _swapped,
    Mistake.MARRIED: _married,
    Mistake.FEWER: _fewer,
    Mistake.REORDERED: _reordered,
    Mistake.HYPHEN: _in_a_name(_bare),
    Mistake.ABBREVIATED: _in_a_name(_abbreviated),
    Mistake.DAY_MONTH: _day_month,
    Mistake.YEAR: _year,
    Mistake.DAY: _day,
    Mistake.SEX: _sex,
    Mistake.PLACE: _place,
    Mistake.NO_PLACE: _no_place,
}
