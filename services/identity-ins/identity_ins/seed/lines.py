"""Persons read from a CSV file whose columns carry the names of the téléservice INSi."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

from chassis.errors import InvalidInput, SocleError, Violation
from identity_ins.domain import (
    Person,
    PersonId,
    Platform,
    Sex,
    Traits,
    TraitsWrong,
    check_traits,
    parse_birth_date,
    parse_ins,
)
from identity_ins.domain.namelist import split_first_names

COLUMNS = (
    "numIdentifiant", "cle", "oid", "nomNaissance", "listePrenom", "sexe", "dateNaissance", "lieuNaissance",
)  # fmt: skip
# A person takes a hundred bytes or two: what is longer is no line of such a file, and is read in pieces.
LINE_MOST = 8192
NATIONAL = {
    "ins.matricule": "numIdentifiant",
    "ins.oid": "oid",
    "traits.birth_name": "nomNaissance",
    "traits.birth_first_names": "listePrenom",
    "traits.sex": "sexe",
    "traits.birth_date": "dateNaissance",
    "traits.birth_place": "lieuNaissance",
}


class FileUnreadable(InvalidInput):
    """This is not a CSV file of persons: its first line must name the columns, with , or ; between them."""


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """A line of the file, from 2, since the first names the columns: a person, or why there is none."""

    number: int
    cells: tuple[str, ...]
    person: Person | None = None
    problem: str = ""

    def __repr__(self) -> str:
        return f"Line({self.number})"


def count_lines(path: Path) -> int:
    """The lines below the first one."""
    with path.open("rb") as file:
        return max(sum(1 for _ in _pieces(file)) - 1, 0)


def header_of(path: Path) -> tuple[str, ...]:
    """The names in the first line."""
    with path.open("rb") as file:
        return _cells(*_first(file))


def read_lines(path: Path, platform: Platform, today: date) -> Iterator[Line]:
    """Every line of the file, one at a time; raises FileUnreadable when its first line names no columns."""
    with path.open("rb") as file:
        first, separator = _first(file)
        header = _cells(first, separator)
        places = _places(header)
        for number, piece in enumerate(_pieces(file), 2):
            cells = _cells(piece.decode("utf-8", "replace"), separator)
            if cells:
                yield _line(number, cells, len(header), places, platform, today)


def _first(file: BinaryIO) -> tuple[str, str]:
    """The first line, and what stands between its cells."""
    text = file.readline(LINE_MOST).decode("utf-8", "replace").removeprefix("\ufeff")
    return text, ";" if ";" in text else ","


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(LINE_MOST), b"")


def _cells(text: str, separator: str) -> tuple[str, ...]:
    """One line at a time: a quote that is never closed spoils its own line, not the rest of the file."""
    rows = list(csv.reader([text.rstrip("\r\n")], delimiter=separator))
    return tuple(rows[0]) if rows else ()


def _places(header: tuple[str, ...]) -> Mapping[str, int]:
    found = {name.strip(): place for place, name in enumerate(header)}
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise FileUnreadable(field="file", hint=f"These columns are missing: {', '.join(missing)}.")
    return {name: found[name] for name in COLUMNS}


def _line(
    number: int,
    cells: tuple[str, ...],
    width: int,
    places: Mapping[str, int],
    platform: Platform,
    today: date,
) -> Line:
    if len(cells) != width:
        return Line(number, cells, problem=f"{len(cells)} cells stand here, {width} are needed")
    try:
        said = {name: cells[place].strip() for name, place in places.items()}
        return Line(number, cells, _person(said, platform, today))
    except SocleError as error:
        return Line(number, cells, problem=_told(error))


def _person(said: Mapping[str, str], platform: Platform, today: date) -> Person:
    """The person of a line, under a fresh id; raises the errors of traits and numbers."""
    ins = parse_ins(said["numIdentifiant"] + said["cle"], said["oid"], platform)
    return Person(PersonId.new(), check_traits(_traits(said), today), ins)


def _traits(said: Mapping[str, str]) -> Traits:
    born, precision = parse_birth_date(said["dateNaissance"])
    if said["sexe"] not in (Sex.MALE, Sex.FEMALE):
        raise _wrong("traits.sex", "INSi knows M and F only")
    if not said["lieuNaissance"]:
        raise _wrong("traits.birth_place", "a COG code is needed, 99999 when the place is not known")
    return Traits(
        said["nomNaissance"],
        split_first_names(said["listePrenom"]),
        Sex(said["sexe"]),
        born,
        said["lieuNaissance"],
        birth_date_precision=precision,
    )


def _wrong(field: str, problem: str) -> TraitsWrong:
    return TraitsWrong(field=field, violations=[Violation(field, problem)])


def _told(error: SocleError) -> str:
    """What is wrong and in which column: never what stands there."""
    named = (f"{_national(one.field)}: {one.problem}" for one in error.violations)
    return "; ".join(named) or str(error)


def _national(field: str) -> str:
    return NATIONAL.get(field.partition("[")[0], field)
