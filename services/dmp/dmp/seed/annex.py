"""The annex of the arrêté as a CSV file: a cell a line, or a line a type with a column a profession."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dmp.domain.habilitation import ANY_TYPE, Cell, Place
from dmp.domain.terminology import NOT_YET_IN_X04, X04

LONG = ("profession", "type_code", "allowed")
TYPE_COLUMN = "type_code"
WORDS = {"true": True, "oui": True, "1": True, "false": False, "non": False, "0": False}
# TRE_G15 has two digits; the functions of coordination three.
PROFESSION = re.compile(r"[0-9]{2,3}")
# Long enough for any file there will be, short enough to hold in memory: 19 professions x 87 types.
MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line of the file; the header is line 1."""

    line: int
    problem: str


class AnnexRefused(Exception):
    """The file has faults; nothing was loaded."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{len(faults)} faults")


@dataclass(frozen=True, slots=True)
class Line:
    """A cell as it is written."""

    number: int
    profession: str
    type_code: str
    allowed: str

    @property
    def place(self) -> Place:
        return (self.profession, self.type_code)


def read(text: str, version: int, source: str) -> list[Cell]:
    """The cells of a file; raises AnnexRefused with every fault.

    Separated by commas or semicolons. Either the columns profession, type_code and allowed, or type_code
    and then a column for each profession. Answers are true, false, oui, non, 1 or 0.
    """
    lines = list(_lines(text))
    faults = [*_wrong(lines), *_twice(lines)]
    if faults:
        raise AnnexRefused(sorted(faults, key=lambda fault: fault.line))
    return [Cell(line.profession, line.type_code, WORDS[line.allowed], version, source) for line in lines]


def _lines(text: str) -> Iterator[Line]:
    header, *rows = _rows(text)
    if tuple(header) == LONG:
        for number, row in rows_of(rows, len(header)):
            yield Line(number, row[0], row[1], row[2].lower())
        return
    if len(header) < 2 or header[0] != TYPE_COLUMN:
        known = f"{','.join(LONG)}, or {TYPE_COLUMN} and then a column for each profession"
        raise AnnexRefused([Fault(1, f"the columns are {','.join(header) or 'missing'}: give {known}")])
    for number, row in rows_of(rows, len(header)):
        for profession, allowed in zip(header[1:], row[1:], strict=True):
            yield Line(number, profession, row[0], allowed.lower())


def _rows(text: str) -> list[list[str]]:
    first = text.splitlines()[0] if text.strip() else ""
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = [[value.strip() for value in row] for row in csv.reader(io.StringIO(text), delimiter=separator)]
    if not any(any(row) for row in rows[1:]):
        raise AnnexRefused([Fault(1, "the file holds no cell")])
    if len(rows) > MOST_LINES:
        raise AnnexRefused([Fault(MOST_LINES, f"the file has more than {MOST_LINES} lines")])
    return rows


def rows_of(rows: Sequence[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    """The lines that hold something, with their numbers, all as wide as the header."""
    found = [(number, row) for number, row in enumerate(rows, start=2) if any(row)]
    wrong = [(number, len(row)) for number, row in found if len(row) != width]
    if wrong:
        problems = [Fault(number, f"{columns} columns in place of {width}") for number, columns in wrong]
        raise AnnexRefused(problems)
    yield from found


def _wrong(lines: Sequence[Line]) -> Iterator[Fault]:
    for line in lines:
        if not PROFESSION.fullmatch(line.profession):
            yield Fault(line.number, f"profession '{line.profession}' is not a code of TRE_G15")
        if line.type_code != ANY_TYPE and line.type_code not in X04 and line.type_code not in NOT_YET_IN_X04:
            yield Fault(line.number, f"type '{line.type_code}' is not in JDV_J07 (`*` is the default)")
        if line.allowed not in WORDS:
            yield Fault(line.number, f"'{line.allowed}' is not an answer: write one of {', '.join(WORDS)}")


def _twice(lines: Sequence[Line]) -> Iterator[Fault]:
    first: dict[Place, int] = {}
    for line in lines:
        seen = first.setdefault(line.place, line.number)
        if seen != line.number:
            cell = f"profession {line.profession}, type {line.type_code}"
            yield Fault(line.number, f"{cell} stands on line {seen} already")
