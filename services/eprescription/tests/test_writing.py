"""What is wrong with a draft whatever the law says: absurd figures, one id twice; every fault at once."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from eprescription.domain.content import CountUnit, Dose, Posology, Product, Quantity
from eprescription.domain.writing import ContentWrong, check, faults

from .given import content, line


def dosed(**changes: Any) -> Posology:
    return Posology(doses=(replace(Dose(quantity=Decimal(1), frequency=2), **changes),))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"quantity": Quantity(Decimal(0), CountUnit.BOX)}, "quantity.value"),
        ({"duration_days": 4_000_000_000}, "duration_days"),
        ({"renewals": 4_000_000_000}, "renewals"),
        ({"rental_days": 4_000_000_000}, "rental_days"),
        ({"posology": dosed(quantity=Decimal(0))}, "posology.doses[0].quantity"),
        (
            {"posology": dosed(quantity=Decimal(3), quantity_high=Decimal(2))},
            "posology.doses[0].quantity_high",
        ),
        ({"posology": dosed(quantity=None, quantity_high=Decimal(2))}, "posology.doses[0].quantity_high"),
        ({"posology": dosed(period=Decimal(0))}, "posology.doses[0].period"),
        ({"posology": dosed(frequency=4_000_000_000)}, "posology.doses[0].frequency"),
        ({"posology": dosed(days=4_000_000_000)}, "posology.doses[0].days"),
        ({"posology": dosed(sequence=4_000_000_000)}, "posology.doses[0].sequence"),
    ],
)
def test_a_fault_of_a_line_is_named(wrong: dict[str, Any], field: str) -> None:
    written = content(line(), line(**wrong))
    assert [name for name, _ in faults(written)] == [f"lines[1].{field}"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"weight_grams": 4_000_000_000}, "weight_grams"),
        ({"height_millimetres": 4_000_000_000}, "height_millimetres"),
    ],
)
def test_a_fault_around_the_lines_is_named(wrong: dict[str, Any], field: str) -> None:
    assert [name for name, _ in faults(content(**wrong))] == [field]


def test_the_same_line_id_twice_is_refused() -> None:
    one = line()
    assert [name for name, _ in faults(content(one, one))] == ["lines[1].line_id"]


def test_every_fault_is_told_at_once_with_its_path() -> None:
    wrong = line(renewals=4_000_000_000, quantity=Quantity(Decimal(0), CountUnit.DAY))
    with pytest.raises(ContentWrong) as caught:
        check(content(wrong, weight_grams=10_000_000))
    assert [one.field for one in caught.value.violations] == [
        "content.lines[0].quantity.value",
        "content.lines[0].renewals",
        "content.weight_grams",
    ]


def test_a_draft_may_be_incomplete() -> None:
    check(content(line(product=Product(), posology=Posology(), quantity=None, duration_days=0)))


def test_sixty_lines_pass() -> None:
    check(content(*(line() for _ in range(60))))
