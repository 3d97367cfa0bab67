"""Two descriptions side by side: how each field agrees, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import product

import jellyfish

from identity_ins.domain.traits import Sex

from .description import Description
from .names import Nearness, key, nearness, similarity
from .weights import Born, Field, First, Level, Name, Place, Sexes, Used

NAME = {
    Nearness.SAME: Name.SAME,
    Nearness.SPELT: Name.SPELT,
    Nearness.TYPO: Name.TYPO,
    Nearness.PART: Name.PART,
    Nearness.LOOSE: Name.LOOSE,
}
FIRST = {Nearness.SPELT: First.SPELT, Nearness.TYPO: First.TYPO, Nearness.PART: First.PART}
# Not known, and born somewhere abroad: says nothing of the place.
NOWHERE = frozenset({"", "99999"})
# What civil status and software write when a day and a month are not known.
PRESUMED_DAYS = frozenset({(1, 1), (12, 31)})
DIGITS = 8
Seen = tuple[Field, Level, float]


def observe(one: Description, other: Description) -> list[Seen]:
    """Each field of two descriptions: how it agrees, and its similarity (0 to 1); symmetric."""
    names = [_name(one, other), _first_names(one, other)]
    crossed = _crossed(one, other)
    if crossed and bits_of(crossed) > bits_of(names):
        names = crossed
    return [*names, _born(one, other), _sex(one, other), _place(one, other), _used(one, other)]


def bits_of(seen: Sequence[Seen]) -> float:
    """What the observations are worth together."""
    return float(sum(level.value.bits for _, level, _ in seen))


def _best(some: Sequence[str], others: Sequence[str]) -> tuple[Nearness, float]:
    """The nearest pair of both lists; nothing in common when one is empty."""
    pairs = [(nearness(one, other), similarity(one, other)) for one, other in product(some, others)]
    return max(pairs, default=(Nearness.NONE, 0.0))


def _crossed(one: Description, other: Description) -> list[Seen]:
    """Birth name and first name in each other's place on one side; empty when they are not."""
    there, back = _best(one.names, other.firsts), _best(other.names, one.firsts)
    (worse, similar), (better, _) = sorted((there, back))
    if better < Nearness.TYPO or worse < Nearness.LOOSE:
        return []
    return [(Field.BIRTH_NAME, Name.SWAPPED, similar), (Field.FIRST_NAMES, First.SWAPPED, similar)]


def _name(one: Description, other: Description) -> Seen:
    if one.birth_name and other.birth_name:
        near, similar = (
            nearness(one.birth_name, other.birth_name),
            similarity(one.birth_name, other.birth_name),
        )
        if near is not Nearness.NONE:
            return Field.BIRTH_NAME, NAME[near], similar
    else:
        similar = 0.0
    used = max(_as_used(one, other), _as_used(other, one))
    if used[0] >= Nearness.TYPO:
        return Field.BIRTH_NAME, Name.USED, used[1]
    known = one.birth_name and other.birth_name
    return Field.BIRTH_NAME, Name.OTHER if known else Name.UNKNOWN, similar


def _as_used(one: Description, other: Description) -> tuple[Nearness, float]:
    return _best([one.used_name] if one.used_name else [], [other.birth_name] if other.birth_name else [])


def _first_names(one: Description, other: Description) -> Seen:
    if not (one.firsts and other.firsts):
        return Field.FIRST_NAMES, First.UNKNOWN, 0.0
    called, similar = _best(one.firsts, other.firsts)
    level = _listed(one.first_names, other.first_names)
    if level in (First.LOOSE, First.OTHER) and called >= Nearness.TYPO:
        level = First.USED
    return Field.FIRST_NAMES, level, 1.0 if level is First.SAME else similar


def _listed(some: Sequence[str], others: Sequence[str]) -> First:
    """How two lists of the civil status agree; OTHER when one is empty."""
    if not (some and others):
        return First.OTHER
    if list(map(key, some)) == list(map(key, others)):
        return First.SAME
    if _run_together(some) == _run_together(others):
        return First.SPELT
    return _mated(nearness(some[0], others[0]), min(_mates(some, others), _mates(others, some)))


def _mated(head: Nearness, mates: Nearness) -> First:
    """`head`: how the usual ones agree; `mates`: how far each of the shorter list is found in the other."""
    if mates is Nearness.SAME:
        return First.FEWER if head is Nearness.SAME else First.REORDERED
    if mates >= Nearness.TYPO or mates is head is Nearness.PART:
        return FIRST[mates]
    if head >= Nearness.TYPO:
        return First.CLASH
    return First.LOOSE if mates is head is Nearness.LOOSE else First.OTHER


def _mates(some: Sequence[str], others: Sequence[str]) -> Nearness:
    """How far the worst of `some` is found among `others`; nothing is asked of the longer list."""
    if len(some) > len(others):
        return Nearness.SAME
    return min(max(nearness(name, mate) for mate in others) for name in some)


def _run_together(names: Sequence[str]) -> str:
    return "".join(map(key, names)).replace(" ", "")


def _born(one: Description, other: Description) -> Seen:
    if not (one.birth_date and other.birth_date):
        return Field.BIRTH_DATE, Born.UNKNOWN, 0.0
    texts = sorted((one.date_text, other.date_text), key=len)
    digits, more = (text.replace("-", "") for text in texts)
    apart = jellyfish.damerau_levenshtein_distance(digits, more[: len(digits)])
    similar = 1 - min(apart, DIGITS) / DIGITS
    return Field.BIRTH_DATE, _date_level(one, other, digits, more, apart), similar


def _date_level(one: Description, other: Description, digits: str, more: str, apart: int) -> Born:
    if apart == 0:
        return {len("YYYYMMDD"): Born.SAME, len("YYYYMM"): Born.MONTH}.get(len(digits), Born.YEAR)
    if len(digits) < DIGITS:
        return Born.OTHER
    if digits == more[:4] + more[6:] + more[4:6]:
        return Born.TURNED
    if apart > 1 and digits[:4] == more[:4]:
        return _same_year(one, other, digits, more)
    return {1: Born.SLIP, 2: Born.SLIPS}.get(apart, Born.OTHER)


def _same_year(one: Description, other: Description, digits: str, more: str) -> Born:
    if _presumed(one.birth_date) or _presumed(other.birth_date):
        return Born.PRESUMED
    return Born.CLOSE if digits[:6] == more[:6] else Born.SLIPS


def _presumed(day: date | None) -> bool:
    return day is not None and (day.month, day.day) in PRESUMED_DAYS


def _sex(one: Description, other: Description) -> Seen:
    if Sex.UNKNOWN in (one.sex, other.sex):
        return Field.SEX, Sexes.UNKNOWN, 0.0
    return (Field.SEX, Sexes.SAME, 1.0) if one.sex is other.sex else (Field.SEX, Sexes.OTHER, 0.0)


def _place(one: Description, other: Description) -> Seen:
    here, there = one.birth_place, other.birth_place
    if here in NOWHERE or there in NOWHERE:
        return Field.BIRTH_PLACE, Place.UNKNOWN, 0.0
    if here == there:
        return Field.BIRTH_PLACE, Place.SAME, 1.0
    if here[:2] == there[:2] != "99":
        return Field.BIRTH_PLACE, Place.REGION, 0.5
    return Field.BIRTH_PLACE, Place.OTHER, 0.0


def _used(one: Description, other: Description) -> Seen:
    if not (one.used_name and other.used_name):
        return Field.USED_NAME, Used.UNKNOWN, 0.0
    near, similar = nearness(one.used_name, other.used_name), similarity(one.used_name, other.used_name)
    return Field.USED_NAME, Used.SAME if near >= Nearness.TYPO else Used.OTHER, similar
