"""What goes together with what: pairs of substances or classes, at four levels (thesaurus of the ANSM).

A substance answers to its own name and to those of its classes. A pair says nothing of an order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from .actives import linked
from .findings import Finding, Severity
from .folding import fold, name_of
from .products import Component

# A class that is a combination: both must be in the product.
PLUS = " + "
SALT_OF = re.compile(r"(?: DE | D')")


class Level(IntEnum):
    """The stronger, the higher."""

    CONSIDER = 1
    PRECAUTION = 2
    DISCOURAGED = 3
    CONTRAINDICATED = 4


WORDS: Mapping[Level, str] = {
    Level.CONSIDER: "À prendre en compte",
    Level.PRECAUTION: "Précaution d'emploi",
    Level.DISCOURAGED: "Association déconseillée",
    Level.CONTRAINDICATED: "Contre-indication",
}
LEVELS: Mapping[str, Level] = {
    **{fold(words): level for level, words in WORDS.items()},
    "IL CONVIENT DE PRENDRE EN COMPTE": Level.CONSIDER,
}
# A contraindication is a warning too: the professional decides, and the decision is written down.
SEVERITIES: Mapping[Level, Severity] = {
    Level.CONSIDER: Severity.INFORMATION,
    Level.PRECAUTION: Severity.INFORMATION,
    Level.DISCOURAGED: Severity.WARNING,
    Level.CONTRAINDICATED: Severity.WARNING,
}


class InteractionRow(NamedTuple):
    """A level of a pair; several ranks where it depends on dose, route or indication."""

    pair: str
    rank: int
    one: str
    other: str
    level: int
    advice: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class Interaction:
    """A pair of the thesaurus at one level."""

    one: str
    other: str
    level: Level
    advice: str
    mechanism: str
    # Weaker or equal levels of the same pair, in words with their condition.
    otherwise: tuple[str, ...] = ()


def pair_of(one: str, other: str) -> str:
    return "+".join(sorted((one, other)))


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """The pairs by their two names in order, and the classes of each substance."""

    pairs: Mapping[tuple[str, str], Interaction] = field(default_factory=dict)
    classes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    # Combinations that have a name of their own, with their substances.
    together: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, rows: Iterable[InteractionRow], classes: Iterable[tuple[str, str]]) -> Thesaurus:
        levels: dict[tuple[str, str], list[InteractionRow]] = {}
        for row in rows:
            levels.setdefault((min(row.one, row.other), max(row.one, row.other)), []).append(row)
        belongs: dict[str, set[str]] = {}
        for substance, class_ in classes:
            belongs.setdefault(substance, set()).add(class_)
        known = frozenset((*belongs, *(name for names in levels for name in names)))
        return cls(
            {names: _strongest(found) for names, found in levels.items()},
            {substance: frozenset(found) for substance, found in belongs.items()},
            known,
            tuple((name, tuple(name.split(PLUS))) for name in sorted(known) if PLUS in name),
        )

    def names_of(self, components: Iterable[Component]) -> frozenset[str]:
        """Under which names the substances of a product stand here: the fraction before the salt, the whole
        name before the one without its salt."""
        found = {name for group in linked(components) if (name := self._name_of(group))}
        return frozenset(found).union(name for name, parts in self.together if found.issuperset(parts))

    def _name_of(self, group: Iterable[Component]) -> str:
        folded = [name_of(one.name) for one in group]
        tries = (*folded, *(part for name in folded for part in (*_starts(name), *_ends(name))))
        return next((name for name in tries if name in self.names), "")

    def keys(self, names: Iterable[str]) -> frozenset[str]:
        """These names and those of their classes."""
        own = set(names)
        return frozenset(own.union(*(self.classes.get(name, frozenset()) for name in own)))

    def between(self, mine: Iterable[str], theirs: frozenset[str]) -> Interaction | None:
        """The strongest interaction of two products by their keys."""
        found = [
            hit
            for one in mine
            for other in theirs
            if (hit := self.pairs.get((min(one, other), max(one, other)))) is not None
        ]
        return min(found, key=lambda hit: (-hit.level, hit.one, hit.other), default=None)


def _strongest(rows: list[InteractionRow]) -> Interaction:
    first, *others = sorted(rows, key=lambda row: (-row.level, row.rank))
    return Interaction(
        first.one,
        first.other,
        Level(first.level),
        first.advice,
        first.mechanism,
        tuple(f"{WORDS[Level(row.level)]} {row.advice}".strip() for row in others),
    )


def _starts(name: str) -> Iterator[str]:
    """`MORPHINE (SULFATE DE)` -> `MORPHINE (SULFATE`, `MORPHINE`: longest first."""
    words = name.split(" ")
    for count in range(len(words) - 1, 0, -1):
        yield " ".join(words[:count])


def _ends(name: str) -> Iterator[str]:
    """`TARTRATE DE ZOLPIDEM` -> `ZOLPIDEM`: the salt before the substance."""
    for found in SALT_OF.finditer(name):
        yield name[found.end() :]


def sentence(hit: Interaction, mine: str, theirs: str) -> str:
    """The whole reason in French, so that nobody has to look it up elsewhere."""
    couple = f"{hit.one.capitalize()} et {hit.other.lower()}"
    parts = [f"{WORDS[hit.level]} : {mine} avec {theirs}.", f"{couple} : {hit.mechanism or 'voir conseil.'}"]
    if hit.advice:
        parts.append(f"Conduite à tenir : {hit.advice}")
    if hit.otherwise:
        parts.append(f"Selon la dose, la voie ou l'indication : {' / '.join(hit.otherwise)}")
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts)


def finding(hit: Interaction, line_id: str, mine: str, theirs: str, about: str) -> Finding:
    """I1; `about` tells the other product, so that a decision about one is none about another."""
    return Finding(
        rule="I1",
        severity=SEVERITIES[hit.level],
        sentence=sentence(hit, mine, theirs),
        hint=hit.advice or "Évaluer le bénéfice et le risque de cette association.",
        article="Thesaurus des interactions médicamenteuses (ANSM)",
        line_id=line_id,
        about=about,
    )
