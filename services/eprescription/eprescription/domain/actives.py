"""What acts in a medicine: the therapeutic fraction where the composition tells one, else the substance."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from .folding import fold
from .products import Component

FRACTION = "FT"
STRENGTH = re.compile(
    r"([0-9][0-9 ]*(?:[.,][0-9]+)?) *(MICROGRAMME|UG|MCG|MG|G|KG|ML|UI|U\.I\.|%)(?![A-Z])(.*)"
)
# A folded micro sign is the Greek letter in capital.
MICRO = "\u039cG"
IN_MICROGRAMS = {"MICROGRAMME": 1, "UG": 1, "MCG": 1, "MG": 1000, "G": 1_000_000, "KG": 1_000_000_000}


def linked(components: Iterable[Component]) -> list[list[Component]]:
    """Components that are one substance said twice (salt and fraction share a link), fraction first."""
    groups: dict[object, list[Component]] = {}
    for rank, one in enumerate(components):
        groups.setdefault(one.link or f"alone {rank}", []).append(one)
    return [sorted(group, key=lambda one: one.nature != FRACTION) for group in groups.values()]


def actives(components: Iterable[Component]) -> tuple[Component, ...]:
    """One component a substance."""
    found: dict[str, Component] = {}
    for group in linked(components):
        for one in group:
            if one.nature == group[0].nature:
                found.setdefault(one.code, one)
    return tuple(found.values())


def strength_of(text: str) -> str:
    """A strength that compares equal however it is written: `1 g`, `1,00 g` and `1000 mg` are one."""
    folded = fold(text).replace("MICROGRAMMES", "MICROGRAMME").replace(MICRO, "UG")
    found = STRENGTH.fullmatch(folded)
    if found is None:
        return folded
    amount = Decimal(found[1].replace(" ", "").replace(",", "."))
    unit = found[2].replace(".", "")
    factor = IN_MICROGRAMS.get(unit)
    value = f"{(amount * (factor or 1)).normalize():f}"
    return f"{value} {'MICROGRAMME' if factor else unit}{found[3].rstrip()}"
