"""Until when: the last days that V1, V2, V6, V7, V9 and V10 leave."""

from __future__ import annotations

from datetime import date

from eprescription.domain import quantities
from eprescription.domain.content import Line
from eprescription.domain.products import Medicine

from .calendar import add_days, add_months
from .kinds import class_of
from .parameters import Parameters


def first_deadline(written_on: date, parameters: Parameters) -> date:
    """V1: last day of a first delivery of a listed medicine (R.5132-22).

    The boundary is not sure in the texts: here the day of the same number, three months later, is too late.
    """
    return add_days(add_months(written_on, parameters.first_delivery_months), -1)


def treatment_end(written_on: date, parameters: Parameters) -> date:
    """V2: last day of any delivery (R.5132-21), the same day number twelve months later included.

    The law says it of listed medicines; for the others, where no text was found, it is a choice of ours.
    """
    return add_months(written_on, parameters.treatment_months)


def narcotic_until(days: int, due: date, window_from: date, parameters: Parameters) -> date:
    """V9: last day on which one of `days` days remains that were due from `due` on; or of the window."""
    window = add_days(window_from, parameters.narcotic_presentation_days)
    return max(window, add_days(due, days - 1))


def first_until(
    line: Line,
    medicine: Medicine | None,
    written_on: date,
    parameters: Parameters,
    discharge_on: date | None = None,
) -> date:
    """Last day of a first delivery, by the class of the medicine."""
    known = class_of(medicine)
    end = treatment_end(written_on, parameters)
    if known.narcotic:
        due = discharge_on or written_on
        days = quantities.total_days(line, medicine)
        # Of a narcotic that nobody knows the length of, nothing is due once the three days have passed.
        return min(end, narcotic_until(days or 0, due, due, parameters))
    if known.listed:
        return min(end, first_deadline(written_on, parameters))
    return end


def later_until(medicine: Medicine | None, first_on: date, written_on: date, parameters: Parameters) -> date:
    """Last day of any delivery once the first was made on `first_on` (V2, V6)."""
    end = treatment_end(written_on, parameters)
    longest = class_of(medicine).longest
    return min(end, add_days(first_on, longest)) if longest else end


def thought_to_run(line: Line, medicine: Medicine | None, written_on: date, parameters: Parameters) -> date:
    """Last day of the treatment if it begins when it is prescribed.

    Where nobody said how long, a delivery covers thirty days at most (R.5132-12), and so does each renewal.
    """
    days = quantities.total_days(line, medicine)
    if days is None:
        days = parameters.delivery_days * (1 + line.renewals)
    return add_days(line.starts_on or written_on, max(0, days - 1))
