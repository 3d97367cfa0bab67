"""The vectors are whole, the book of rules and its documentation agree, and what holds for every line."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eprescription.domain import quantities
from eprescription.domain.content import CountUnit, Dose, Line, Posology
from eprescription.domain.dispensing import Intervention
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.products import Medicine
from eprescription.domain.rules import book, calendar, delivering, renewing
from eprescription.domain.rules.calendar import add_days, add_months

from . import law_given as law

FOLDER = Path(__file__).parent
RULES = Path(book.__file__).parent
DOC = FOLDER.parents[2] / "docs" / "e-prescription-rules.md"
ROW = re.compile(r"^\| (V\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
VERDICTS = {"refusal", "warning", "duty"}


def modules() -> Iterator[ModuleType]:
    for path in sorted(FOLDER.glob("test_rules_v*.py")):
        yield importlib.import_module(f".{path.stem}", __package__)


def vectors() -> list[law.Vector]:
    return [vector for module in modules() for vector in module.VECTORS]


def test_every_rule_has_a_passing_and_a_refused_vector() -> None:
    passing = {one.rule for one in vectors() if one.verdict is None}
    refused = {one.rule for one in vectors() if one.verdict is not None}
    # The exceptional renewal is never without a duty: it is its passing verdict.
    passing |= {one.rule for one in vectors() if one.rule == "V15" and one.verdict is Severity.DUTY}
    assert passing == refused == set(book.RULES)
    # What the law refuses is refused by a vector; these three only tell the professional what to check.
    only_duties = set(book.RULES) - {one.rule for one in vectors() if one.verdict is Severity.REFUSAL}
    assert only_duties == {"V16", "V20"}


def test_every_module_runs_its_vectors() -> None:
    """A table that no test runs would prove nothing."""
    for module in modules():
        assert module.VECTORS
        assert [mark.args[1] for mark in module.test_vectors.pytestmark] == [module.VECTORS]


def test_vectors_are_told_apart() -> None:
    told = [(one.rule, one.told) for one in vectors()]
    assert len(set(told)) == len(told)


def written_in_code() -> set[tuple[str, str]]:
    """Rule and verdict of each finding that the code of the rules makes with a literal number."""
    found = set()
    for path in RULES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in VERDICTS:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add((str(first.value), node.func.id))
    return found


def test_the_documentation_has_every_rule_as_the_code_has_it() -> None:
    rows = {number: row for number, *row in ROW.findall(DOC.read_text(encoding="utf-8"))}
    assert set(rows) == set(book.RULES)
    for number, (says, article, *_rest) in rows.items():
        assert (says, article) == (book.RULES[number].says.replace("|", "/"), book.RULES[number].article)
    for number, verdict in written_in_code():
        assert verdict in rows[number][3], f"{number} gives a {verdict}"


def test_the_documentation_names_parameters_that_exist() -> None:
    rows = ROW.findall(DOC.read_text(encoding="utf-8"))
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row[3])}
    assert named <= set(law.LAW.__dataclass_fields__)


def test_every_finding_in_french_says_what_and_where() -> None:
    said: list[Finding] = [finding for vector in vectors() for finding in vector.found()]
    assert said
    for finding in said:
        assert finding.article == book.RULES[finding.rule].article
        assert finding.sentence.endswith((".", "?"))
        assert finding.hint or finding.severity is not Severity.REFUSAL


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-01-31", 3, "2026-04-30"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("9999-12-01", 3, "9999-12-31"),
    ],
)
def test_a_month_is_the_same_day_number(day: str, months: int, later: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(later)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # Winter: one hour ahead of UTC; summer: two.
        (datetime(2026, 1, 14, 22, 59, tzinfo=UTC), "2026-01-14"),
        (datetime(2026, 1, 14, 23, 0, tzinfo=UTC), "2026-01-15"),
        (datetime(2026, 7, 14, 21, 59, tzinfo=UTC), "2026-07-14"),
        (datetime(2026, 7, 14, 22, 0, tzinfo=UTC), "2026-07-15"),
        # The nights of the changes of hour: 29 March and 25 October 2026.
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "2026-03-30"),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "2026-10-26"),
        # The contract lets these through.
        (datetime.max.replace(tzinfo=UTC), "9999-12-31"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01"),
    ],
)
def test_a_day_is_a_day_in_paris(moment: datetime, day: str) -> None:
    assert calendar.paris_day(moment) == date.fromisoformat(day)


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        calendar.paris_day(datetime(2026, 1, 1))  # noqa: DTZ001 (that is what is refused)


DAYS = st.dates(date(2026, 1, 15), date(2028, 1, 15))
AMOUNTS = st.decimals(Decimal("0.25"), 6, places=2)
DOSES = st.builds(
    Dose,
    sequence=st.integers(1, 2),
    quantity=AMOUNTS,
    frequency=st.integers(0, 4),
    period=st.sampled_from([Decimal(1), Decimal(2), Decimal(3)]),
    period_unit=st.sampled_from(["d", "wk"]),
    days=st.sampled_from([0, 3, 7]),
)
POSOLOGIES = st.builds(
    Posology,
    text=st.just("un comprimé"),
    doses=st.lists(DOSES, max_size=3).map(tuple),
    max_per_day=st.none() | AMOUNTS,
)
LINES = st.builds(
    law.line,
    posology=POSOLOGIES,
    duration_days=st.sampled_from([0, 1, 7, 28, 30, 84, 90, 365]),
    renewals=st.integers(0, 6),
    quantity=st.builds(law.boxes, st.integers(1, 100), st.sampled_from(list(CountUnit))),
    early_renewal_allowed=st.booleans(),
    single_delivery=st.booleans(),
)
MEDICINES = st.builds(
    law.medicine,
    st.sampled_from(["list_1", "narcotic", "secure", "max_days:28", "fraction_days:7", "surveillance"]),
    units=st.none() | st.integers(1, 100),
)


def deliver(of: Line, known: Medicine | None, days: list[date]) -> list[tuple[date, delivering.Entitled]]:
    """Delivers all that the law lets give, on each of the days, as a pharmacy would."""
    past: list[Intervention] = []
    told: list[tuple[date, delivering.Entitled]] = []
    for day in days:
        found = law.entitled(of, known, day, past=past)
        told.append((day, found))
        if found.quantity > 0:
            row = law.status(of, known, past)
            assert found.quantity + found.forfeited <= row.remaining
            past.append(
                law.delivery(day, str(found.quantity), forfeits=found.forfeited, days_covered=found.days)
            )
    return told


@settings(max_examples=150, deadline=None)
@given(LINES, st.none() | MEDICINES, st.lists(DAYS, min_size=1, max_size=8))
def test_never_more_than_what_was_prescribed(of: Line, known: Medicine | None, days: list[date]) -> None:
    row = law.status(of, known)
    told = deliver(of, known, sorted(days))
    assert sum(one.quantity + one.forfeited for _, one in told) <= row.authorised
    for day, one in told:
        assert one.quantity >= 0 <= one.forfeited
        # Either something may be given, or a finding says why nothing may.
        assert (one.quantity > 0) == (not [f for f in one.findings if f.severity is Severity.REFUSAL])
        assert one.quantity == 0 or day <= one.until


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 28), st.integers(0, 60), st.integers(0, 60))
def test_a_narcotic_presented_later_is_never_worth_more(total: int, early: int, later: int) -> None:
    first, second = sorted((early, later))
    dated = law.WRITTEN
    left = [law.remaining_days(total, dated, dated + timedelta(days=n)) for n in (first, second)]
    assert left[0] >= left[1]
    of, known = law.narcotic_line(total), law.NARCOTIC
    given_at = [law.entitled(of, known, dated + timedelta(days=n)).quantity for n in (first, second)]
    assert given_at == left


@settings(max_examples=100, deadline=None)
@given(LINES, MEDICINES, DAYS, st.integers(0, 400))
def test_once_too_late_it_stays_too_late(of: Line, known: Medicine, day: date, more: int) -> None:
    if law.entitled(of, known, day).until < day:
        assert law.entitled(of, known, day + timedelta(days=more)).quantity == 0


@settings(max_examples=100, deadline=None)
@given(LINES, st.none() | MEDICINES, st.dates(), st.dates())
def test_no_date_ever_raises(of: Line, known: Medicine | None, written: date, today: date) -> None:
    row = law.status(of, known, on=written)
    delivering.entitle(of, row, known, [], law.content(of), written, today, law.LAW)
    renewing.renewable(of, row, known, [], today, law.LAW)
    law.judged(of, known=known, on=written)


@settings(max_examples=200, deadline=None)
@given(st.dates(), st.integers(-400_000, 400_000))
def test_a_day_far_away_is_held_in_the_calendar(day: date, far: int) -> None:
    assert isinstance(add_days(day, far), date)
    moved = add_months(day, far)
    assert moved.day <= day.day or moved in {date.min, date.max}


@settings(max_examples=150, deadline=None)
@given(POSOLOGIES, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_units_of_two_stretches_add_up(posology: Posology, one: int, two: int, three: int) -> None:
    first, middle, end = sorted((one, two, three))
    whole = quantities.units_between(posology, first, end)
    parts = [quantities.units_between(posology, a, b) for a, b in ((first, middle), (middle, end))]
    assert whole is None or whole == sum(part or 0 for part in parts)
