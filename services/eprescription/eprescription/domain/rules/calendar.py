"""Calendar days of the law: Europe/Paris, whatever the clock of the machine."""

from __future__ import annotations

import calendar
from datetime import MAXYEAR, MINYEAR, date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def paris_day(moment: datetime) -> date:
    """The day it is in Paris at an aware moment: 23:30 UTC is tomorrow there.

    A moment at the edge of the calendar of Python stays in it, as in `add_months`.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without time zone is on no known day")
    try:
        return moment.astimezone(PARIS).date()
    except OverflowError:
        return moment.date()


def add_months(day: date, months: int) -> date:
    """The same day number `months` later, or the last day of that month when it has no such day.

    A day beyond the calendar of Python is its last (or first) one: a date that someone typed never raises.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > MAXYEAR:
        return date.max
    if year < MINYEAR:
        return date.min
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def add_days(day: date, days: int) -> date:
    """`days` later, held within the calendar of Python as `add_months` is."""
    ordinal = day.toordinal() + days
    return date.fromordinal(max(1, min(ordinal, date.max.toordinal())))


def shown(day: date) -> str:
    """As a French reader writes it: 04/02/2026."""
    return f"{day:%d/%m/}{day.year}"
