"""How many units of dose a pack holds, from the words of its label; nothing is guessed.

A wrong count would give a patient too much or too little of a narcotic: what has two readings gives None.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

# What is taken one by one, as the base writes it (`comprimé(s)`, `comprimés`), and what it is called here.
UNIT = (
    r"comprim[ée]|g[ée]lule|capsule|ovule|suppositoire|pastille|gomme|lyophilisat|dispositif"
    r"|patch(?:e)?|timbre|implant|granul[ée]|sachet-dose|sachet|cachet|pilule"
)
# What holds a dose by itself, a volume or a weight being told after it.
CONTAINER = (
    r"ampoule|flacon|seringue|stylo|cartouche|poche|r[ée]cipient|tube|pot|pilulier|bo[iî]te|bouteille"
    r"|plaquette|[ée]tui|sachet-dose|sachet|inhalateur|aerosol|a[ée]rosol|unidose|film thermosoud[ée]"
)
PLURAL = r"(?:\(s\)|\(x\)|s|x)?"
COUNT = r"(\d{1,5})"
# `de 16 comprimé(s)`, at the end or before what the pack is closed or delivered with.
HOLDS = re.compile(rf"\bde +{COUNT} +({UNIT}){PLURAL}(?![\w-])", re.IGNORECASE)
# `2 plaquettes ... de 14`: how many of them the box holds.
SEVERAL = re.compile(rf"^{COUNT} +({CONTAINER})s?{PLURAL}(?![\w-])", re.IGNORECASE)
# `1 flacon(s) en verre de 100 ml`, `10 ampoule(s) en verre de 2 ml`, `28 sachet(s)-dose(s)`.
ALONE = re.compile(rf"^{COUNT} +({CONTAINER}|{UNIT}){PLURAL}(?:-dose{PLURAL})?(?![\w-])", re.IGNORECASE)
# `suremballées par plaquette de 5`, calendars, kits: two numbers to choose from.
UNSURE = re.compile(
    r"par (?:plaquette|boîte|sachet|poche|film|suremballage)|calendrier| - |\+|\bet \d|\bou \d| avec \d"
    r"|coffret|trousse|\bkit\b|multidose|\bx ?\d",
    re.IGNORECASE,
)
# A pen or a cartridge holds many doses of insulin.
UNITARY = re.compile(r"ampoule|seringue|poche|sachet|r[ée]cipient|unidose", re.IGNORECASE)
SINGULAR = {"comprime": "comprimé", "gelule": "gélule", "granule": "granulé"}
MOST = 10_000


class Held(NamedTuple):
    """Units of dose and what one is called, singular."""

    units: Decimal | None
    unit_label: str


UNKNOWN = Held(None, "")


def held(label: str) -> Held:
    """`plaquette(s) aluminium de 16 comprimé(s)` -> 16 comprimé; `2 plaquettes de 14 gélules` -> 28 gélule.

    A bottle or a tube holds no countable dose: None. The label of the base writes `plaquette(s) de 30`
    for the whole box, and `2 plaquette(s) de 15` where it counts the blisters.
    """
    text = " ".join(label.split())
    if not text or UNSURE.search(text):
        return UNKNOWN
    inside = HOLDS.findall(text)
    if len(inside) > 1:
        return UNKNOWN
    if inside:
        return _times(text, inside[0])
    return _alone(text)


def _times(text: str, inside: tuple[str, str]) -> Held:
    many = SEVERAL.match(text)
    if many is None and text[0].isdigit():
        return UNKNOWN
    count = int(inside[0]) * (int(many[1]) if many else 1)
    return _sane(count, inside[1])


def _alone(text: str) -> Held:
    found = ALONE.match(text)
    if found is None or not (UNITARY.search(found[2]) or re.fullmatch(UNIT, found[2], re.IGNORECASE)):
        return UNKNOWN
    return _sane(int(found[1]), found[2])


def _sane(count: int, unit: str) -> Held:
    if not 0 < count <= MOST:
        return UNKNOWN
    name = unit.lower()
    return Held(Decimal(count), SINGULAR.get(name, name))
