"""Core statements as text: numbering, constants, and several statements merged into one."""

import re
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from chassis import sql

META = sa.MetaData()
ONE = sa.Table("one", META, sa.Column("a", sa.Integer), sa.Column("b", sa.Text))
TWO = sa.Table("two", META, sa.Column("c", sa.Integer))


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\$(\d+)", text)]


def row(a: int, b: str = "x") -> sql.Write:
    return sql.Write(ONE, {"a": a, "b": b})


def short(a: int) -> sql.Write:
    return sql.Write(ONE, {"a": a})


def other(c: int) -> sql.Write:
    return sql.Write(TWO, {"c": c})


def test_text_names_its_parameters_in_order_and_keeps_its_constants() -> None:
    statement = sa.select(ONE.c.a).where(
        ONE.c.b == sa.bindparam("b"), ONE.c.a > 7, ONE.c.a < sa.bindparam("most")
    )
    text = sql.text(statement)
    assert text.arguments({"most": 9, "b": "y"}) == ["y", 7, 9]
    assert sorted(numbers(text.sql)) == [1, 2, 3]


def test_text_when_a_parameter_stands_twice_then_it_is_sent_once_or_twice_with_its_value() -> None:
    statement = sa.select(ONE.c.a).where(
        (ONE.c.b == sa.bindparam("b")) | (sa.func.lower(ONE.c.b) == sa.bindparam("b"))
    )
    text = sql.text(statement)
    assert set(text.arguments({"b": "y"})) == {"y"}
    assert max(numbers(text.sql)) == len(text.arguments({"b": "y"}))


def test_text_when_a_parameter_is_missing_then_its_name_is_told() -> None:
    text = sql.text(sa.select(ONE.c.a).where(ONE.c.b == sa.bindparam("which")))
    with pytest.raises(KeyError, match="which"):
        text.arguments({"other": 1})


def test_text_of_an_expanding_in_is_refused_with_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"any_"):
        sql.text(sa.select(ONE.c.a).where(ONE.c.a.in_(sa.bindparam("several", expanding=True))))


def test_together_one_shape_is_one_insertion() -> None:
    text, arguments = sql.together([row(1, "x"), row(2, "y")])
    assert text.count("INSERT") == 1
    assert arguments == [1, "x", 2, "y"]
    assert numbers(text) == [1, 2, 3, 4]


def test_together_each_shape_is_one_insertion_and_its_rows_keep_their_order() -> None:
    text, arguments = sql.together([row(1), other(5), row(2), short(3), other(6)])
    assert text.startswith("WITH w0 AS (INSERT INTO one (a, b) VALUES ($1")
    assert text.count("INSERT") == 3
    assert arguments == [1, "x", 2, "x", 5, 6, 3]
    assert numbers(text) == [1, 2, 3, 4, 5, 6, 7]


@given(
    st.lists(st.one_of(*(st.integers().map(make) for make in (row, short, other))), min_size=1, max_size=12)
)
def test_together_any_mix_is_numbered_without_a_gap(writes: list[sql.Write]) -> None:
    text, arguments = sql.together(writes)
    assert numbers(text) == list(range(1, len(arguments) + 1))
    assert text.count("INSERT") == len({(w.table, tuple(w.values)) for w in writes})
    assert sorted(map(str, arguments)) == sorted(str(v) for w in writes for v in w.values.values())


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=30))
def test_batches_keep_order_and_stay_below_what_the_driver_takes(widths: list[int]) -> None:
    writes = [sql.Write(TWO, dict.fromkeys(map(str, range(w)))) for w in widths]
    cut = sql.batches(writes)
    assert [w for batch in cut for w in batch] == writes
    assert all(sum(len(w.values) for w in batch) <= sql.ARGUMENTS_MOST for batch in cut)
    assert len(cut) == 1 or all(
        sum(len(w.values) for w in one) + len(two[0].values) > sql.ARGUMENTS_MOST
        for one, two in pairwise(cut)
    )


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        (sa.select(ONE.c.a), "SELECT one"),
        (sa.select(ONE.c.a).where(sa.exists().where(TWO.c.c == ONE.c.a)), "SELECT one, two"),
        (sa.union_all(sa.select(ONE.c.a), sa.select(TWO.c.c)), "SELECT one, two"),
        (sa.insert(ONE).values(a=sa.bindparam("a")), "INSERT one"),
        (sa.update(ONE).where(ONE.c.a == sa.literal(279127512000)).values(b="DUPONT"), "UPDATE one"),
        (sa.delete(TWO), "DELETE two"),
        (sa.select(sa.func.now()), "SELECT"),
    ],
)
def test_a_statement_is_told_by_operation_and_tables(statement: sa.Executable, summary: str) -> None:
    assert sql.text(statement).summary == summary


def test_writes_that_leave_together_are_told_each_once() -> None:
    later = sql.Later(sa.update(ONE).where(ONE.c.a == sa.bindparam("which")).values(b="x"), {"which": 1})
    assert sql.told([row(1, "x"), row(2, "y"), other(5), later]) == "INSERT one, INSERT two, UPDATE one"
