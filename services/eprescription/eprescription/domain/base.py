"""A whole medicines base in rows, ready to be copied: what the files say put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .folding import words
from .imports import (
    AtcRow,
    AvailabilityRow,
    ComponentRow,
    ConditionRow,
    FileReport,
    GenericRow,
    MedicineRow,
    PackRow,
    Row,
)


@dataclass(slots=True)
class Base:
    medicines: list[MedicineRow] = field(default_factory=list)
    packs: list[PackRow] = field(default_factory=list)
    components: list[ComponentRow] = field(default_factory=list)
    conditions: list[ConditionRow] = field(default_factory=list)
    generics: list[GenericRow] = field(default_factory=list)
    availabilities: list[AvailabilityRow] = field(default_factory=list)
    atcs: list[AtcRow] = field(default_factory=list)
    reports: list[FileReport] = field(default_factory=list)

    def add(self, rows: Iterable[Row]) -> None:
        """Each row to its table."""
        places: Mapping[type, list[Any]] = {
            MedicineRow: self.medicines,
            PackRow: self.packs,
            ComponentRow: self.components,
            ConditionRow: self.conditions,
            GenericRow: self.generics,
            AvailabilityRow: self.availabilities,
            AtcRow: self.atcs,
        }
        for row in rows:
            places[type(row)].append(row)

    def finish(self) -> None:
        """Fills what a medicine is searched by, and its rules and ATC codes, from the other tables."""
        names, rules, codes = self._names(), self._rules(), self._codes()
        self.medicines = [
            one._replace(
                atc=codes.get(one.cis, []),
                rules=rules.get(one.cis, []),
                searched=searched(one.label, names.get(one.cis, ())),
            )
            for one in self.medicines
        ]

    def _names(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for row in self.components:
            found[row.cis].append(row.name)
        return found

    def _rules(self) -> dict[str, list[str]]:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for row in self.conditions:
            found[row.cis].update(dict.fromkeys(row.rules))
        return {cis: sorted(rules) for cis, rules in found.items()}

    def _codes(self) -> dict[str, list[str]]:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for row in self.atcs:
            found[row.cis][row.code] = None
        return {cis: list(codes) for cis, codes in found.items()}


def searched(label: str, names: Sequence[str]) -> str:
    """Folded words of the label, then those of the substances that are not among them.

    Each word has a space before it: `% PARA%` finds the words that begin so, by the trigram index.
    """
    own = words(label)
    others = (word for name in names for word in words(name) if word not in own)
    return " " + " ".join((*own, "|", *dict.fromkeys(others)))
