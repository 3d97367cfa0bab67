"""Do the rows still say what was signed? The signature covers the body; the dispensing works on rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .content import Kind, Line, Signed
from .dispensing import LineStatus
from .prescriptions import Prescription
from .rules import authorising
from .rules.calendar import paris_day


def disagreements(prescription: Prescription, lines: Sequence[LineStatus]) -> list[str]:
    """The names of the columns that differ from the body; empty when all is as it was signed."""
    return [*_columns(prescription), *_lines(prescription, lines)]


def _columns(prescription: Prescription) -> Iterator[str]:
    signed = prescription.signed
    pairs: dict[str, tuple[object, object]] = {
        "number": (prescription.number, signed.number),
        "person_id": (prescription.person.value, signed.person_id),
        "prescriber": (prescription.prescriber, signed.prescriber.id),
        "organisation": (prescription.organisation, signed.prescriber.organisation),
        "written_on": (prescription.written_on, signed.written_on),
        "restricted": (prescription.restricted, signed.content.restricted),
    }
    if is_signed(prescription):
        # A prescription bears the date of its signature; a renewal has none of its own.
        signed_at = prescription.signed_at
        pairs["signed_at"] = (signed_at and paris_day(signed_at), signed.written_on)
    return (name for name, (row, body) in pairs.items() if row != body)


def _lines(prescription: Prescription, rows: Sequence[LineStatus]) -> Iterator[str]:
    """One row for each signed line; rows of lines added by hand on the paper are beside the signature."""
    signed = {line.line_id: (rank, line) for rank, line in enumerate(prescription.signed.content.lines)}
    own = {row.line_id.value: row for row in rows if row.additional is None}
    for line_id in signed.keys() - own.keys():
        yield f"line.{signed[line_id][0]}.missing"
    for line_id, row in own.items():
        if line_id not in signed:
            yield f"line.{row.rank}.unsigned"
            continue
        rank, line = signed[line_id]
        yield from _identity(prescription, row, rank, line)
        yield from _amount(row, line)


def _identity(prescription: Prescription, row: LineStatus, rank: int, line: Line) -> Iterator[str]:
    substances = tuple(dict.fromkeys(one.code for one in line.product.substances if one.code))
    pairs = {
        "prescription_id": (row.prescription_id, prescription.id),
        "person_id": (row.person, prescription.person),
        "rank": (row.rank, rank),
        "kind": (row.kind, line.kind),
        "cis": (row.cis, line.product.cis),
        "substances": (row.substances, substances),
    }
    return (f"line.{rank}.{name}" for name, (stored, body) in pairs.items() if stored != body)


def _amount(row: LineStatus, line: Line) -> Iterator[str]:
    """What may be delivered in all follows from what was written."""
    authorised, unit = authorising.whole(line, narcotic=row.narcotic)
    if row.unit is not unit:
        yield f"line.{row.rank}.unit"
    elif row.authorised != authorised:
        yield f"line.{row.rank}.authorised"


def departs(child: Signed, parent: Signed) -> list[str]:
    """What an exceptional renewal, which no prescriber signs, says beyond the prescription it follows."""
    known = {_treatment(line) for line in parent.content.lines}
    foreign = [
        f"line.{rank}.product"
        for rank, line in enumerate(child.content.lines)
        if _treatment(line) not in known
    ]
    return foreign + (["person_id"] if child.person_id != parent.person_id else [])


def _treatment(line: Line) -> tuple[object, ...]:
    """Another length and quantity are what the law gives; another product or dose would be a prescription."""
    return line.kind, line.product, line.ingredients, line.posology


def is_signed(prescription: Prescription) -> bool:
    """An exceptional renewal rests on the signature of its parent (R.5123-2-1)."""
    return prescription.kind is Kind.STANDARD
