"""Time stamps of HL7 v3 (TS): as many digits as are known, then an offset that may be missing."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

STAMP = re.compile(
    r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.\d{1,6})?(?:([+-])(\d\d)(\d\d))?", re.ASCII
)
# Where in the world a date that does not say may be: from Kiribati to Baker Island.
EARLIEST, LATEST = timedelta(hours=14), timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Span:
    """What a stamp leaves open: from included, to excluded, in UTC; `text` is the stamp itself.

    `first` is its first instant; where it has no offset it is taken for UTC, as XDS has all of its dates.
    """

    text: str
    start: datetime
    end: datetime
    first: datetime

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def date_text(self) -> str:
        """YYYY-MM-DD, YYYY-MM or YYYY, as written."""
        found = STAMP.match(self.text)
        return "-".join(part for part in (found.groups()[:3] if found else ()) if part)


def span_of(text: str) -> Span | None:
    """The moment or span that a stamp stands for; None when it is none, or stands outside the calendar."""
    found = STAMP.fullmatch(text)
    if found is None:
        return None
    parts = [int(part) for part in found.groups()[:6] if part is not None]
    offset = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0)) * (-1 if found[7] == "-" else 1)
    try:
        start = datetime(*_whole(parts), tzinfo=timezone(offset))
        end = start + _length(parts)
    except (ValueError, OverflowError):
        return None
    if found[7] is not None:
        return Span(text, start.astimezone(UTC), end.astimezone(UTC), start.astimezone(UTC))
    return _anywhere(text, start, end)


def _anywhere(text: str, start: datetime, end: datetime) -> Span | None:
    try:
        return Span(text, start - EARLIEST, end + LATEST, start)
    except OverflowError:
        return None


def _whole(parts: list[int]) -> tuple[int, int, int, int, int, int]:
    year, month, day, hour, minute, second = (*parts, *(0, 1, 1, 0, 0, 0)[len(parts) :])
    return year, month, day, hour, minute, second


def _length(parts: list[int]) -> timedelta:
    """How much the digits that are not there leave open."""
    year, month = parts[0], parts[1] if len(parts) > 1 else 1
    days = {1: 366 if monthrange(year, 2)[1] == 29 else 365, 2: monthrange(year, month)[1]}
    if len(parts) in days:
        return timedelta(days=days[len(parts)])
    return {3: timedelta(days=1), 4: timedelta(hours=1), 5: timedelta(minutes=1)}.get(
        len(parts), timedelta(seconds=1)
    )
