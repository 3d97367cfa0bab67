"""What somebody typed to find a medicine: a number, or words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from chassis.errors import InvalidInput

from .codes import fault_of_cip13, fault_of_cis
from .folding import words

SHORTEST, LONGEST = 3, 100
WORDS_MOST = 12
CIP13_LENGTH = 13
USUAL, MOST = 20, 100
LIKE = re.compile(r"([%_\\])")


class SearchTextWrong(InvalidInput):
    """Nothing can be searched with this text."""

    where = "text"
    remedy = "Give three letters at least of a name or a substance, a CIS (8 digits) or a CIP13 (13 digits)."


@dataclass(frozen=True, slots=True)
class Query:
    """One of the three."""

    cis: str = ""
    cip13: str = ""
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def patterns(self) -> list[str]:
        """A LIKE pattern for each word, the longest first: it is the one that the index cuts best."""
        escaped = (LIKE.sub(r"\\\1", word) for word in sorted(self.words, key=len, reverse=True))
        return [f"% {word}%" for word in escaped]

    @property
    def beginning(self) -> str:
        """The LIKE pattern of a name that begins with the whole text."""
        return " " + LIKE.sub(r"\\\1", self.text) + "%"


# Of `difflib`: one slip in a word of four letters is still alike.
ALIKE = 0.7
SHORT = 4


@dataclass(frozen=True, slots=True)
class Correction:
    """What was probably meant."""

    words: tuple[str, ...]
    # Between 0 and 1: of the word that was changed most.
    likeness: float


def correct(given: tuple[str, ...], near: Mapping[str, Mapping[str, int]]) -> Correction | None:
    """The nearest known word for each; `near`: words that look alike, and in how many medicines they stand.

    A word that is known, or begins one that is, is kept. None when nothing is near, or nothing was to be
    changed.
    """
    chosen = [_nearest(word, near.get(word, {})) for word in given]
    found = [one for one in chosen if one is not None]
    if len(found) < len(given) or tuple(word for word, _ in found) == given:
        return None
    return Correction(tuple(word for word, _ in found), min(likeness for _, likeness in found))


def _nearest(word: str, near: Mapping[str, int]) -> tuple[str, float] | None:
    # Numbers and the shortest words are not among the known ones: they are taken as they stand.
    short = len(word) < SHORT or not re.search(r"[A-Z]{3}", word)
    if short or any(one.startswith(word) for one in near):
        return word, 1.0
    ranked = [(SequenceMatcher(None, word, one).ratio(), uses, one) for one, uses in near.items()]
    likeness, _, best = max(ranked, default=(0.0, 0, ""))
    return (best, likeness) if likeness >= ALIKE else None


def query(text: str) -> Query:
    """Raises SearchTextWrong: too short, too long, or a number that is no CIS and no CIP13."""
    if len(text) > LONGEST:
        raise SearchTextWrong(f"The text is longer than {LONGEST} characters.")
    digits = re.sub(r"\s", "", text)
    if digits.isascii() and digits.isdigit():
        return _number(digits)
    found = words(text)[:WORDS_MOST]
    if not any(len(word) >= SHORTEST and re.search("[A-Z]", word) for word in found):
        raise SearchTextWrong("The text holds too few letters.")
    return Query(words=found)


def _number(digits: str) -> Query:
    long = len(digits) >= CIP13_LENGTH
    fault = fault_of_cip13(digits) if long else fault_of_cis(digits)
    if fault:
        raise SearchTextWrong(fault)
    return Query(cip13=digits) if long else Query(cis=digits)
