"""How long the law takes for a line, in this process alone: at the signature and at the counter."""

from __future__ import annotations

import timeit
from datetime import date
from decimal import Decimal

from eprescription.domain.content import (
    Content,
    CountUnit,
    Dose,
    Line,
    Posology,
    Prescriber,
    Product,
    Quantity,
    Signed,
)
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.ids import LineId, PersonId, PrescriptionId
from eprescription.domain.products import ConditionText, Medicine
from eprescription.domain.rules import authorising, delivering, prescribing
from eprescription.domain.rules.parameters import Law, Parameters
from eprescription.domain.states import LineState

LINES, TIMES = 10, 50
WRITTEN_ON = date(2026, 11, 22)
# The most that rules have to say: a narcotic with its form, its letters, its weeks.
RULES = ("list_1", "narcotic", "secure", "in_words", "max_days:28", "fraction_days:14")
MEDICINE = Medicine(
    "69900001", "FICTIF 10 mg, comprimé", conditions=(ConditionText("", RULES),), rules=frozenset(RULES)
)


def measure() -> dict[str, float]:
    """Milliseconds a line, the best of five series."""
    parameters = Law.seed().on(WRITTEN_ON)
    signed = _signed()
    medicines = {line.line_id: MEDICINE for line in signed.content.lines}
    rows = [_row(line, parameters) for line in signed.content.lines]

    def at_signature() -> None:
        prescribing.check(signed, medicines, (), parameters)
        for line in signed.content.lines:
            authorising.authorise(line, MEDICINE, WRITTEN_ON, parameters)

    def at_the_counter() -> None:
        for line, row in zip(signed.content.lines, rows, strict=True):
            delivering.entitle(line, row, MEDICINE, (), signed.content, WRITTEN_ON, WRITTEN_ON, parameters)

    return {
        name: 1000 * min(timeit.repeat(work, number=TIMES, repeat=5)) / TIMES / LINES
        for name, work in (("at the signature", at_signature), ("at the counter", at_the_counter))
    }


def _signed() -> Signed:
    content = Content(tuple(_line(n) for n in range(LINES)), secure=True)
    prescriber = Prescriber("899900000011", "HELENE BRANDICOURT", "10", ("SM54",), "1990000010", "SA01")
    return Signed("B0000000000000000X", "person", prescriber, WRITTEN_ON, content)


def _line(number: int) -> Line:
    dose = Dose(quantity=Decimal(1), unit_label="comprimé", frequency=2, days=28)
    return Line(
        f"01900000-0000-7000-8000-{number:012d}",
        product=Product(cis=MEDICINE.cis, label=MEDICINE.label),
        posology=Posology("un comprimé deux fois par jour", (dose,)),
        duration_days=28,
        quantity=Quantity(Decimal(56), CountUnit.DOSE, "comprimé", "cinquante-six comprimés"),
    )


def _row(line: Line, parameters: Parameters) -> LineStatus:
    allowed = authorising.authorise(line, MEDICINE, WRITTEN_ON, parameters)
    return LineStatus(
        LineId(line.line_id),
        PrescriptionId(line.line_id),
        PersonId(line.line_id),
        1,
        line.kind,
        LineState.ORDERED,
        allowed.unit,
        allowed.quantity,
        until=allowed.until,
        narcotic=allowed.narcotic,
    )
