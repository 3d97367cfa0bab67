"""How long what was delivered lasts: the deliveries of a line, laid end to end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from eprescription.domain import quantities
from eprescription.domain.content import CountUnit, Line
from eprescription.domain.dispensing import Intervention, InterventionKind, LineStatus
from eprescription.domain.products import Medicine

from .calendar import add_days
from .kinds import class_of
from .parameters import Parameters

DELIVERED = frozenset(
    {
        InterventionKind.AS_PRESCRIBED,
        InterventionKind.SUBSTITUTED,
        InterventionKind.CHANGED,
        InterventionKind.ADDITIONAL_LINE,
    }
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """The present delivery: one visit, or several when a part was owed."""

    first_on: date
    # Day on which what it holds begins to be taken, and the first day that nothing covers.
    starts_on: date
    due: date
    counted: Decimal
    # Days of treatment (the first is 0) before it, and those that it covers.
    day: int
    days: int


@dataclass(frozen=True, slots=True)
class Treatment:
    """One line, as the law reads it."""

    line: Line
    unit: CountUnit
    authorised: Decimal
    narcotic: bool
    medicine: Medicine | None
    written_on: date
    discharge_on: date | None
    parameters: Parameters

    @property
    def first_due(self) -> date:
        """The day the law counts from: of the writing, or of the planned discharge (V10)."""
        return (self.discharge_on if self.narcotic else None) or self.written_on

    @property
    def one_cycle(self) -> Decimal:
        """Prescribed for one delivery cycle."""
        return self.authorised / (1 + self.line.renewals)

    def days_of(self, amount: Decimal, day: int) -> int | None:
        """Days that `amount` covers from a day of the treatment on; a narcotic by its whole length."""
        known = quantities.days_of(amount, self.line, self.unit, self.medicine, day)
        if known is not None or not self.narcotic:
            return known
        total = self.total_days
        return None if total is None else int(Fraction(amount) * total / Fraction(self.authorised))

    def amount_of(self, day: int, days: int) -> Fraction | None:
        """What `days` days take from a day of the treatment on."""
        known = quantities.of_days(self.line, self.unit, self.medicine, day, days)
        if known is not None or not self.narcotic:
            return known
        total = self.total_days
        return None if not total else Fraction(self.authorised) * days / total

    @property
    def total_days(self) -> int | None:
        return quantities.total_days(self.line, self.medicine)


def treatment_of(
    line: Line,
    status: LineStatus,
    medicine: Medicine | None,
    written_on: date,
    discharge_on: date | None,
    parameters: Parameters,
) -> Treatment:
    narcotic = status.narcotic or class_of(medicine).narcotic
    return Treatment(
        line, status.unit, status.authorised, narcotic, medicine, written_on, discharge_on, parameters
    )


def deliveries(status: LineStatus, past: Iterable[Intervention]) -> list[Intervention]:
    """What was really delivered of the line, oldest first; what was undone never was."""
    given = (
        one
        for one in past
        if one.kind in DELIVERED
        and one.line_id == status.line_id
        and one.undone_by is None
        and one.counted > 0
    )
    return sorted(given, key=lambda one: (one.delivered_on, one.recorded_at, one.id.value))


def lost_days(due: date, window_from: date, presented: date, parameters: Parameters) -> int:
    """V9: days that passed since `due`, once the window of three days is over; 0 within it.

    `window_from` is not counted: the day of writing, or the last day that the previous fraction covered.
    """
    if (presented - window_from).days <= parameters.narcotic_presentation_days:
        return 0
    return max(0, (presented - due).days)


def last_cycle(treatment: Treatment, given: Sequence[Intervention], most: Decimal) -> Cycle | None:
    """The present cycle; `most`: what one cycle holds (V3, V8). None before the first delivery."""
    cycle: Cycle | None = None
    for one in given:
        if cycle is None or one.delivered_on >= cycle.due or cycle.counted >= most:
            cycle = _opened(treatment, cycle, one)
        cycle = _filled(treatment, cycle, one)
    return cycle


def _opened(treatment: Treatment, before: Cycle | None, one: Intervention) -> Cycle:
    due = before.due if before else treatment.first_due
    window_from = add_days(due, -1) if before else due
    passed = 0
    if treatment.narcotic:
        passed = lost_days(due, window_from, one.delivered_on, treatment.parameters)
    earliest = before.due if before else (treatment.line.starts_on or one.delivered_on)
    starts_on = max(one.delivered_on, earliest)
    day = (before.day + before.days if before else 0) + passed
    first_on = before.first_on if before else one.delivered_on
    return Cycle(first_on, starts_on, starts_on, Decimal(0), day, 0)


def _filled(treatment: Treatment, cycle: Cycle, one: Intervention) -> Cycle:
    counted = cycle.counted + one.counted
    known = treatment.days_of(counted, cycle.day)
    # Where nobody prescribed a dose, the pharmacist says how many days are covered.
    days = cycle.days + one.days_covered if known is None else known
    return replace(cycle, counted=counted, days=days, due=add_days(cycle.starts_on, days))
