"""FHIR dates and times: any precision in, UTC out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

SHAPE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T\d\d:\d\d(?P<second>:\d\d(\.\d{1,9})?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)


@dataclass(frozen=True, slots=True)
class Span:
    """What a date of some precision covers: from `start` included to `end` excluded, in UTC."""

    start: datetime
    end: datetime


def span(text: str) -> Span:
    """Reads a FHIR date, dateTime or instant; a time without zone is UTC, as dates of the DMP are.

    Raises ValueError when the text is not one, or when the moment does not exist.
    """
    shape = SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError("must be a FHIR date or dateTime, such as 2026-06-12 or 2026-06-12T10:00:00+02:00")
    try:
        return _covered(text, shape)
    except (ValueError, OverflowError):
        raise ValueError("must be a date and time that exist") from None


def _covered(text: str, shape: re.Match[str]) -> Span:
    if "T" in text:
        moment = datetime.fromisoformat(_microseconds(text))
        start = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        step = timedelta(minutes=1)
        if shape["second"]:
            step = timedelta(seconds=1) if "." not in shape["second"] else timedelta(microseconds=1)
        return Span(start, start + step)
    year, month, day = int(shape["year"]), shape["month"], shape["day"]
    start = datetime(year, int(month or 1), int(day or 1), tzinfo=UTC)
    if day:
        return Span(start, start + timedelta(days=1))
    if month:
        return Span(start, _first_of(year + (start.month == 12), start.month % 12 + 1))
    return Span(start, _first_of(year + 1, 1))


def _first_of(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


def _microseconds(text: str) -> str:
    """Python 3.11 reads any number of digits but keeps six: cut the rest rather than refuse it."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def text(moment: Timestamp) -> str:
    """The moment in FHIR, in UTC."""
    return moment.ToJsonString()


def instant(moment: Timestamp) -> str:
    """The moment with its microseconds even when they are none: `gt` of it in a search then skips nothing of
    the same second.
    """
    shown = text(moment)
    return shown if "." in shown else shown.replace("Z", ".000000Z")
