"""The law by day: read from rows, refused when it cannot be read, changed by a row without a release."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from chassis.db import Database
from chassis.testing import call_as, callers
from eprescription.domain.rules.parameters import READERS, SOURCES, Law, LawRefused, Parameters, Row
from eprescription.store import parameters
from eprescription.store.tables import PARAMETER
from eprescription.workers.law import LawBook

from .law_given import LIST_1, d, entitled, line

MIGRATION = Path(__file__).parents[1] / "migrations" / "versions" / "0003_parameters.py"
DELETE = sa.delete(PARAMETER).where(PARAMETER.c.source == sa.literal_column("'test'"))
MONTHS = "first_delivery_months"


def migration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parameters_v1", MIGRATION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seeded() -> Law:
    return Law.of(Row(**row) for row in migration().seed())


def test_the_seed_is_what_pure_tests_use() -> None:
    """Two tellings of one law must not drift apart."""
    assert seeded().on(date(2026, 11, 22)) == Law.seed().on(date(2026, 11, 22))
    assert {row["name"] for row in migration().seed()} == {one.name for one in fields(Parameters)}
    assert all(row["source"] for row in migration().seed())


def test_every_parameter_has_an_article_and_a_unit() -> None:
    assert set(SOURCES) == set(READERS) == {one.name for one in fields(Parameters)}
    assert all(one.article and one.unit for one in SOURCES.values())


def test_a_list_has_its_days_too() -> None:
    law = seeded()
    assert "oxcarbazépine" not in law.on(date(2021, 12, 31)).mte_substances
    assert "oxcarbazépine" in law.on(date(2022, 1, 1)).mte_substances


def test_a_row_changes_its_parameter_from_its_day_on() -> None:
    law = Law.of([Row(MONTHS, date(2000, 1, 1), 3), Row(MONTHS, date(2027, 1, 1), 6)])
    on = {
        day: getattr(law.on(date.fromisoformat(day)), MONTHS)
        for day in ("2026-12-31", "2027-01-01", "1990-01-01")
    }
    assert on == {"2026-12-31": 3, "2027-01-01": 6, "1990-01-01": 3}
    assert law.on(date(2027, 1, 1)).treatment_months == Parameters().treatment_months


def test_rows_in_any_order_make_the_same_law() -> None:
    rows = [
        Row(MONTHS, date(2027, 1, 1), 6),
        Row(MONTHS, date(2000, 1, 1), 3),
        Row("narcotic_days", date(2028, 1, 1), 21),
    ]
    assert Law.of(rows) == Law.of(reversed(rows))
    assert Law.of([]) == Law.seed()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("first_delivery_month", 3, "no parameter has this name"),
        (MONTHS, "3", "valid integer"),
        (MONTHS, 3.5, "valid integer"),
        (MONTHS, True, "valid integer"),
        (MONTHS, -1, "greater than or equal to 0"),
        (MONTHS, None, "valid integer"),
        ("exceptional_deliveries", 0, "greater than or equal to 1"),
        ("mte_substances", "lamotrigine", "valid array"),
        ("mte_substances", ["lamotrigine", ""], "1: String should have at least 1 character"),
        ("most_per_intake", "much", "valid decimal"),
        ("prescribing_rights", {"10": {"medicines": True}}, "10.devices"),
        ("prescribing_rights", {"10": {"medicines": 1, "devices": True, "narcotics": True}}, "10.medicines"),
        (
            "prescribing_rights",
            {"10": {"medicines": True, "devices": True, "narcotics": True, "all": True}},
            "10.all",
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_and_says_why(name: str, value: Any, told: str) -> None:
    with pytest.raises(LawRefused, match=told) as refused:
        Law.of([Row(name, date(2027, 1, 1), value)])
    assert str(refused.value).startswith(f"{name} from 2027-01-01: ")


def test_all_wrong_rows_are_told_at_once() -> None:
    with pytest.raises(LawRefused) as refused:
        Law.of(
            [Row("a", date(2027, 1, 1), 1), Row("b", date(2027, 1, 1), 1), Row(MONTHS, date(2027, 1, 1), 3)]
        )
    assert [fault[:1] for fault in refused.value.faults] == ["a", "b"]


@pytest.fixture
async def changed(database: Database) -> AsyncIterator[Any]:
    """Inserts a row of the law, gone after the test."""

    async def insert(name: str, valid_from: str, value: Any) -> None:
        async with database.begin(call_as(callers.doctor)) as tx:
            tx.insert(PARAMETER, name=name, valid_from=d(valid_from), value=value, source="test")

    yield insert
    async with database.begin(call_as(callers.doctor)) as tx:
        await tx.change(DELETE)


async def test_the_migration_seeds_the_law(database: Database) -> None:
    async with database.read() as tx:
        assert Law.of(await parameters.list_rows(tx)) == seeded()


async def test_a_row_changes_the_verdict_from_its_day_on(database: Database, changed: Any) -> None:
    """V1: a prescription of October 2026 is too late in February 2027, until six months are the law."""

    def refused(book: LawBook, written: str, today: str) -> list[str]:
        found = entitled(line(), LIST_1, today, on=d(written), law=book.law.on(d(today)))
        return [one.rule for one in found.findings]

    book = await LawBook.load(database)
    assert refused(book, "2026-10-01", "2027-02-01") == ["V1"]
    await changed(MONTHS, "2027-01-15", 6)
    assert await book.refresh()
    assert refused(book, "2026-10-01", "2027-02-01") == []
    # The day before, the earlier law is in force, whenever it is asked.
    assert refused(book, "2026-10-01", "2027-01-14") == ["V1"]
    assert refused(book, "2026-10-01", "2027-01-15") == []


async def test_a_bad_row_keeps_the_old_law_and_is_told(database: Database, changed: Any) -> None:
    book = await LawBook.load(database)
    before = book.law
    await changed("narcotic_days", "2027-01-01", "vingt-huit")
    with structlog.testing.capture_logs() as logs:
        assert not await book.refresh()
    assert book.law is before
    assert [(one["event"], one["count"]) for one in logs] == [("law.refused", 1)]
    assert "narcotic_days from 2027-01-01" in logs[0]["problem"]


async def test_a_service_does_not_start_on_a_bad_row(database: Database, changed: Any) -> None:
    await changed("narcotic_day", "2027-01-01", 28)
    with pytest.raises(LawRefused, match="narcotic_day"):
        await LawBook.load(database)


async def test_the_book_is_read_again_by_itself(database: Database, changed: Any) -> None:
    book = await LawBook.load(database)
    book.every = 0.01
    running = asyncio.create_task(book.run())
    await changed("most_per_intake", "2027-01-01", "12.5")
    async with asyncio.timeout(10):
        while book.law.on(date(2027, 1, 1)).most_per_intake != Decimal("12.5"):
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_database_that_is_away_keeps_the_law(database: Database) -> None:
    book = await LawBook.load(database)
    before = book.law
    book.db = Away(database.pool)
    with structlog.testing.capture_logs() as logs:
        assert not await book.refresh()
    assert book.law is before
    assert [one["event"] for one in logs] == ["law.later"]


class Away(Database):
    """A database that answers nothing."""

    def read(self) -> Any:
        from chassis.errors import Unavailable

        raise Unavailable
