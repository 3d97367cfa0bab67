"""Doses and rhythms as HL7 v3 has them, both ways.

HL7 v3 says how often only by the time between two doses. Where a prescriber said "three times a day", the
period is written with `institutionSpecified` (the hours are free) and its exact words as a translation in
UCUM (`3 /d`, `2 /(3.wk)`), which is what is read back. A bare period is one dose every so often, as in the
official examples (`8 h`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from eprescription.domain.content import Dose

from . import codes
from .build import V3, XSI, Element, code, day, el
from .values import day_of, decimal_of, text_at, whole_of

TYPE = f"{{{XSI}}}type"
N = {"v": V3}
HOURS_A_DAY = Decimal(24)
# Of a period that is no round number: what a reader of the period alone may lose is under a minute a month.
EXACT = Decimal("0.000001")
RATE = re.compile(r"/(?:\((\d+(?:\.\d+)?)\.)?(h|d|wk|mo)\)?", re.ASCII)
UNITS = frozenset({"h", "d", "wk", "mo"})
# A Monday: the phase of a weekly rhythm tells its day by any date that falls on it.
MONDAY = date(2024, 1, 1)


def begins(doses: Sequence[Dose], first: date) -> list[date]:
    """The first day of each step: those of one sequence run together, the next one follows them."""
    starts: list[date] = []
    for dose in doses:
        before = {d.sequence: 0 for d in doses if d.sequence < dose.sequence}
        for other in doses:
            if other.sequence in before:
                before[other.sequence] = max(before[other.sequence], other.days)
        starts.append(first + timedelta(days=sum(before.values())))
    return starts


def is_plain(doses: Sequence[Dose]) -> bool:
    """One dose for the whole treatment: it needs no subordinate administration."""
    return len(doses) == 1 and doses[0].sequence == 1 and not doses[0].days


def when(dose: Dose, first: date) -> Element | None:
    """The rhythm of one step, and how long it lasts."""
    parts = list(_parts(dose, first))
    if not parts:
        return None
    return el("effectiveTime", *parts, type_="SXPR_TS", operator="A")


def _parts(dose: Dose, first: date) -> Iterator[Element]:
    if dose.days:
        width = el("width", value=str(dose.days), unit="d")
        yield el("comp", el("low", value=day(first)), width, type_="IVL_TS", operator="A")
    if dose.frequency:
        yield _period(dose)
    for moment in dose.when:
        yield el("comp", _event(moment), type_="EIVL_TS", operator="A")
    for name in dose.days_of_week:
        on = MONDAY + timedelta(days=codes.WEEKDAYS.index(name))
        phase = el("phase", el("low", value=day(on)))
        week = el("period", value="1", unit="wk")
        yield el("comp", phase, week, type_="PIVL_TS", operator="A", alignment="DW")


def _period(dose: Dose) -> Element:
    if dose.frequency == 1:
        period = el("period", value=_text(dose.period), unit=dose.period_unit)
        return el("comp", period, type_="PIVL_TS", operator="A")
    value, unit = dose.period / dose.frequency, dose.period_unit
    if unit == "d" and (dose.period * HOURS_A_DAY) % dose.frequency == 0:
        value, unit = dose.period * HOURS_A_DAY / dose.frequency, "h"
    among = dose.period_unit if dose.period == 1 else f"({_text(dose.period)}.{dose.period_unit})"
    said = code(codes.UCUM, f"/{among}", tag="translation", value=str(dose.frequency))
    exact = _text(value.quantize(EXACT, ROUND_HALF_UP))
    return el(
        "comp",
        el("period", said, value=exact, unit=unit),
        type_="PIVL_TS",
        operator="A",
        institutionSpecified="true",
    )


def _event(moment: str) -> Element:
    if moment in codes.V3_EVENTS:
        return code(codes.TIMING_EVENTS, moment, tag="event")
    said = el("translation", code=moment, codeSystemName="FHIR event-timing")
    return el("event", said, nullFlavor="OTH")


def quantity(dose: Dose) -> Element | None:
    """Low and high, which are equal where the prescriber gave one number."""
    if dose.quantity is None:
        return None
    high = dose.quantity if dose.quantity_high is None else dose.quantity_high
    unit = {"unit": dose.unit_code} if dose.unit_code else {}
    low = el("low", value=_text(dose.quantity), **unit)
    return el("doseQuantity", low, el("high", value=_text(high), **unit))


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"


# -- and back


def dose_of(administration: Element, sequence: int) -> Dose:
    """The step that an administration tells; what it does not tell has its default."""
    dose = _quantity_of(administration, Dose(sequence=sequence))
    for part in _times(administration):
        dose = _with(dose, part)
    return dose


def _times(administration: Element) -> Iterator[Element]:
    for time in administration.findall("v:effectiveTime", N):
        if time.get(TYPE) == "SXPR_TS":
            yield from time.findall("v:comp", N)
        elif time.get(TYPE) in ("PIVL_TS", "EIVL_TS"):
            yield time


def _with(dose: Dose, part: Element) -> Dose:
    kind = part.get(TYPE)
    if kind == "IVL_TS":
        return replace(dose, days=whole_of(part, "v:width", "d"))
    if kind == "EIVL_TS":
        moment = text_at(part, "v:event", "code") or text_at(part, "v:event/v:translation", "code")
        return replace(dose, when=(*dose.when, moment)) if moment else dose
    if part.get("alignment") == "DW":
        named = _weekday(text_at(part, "v:phase/v:low", "value"))
        return replace(dose, days_of_week=(*dose.days_of_week, named)) if named else dose
    return _rhythm_of(part.find("v:period", N), dose)


def _rhythm_of(period: Element | None, dose: Dose) -> Dose:
    if period is None:
        return dose
    said = RATE.fullmatch(text_at(period, "v:translation", "code"))
    times = text_at(period, "v:translation", "value")
    if said and times.isdecimal():
        return replace(dose, frequency=int(times), period=Decimal(said[1] or 1), period_unit=said[2])
    every, unit = decimal_of(period, "."), period.get("unit", "")
    if every is None or unit not in UNITS:
        return dose
    return replace(dose, frequency=1, period=every, period_unit=unit)


def _quantity_of(administration: Element, dose: Dose) -> Dose:
    at = administration.find("v:doseQuantity", N)
    if at is None:
        return dose
    low = decimal_of(at, "v:low")
    # A dose without an interval is one number.
    if low is None:
        low = decimal_of(at, ".")
    high = decimal_of(at, "v:high")
    unit = text_at(at, "v:low", "unit") or text_at(at, "v:high", "unit") or at.get("unit", "")
    if low is None:
        low, high = high, None
    return replace(dose, quantity=low, quantity_high=None if high == low else high, unit_code=unit)


def _weekday(stamp: str) -> str:
    on = day_of(stamp)
    return codes.WEEKDAYS[on.weekday()] if on else ""
