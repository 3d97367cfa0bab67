"""What is wrong with a draft whatever the law says: one id twice, figures that are a slip of the hand.

A draft may be incomplete: what a prescription must say is a rule of law (V23), judged when it is signed.
"""

from __future__ import annotations

from collections.abc import Iterator

from chassis.errors import InvalidInput, Violation

from .content import Content, Line

# Ten years: a duration beyond is a date typed in its place.
LONGEST_DAYS = 3660
MOST_RENEWALS = 99
MOST_A_PERIOD = 1000
HEAVIEST_GRAMS = 700_000
TALLEST_MILLIMETRES = 3_000


class ContentWrong(InvalidInput):
    """Something of this prescription is absurd."""

    remedy = "Correct the fields named and send again."


def check(content: Content) -> None:
    """Raises ContentWrong with every fault at once."""
    violations = [Violation(f"content.{field}", problem) for field, problem in faults(content)]
    if violations:
        raise ContentWrong(violations=violations)


def faults(content: Content) -> Iterator[tuple[str, str]]:
    """The path of each fault inside the content, and what is wrong."""
    seen: set[str] = set()
    for at, line in enumerate(content.lines):
        if line.line_id in seen:
            yield f"lines[{at}].line_id", "is the id of another line of this prescription"
        seen.add(line.line_id)
        yield from ((f"lines[{at}].{field}", problem) for field, problem in _line(line))
    yield from _above("weight_grams", content.weight_grams, HEAVIEST_GRAMS)
    yield from _above("height_millimetres", content.height_millimetres, TALLEST_MILLIMETRES)


def _line(line: Line) -> Iterator[tuple[str, str]]:
    if line.quantity is not None and line.quantity.value <= 0:
        yield "quantity.value", "is zero"
    yield from _above("duration_days", line.duration_days, LONGEST_DAYS)
    yield from _above("renewals", line.renewals, MOST_RENEWALS)
    yield from _above("rental_days", line.rental_days, LONGEST_DAYS)
    for at in range(len(line.posology.doses)):
        yield from ((f"posology.doses[{at}].{field}", problem) for field, problem in _dose(line, at))


def _dose(line: Line, at: int) -> Iterator[tuple[str, str]]:
    dose = line.posology.doses[at]
    if dose.quantity is not None and dose.quantity <= 0:
        yield "quantity", "is zero"
    if dose.quantity_high is not None and (dose.quantity is None or dose.quantity_high < dose.quantity):
        yield "quantity_high", "is below the quantity"
    if dose.period <= 0:
        yield "period", "is zero"
    yield from _above("frequency", dose.frequency, MOST_A_PERIOD)
    yield from _above("days", dose.days, LONGEST_DAYS)
    yield from _above("sequence", dose.sequence, len(line.posology.doses))


def _above(field: str, value: int, most: int) -> Iterator[tuple[str, str]]:
    if value > most:
        yield field, f"is above {most}"
