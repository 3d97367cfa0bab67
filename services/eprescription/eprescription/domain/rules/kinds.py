"""What the machine rules of a medicine's conditions mean for the law: its class, its limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from eprescription.domain import folding
from eprescription.domain.content import Line
from eprescription.domain.products import Medicine


@dataclass(frozen=True, slots=True)
class Class:
    """The class of a medicine before the law of listed substances."""

    list_1: bool = False
    list_2: bool = False
    narcotic: bool = False
    # Secure prescription without being a narcotic (`assimilé stupéfiant`).
    assimilated: bool = False
    # Written in full letters on a secure form.
    in_words: bool = False
    # Longest prescription and fraction, in days; 0: none said.
    longest: int = 0
    fraction: int = 0
    # The patient is in a pregnancy prevention programme.
    pregnancy: bool = False

    @property
    def listed(self) -> bool:
        """List I, list II, narcotics, and what is treated like them."""
        return self.list_1 or self.list_2 or self.narcotic or self.assimilated


PLAIN = Class()


def class_of(medicine: Medicine | None) -> Class:
    """Of a preparation, a device or an unknown product: nothing is known, so nothing is said."""
    return PLAIN if medicine is None else _class_of(medicine.rules)


@lru_cache(maxsize=4096)
def _class_of(rules: frozenset[str]) -> Class:
    narcotic = "narcotic" in rules
    in_words = "in_words" in rules
    return Class(
        list_1="list_1" in rules,
        list_2="list_2" in rules,
        narcotic=narcotic,
        assimilated=not narcotic and (in_words or "secure" in rules),
        in_words=in_words or narcotic,
        longest=min(numbers(rules, "max_days"), default=0),
        fraction=min(numbers(rules, "fraction_days"), default=0),
        pregnancy="pregnancy_programme" in rules,
    )


def values(rules: Iterable[str], name: str) -> list[str]:
    """What stands after `name:` in each rule of that name, sorted."""
    head = f"{name}:"
    return sorted(rule.removeprefix(head) for rule in rules if rule.startswith(head))


def numbers(rules: Iterable[str], name: str) -> list[int]:
    """`values` that are numbers above 0."""
    return [int(text) for text in values(rules, name) if text.isdecimal() and int(text) > 0]


def substances_of(line: Line, medicine: Medicine | None) -> frozenset[str]:
    """Names of the substances, of the medicine when it is known, else as they were written."""
    if medicine is not None:
        return frozenset(component.name for component in medicine.components)
    return frozenset(substance.name for substance in line.product.substances)


def among(names: Iterable[str], listed: tuple[str, ...]) -> bool:
    """Whether one of the names holds all words of an entry: `LÉVOTHYROXINE SODIQUE` is `lévothyroxine`."""
    entries = _entries(listed)
    return any(entry <= set(folding.words(name)) for name in names for entry in entries)


@lru_cache(maxsize=64)
def _entries(listed: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(folding.words(entry)) for entry in listed)
