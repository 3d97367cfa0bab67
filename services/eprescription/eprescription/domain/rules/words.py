"""Numbers in full letters, as R.5132-29 wants them for narcotics."""

from __future__ import annotations

import re
from decimal import Decimal

from eprescription.domain import folding

UNITS = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf"
).split()
TENS = (
    "",
    "",
    "vingt",
    "trente",
    "quarante",
    "cinquante",
    "soixante",
    "soixante",
    "quatre-vingt",
    "quatre-vingt",
)
DIGIT = re.compile(r"[0-9]")
# A length may stay in figures: the article speaks of units, doses and strengths.
LENGTH = re.compile(r"[0-9]+ *(?:jours?|semaines?|mois|heures?|h|j)\b", re.IGNORECASE)
# Words say the same with or without these: `vingt-et-un`, `vingt et un`, `vingt et une`.
LOOSE = {"UNE": "UN", "VINGTS": "VINGT", "CENTS": "CENT"}


def spelt(number: int) -> str:
    """28 -> vingt-huit, 71 -> soixante-et-onze; from 0 to 999 999."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        head = "mille" if thousands == 1 else f"{spelt(thousands)} mille"
        return head if rest == 0 else f"{head} {spelt(rest)}"
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        head = "cent" if hundreds == 1 else f"{UNITS[hundreds]} cent"
        return head if rest == 0 else f"{head} {spelt(rest)}"
    return _below_hundred(number)


def _below_hundred(number: int) -> str:
    if number < 20:
        return UNITS[number]
    tens, unit = divmod(number, 10)
    if tens in {7, 9}:
        unit += 10
    if unit == 0:
        return TENS[tens]
    link = "-et-" if unit in {1, 11} and tens < 8 else "-"
    return f"{TENS[tens]}{link}{UNITS[unit]}"


def says(text: str, value: Decimal) -> bool:
    """Whether a text begins with this number in letters, without a figure in it.

    Of a number that is not whole only its whole part is looked for: `deux et demi`, `deux virgule cinq`.
    """
    if DIGIT.search(text) or value >= 1_000_000:
        return False
    wanted = _loose(spelt(int(value)))
    found = _loose(text)[: len(wanted)]
    if found != wanted:
        return False
    after = _loose(text)[len(wanted) :]
    return value != int(value) or not after or not _is_number(after[0])


def _loose(text: str) -> list[str]:
    words = folding.fold(text.replace("-", " ")).split()
    return [LOOSE.get(word, word) for word in words if word != "ET"]


NUMBERS = frozenset(
    folding.fold(word) for word in (*UNITS, *TENS, "cent", "mille") if word and "-" not in word
)


def _is_number(word: str) -> bool:
    return word in NUMBERS


def has_figures(text: str) -> bool:
    """Whether doses are written in figures; a length in figures is none."""
    return DIGIT.search(LENGTH.sub("", text)) is not None
