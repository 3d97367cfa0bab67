"""The arithmetic of budgets: what each alert means in minutes and in parts of a budget."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.slo.burn import BURNS, WINDOWS, Burn, budget, seconds

THREE_NINES = Decimal("99.9")
FASTEST, FAST, SLOW, SLOWEST = BURNS
TARGETS = st.decimals("93.1", "99.99", places=2)
RATIOS = st.decimals("0.0001", "1", places=4)


@pytest.mark.parametrize(("text", "value"), [("5m", 300), ("1h", 3600), ("3d", 259_200), ("28d", 2_419_200)])
def test_windows_are_read_as_prometheus_reads_them(text: str, value: int) -> None:
    assert seconds(text) == value


def test_a_budget_is_what_the_target_leaves_exactly() -> None:
    assert budget(THREE_NINES) == Decimal("0.001")
    assert str(FASTEST.threshold(THREE_NINES)) == "0.0144"


@pytest.mark.parametrize(
    ("burn", "of_28_days"), [(FASTEST, 0.0214), (FAST, 0.0536), (SLOW, 0.1071), (SLOWEST, 0.1071)]
)
def test_how_much_of_the_budget_is_gone_when_an_alert_leaves(burn: Burn, of_28_days: float) -> None:
    assert float(burn.spent("28d")) == pytest.approx(of_28_days, abs=1e-4)


def test_of_thirty_days_the_first_is_the_two_percent_of_the_book() -> None:
    assert FASTEST.spent("30d") == Decimal("0.02")
    assert FAST.spent("30d") == Decimal("0.05")
    assert {SLOW.spent("30d"), SLOWEST.spent("30d")} == {Decimal("0.1")}


@pytest.mark.parametrize(
    ("ratio", "page"),
    # All fails: within a minute. One in seventy: within the hour. One in 140: by the slower page.
    [("1", 52), ("0.0145", 3576), ("0.0144", 9000), ("0.007", 18_515), ("0.006", None)],
)
def test_how_soon_someone_is_called(ratio: str, page: int | None) -> None:
    times = [burn.after(Decimal(ratio), THREE_NINES) for burn in BURNS if burn.severity == "page"]
    soonest = min((time for time in times if time is not None), default=None)
    assert soonest == (None if page is None else pytest.approx(page, abs=1))


@given(target=TARGETS, ratio=RATIOS)
def test_a_worse_outage_is_never_told_later(target: Decimal, ratio: Decimal) -> None:
    for burn in BURNS:
        here, worse = burn.after(ratio, target), burn.after(min(ratio * 2, Decimal(1)), target)
        assert here is None or (worse is not None and worse <= here <= seconds(burn.long))


@given(target=TARGETS)
def test_a_budget_spent_exactly_calls_nobody(target: Decimal) -> None:
    assert [burn.after(budget(target), target) for burn in BURNS] == [None] * 4


def test_every_window_is_recorded_and_the_short_ones_are_a_twelfth() -> None:
    assert {burn.long for burn in BURNS} | {burn.short for burn in BURNS} == set(WINDOWS)
    assert {seconds(burn.long) / seconds(burn.short) for burn in BURNS} == {12.0}
