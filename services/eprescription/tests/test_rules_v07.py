"""Vectors of V7 to V12: narcotics, their fractions, their clock, and what is treated like them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from eprescription.domain.content import Dose, Posology, Product
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine
from eprescription.domain.rules import delivering, words
from eprescription.domain.states import LineState

from .law_given import (
    ASSIMILATED,
    DAY,
    DOSE,
    DUTY,
    LIST_1,
    NARCOTIC,
    PHARMACY,
    REFUSED,
    TODAY,
    WARNED,
    Vector,
    act,
    acted,
    boxes,
    d,
    delivery,
    entitled,
    judged,
    line,
    medicine,
    named,
    narcotic_line,
    once,
    other_line,
    remaining_days,
    status,
)

V = Vector
FEBRUARY = d("2026-02-01")
FRACTIONED = medicine("list_1", "narcotic", "secure", "in_words", "fraction_days:7", units=14)
OPIOID = replace(ASSIMILATED, components=(replace(ASSIMILATED.components[0], name="BUPRÉNORPHINE"),))
NAMED: dict[str, Any] = {"secure": True, "named_pharmacy": PHARMACY}


def limited(days: int) -> Medicine:
    """A narcotic that is prescribed for so many days at most."""
    return medicine("narcotic", "in_words", f"max_days:{days}")


def written(**changes: Any) -> list[Finding]:
    """A narcotic prescription as the law wants it, but for the changes."""
    content = {
        key: changes.pop(key) for key in list(changes) if key in {"secure", "planned_discharge_on", "running"}
    }
    return judged(replace(narcotic_line(), **changes), known=NARCOTIC, **{"secure": True, **content})


def presented(today: str, days: int = 28, **changes: Any) -> list[Finding]:
    """A narcotic dated 1 February, brought on a day."""
    return list(entitled(narcotic_line(days), NARCOTIC, today, on=FEBRUARY, **changes).findings)


def fraction(today: str, *past: str, **changes: Any) -> delivering.Entitled:
    """Twenty-eight days by fractions of seven, dated 1 February."""
    of = replace(narcotic_line(), **changes)
    return entitled(of, FRACTIONED, today, past=[delivery(day, 7) for day in past], on=FEBRUARY)


def surgery(today: str) -> delivering.Entitled:
    """Written on 1 February for a discharge planned on the 15th."""
    return entitled(narcotic_line(), NARCOTIC, today, on=FEBRUARY, planned_discharge_on=d("2026-02-15"))


def overlapped(until: str, known: Medicine = NARCOTIC, **changes: Any) -> list[Finding]:
    """Delivered on 15 January while another prescription runs."""
    of = narcotic_line(**changes)
    row = status(of, known)
    return delivering.overlap(of, row, known, [other_line(until)], TODAY)


VECTORS = [
    V("V7", "as the law wants it", None, written),
    V("V7", "on a plain form", REFUSED, lambda: written(secure=False)),
    V("V7", "with a renewal", REFUSED, lambda: written(renewals=1)),
    V("V7", "28 days", None, lambda: written(duration_days=28)),
    V("V7", "29 days", REFUSED, lambda: written(duration_days=29)),
    V("V7", "14 days of a medicine limited to 14", None, lambda: judged(
        narcotic_line(14), known=limited(14), secure=True)),
    V("V7", "15 days of a medicine limited to 14", REFUSED, lambda: judged(
        narcotic_line(14, duration_days=15), known=limited(14), secure=True)),
    V("V7", "8 days of a medicine limited to 7", REFUSED, lambda: judged(
        narcotic_line(7, duration_days=8), known=limited(7), secure=True)),
    V("V7", "no length", REFUSED, lambda: (
        written(duration_days=0, posology=Posology("un comprimé par jour")))),
    V("V7", "length told by dose and quantity", None, lambda: written(duration_days=0)),
    V("V7", "quantity in figures", REFUSED, lambda: written(quantity=boxes(28, DOSE, "28 comprimés"))),
    V("V7", "no quantity in letters", REFUSED, lambda: written(quantity=boxes(28, DOSE))),
    V("V7", "letters that say another number", REFUSED, lambda: written(
        quantity=boxes(28, DOSE, "dix-huit comprimés"))),
    V("V7", "letters that go on with another number", REFUSED, lambda: written(
        quantity=boxes(20, DOSE, "vingt-huit comprimés"))),
    V("V7", "dose in figures", REFUSED, lambda: written(posology=Posology("1 comprimé par jour", (once(),)))),
    V("V7", "dose without text", REFUSED, lambda: written(posology=Posology("", (once(),)))),
    V("V7", "length in figures", None, lambda: written(
        posology=Posology("un comprimé de dix milligrammes par jour pendant 28 jours", (once(),)))),
    V("V7", "narcotic-like in letters too", REFUSED, lambda: judged(
        line(duration_days=28), known=ASSIMILATED, secure=True)),
    V("V7", "opioid substitution without pharmacy", WARNED, lambda: judged(
        narcotic_line(), known=OPIOID, secure=True)),
    V("V7", "opioid substitution with its pharmacy", None, lambda: (
        judged(narcotic_line(), known=OPIOID, **NAMED))),
    V("V7", "opioid substitution elsewhere", REFUSED, lambda: acted(
        act(), narcotic_line(), OPIOID, secure=True, named_pharmacy="1750011111")),
    V("V7", "opioid substitution where it was named", None, lambda: (
        acted(act(), narcotic_line(), OPIOID, **NAMED))),
    V("V5", "a box that holds more of a narcotic than was prescribed", REFUSED, lambda: acted(
        act(), narcotic_line(10), NARCOTIC)),
    V("V8", "a fraction", None, lambda: acted(
        act(packs=None, units=Decimal(7)), narcotic_line(), FRACTIONED)),
    V("V8", "two fractions at once", REFUSED, lambda: acted(
        act(packs=None, units=Decimal(14)), narcotic_line(), FRACTIONED)),
    V("V8", "a box that is not opened", REFUSED, lambda: acted(act(), narcotic_line(), FRACTIONED)),
    V("V8", "the next one on its day", None, lambda: list(fraction("2026-02-08", "2026-02-01").findings)),
    V("V8", "the next one too early", REFUSED, lambda: list(fraction("2026-02-07", "2026-02-01").findings)),
    V("V8", "in one delivery as written", None, lambda: acted(
        act(packs=Decimal(2)), narcotic_line(single_delivery=True), FRACTIONED)),
    V("V8", "written without a word", DUTY, lambda: judged(narcotic_line(), known=FRACTIONED, secure=True)),
    V("V8", "written as one delivery", None, lambda: judged(
        narcotic_line(single_delivery=True), known=FRACTIONED, secure=True)),
    V("V9", "day of writing", None, lambda: presented("2026-02-01")),
    V("V9", "third day", None, lambda: presented("2026-02-04")),
    V("V9", "fourth day: a part is lost", DUTY, lambda: presented("2026-02-05")),
    V("V9", "last day", DUTY, lambda: presented("2026-02-28")),
    V("V9", "all is lost", REFUSED, lambda: presented("2026-03-01")),
    V("V9", "long after", REFUSED, lambda: presented("2026-12-31")),
    V("V9", "three days of treatment, on the third day", None, lambda: presented("2026-02-04", 3)),
    V("V9", "three days of treatment, on the fourth", REFUSED, lambda: presented("2026-02-05", 3)),
    V("V9", "more than the days that remain", REFUSED, lambda: acted(
        act(packs=None, units=Decimal(28)), narcotic_line(), NARCOTIC, today="2026-01-19")),
    V("V9", "exactly the days that remain", DUTY, lambda: [
        *entitled(narcotic_line(), NARCOTIC, "2026-01-19").findings,
        *acted(act(packs=None, units=Decimal(24)), narcotic_line(), NARCOTIC, today="2026-01-19")]),
    V("V9", "length unknown, on the third day", None, lambda: list(
        entitled(line(posology=Posology("x"), duration_days=0), NARCOTIC, "2026-01-18").findings)),
    V("V9", "length unknown, on the fourth day", REFUSED, lambda: list(
        entitled(line(posology=Posology("x"), duration_days=0), NARCOTIC, "2026-01-19").findings)),
    V("V9", "fraction, third day after the last", None, lambda: (
        list(fraction("2026-02-10", "2026-02-01").findings))),
    V("V9", "fraction, fourth day after the last", DUTY, lambda: (
        list(fraction("2026-02-11", "2026-02-01").findings))),
    V("V9", "not a narcotic", None, lambda: list(entitled(line(), LIST_1, "2026-02-20").findings)),
    V("V10", "before the window", REFUSED, lambda: list(surgery("2026-02-11").findings)),
    V("V10", "three days before the discharge", None, lambda: list(surgery("2026-02-12").findings)),
    V("V10", "three days after the discharge", None, lambda: list(surgery("2026-02-18").findings)),
    V("V10", "discharge within the prescription", None, lambda: (
        written(planned_discharge_on=d("2026-03-01")))),
    V("V10", "discharge too far", REFUSED, lambda: written(planned_discharge_on=d("2026-05-01"))),
    V("V10", "discharge in the past", REFUSED, lambda: written(planned_discharge_on=d("2026-01-14"))),
    V("V11", "nothing runs", None, lambda: written(running=[])),
    V("V11", "one runs", REFUSED, lambda: written(running=[other_line("2026-01-20")])),
    V("V11", "one runs, overlap stated", None, lambda: written(
        running=[other_line("2026-01-20")], overlap_allowed=True)),
    V("V11", "one ended the day before", None, lambda: written(running=[other_line("2026-01-14")])),
    V("V11", "begins when the other has ended", None, lambda: written(
        running=[other_line("2026-01-20")], starts_on=d("2026-01-21"))),
    V("V11", "written before, not yet delivered", REFUSED, lambda: written(
        running=[other_line("2026-01-20", delivered=Decimal(0))])),
    V("V11", "cancelled before anything was delivered", None, lambda: written(
        running=[other_line("2026-01-20", delivered=Decimal(0), state=LineState.CANCELLED)])),
    V("V11", "another narcotic runs", WARNED, lambda: written(
        running=[other_line("2026-01-20", cis="69999111", substances=("09999",))])),
    V("V11", "at the pharmacy, one runs", REFUSED, lambda: overlapped("2026-01-15")),
    V("V11", "at the pharmacy, one ended", None, lambda: overlapped("2026-01-14")),
    V("V11", "at the pharmacy, overlap stated", None, lambda: overlapped("2026-01-20", overlap_allowed=True)),
    V("V11", "at the pharmacy, no narcotic", None, lambda: overlapped("2026-01-20", LIST_1)),
    V("V11", "forbidden by a condition of the medicine", REFUSED, lambda: overlapped(
        "2026-01-20", medicine("list_1", "in_words", "overlap_forbidden"))),
    V("V12", "on a secure form", None, lambda: judged(
        narcotic_line(), known=ASSIMILATED, secure=True)),
    V("V12", "on a plain form", REFUSED, lambda: judged(narcotic_line(), known=ASSIMILATED)),
    V("V12", "after ten weeks", None, lambda: list(
        entitled(narcotic_line(), ASSIMILATED, "2026-04-14").findings)),
    V("V12", "after three months", REFUSED, lambda: list(
        entitled(narcotic_line(), ASSIMILATED, "2026-04-15").findings)),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_vectors(vector: Vector) -> None:
    vector.check()


@pytest.mark.parametrize(
    ("presented_on", "days"),
    [
        ("2026-02-01", 28),
        ("2026-02-02", 28),
        ("2026-02-03", 28),
        ("2026-02-04", 28),
        ("2026-02-05", 24),
        ("2026-02-06", 23),
        ("2026-02-28", 1),
        ("2026-03-01", 0),
        ("2026-03-02", 0),
    ],
)
def test_three_day_rule_counts_the_days_that_remain(presented_on: str, days: int) -> None:
    """The vectors of the specification, by the formula and through a line of one tablet a day."""
    assert remaining_days(28, FEBRUARY, d(presented_on)) == days
    found = entitled(narcotic_line(), NARCOTIC, presented_on, on=FEBRUARY)
    assert [found.quantity, found.days] == [days, days]
    assert found.forfeited == (28 - days if days else 0)
    assert found.until == d("2026-02-28")


@pytest.mark.parametrize(
    ("today", "past", "quantity", "forfeited", "next_on"),
    [
        ("2026-02-01", (), 7, 0, "2026-02-01"),
        ("2026-02-05", (), 7, 4, "2026-02-01"),
        ("2026-02-08", ("2026-02-01",), 7, 0, "2026-02-08"),
        ("2026-02-10", ("2026-02-01",), 7, 0, "2026-02-08"),
        # The fraction ended on the 7th: on the 11th the 8th, 9th and 10th are lost.
        ("2026-02-11", ("2026-02-01",), 7, 3, "2026-02-08"),
        # Shifted by two days within the window: the fraction of the 10th ends on the 16th.
        ("2026-02-17", ("2026-02-01", "2026-02-10"), 7, 0, "2026-02-17"),
        ("2026-02-26", ("2026-02-01",), 3, 18, "2026-02-08"),
    ],
)
def test_fractions_have_their_own_clock(
    today: str, past: tuple[str, ...], quantity: int, forfeited: int, next_on: str
) -> None:
    found = fraction(today, *past)
    assert [found.quantity, found.forfeited, found.next_on] == [quantity, forfeited, d(next_on)]


def test_days_lost_before_an_earlier_fraction_stay_lost() -> None:
    """Fractions of the 1st and the 11th (three days lost): seventeen days are behind on the 18th."""
    past = [delivery("2026-02-01", 7), delivery("2026-02-11", 7, forfeits=Decimal(3))]
    found = entitled(narcotic_line(), FRACTIONED, "2026-02-22", past=past, on=FEBRUARY)
    assert [found.quantity, found.forfeited] == [7, 4]


def test_planned_surgery_shifts_the_day_the_law_counts_from() -> None:
    assert [surgery("2026-02-12").quantity, surgery("2026-02-18").quantity] == [28, 28]
    late = surgery("2026-02-19")
    assert [late.quantity, late.forfeited] == [24, 4]
    assert surgery("2026-02-11").next_on == d("2026-02-12")
    assert late.until == d("2026-03-14")


def test_tapered_narcotic_loses_the_doses_of_its_first_days() -> None:
    """Four a day for a week, then two: five days late, twenty tablets of the first week are lost."""
    doses = (once(4, sequence=1, days=7), once(2, sequence=2, days=7))
    of = narcotic_line(14, posology=Posology("quatre puis deux par jour", doses), quantity=boxes(42, DOSE))
    found = entitled(of, NARCOTIC, "2026-01-20")
    assert [found.quantity, found.forfeited] == [22, 20]


def test_patches_are_counted_whole() -> None:
    """One every three days: ten for thirty days; five days late, 23 days are eight patches."""
    patch = Dose(quantity=Decimal(1), frequency=1, period=Decimal(3))
    of = narcotic_line(28, posology=Posology("un dispositif", (patch,)), quantity=boxes(10, DOSE))
    found = entitled(of, NARCOTIC, "2026-01-20")
    assert [found.quantity, found.forfeited] == [8, 2]


@pytest.mark.parametrize(
    ("quantity", "authorised"),
    [(boxes(2), 28), (boxes(28, DOSE), 28), (boxes(14, DAY), 14)],
)
def test_narcotics_are_counted_in_units(quantity: object, authorised: int) -> None:
    signed_as = Product(cis="69999000", pack_units=Decimal(14))
    row = status(narcotic_line(quantity=quantity, product=signed_as), NARCOTIC)
    assert [row.unit, row.authorised] == [DOSE, authorised]


def test_a_narcotic_box_of_unknown_content_stays_a_box() -> None:
    row = status(narcotic_line(quantity=boxes(2)), medicine("narcotic", units=None))
    assert [row.unit.value, row.authorised] == ["box", 2]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "zéro"), (1, "un"), (16, "seize"), (17, "dix-sept"), (21, "vingt-et-un"), (28, "vingt-huit"),
        (60, "soixante"), (70, "soixante-dix"), (71, "soixante-et-onze"), (80, "quatre-vingt"),
        (81, "quatre-vingt-un"), (91, "quatre-vingt-onze"), (99, "quatre-vingt-dix-neuf"), (100, "cent"),
        (112, "cent douze"), (200, "deux cent"), (1000, "mille"), (2021, "deux mille vingt-et-un"),
    ],
)  # fmt: skip
def test_numbers_in_letters(number: int, text: str) -> None:
    assert words.spelt(number) == text
    assert words.says(f"{text} comprimés", Decimal(number))


@pytest.mark.parametrize(
    ("text", "value", "same"),
    [
        ("Vingt et une gélules", "21", True),
        ("quatre-vingts comprimés", "80", True),
        ("deux cents comprimés", "200", True),
        ("deux et demi", "2.5", True),
        ("vingt-huit comprimés", "8", False),
        ("cent vingt comprimés", "100", False),
        ("", "1", False),
        ("28", "28", False),
    ],
)
def test_letters_say_the_figure(text: str, value: str, *, same: bool) -> None:
    assert words.says(text, Decimal(value)) is same
