"""What a signature authorises: how much of each line in all, in which unit, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from eprescription.domain import quantities
from eprescription.domain.content import CountUnit, Line
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.errors import RuleRefused
from eprescription.domain.products import Medicine
from eprescription.domain.states import OPEN_LINES

from . import periods
from .kinds import class_of
from .parameters import Parameters


class NothingAuthorised(RuleRefused):
    """A line says neither quantity, nor dose with a duration, nor duration: it authorises nothing."""

    where = "content.lines"
    remedy = "Indiquez une quantité, ou une posologie structurée et une durée (R.5132-3)."


@dataclass(frozen=True, slots=True)
class Authorised:
    """What the row of a line begins with."""

    quantity: Decimal
    unit: CountUnit
    # Last day of any delivery, as long as none was made.
    until: date
    # Last day on which the treatment is thought to run.
    treated_until: date
    narcotic: bool


def authorise(
    line: Line,
    medicine: Medicine | None,
    written_on: date,
    parameters: Parameters,
    discharge_on: date | None = None,
) -> Authorised:
    """The whole of a line, renewals counted; raises NothingAuthorised (V23).

    `discharge_on`: the planned discharge after surgery (V10), as the content says it.
    """
    narcotic = class_of(medicine).narcotic
    quantity, unit = whole(line, narcotic=narcotic)
    return Authorised(
        quantity=quantity,
        unit=unit,
        until=periods.first_until(line, medicine, written_on, parameters, discharge_on),
        treated_until=periods.thought_to_run(line, medicine, written_on, parameters),
        narcotic=narcotic,
    )


def whole(line: Line, *, narcotic: bool) -> tuple[Decimal, CountUnit]:
    """All that may be delivered of a line, renewals counted: what was signed tells it, whatever became of the
    medicines base since."""
    found = _exact(line) if narcotic else None
    one, unit = found or _of_one_treatment(line)
    quantity = quantities.whole(one, unit) if line.quantity is None else quantities.decimal(one)
    return quantity * (1 + line.renewals), unit


def _exact(line: Line) -> tuple[Fraction, CountUnit] | None:
    """A narcotic in units, so that the three-day rule can take days away (R.5132-33)."""
    if line.quantity is None:
        return None
    value, unit = Fraction(line.quantity.value), line.quantity.unit
    if unit is CountUnit.BOX:
        inside = line.product.pack_units
        return (value * Fraction(inside), CountUnit.DOSE) if inside else None
    if unit is CountUnit.DAY:
        taken = quantities.units_between(line.posology, 0, int(value))
        return (Fraction(quantities.whole(taken, CountUnit.DOSE)), CountUnit.DOSE) if taken else None
    return value, unit


def _of_one_treatment(line: Line) -> tuple[Fraction, CountUnit]:
    if line.quantity is not None and line.quantity.value > 0:
        return Fraction(line.quantity.value), line.quantity.unit
    days = quantities.treatment_days(line)
    if not days:
        raise NothingAuthorised(rules=["V23"])
    doses = quantities.of_days(line, CountUnit.DOSE, None, 0, days)
    return (doses, CountUnit.DOSE) if doses else (Fraction(days), CountUnit.DAY)


def expires_on(statuses: Iterable[LineStatus]) -> date:
    """Last day on which any line may be delivered: of the open lines, or of all once none is open.

    Raises ValueError without a dated line: a signed prescription has one.
    """
    known = [status for status in statuses if status.until is not None]
    open_lines = [status for status in known if status.state in OPEN_LINES]
    return max(status.until for status in (open_lines or known) if status.until is not None)
