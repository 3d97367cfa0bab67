"""The matrix of habilitation: which profession reads which type of document, version after version.

Source: arrêté of 26 October 2023 (19 professions or disciplines, 87 types), default rule unless the holder
decides otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# In place of a type: the default of a profession.
ANY_TYPE = "*"
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    # TRE_G15: 10 doctor, 21 pharmacist, 60 nurse...
    profession: str
    # JDV_J07, or ANY_TYPE.
    type_code: str
    allowed: bool
    version: int
    # `published`, `seed` (our reading until the annex is loaded), or the name given at loading.
    source: str

    @property
    def place(self) -> Place:
        return (self.profession, self.type_code)


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that a loading changes; None: it was, or will be, decided by the default of the profession."""

    place: Place
    before: bool | None
    after: bool


def successor(in_force: Sequence[Cell], given: Sequence[Cell]) -> list[Cell]:
    """The cells of the next version, from a file that is whole for each profession it names.

    A cell of such a profession that the file leaves out follows the file's default for the profession, so
    that no cell of an older source lives on unseen. Other professions are left as they are.
    """
    if not given:
        return []
    version, source = given[0].version, given[0].source
    defaults = {profession: False for profession, _ in (cell.place for cell in given)}
    defaults |= {cell.profession: cell.allowed for cell in given if cell.type_code == ANY_TYPE}
    named = {cell.place for cell in given}
    left = [
        Cell(cell.profession, cell.type_code, defaults[cell.profession], version, source)
        for cell in in_force
        if cell.profession in defaults and cell.place not in named
    ]
    return sorted([*given, *left], key=lambda cell: cell.place)


def differences(in_force: Iterable[Cell], after: Iterable[Cell]) -> list[Difference]:
    """The cells whose answer is not what it was, or that are decided for the first time."""
    before = {cell.place: cell.allowed for cell in in_force}
    return [
        Difference(cell.place, before.get(cell.place), cell.allowed)
        for cell in after
        if before.get(cell.place) is not cell.allowed
    ]
