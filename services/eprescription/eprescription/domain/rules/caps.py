"""How much one delivery may hold: V3 and V8."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from eprescription.domain import quantities
from eprescription.domain.content import CountUnit, LineKind
from eprescription.domain.products import Medicine

from .covering import Treatment
from .kinds import class_of
from .parameters import Parameters


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `quantity` in one delivery, by `rule`; `known`: the dose told how many days it covers."""

    quantity: Decimal
    rule: str
    days: int
    known: bool = True


def is_contraceptive(medicine: Medicine | None, written_atc: str, parameters: Parameters) -> bool:
    """By ATC, of the medicine or as it was written."""
    codes = (*(medicine.atc if medicine else ()), written_atc)
    return any(code.startswith(parameters.contraceptive_atc) for code in codes if code)


def days_of_one_delivery(treatment: Treatment) -> tuple[int, str]:
    """Days that one delivery covers at most, and the rule that says so."""
    known, parameters, line = class_of(treatment.medicine), treatment.parameters, treatment.line
    if known.fraction and not line.single_delivery:
        return known.fraction, "V8"
    if known.pregnancy:
        return parameters.pregnancy_programme_days, "V14"
    if is_contraceptive(treatment.medicine, line.product.atc, parameters):
        return parameters.contraceptive_days, "V3"
    return parameters.delivery_days, "V3"


def cap_of(treatment: Treatment, day: int) -> Cap:
    """V3, V8: what one delivery holds at most, from a day of the treatment on.

    A cycle that the prescriber made short enough is delivered as it was prescribed; a longer one is cut.
    """
    days, rule = days_of_one_delivery(treatment)
    if treatment.line.kind is LineKind.DEVICE:
        return Cap(treatment.one_cycle, "V5", 0)
    length = quantities.cycle_days(treatment.line, treatment.medicine)
    if length is not None and length <= days:
        return Cap(treatment.one_cycle, "V5", days)
    amount = treatment.amount_of(day, days)
    # No dose on those days (the steps of a tapered treatment are over): what is left is one cycle at most.
    if not amount:
        return Cap(treatment.one_cycle, rule, days, known=False)
    return Cap(min(_handed_over(treatment, amount), treatment.one_cycle), rule, days)


def _handed_over(treatment: Treatment, amount: Fraction) -> Decimal:
    if treatment.unit is not CountUnit.BOX:
        return quantities.whole(amount, treatment.unit)
    if treatment.narcotic:
        # The box is opened (R.5132-33).
        return Decimal(floor(amount * quantities.PLACES)) / quantities.PLACES
    # A box is not opened: one that covers more than a month is delivered whole.
    return Decimal(max(1, floor(amount)))
