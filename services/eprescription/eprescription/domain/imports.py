"""The files of the public medicines base (BDPM), line by line, as they are published.

A line a record, fields parted by tabs, no header, no quoting. Each parser gives a row of a table or raises
`LineRejected` with the reason; what is wrong in a field that can be left out is left out, with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from .codes import FICTITIOUS, FICTITIOUS_PACK, SUBSTANCE, fault_of_cip13, fault_of_cis
from .conditions import rules_of
from .folding import fold, name_of
from .packs import held

# Each is shown with its number and reason; a file of another kind would fill the report otherwise.
PROBLEMS_MOST = 100
# No authorisation is older, none is given in the future.
OLDEST = date(1900, 1, 1)
WITHDRAWN = ("ABROGEE", "ARCHIVEE", "RETIREE", "SUSPENDUE")
GENERIC_TYPES = ("0", "1", "2", "4")
AVAILABILITIES = ("1", "2", "3", "4")


class LineRejected(Exception):
    """A line that cannot be taken; its text is the reason, without any value longer than a code."""


class MedicineRow(NamedTuple):
    cis: str
    label: str
    form: str
    routes: list[str]
    status: str
    marketed: bool
    withdrawn: bool
    holder: str
    reinforced_surveillance: bool
    authorised_on: date | None
    atc: list[str]
    rules: list[str]
    searched: str


class PackRow(NamedTuple):
    cip13: str
    cis: str
    label: str
    marketed: bool
    units: Decimal | None
    unit_label: str
    price_cents: int | None
    reimbursement_percent: int | None


class ComponentRow(NamedTuple):
    cis: str
    rank: int
    code: str
    name: str
    folded: str
    strength: str
    nature: str
    link: int


class GenericRow(NamedTuple):
    group_id: str
    cis: str
    type: int
    group_label: str


class ConditionRow(NamedTuple):
    cis: str
    rank: int
    text: str
    rules: list[str]


class AvailabilityRow(NamedTuple):
    cis: str
    rank: int
    cip13: str
    status: int
    label: str
    since: date | None
    returns: date | None


class AtcRow(NamedTuple):
    cis: str
    code: str


Row = MedicineRow | PackRow | ComponentRow | GenericRow | ConditionRow | AvailabilityRow | AtcRow


@dataclass(slots=True)
class Line:
    """One line under reading: its fields, its number from 1, the day of the import, remarks on what was left
    out of it."""

    fields: Sequence[str]
    number: int
    today: date
    fictitious: bool = False
    remarks: list[str] = field(default_factory=list)

    def cis(self, at: int) -> str:
        text = self.fields[at]
        fault = fault_of_cis(text)
        if fault:
            raise LineRejected(fault)
        if bool(FICTITIOUS.fullmatch(text)) is not self.fictitious:
            raise LineRejected("Only fictitious products have a CIS from 69996000 to 69996899.")
        return text

    def day(self, at: int, latest: date | None = None) -> date | None:
        """A date `dd/mm/yyyy`; one that no calendar or no sense allows is left out."""
        text = self.fields[at]
        if not text:
            return None
        try:
            day, month, year = (int(part) for part in text.split("/"))
            found = date(year, month, day)
        except ValueError:
            self.remarks.append(f"`{text[:20]}` is not a date: left out")
            return None
        if not OLDEST <= found <= (latest or date(self.today.year + 20, 1, 1)):
            self.remarks.append(f"`{text}` is not a likely date: left out")
            return None
        return found

    def cents(self, at: int) -> int | None:
        """A price in euros: the last comma is the decimal one (`1,466,29` is 1466.29 euros)."""
        text = self.fields[at].replace(" ", "")
        if not text:
            return None
        euros, _, cents = text.rpartition(",")
        whole = (euros or cents).replace(",", "")
        part = (cents if euros else "").ljust(2, "0")
        if not (whole.isdecimal() and part.isdecimal() and len(part) == 2 and len(whole) <= 7):
            self.remarks.append(f"`{text[:20]}` is not a price: left out")
            return None
        return int(whole) * 100 + int(part)

    def percent(self, at: int) -> int | None:
        text = self.fields[at]
        found = re.fullmatch(r"(\d{1,3}) ?%", text)
        if not text:
            return None
        if found is None or int(found[1]) > 100:
            self.remarks.append(f"`{text[:20]}` is not a rate: left out")
            return None
        return int(found[1])


def medicine(line: Line) -> MedicineRow:
    """CIS_bdpm."""
    _, label, form, routes, status, _, state, _, _, _, holder, watched = line.fields
    if not label:
        raise LineRejected("There is no denomination.")
    return MedicineRow(
        cis=line.cis(0),
        label=label,
        form=form,
        routes=[route.strip() for route in routes.split(";") if route.strip()],
        status=status,
        marketed=fold(state) == "COMMERCIALISEE",
        withdrawn=fold(status).endswith(WITHDRAWN),
        holder=holder,
        reinforced_surveillance=fold(watched) == "OUI",
        authorised_on=line.day(7, line.today),
        atc=[],
        rules=[],
        searched="",
    )


def pack(line: Line) -> PackRow:
    """CIS_CIP; the price is what is paid at the counter, fee included."""
    cip13 = line.fields[6]
    fault = fault_of_cip13(cip13)
    if fault:
        raise LineRejected(fault)
    if bool(FICTITIOUS_PACK.fullmatch(cip13)) is not line.fictitious:
        raise LineRejected("Only fictitious products have a CIP13 that begins with 340099.")
    label = line.fields[2]
    holds = held(label)
    # No column keeps it; one that cannot be is told all the same.
    line.day(5)
    active = fold(line.fields[3]) == "PRESENTATION ACTIVE"
    return PackRow(
        cip13=cip13,
        cis=line.cis(0),
        label=label,
        marketed=active and fold(line.fields[4]).startswith("DECLARATION DE COMMERCIALISATION"),
        units=holds.units,
        unit_label=holds.unit_label,
        price_cents=line.cents(10),
        reimbursement_percent=line.percent(8),
    )


def component(line: Line) -> ComponentRow:
    """CIS_COMPO; the reference of the dosage is told with it where it is not one unit."""
    code, name, strength, nature, link = (line.fields[at] for at in (2, 3, 4, 6, 7))
    if not SUBSTANCE.fullmatch(code):
        raise LineRejected("A substance has a code of 5 digits.")
    if not name:
        raise LineRejected("The substance has no name.")
    if nature not in ("SA", "FT"):
        raise LineRejected("The nature of a substance is SA or FT.")
    number = int(link) if link.isdecimal() else 0
    return ComponentRow(line.cis(0), line.number, code, name, name_of(name), strength, nature, number)


def condition(line: Line) -> ConditionRow:
    """CIS_CPD."""
    text = " ".join(line.fields[1].split())
    if not text:
        raise LineRejected("There is no condition.")
    return ConditionRow(line.cis(0), line.number, text, list(rules_of(text)))


def generic(line: Line) -> GenericRow:
    """CIS_GENER."""
    group, label, _, type_, _ = line.fields
    if not group:
        raise LineRejected("There is no number of group.")
    if type_ not in GENERIC_TYPES:
        raise LineRejected("The type of a generic is 0, 1, 2 or 4.")
    return GenericRow(group, line.cis(2), int(type_), label)


def availability(line: Line) -> AvailabilityRow:
    """CIS_CIP_Dispo_Spec; without a CIP13 it concerns every pack."""
    _, cip13, status, label, since, _, returns, _ = line.fields
    if cip13 and fault_of_cip13(cip13):
        raise LineRejected(fault_of_cip13(cip13))
    if status not in AVAILABILITIES:
        raise LineRejected("The status of availability is 1, 2, 3 or 4.")
    words = f"{label[:1].upper()}{label[1:]}"
    return AvailabilityRow(
        line.cis(0), line.number, cip13, int(status), words, line.day(4) if since else None,
        line.day(6) if returns else None,
    )  # fmt: skip


def atc(line: Line) -> AtcRow:
    """CIS_MITM."""
    code = line.fields[1]
    if not re.fullmatch(r"[A-Z][0-9]{2}(?:[A-Z]{1,2}(?:[0-9]{2})?)?", code):
        raise LineRejected("This is not an ATC code.")
    return AtcRow(line.cis(0), code)


@dataclass(frozen=True, slots=True)
class FileKind:
    name: str
    columns: int
    parse: Callable[[Line], Row]
    # Which column names the medicine.
    cis: int = 0
    # What makes a row one: a second with the same key is rejected.
    key: Callable[[Row], object] | None = None
    optional: bool = False


FILES: tuple[FileKind, ...] = (
    FileKind("CIS_bdpm.txt", 12, medicine, key=lambda row: row.cis),
    FileKind("CIS_CIP_bdpm.txt", 13, pack, key=lambda row: row[0]),
    FileKind("CIS_COMPO_bdpm.txt", 8, component),
    FileKind("CIS_CPD_bdpm.txt", 2, condition, optional=True),
    FileKind("CIS_GENER_bdpm.txt", 5, generic, cis=2, key=lambda row: (row[0], row[1]), optional=True),
    FileKind("CIS_CIP_Dispo_Spec.txt", 8, availability, optional=True),
    FileKind("CIS_MITM.txt", 4, atc, optional=True),
)
NAMES = tuple(kind.name for kind in FILES)


@dataclass(slots=True)
class FileReport:
    """What became of the lines of a file; blank lines are not counted."""

    file: str
    taken: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)
    # How many lines, by reason.
    reasons: dict[str, int] = field(default_factory=dict)
    missing: bool = False

    def reject(self, number: int, reason: str) -> None:
        self.rejected += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.tell(number, f"rejected: {reason}")

    def remark(self, number: int, remarks: Sequence[str]) -> None:
        for text in remarks:
            self.tell(number, f"taken: {text}")

    def tell(self, number: int, words: str) -> None:
        if len(self.problems) < PROBLEMS_MOST:
            self.problems.append(f"line {number} {words}")


def decoded(content: bytes) -> str:
    """UTF-8 where it is UTF-8, else the Windows page that the base is published in."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


@dataclass(frozen=True, slots=True)
class Reading:
    """What all files of a folder are read with: the day of the import, and whose products they are."""

    today: date
    fictitious: bool = False


def read(
    kind: FileKind, content: bytes, reading: Reading, known: set[str] | None = None
) -> tuple[list[Row], FileReport]:
    """The rows of a file; `known`: the CIS of the base, without which a line concerns nothing."""
    report = FileReport(kind.name)
    rows: list[Row] = []
    seen: set[object] = set()
    for number, text in enumerate(decoded(content).split("\n"), 1):
        if not text.strip():
            continue
        try:
            line = _line(kind, text, number, reading)
            row = kind.parse(line)
            _check(kind, line, row, known, seen)
        except LineRejected as reason:
            report.reject(number, str(reason))
            continue
        rows.append(row)
        report.taken += 1
        report.remark(number, line.remarks)
    return rows, report


def _line(kind: FileKind, text: str, number: int, reading: Reading) -> Line:
    # NUL is no character of PostgreSQL.
    fields = [one.replace("\x00", "").replace("\xa0", " ").strip() for one in text.rstrip("\r").split("\t")]
    if len(fields) != kind.columns:
        raise LineRejected(f"There are {len(fields)} columns in place of {kind.columns}.")
    return Line(fields, number, reading.today, reading.fictitious)


def _check(kind: FileKind, line: Line, row: Row, known: set[str] | None, seen: set[object]) -> None:
    if known is not None and line.fields[kind.cis] not in known:
        raise LineRejected("This CIS is not in CIS_bdpm.txt.")
    if kind.key is not None:
        key = kind.key(row)
        if key in seen:
            raise LineRejected("This line stands above already.")
        seen.add(key)
