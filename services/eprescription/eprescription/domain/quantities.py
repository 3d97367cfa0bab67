"""How much: doses a day, units of a treatment, and the way between units, packs and days.

What the prescriber did not say stays None: nobody guesses how long a box lasts. Sums are exact fractions (a
patch every three days is a third a day) and become decimals of three places at the end. A month counts thirty
days, as in R.5132-12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from chassis.errors import InvalidInput

from .content import CountUnit, Dose, Line, Posology
from .dispensing import Act, InterventionKind, LineStatus
from .products import Medicine, Pack

DAYS_OF_PERIOD = {"h": Fraction(1, 24), "d": Fraction(1), "wk": Fraction(7), "mo": Fraction(30)}
NOTHING = Decimal(0)
WHOLE = Decimal(1)
# As `line.authorised` keeps it.
PLACES = 1000
# A pack that holds nearly as much as the one prescribed is the same month: 28 or 30 tablets (R.5132-12).
SAME_MONTH = Fraction(9, 10)


class QuantityUnknown(InvalidInput):
    """How much was delivered cannot be told from what was sent."""

    where = "acts"


def decimal(amount: Fraction) -> Decimal:
    """Rounded up to three places: the patient never gets less than what was computed."""
    return Decimal(ceil(amount * PLACES)) / PLACES


def daily(dose: Dose) -> Fraction | None:
    """Units a day of one step, at its upper quantity; None when the step does not say it."""
    quantity = dose.quantity if dose.quantity_high is None else dose.quantity_high
    times = dose.frequency or len(dose.when)
    period = Fraction(dose.period) * DAYS_OF_PERIOD.get(dose.period_unit, Fraction(0))
    if quantity is None or not times or period <= 0:
        return None
    rate = Fraction(quantity) * times / period
    return rate * Fraction(len(set(dose.days_of_week)), 7) if dose.days_of_week else rate


def steps(posology: Posology) -> list[tuple[int, Fraction]] | None:
    """(days, units a day) of each part of a tapered treatment; 0 days: to the end. None when unknown.

    A part without length that is not the last one leaves the rest unknown.
    """
    if not posology.doses:
        return _as_needed(posology)
    made: list[tuple[int, Fraction]] = []
    for number in sorted({dose.sequence for dose in posology.doses}):
        together = [dose for dose in posology.doses if dose.sequence == number]
        rates = [daily(dose) for dose in together]
        known = [rate for rate in rates if rate is not None]
        if len(known) < len(rates) or (made and made[-1][0] == 0):
            return _as_needed(posology)
        lengths = [dose.days for dose in together]
        made.append((0 if 0 in lengths else max(lengths), _capped(sum(known, Fraction(0)), posology)))
    return made


def _as_needed(posology: Posology) -> list[tuple[int, Fraction]] | None:
    """All that is known is a daily maximum, or nothing."""
    return None if posology.max_per_day is None else [(0, Fraction(posology.max_per_day))]


def _capped(rate: Fraction, posology: Posology) -> Fraction:
    return rate if posology.max_per_day is None else min(rate, Fraction(posology.max_per_day))


def units_between(posology: Posology, first: int, end: int) -> Fraction | None:
    """Units taken from day `first` of the treatment (0 is its first) to day `end`, not counted."""
    parts = steps(posology)
    return None if parts is None else _units(parts, end) - _units(parts, first)


def _units(parts: Sequence[tuple[int, Fraction]], end: int) -> Fraction:
    """Units of the days before day `end`."""
    total, began = Fraction(0), 0
    for days, rate in parts:
        ends = end if days == 0 else min(began + days, end)
        total += max(0, ends - began) * rate
        began += days
    return total


def treatment_days(line: Line) -> int | None:
    """Days of one treatment, renewals aside: what is said, or what the steps of the posology add up to."""
    if line.duration_days or line.rental_days:
        return line.duration_days or line.rental_days
    parts = steps(line.posology)
    if parts and all(days for days, _ in parts):
        return sum(days for days, _ in parts)
    return None


def cycle_days(line: Line, medicine: Medicine | None) -> int | None:
    """Days of one treatment: as `treatment_days`, else as long as the quantity lasts at the dose."""
    stated = treatment_days(line)
    if stated is not None or line.quantity is None:
        return stated
    return days_of(line.quantity.value, line, line.quantity.unit, medicine) or None


def total_days(line: Line, medicine: Medicine | None) -> int | None:
    """Days of the whole treatment, renewals counted; None when it cannot be told."""
    one = cycle_days(line, medicine)
    return None if one is None else one * (1 + line.renewals)


def reference_pack(line: Line, medicine: Medicine | None) -> Pack | None:
    """The pack that the prescriber counts in: the one named, or any when all hold as many units."""
    if medicine is None:
        return None
    if line.product.cip13:
        return medicine.pack(line.product.cip13)
    packs = [pack for pack in medicine.packs if pack.marketed] or list(medicine.packs)
    return packs[0] if packs and len({pack.units for pack in packs}) == 1 else None


def pack_units(pack: Pack | None) -> Fraction | None:
    """Units of dose in a pack; None when its label does not say it."""
    return Fraction(pack.units) if pack and pack.units else None


def of_days(line: Line, unit: CountUnit, medicine: Medicine | None, first: int, days: int) -> Fraction | None:
    """What `days` days of treatment from day `first` on take, in `unit`; None when it cannot be told.

    The dose tells it first (R.5132-14: the time that results from the dosage), else what the prescriber gave
    for how long.
    """
    course = course_of(line, unit, medicine)
    return None if course is None else course.until(first + days) - course.until(first)


def days_of(
    amount: Decimal | Fraction, line: Line, unit: CountUnit, medicine: Medicine | None, first: int = 0
) -> int | None:
    """Whole days that `amount` covers from day `first` of the treatment on; None when it cannot be told."""
    course = course_of(line, unit, medicine)
    return None if course is None else course.lasts(Fraction(amount), first)


@dataclass(frozen=True, slots=True)
class Course:
    """What a treatment takes as its days go, in one unit; a renewed one begins again with its first step."""

    # (days, amount a day) of each step; 0 days: to the end.
    parts: tuple[tuple[int, Fraction], ...]
    # Days of one treatment; None: not told.
    length: int | None

    def until(self, day: int) -> Fraction:
        """Taken before day `day`; the first day is 0."""
        if not self.length or day <= self.length:
            return _units(self.parts, day)
        cycles, rest = divmod(day, self.length)
        return cycles * _units(self.parts, self.length) + _units(self.parts, rest)

    def lasts(self, amount: Fraction, first: int) -> int | None:
        """Whole days that an amount covers from day `first` on; None where nothing is taken."""
        if len(self.parts) == 1 and self.parts[0][0] in {0, self.length}:
            rate = self.parts[0][1]
            return int(amount / rate) if rate else None
        least, most = 0, LONGEST
        limit = self.until(first) + amount
        if self.until(first + most) <= limit:
            return None
        while most - least > 1:
            middle = (least + most) // 2
            if self.until(first + middle) <= limit:
                least = middle
            else:
                most = middle
        return least


# Days looked ahead for a treatment whose steps differ: beyond the longest prescription, renewals and all.
LONGEST = 40_000


def course_of(line: Line, unit: CountUnit, medicine: Medicine | None) -> Course | None:
    """None when neither the dose nor the prescriber's own count tells what a day takes, in `unit`."""
    if unit is CountUnit.DAY:
        return Course(((0, Fraction(1)),), None)
    length = treatment_days(line)
    parts = _parts(line, unit, medicine)
    if parts is not None:
        return Course(parts, length)
    if line.quantity is None or line.quantity.unit is not unit or not length:
        return None
    return Course(((0, Fraction(line.quantity.value) / length),), None)


def _parts(line: Line, unit: CountUnit, medicine: Medicine | None) -> tuple[tuple[int, Fraction], ...] | None:
    parts = steps(line.posology)
    if parts is None or unit is CountUnit.DOSE:
        return None if parts is None else tuple(parts)
    inside = pack_units(reference_pack(line, medicine))
    return tuple((days, rate / inside) for days, rate in parts) if inside else None


def count(
    act: Act, line: Line, status: LineStatus, prescribed: Medicine | None, pack: Pack | None
) -> Decimal:
    """What an act counts in the unit of the line; raises QuantityUnknown when that cannot be told.

    Boxes are not opened but for narcotics (R.5132-33): the last whole one counts what remained to deliver.
    """
    if act.kind in {InterventionKind.NOT_DELIVERED, InterventionKind.UNDONE}:
        return NOTHING
    if status.unit is CountUnit.BOX:
        counted = _boxes(act, line, prescribed, pack)
    elif status.unit is CountUnit.DOSE:
        counted = _doses(act, pack)
    else:
        counted = _days(act, line, prescribed, pack)
    given = decimal(counted)
    if given > status.remaining > 0 and not status.narcotic and _last_box_needed(act, counted, status):
        return status.remaining
    return given


def _last_box_needed(act: Act, counted: Fraction, status: LineStatus) -> bool:
    """Without its last box, the delivery would fall short of what remained."""
    if act.packs is None or act.units is not None or act.packs <= 0 or status.unit is CountUnit.BOX:
        return False
    return counted * (ceil(act.packs) - 1) / Fraction(act.packs) < Fraction(status.remaining)


def _boxes(act: Act, line: Line, prescribed: Medicine | None, pack: Pack | None) -> Fraction:
    wanted, inside = pack_units(reference_pack(line, prescribed)), pack_units(pack)
    if act.packs is not None:
        packs = Fraction(act.packs)
        return packs * _as_prescribed_packs(inside / wanted) if wanted and inside else packs
    if act.units is None:
        raise QuantityUnknown(hint="Give `packs`, the number of packs delivered.")
    if wanted is None:
        raise QuantityUnknown(hint="Give `packs`: how many units a prescribed pack holds is not known.")
    return Fraction(act.units) / wanted


def _as_prescribed_packs(ratio: Fraction) -> Fraction:
    return Fraction(max(1, round(ratio))) if ratio >= SAME_MONTH else ratio


def _doses(act: Act, pack: Pack | None) -> Fraction:
    if act.units is not None:
        return Fraction(act.units)
    inside = pack_units(pack)
    if act.packs is None or inside is None:
        raise QuantityUnknown(hint="Give `units`, the exact number of units delivered.")
    return Fraction(act.packs) * inside


def _days(act: Act, line: Line, prescribed: Medicine | None, pack: Pack | None) -> Fraction:
    units = None if act.units is None else Fraction(act.units)
    inside = pack_units(pack)
    if units is None and act.packs is not None and inside is not None:
        units = Fraction(act.packs) * inside
    days = None if units is None else days_of(units, line, CountUnit.DOSE, prescribed)
    if days:
        return Fraction(days)
    if act.days_covered:
        return Fraction(act.days_covered)
    raise QuantityUnknown(hint="Give `days_covered`: the days of treatment that were delivered.")


def covered(
    line: Line, unit: CountUnit, medicine: Medicine | None, counted: Decimal, *, declared: int = 0
) -> int:
    """Days that a delivery covers: by the dose where it is known, else as declared (0: unknown)."""
    known = days_of(counted, line, unit, medicine)
    return declared if known is None else known


def whole(amount: Fraction, unit: CountUnit) -> Decimal:
    """Rounded up to what can be handed over: a dose and a day are not cut, a pack may be opened."""
    return decimal(amount) if unit is CountUnit.BOX else Decimal(ceil(amount))


def marketed_units(medicine: Medicine | None) -> Sequence[Fraction]:
    """Units of each marketed pack whose label says it."""
    packs = medicine.packs if medicine else ()
    return [Fraction(pack.units) for pack in packs if pack.marketed and pack.units]
