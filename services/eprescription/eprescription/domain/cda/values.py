"""Values of a CDA as they are read: an absent one is empty; one that cannot be read is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from chassis.errors import Violation

from .build import V3, Element
from .errors import LineNotReadable

N = {"v": V3}
# No quantity, duration or number of renewals of a prescription comes near.
MOST = Decimal(999_999)


def text_at(one: Element | None, path: str, name: str) -> str:
    """An attribute of the first element at this path."""
    found = one.find(path, N) if one is not None else None
    return found.get(name, "").strip() if found is not None else ""


def decimal_of(one: Element | None, path: str, unit: str = "") -> Decimal | None:
    """`value` of the first element at this path; of that unit alone, when one is asked for."""
    found = one.find(path, N) if one is not None else None
    if found is None or not found.get("value") or (unit and found.get("unit") != unit):
        return None
    try:
        number = Decimal(found.get("value", "").strip())
    except InvalidOperation:
        raise _unreadable(found, "is not a number") from None
    if not number.is_finite() or not 0 <= number <= MOST:
        raise _unreadable(found, f"is not between 0 and {MOST}")
    return number


def whole_of(one: Element | None, path: str, unit: str = "") -> int:
    """A count; 0 when it is absent."""
    number = decimal_of(one, path, unit) or Decimal(0)
    if one is not None and number % 1:
        raise _unreadable(one, "has a part that is no whole number")
    return int(number)


def day_of(stamp: str) -> date | None:
    """The calendar date of a time stamp (TS): YYYYMMDD, and what may follow."""
    if not stamp:
        return None
    try:
        return date.fromisoformat(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}")
    except ValueError:
        raise LineNotReadable(violations=[Violation("cda", "a date is not a day of the calendar")]) from None


def _unreadable(one: Element, problem: str) -> LineNotReadable:
    # Without the value: it may be of a patient.
    name = str(one.tag).rpartition("}")[2]
    return LineNotReadable(violations=[Violation("cda", f"the value of an element {name} {problem}")])


def inner(one: Element | None) -> str:
    """The text of an element: a `br` is a line, other white space is one space."""
    if one is None:
        return ""
    lines = "".join(_pieces(one)).split("\0")
    return "\n".join(kept for line in lines if (kept := " ".join(line.split())))


def _pieces(one: Element) -> Iterator[str]:
    yield one.text or ""
    for child in one:
        if child.tag == f"{{{V3}}}br":
            yield "\0"
        yield from _pieces(child)
        yield child.tail or ""
