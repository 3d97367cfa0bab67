"""How near two names are: spelling, sound, slips of the keyboard, parts of a compound."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import jellyfish

from identity_ins.domain.traits import comparison_key

from .ear import heard, words

# In short names one other letter makes another name; long ones bear two slips.
SLIPS = ((8, 2), (4, 1), (0, 0))
# Jaro-Winkler: below, slips have made another name of it.
NEAR = 0.8
FAR = 99
# Pairs kept: a few hundred first names and the commonest names make most of those that are ever compared.
PAIRS = 131_072


class Nearness(IntEnum):
    """From nothing in common to the same."""

    NONE = 0
    LOOSE = 1
    PART = 2
    TYPO = 3
    SPELT = 4
    SAME = 5


def key(name: str) -> str:
    """The comparison form: a cache, since names are compared many times each."""
    return _key(name)


_key = lru_cache(maxsize=65_536)(comparison_key)


@lru_cache(maxsize=PAIRS)
def similarity(one: str, other: str) -> float:
    """Jaro-Winkler of both comparison forms, 0 to 1."""
    return jellyfish.jaro_winkler_similarity(key(one), key(other))


@lru_cache(maxsize=PAIRS)
def nearness(one: str, other: str) -> Nearness:
    """How two names agree; symmetric."""
    if key(one) == key(other):
        return Nearness.SAME
    if _spelt(one, other):
        return Nearness.SPELT
    slips, bearable = _slips("".join(words(one)), "".join(words(other)))
    if slips <= bearable:
        return Nearness.TYPO
    if _is_part(words(one), words(other)) or _is_part(words(other), words(one)):
        return Nearness.PART
    return Nearness.LOOSE if slips == bearable + 1 else Nearness.NONE


def _spelt(one: str, other: str) -> bool:
    """The same but for what stands between letters, particles, or the spelling of what is heard."""
    if key(one).replace(" ", "") == key(other).replace(" ", ""):
        return True
    return [heard(word) for word in words(one)] == [heard(word) for word in words(other)]


def _slips(one: str, other: str) -> tuple[int, int]:
    """How many slips of the keyboard make one word of the other, and how many such words bear."""
    shorter = min(len(one), len(other))
    bearable = next(slips for length, slips in SLIPS if shorter >= length)
    if jellyfish.jaro_winkler_similarity(one, other) < NEAR:
        return FAR, bearable
    return jellyfish.damerau_levenshtein_distance(one, other), bearable


def _is_part(shorter: tuple[str, ...], longer: tuple[str, ...]) -> bool:
    """Whether each word of one stands for a word of the other: itself, or its initial beside a whole word."""
    if len(longer) < 2 or len(shorter) > len(longer):
        return False
    whole = [word for word in shorter if len(word) > 1]
    return bool(whole) and all(
        any(word == other or (len(word) == 1 and other.startswith(word)) for other in longer)
        for word in shorter
    )
