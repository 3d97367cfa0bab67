"""Doses, units, packs and days."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from eprescription.domain import quantities
from eprescription.domain.content import CountUnit, Dose, Line, Posology
from eprescription.domain.dispensing import Act, InterventionKind
from eprescription.domain.products import Pack
from eprescription.domain.rules import authorising

from .law_given import (
    BOX,
    DAY,
    DOSE,
    LAW,
    LIST_1,
    NARCOTIC,
    WRITTEN,
    act,
    boxes,
    line,
    medicine,
    once,
    status,
)

TEXT = Posology("un comprimé par jour")
WEEKLY = once(1, period_unit="wk")
TAPERED = Posology(
    "",
    (
        once(3, sequence=1, days=5),
        once(2, sequence=2, days=5),
        once(1, sequence=3, days=5),
    ),
)


@pytest.mark.parametrize(
    ("dose", "rate"),
    [
        (once(), 1),
        (once(2, frequency=3), 6),
        (once("0.5", frequency=2), 1),
        (once(1, frequency=0, when=("MORN", "EVE")), 2),
        (once(1, period=Decimal(2)), Fraction(1, 2)),
        (once(1, period=Decimal(72), period_unit="h"), Fraction(1, 3)),
        (WEEKLY, Fraction(1, 7)),
        (once(1, period_unit="mo"), Fraction(1, 30)),
        (once(1, days_of_week=("mon", "wed", "fri")), Fraction(3, 7)),
        (once(1, quantity_high=Decimal(2)), 2),
        (Dose(quantity=Decimal(1)), None),
        (Dose(frequency=1), None),
        (once(1, period_unit="year"), None),
        (once(1, period=Decimal(0)), None),
    ],
)
def test_units_a_day(dose: Dose, rate: Fraction | None) -> None:
    assert quantities.daily(dose) == rate


@pytest.mark.parametrize(
    ("posology", "first", "end", "units"),
    [
        (Posology("", (once(),)), 0, 30, 30),
        # Morning and evening run together.
        (Posology("", (once(1), once(2))), 0, 10, 30),
        (TAPERED, 0, 15, 30),
        (TAPERED, 5, 10, 10),
        (TAPERED, 3, 7, 10),
        # Once the steps are over, nothing more is taken.
        (TAPERED, 0, 100, 30),
        # The last step goes on.
        (Posology("", (once(3, days=5), once(1, sequence=2))), 0, 20, 30),
        # One day in two.
        (Posology("", (once(1, period=Decimal(2)),)), 0, 28, 14),
        # As needed, four a day at most.
        (Posology("", (once(2, frequency=4),), as_needed=True, max_per_day=Decimal(4)), 0, 5, 20),
        (Posology("si douleur", (), as_needed=True, max_per_day=Decimal(4)), 0, 5, 20),
        (Posology("si douleur", (Dose(quantity=Decimal(1)),), max_per_day=Decimal(4)), 0, 5, 20),
        (TEXT, 0, 5, None),
        (Posology("", (Dose(quantity=Decimal(1)),)), 0, 5, None),
        # A step without length that is not the last one: the rest is not known.
        (Posology("", (once(3), once(1, sequence=2))), 0, 5, None),
    ],
)
def test_units_of_a_treatment(posology: Posology, first: int, end: int, units: int | None) -> None:
    assert quantities.units_between(posology, first, end) == units


@pytest.mark.parametrize(
    ("of", "quantity", "unit"),
    [
        (line(renewals=2), "3", BOX),
        (line(quantity=boxes(30, DOSE)), "30", DOSE),
        (line(quantity=boxes(30, DAY), renewals=1), "60", DAY),
        (line(quantity=None), "30", DOSE),
        (line(quantity=None, renewals=5), "180", DOSE),
        (line(quantity=None, posology=TEXT), "30", DAY),
        (line(quantity=None, duration_days=0, posology=TAPERED), "30", DOSE),
        # Half a tablet for a week is four tablets.
        (line(quantity=None, duration_days=7, posology=Posology("", (once("0.5"),))), "4", DOSE),
        (line(quantity=None, duration_days=0, rental_days=90, posology=Posology()), "90", DAY),
    ],
)
def test_what_a_signature_authorises(of: Line, quantity: str, unit: CountUnit) -> None:
    found = authorising.authorise(of, LIST_1, WRITTEN, LAW)
    assert (found.quantity, found.unit) == (Decimal(quantity), unit)


def test_nothing_said_authorises_nothing() -> None:
    with pytest.raises(authorising.NothingAuthorised) as refused:
        authorising.authorise(line(quantity=None, duration_days=0), LIST_1, WRITTEN, LAW)
    assert refused.value.rules == ("V23",)


def test_treatment_is_thought_to_run_as_long_as_it_is_said_or_a_month_a_delivery() -> None:
    told = authorising.authorise(line(renewals=2), LIST_1, WRITTEN, LAW)
    assert told.treated_until.isoformat() == "2026-04-14"
    unknown = authorising.authorise(line(duration_days=0, posology=TEXT, renewals=1), LIST_1, WRITTEN, LAW)
    assert unknown.treated_until.isoformat() == "2026-03-15"


def test_a_prescription_lasts_as_long_as_its_last_open_line() -> None:
    listed, plain = status(line(), LIST_1), status(line())
    assert authorising.expires_on([listed, plain]) == plain.until
    assert authorising.expires_on([listed]) == listed.until


def done(**changes: Any) -> Act:
    return act(**{"packs": None, **changes})


@pytest.mark.parametrize(
    ("of", "made", "units", "counted"),
    [
        (line(quantity=boxes(3)), done(packs=Decimal(2)), 30, "2"),
        (line(quantity=boxes(3)), done(units=Decimal(15)), 30, "0.5"),
        (line(quantity=boxes(30, DOSE)), done(packs=Decimal(1)), 30, "30"),
        (line(quantity=boxes(30, DOSE)), done(units=Decimal(12)), 30, "12"),
        # The box holds one tablet more than was prescribed: it is not opened.
        (line(quantity=boxes(15, DOSE)), done(packs=Decimal(1)), 16, "15"),
        # Two boxes where one was enough is two boxes.
        (line(quantity=boxes(15, DOSE)), done(packs=Decimal(2)), 16, "32"),
        (line(quantity=boxes(30, DAY)), done(packs=Decimal(1)), 30, "30"),
        (line(quantity=boxes(30, DAY)), done(packs=Decimal(1)), 28, "28"),
        (line(quantity=boxes(30, DAY), posology=TEXT), done(days_covered=20), 30, "20"),
        (line(quantity=boxes(3)), done(kind=InterventionKind.NOT_DELIVERED), 30, "0"),
    ],
)
def test_what_an_act_counts(of: Line, made: Act, units: int, counted: str) -> None:
    known = medicine("list_1", units=units)
    assert quantities.count(made, of, status(of, known), known, known.packs[0]) == Decimal(counted)


def test_a_narcotic_box_is_opened() -> None:
    """One box more than remains is too much of a narcotic, however few tablets are missing."""
    of = line(quantity=boxes(10, DOSE, "dix comprimés"), duration_days=10)
    row = status(of, NARCOTIC)
    assert quantities.count(done(packs=Decimal(1)), of, row, NARCOTIC, NARCOTIC.packs[0]) == 14


@pytest.mark.parametrize(
    ("of", "made"),
    [
        (line(quantity=boxes(3)), done()),
        (line(quantity=boxes(30, DOSE)), done(packs=Decimal(1))),
        (line(quantity=boxes(30, DAY), posology=TEXT), done(packs=Decimal(1))),
    ],
)
def test_what_cannot_be_counted_is_asked_for(of: Line, made: Act) -> None:
    known = medicine("list_1", units=None)
    with pytest.raises(quantities.QuantityUnknown) as refused:
        quantities.count(made, of, status(of, known), known, known.packs[0])
    assert refused.value.hint
    assert refused.value.field == "acts"


@pytest.mark.parametrize(
    ("amount", "of", "unit", "days"),
    [
        (1, line(), BOX, 30),
        (28, line(quantity=boxes(28, DOSE)), DOSE, 28),
        (20, line(posology=TAPERED, duration_days=15), DOSE, 7),
        (30, line(posology=TAPERED, duration_days=15), DOSE, 15),
        (4, line(posology=Posology("", (WEEKLY,))), DOSE, 28),
        # No structured dose: as the prescriber counted, three boxes for ninety days.
        (1, line(posology=TEXT, quantity=boxes(3), duration_days=90), BOX, 30),
        (1, line(posology=TEXT, duration_days=0), BOX, None),
        (12, line(posology=TEXT, quantity=boxes(30, DAY)), DAY, 12),
    ],
)
def test_days_that_an_amount_covers(amount: int, of: Line, unit: CountUnit, days: int | None) -> None:
    assert quantities.days_of(Decimal(amount), of, unit, LIST_1) == days
    assert quantities.covered(of, unit, LIST_1, Decimal(amount), declared=9) == (9 if days is None else days)


def test_packs_of_different_sizes_tell_no_units() -> None:
    packs = (Pack("1", "69999000", units=Decimal(30)), Pack("2", "69999000", units=Decimal(90)))
    known = medicine(packs=packs)
    assert quantities.reference_pack(line(), known) is None
    assert quantities.days_of(Decimal(1), line(duration_days=0), BOX, known) is None
