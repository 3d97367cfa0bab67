"""How long a professional may keep a document from the patient (R1111-53)."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

# The patient is told that an update needs a consultation.
WARNED_AFTER = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Timers:
    """When the patient is warned, and when the document becomes visible by itself."""

    warn_at: datetime
    show_at: datetime


def timers_of(hidden_at: datetime) -> Timers:
    """Two weeks, and one month of the calendar."""
    return Timers(hidden_at + WARNED_AFTER, month_later(hidden_at))


def sooner(one: Timers, other: Timers | None) -> Timers:
    """A replacement does not restart the month of what it replaces."""
    return one if other is None or one.show_at <= other.show_at else other


def month_later(moment: datetime) -> datetime:
    """The same day of the next month, or its last day when it is shorter."""
    years, month = divmod(moment.month, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))
