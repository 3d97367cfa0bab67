"""A thesaurus of interactions read: entries of pairs with their levels, and the classes of substances.

Two JSON files (the layout that the ANSM thesaurus has in machine form): a list of
`{main_drug, plus_drug, severity_levels: [{level, info}], interaction_mechanism}`, and an index
`[{substance, drug_classes}]`. Names are compared folded, so that the base and the thesaurus meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .folding import fold, name_of
from .imports import FileReport, LineRejected
from .interactions import LEVELS, InteractionRow, pair_of

# A drug of the index may be a class itself; a pair of more levels than this is not a pair.
LEVELS_MOST = 20


def read_pairs(entries: object, report: FileReport) -> list[InteractionRow]:
    """The rows of all entries, equal ones once: the thesaurus prints a pair under both of its names."""
    rows: dict[tuple[str, int, str, str], InteractionRow] = {}
    ranks: dict[str, int] = {}
    for number, entry in enumerate(_listed(entries), 1):
        try:
            for row in _levels(entry):
                key = (row.pair, row.level, row.advice, row.mechanism)
                if key not in rows:
                    ranks[row.pair] = ranks.get(row.pair, 0) + 1
                    rows[key] = row._replace(rank=ranks[row.pair])
        except LineRejected as reason:
            report.reject(number, str(reason))
            continue
        report.taken += 1
    return list(rows.values())


def _levels(entry: Mapping[str, Any]) -> Iterable[InteractionRow]:
    one, other = (_text(entry, name) for name in ("main_drug", "plus_drug"))
    if not one or not other:
        raise LineRejected("A pair has two names.")
    levels = entry.get("severity_levels")
    if not isinstance(levels, list) or not 0 < len(levels) <= LEVELS_MOST:
        raise LineRejected("A pair has a level at least.")
    mechanism = " ".join(str(entry.get("interaction_mechanism") or "").split())
    for level in levels:
        given = fold(str(level.get("level") or "")) if isinstance(level, dict) else ""
        if given not in LEVELS:
            raise LineRejected("This level is none of the four.")
        advice = " ".join(str(level.get("info") or "").split())
        yield row_of(one, other, LEVELS[given], advice, mechanism)


def row_of(one: str, other: str, level: int, advice: str, mechanism: str) -> InteractionRow:
    """A row of two folded names; the rank is given by whoever knows the others of the pair."""
    return InteractionRow(pair_of(one, other), 1, one, other, level, advice, mechanism)


def read_classes(entries: object, report: FileReport) -> list[tuple[str, str]]:
    """Substance and class, both folded; a substance without a class is known by its pairs."""
    found: dict[tuple[str, str], None] = {}
    for number, entry in enumerate(_listed(entries), 1):
        substance = _text(entry, "substance")
        classes = entry.get("drug_classes")
        if not substance or not isinstance(classes, list):
            report.reject(number, "A substance has a name and a list of classes.")
            continue
        report.taken += 1
        found.update({(substance, name_of(str(one))): None for one in classes if str(one).strip()})
    return list(found)


def _listed(entries: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(entries, list):
        raise LineRejected("The file is not a list.")
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _text(entry: Mapping[str, Any], name: str) -> str:
    return name_of(str(entry.get(name) or ""))
