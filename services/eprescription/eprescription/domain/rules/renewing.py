"""V15: the exceptional renewal of an expired prescription by a pharmacist (R.5123-2-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from eprescription.domain import quantities
from eprescription.domain.content import Line, LineKind, Quantity
from eprescription.domain.dispensing import Intervention, LineStatus
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine
from eprescription.domain.states import LineState

from .book import duty, refusal
from .calendar import add_months, shown
from .covering import deliveries
from .kinds import class_of
from .parameters import Parameters

DAYS_OF_MONTH = 30


def renewable(
    line: Line,
    status: LineStatus,
    medicine: Medicine | None,
    past: Sequence[Intervention],
    today: date,
    parameters: Parameters,
) -> list[Finding]:
    """Refusals where the line may not be renewed exceptionally; else the duties of who renews it."""
    wrong = _kind(line, status, medicine) or _chronic(line, status, medicine, past, parameters)
    wrong = wrong or _moment(status, today, parameters)
    if wrong:
        hint = "Le patient revoit son prescripteur ; en urgence, joignez-le."
        return [refusal("V15", wrong, hint, line.line_id)]
    return [
        duty(
            "V15",
            "Renouvellement exceptionnel : conditionnement le plus économique, prescripteur informé.",
            "Portez « dispensation supplémentaire exceptionnelle » et écrivez au prescripteur.",
            line.line_id,
        )
    ]


def _kind(line: Line, status: LineStatus, medicine: Medicine | None) -> str:
    known = class_of(medicine)
    if line.kind is not LineKind.MEDICINE:
        return "Seul un médicament se renouvelle exceptionnellement."
    if status.narcotic or known.narcotic or known.assimilated or known.in_words:
        return "Un stupéfiant ou assimilé ne se renouvelle pas exceptionnellement."
    if status.state is LineState.CANCELLED:
        return "Une ligne annulée ne se renouvelle pas."
    if known.longest:
        return "Un médicament de durée de prescription limitée ne se renouvelle pas exceptionnellement."
    return ""


def _chronic(
    line: Line,
    status: LineStatus,
    medicine: Medicine | None,
    past: Sequence[Intervention],
    parameters: Parameters,
) -> str:
    """Chronic: renewable, for three months at least, and really begun."""
    total = quantities.total_days(line, medicine)
    least = parameters.exceptional_least_months * DAYS_OF_MONTH
    if line.renewals == 0 or line.renewal_forbidden:
        return "L'ordonnance n'était pas renouvelable."
    if total is None or total < least:
        return f"Le traitement prescrit durait moins de {parameters.exceptional_least_months} mois."
    return "" if deliveries(status, past) else "Le traitement n'a jamais été délivré."


def _moment(status: LineStatus, today: date, parameters: Parameters) -> str:
    """After the end of what was prescribed, and within a month of it."""
    ended = status.treated_until if status.remaining <= 0 else status.until
    if ended is None or today <= ended:
        return "L'ordonnance n'est pas expirée : délivrez-la d'abord."
    last = add_months(ended, parameters.exceptional_delay_months)
    if today > last:
        return f"Trop tard : le renouvellement exceptionnel n'était possible que jusqu'au {shown(last)}."
    return ""


def renewed(line: Line, line_id: str, medicine: Medicine | None, parameters: Parameters) -> Line:
    """The child's line: one month, delivered three times at most; what the prescriber wrote besides stays.

    Raises ValueError for a line that tells no length: `renewable` refuses it.
    """
    cycle = quantities.cycle_days(line, medicine)
    if not cycle:
        raise ValueError("a line without length is not renewed exceptionally")
    days = parameters.exceptional_delivery_days
    quantity = line.quantity
    if quantity is not None and cycle > days:
        quantity = _of_a_month(quantity, days, cycle)
    return replace(
        line,
        line_id=line_id,
        quantity=quantity,
        duration_days=min(cycle, days),
        renewals=_renewals(min(cycle, days), parameters),
        renewal_forbidden=False,
        early_renewal_allowed=False,
        starts_on=None,
    )


def _of_a_month(quantity: Quantity, days: int, cycle: int) -> Quantity:
    part = Fraction(quantity.value) * days / cycle
    return replace(quantity, value=Decimal(-(-part.numerator // part.denominator)), in_words="")


def _renewals(cycle: int, parameters: Parameters) -> int:
    """Deliveries after the first: three in all, whatever a shorter cycle would fit in three months."""
    return max(0, min(parameters.exceptional_deliveries, MOST_DAYS // max(1, cycle)) - 1)


# Three months, as days.
MOST_DAYS = 92
