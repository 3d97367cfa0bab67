"""Vectors of V1 to V6: first delivery, length, one delivery, renewal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from eprescription.domain.content import Line, LineKind, Posology, Product
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine, Pack

from .law_given import (
    ASSIMILATED,
    DAY,
    DOSE,
    DUTY,
    LIST_1,
    PLAIN,
    REFUSED,
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
    once,
)

V = Vector
CYCLES = line(renewals=2)
TEXT = Posology("un comprimé par jour")
PILL = medicine("list_1", units=28, atc=("G03AA07",))
BOTH_PACKS = (Pack("1", "69999000", units=Decimal(30)), Pack("2", "69999000", units=Decimal(90)))


def first(today: str, written: str = "2026-01-15", known: Medicine = LIST_1) -> list[Finding]:
    return list(entitled(line(), known, today, on=d(written)).findings)


def again(today: str, **changes: Any) -> list[Finding]:
    """The second of three boxes of thirty days; the first was delivered on 15 January."""
    of = replace(CYCLES, **changes)
    return list(entitled(of, LIST_1, today, past=[delivery("2026-01-15", 1)]).findings)


VECTORS = [
    V("V1", "first day", None, lambda: first("2026-01-15")),
    V("V1", "D.8 14 April", None, lambda: first("2026-04-14")),
    V("V1", "boundary day is too late", REFUSED, lambda: first("2026-04-15")),
    V("V1", "D.8 16 April", REFUSED, lambda: first("2026-04-16")),
    V("V1", "31 January, last of the three months", None, lambda: first("2026-04-29", "2026-01-31")),
    V("V1", "31 January + 3 months is 30 April", REFUSED, lambda: first("2026-04-30", "2026-01-31")),
    V("V1", "30 November, leap year", None, lambda: first("2028-02-28", "2027-11-30")),
    V("V1", "30 November + 3 months is 29 February", REFUSED, lambda: first("2028-02-29", "2027-11-30")),
    V("V1", "over the change of hour", None, lambda: first("2026-04-27", "2026-01-28")),
    V("V1", "not listed: no such deadline", None, lambda: first("2026-08-01", known=PLAIN)),
    V("V1", "later deliveries are not first", None, lambda: again("2026-06-01")),
    V("V2", "a year", None, lambda: judged(line(renewals=11, duration_days=30), known=LIST_1)),
    V("V2", "365 days of a year", None, lambda: judged(line(duration_days=365), known=LIST_1)),
    V("V2", "366 days of a common year", REFUSED, lambda: judged(line(duration_days=366), known=LIST_1)),
    V("V2", "366 days over a 29 February", None, lambda: judged(
        line(duration_days=366), known=LIST_1, on=d("2028-01-15"))),
    V("V2", "thirteen times thirty days", REFUSED, lambda: judged(line(renewals=12), known=LIST_1)),
    V("V2", "not listed", None, lambda: judged(line(renewals=12), known=PLAIN)),
    V("V2", "narcotic-like too", REFUSED, lambda: judged(line(renewals=12), known=ASSIMILATED)),
    V("V2", "delivered on the last day", None, lambda: again("2027-01-15")),
    V("V2", "delivered after the year", REFUSED, lambda: again("2027-01-16")),
    V("V3", "a month", None, lambda: acted(act(), line(), LIST_1)),
    V("V3", "two months at once", REFUSED, lambda: acted(
        act(packs=Decimal(2)), line(quantity=boxes(3), duration_days=90), LIST_1)),
    V("V3", "a pack for three months", None, lambda: acted(
        act(), line(quantity=boxes(90, DOSE), duration_days=90), medicine("list_1", units=90))),
    V("V3", "a pack for six months, smaller ones exist", REFUSED, lambda: acted(
        act(), line(quantity=boxes(180, DOSE), duration_days=180),
        medicine("list_1", packs=(Pack("9", "69999000", units=Decimal(180)), *BOTH_PACKS)))),
    V("V3", "a pack for six months, there is no other", None, lambda: acted(
        act(), line(quantity=boxes(180, DOSE), duration_days=180), medicine("list_1", units=180))),
    V("V3", "contraceptive, twelve weeks", None, lambda: acted(
        act(packs=Decimal(3)), line(quantity=boxes(6), duration_days=168), PILL)),
    V("V3", "contraceptive, sixteen weeks", REFUSED, lambda: acted(
        act(packs=Decimal(4)), line(quantity=boxes(6), duration_days=168), PILL)),
    V("V3", "length unknown", DUTY, lambda: list(
        entitled(line(posology=TEXT, duration_days=0), LIST_1).findings)),
    V("V4", "the day the box is empty", None, lambda: again("2026-02-14")),
    V("V4", "the day before", REFUSED, lambda: again("2026-02-13")),
    V("V4", "as the prescriber wrote", None, lambda: again("2026-01-20", early_renewal_allowed=True)),
    V("V4", "no length told, days declared", None, lambda: acted(
        act(days_covered=30), line(posology=TEXT, duration_days=0, renewals=2), LIST_1)),
    V("V4", "no length told, no days declared", REFUSED, lambda: acted(
        act(), line(posology=TEXT, duration_days=0, renewals=2), LIST_1)),
    V("V4", "written without length", DUTY, lambda: judged(
        line(posology=TEXT, duration_days=0, renewals=2), known=LIST_1)),
    V("V4", "declared days not over", REFUSED, lambda: list(
        entitled(line(posology=TEXT, duration_days=0, renewals=2), LIST_1, "2026-02-03",
                 past=[delivery("2026-01-15", 1, days_covered=20)]).findings)),
    V("V4", "declared days over", None, lambda: list(
        entitled(line(posology=TEXT, duration_days=0, renewals=2), LIST_1, "2026-02-04",
                 past=[delivery("2026-01-15", 1, days_covered=20)]).findings)),
    V("V4", "over the change of hour", None, lambda: list(
        entitled(CYCLES, LIST_1, "2026-04-09", past=[delivery("2026-03-10", 1)]).findings)),
    V("V4", "what is owed is no renewal", None, lambda: list(
        entitled(line(quantity=boxes(2), posology=Posology("", (once(2),))), LIST_1, "2026-01-16",
                 past=[delivery("2026-01-15", 1)]).findings)),
    V("V5", "renewals written", None, lambda: judged(CYCLES, known=LIST_1)),
    V("V5", "written and forbidden", REFUSED, lambda: judged(
        replace(CYCLES, renewal_forbidden=True), known=medicine("list_2"))),
    V("V5", "forbidden, none written", None, lambda: judged(
        line(renewal_forbidden=True), known=medicine("list_2"))),
    V("V5", "none is left", REFUSED, lambda: list(
        entitled(line(), LIST_1, "2026-02-20", past=[delivery("2026-01-15", 1)]).findings)),
    V("V5", "beyond what is left", REFUSED, lambda: acted(
        act(packs=Decimal(2)), line(), LIST_1)),
    V("V5", "undone deliveries are no deliveries", None, lambda: list(
        entitled(line(), LIST_1, "2026-01-20",
                 past=[delivery("2026-01-15", 1, undone_by=delivery("2026-01-16", 0).id)]).findings)),
    V("V6", "four weeks", None, lambda: judged(
        line(duration_days=28), known=medicine("list_1", "max_days:28"))),
    V("V6", "thirty days of four weeks", REFUSED, lambda: judged(
        line(), known=medicine("list_1", "max_days:28"))),
    V("V6", "twelve weeks by renewals", None, lambda: judged(
        line(duration_days=28, renewals=2), known=medicine("max_days:84"))),
    V("V6", "renewals beyond twelve weeks", REFUSED, lambda: judged(
        line(duration_days=28, renewals=3), known=medicine("max_days:84"))),
    V("V6", "length unknown", WARNED, lambda: judged(
        line(posology=TEXT, duration_days=0), known=medicine("max_days:28"))),
    V("V6", "the shortest of two limits", REFUSED, lambda: judged(
        line(duration_days=20), known=medicine("max_days:28", "max_days:14"))),
    V("V6", "delivered within it", None, lambda: list(
        entitled(line(duration_days=28, renewals=2), medicine("max_days:84", units=28), "2026-04-09",
                 past=[delivery("2026-01-15", 1)]).findings)),
    V("V6", "delivered after it", REFUSED, lambda: list(
        entitled(line(duration_days=28, renewals=2), medicine("max_days:84", units=28), "2026-04-10",
                 past=[delivery("2026-01-15", 1)]).findings)),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_vectors(vector: Vector) -> None:
    vector.check()


@pytest.mark.parametrize(
    ("of", "known", "quantity", "days", "bound"),
    [
        (line(), LIST_1, 1, 30, "V5"),
        # Ninety days in three boxes: one a month.
        (line(quantity=boxes(3), duration_days=90), LIST_1, 1, 30, "V3"),
        # Packs of 28 tablets: four weeks, not thirty days.
        (line(quantity=boxes(3), duration_days=84), medicine("list_1", units=28), 1, 28, "V3"),
        # Five days of three tablets: 15, whatever the pack.
        (
            line(quantity=None, duration_days=5, posology=Posology("", (once(1, frequency=3),))),
            medicine(units=16),
            15,
            5,
            "V5",
        ),
        (line(quantity=boxes(90, DAY), duration_days=90), LIST_1, 30, 30, "V3"),
        (line(quantity=None, duration_days=60, posology=TEXT), LIST_1, 30, 30, "V3"),
        (line(quantity=boxes(6), duration_days=168), PILL, 3, 84, "V3"),
        # A pack that lasts three months is delivered whole.
        (line(quantity=boxes(4), duration_days=360), medicine(units=90), 1, 90, "V3"),
        # A big bottle of free posology: what one cycle is.
        (line(quantity=boxes(2), duration_days=0, posology=TEXT), medicine(units=None), 2, 0, "V5"),
        # Isotretinoin for women: a month at a time.
        (
            line(quantity=boxes(90, DOSE), duration_days=90),
            medicine("list_1", "pregnancy_programme"),
            30,
            30,
            "V14",
        ),
        # A device is not a month of treatment.
        (line(kind=LineKind.DEVICE, product=Product(lpp="1234567"), quantity=boxes(5)), None, 5, 30, "V5"),
    ],
)
def test_one_delivery_holds_a_month_or_a_pack(
    of: Line, known: Medicine | None, quantity: int, days: int, bound: str
) -> None:
    found = entitled(of, known)
    assert [found.quantity, found.days, found.bound] == [quantity, days, bound]


def test_two_pharmacies_share_one_delivery() -> None:
    """The first had one box of three: the second gives the rest the same day, and a third nothing."""
    of = line(quantity=boxes(3), posology=Posology("", (once(3),)))
    one, rest = delivery("2026-01-15", 1), delivery("2026-01-15", 2)
    assert entitled(of, LIST_1, past=[one]).quantity == 2
    third = entitled(of, LIST_1, past=[one, rest])
    assert [third.quantity, third.next_on] == [0, None]


def test_next_day_is_told_to_who_comes_too_early() -> None:
    found = entitled(CYCLES, LIST_1, "2026-01-20", past=[delivery("2026-01-15", 1)])
    assert [found.quantity, found.next_on, found.until] == [0, d("2026-02-14"), d("2027-01-15")]


def test_early_renewal_lays_boxes_end_to_end() -> None:
    of = replace(CYCLES, early_renewal_allowed=False, renewals=3)
    past = [delivery("2026-01-15", 1), delivery("2026-02-14", 1)]
    assert entitled(of, LIST_1, "2026-03-15", past=past).next_on == d("2026-03-16")
    # Late by ten days: the next month begins when the box was given.
    late = [delivery("2026-01-15", 1), delivery("2026-02-24", 1)]
    assert entitled(of, LIST_1, "2026-03-15", past=late).next_on == d("2026-03-26")


def test_first_deadline_then_the_year() -> None:
    assert entitled(CYCLES, LIST_1).until == d("2026-04-14")
    assert entitled(CYCLES, LIST_1, past=[delivery("2026-01-15", 1)]).until == d("2027-01-15")
    assert entitled(CYCLES, PLAIN).until == d("2027-01-15")


def test_renewed_early_as_written_the_boxes_add_up() -> None:
    of = replace(CYCLES, early_renewal_allowed=True)
    past = [delivery("2026-01-15", 1), delivery("2026-01-20", 1)]
    found = entitled(of, LIST_1, "2026-01-25", past=past)
    assert [found.quantity, found.next_on] == [1, d("2026-01-25")]
