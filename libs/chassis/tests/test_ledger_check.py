"""Whatever is changed behind the journal's back, the check of the whole ledger finds and names."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.db import Database
from chassis.ledger import Signer
from chassis.schema import AUDIT

from .ledger_given import faults, proven_database, sequence, tamper, write

SIGNER = Signer.fresh()
CHANGED = {
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "rules": "ARRAY['other']",
    "hits": "'[]'",
    "chain": "chain || '-'",
}
COLUMNS = [column.name for column in AUDIT.columns if column.name != "id"]


@pytest.fixture
async def database(postgres: Any, template: str) -> AsyncIterator[Database]:
    """Seven lines of two subjects, in the tree."""
    async with proven_database(postgres, template) as (made, _):
        await write(made, "anne", 4)
        await write(made, "paul", 3)
        await sequence(made, SIGNER)
        yield made


async def found(database: Database) -> list[tuple[str, str]]:
    return [(fault.where, fault.what) for fault in await faults(database, SIGNER)]


async def test_a_ledger_nobody_touched_has_no_fault(database: Database) -> None:
    assert await found(database) == []
    assert await faults(database) == []


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_changed_column_of_a_line_is_found(database: Database, column: str) -> None:
    new = CHANGED.get(column, f"{column} || '-'")
    line = "(SELECT audit_id FROM ledger_leaf WHERE leaf_index = 2)"
    await tamper(database, f"UPDATE audit SET {column} = {new} WHERE id = {line}")  # noqa: S608
    assert ("leaf 2", "its line, or the leaf, was changed") in await found(database)


async def test_a_line_taken_out_is_found(database: Database) -> None:
    line = "(SELECT audit_id FROM ledger_leaf WHERE leaf_index = 6)"
    await tamper(database, f"DELETE FROM audit WHERE id = {line}")  # noqa: S608
    assert await found(database) == [("leaf 6", "its line is missing from the journal")]


async def test_a_line_taken_out_with_its_leaf_is_found(database: Database) -> None:
    await tamper(
        database, "DELETE FROM audit WHERE id = (SELECT audit_id FROM ledger_leaf WHERE leaf_index = 6)"
    )
    await tamper(database, "DELETE FROM ledger_leaf WHERE leaf_index = 6")
    assert ("tree", "7 leaves were signed and 6 are there") in await found(database)


async def test_a_missing_leaf_ends_the_check(database: Database) -> None:
    await tamper(database, "DELETE FROM ledger_leaf WHERE leaf_index = 3")
    assert await found(database) == [("leaf 3", "is missing: nothing after it can be checked")]


async def test_a_changed_leaf_is_found_with_all_that_stands_on_it(database: Database) -> None:
    await tamper(database, "UPDATE ledger_leaf SET hash = sha256('') WHERE leaf_index = 1")
    assert await found(database) == [
        ("leaf 1", "its line, or the leaf, was changed"),
        ("leaf 2", "it does not follow the line before it in its chain"),
        ("node 1/0", "is not the one its leaves make"),
        ("node 2/0", "is not the one its leaves make"),
        ("head 7", "is not the root of the leaves"),
    ]


async def test_a_changed_place_in_a_chain_is_found(database: Database) -> None:
    await tamper(database, "UPDATE ledger_leaf SET number = 9 WHERE leaf_index = 6")
    assert await found(database) == [
        ("leaf 6", "its line, or the leaf, was changed"),
        ("leaf 6", "the line before it in its chain is missing"),
    ]


async def test_a_changed_node_is_found(database: Database) -> None:
    await tamper(database, "UPDATE ledger_node SET hash = sha256('') WHERE level = 1 AND index = 2")
    assert await found(database) == [("node 1/2", "is not the one its leaves make")]


async def test_a_node_too_many_is_found(database: Database) -> None:
    await tamper(database, "INSERT INTO ledger_node VALUES (3, 0, sha256(''))")
    assert await found(database) == [("tree", "it has nodes too many, or too few")]


@pytest.mark.parametrize("change", ["root_hash = sha256('')", "signed_at = now()", "signature = 'a.b.c'"])
async def test_a_changed_head_is_found(database: Database, change: str) -> None:
    await tamper(database, f"UPDATE ledger_head SET {change} WHERE tree_size = 7")  # noqa: S608
    assert ("head 7", "is not signed by a key that was given") in await found(database)


async def test_a_head_of_another_key_is_found(database: Database) -> None:
    found = await faults(database, Signer.fresh())
    assert [fault.where for fault in found] == ["head 0", "head 7"]


async def test_a_line_that_never_entered_is_found(database: Database) -> None:
    await database.pool.execute("ALTER TABLE audit DISABLE TRIGGER audit_enters_ledger")
    (line,) = await write(database, "anne")
    assert await found(database) == [(f"line {line}", "never entered the ledger")]


async def test_a_line_that_waits_is_no_fault(database: Database) -> None:
    await write(database, "anne")
    assert await found(database) == []


async def test_nobody_changes_a_leaf_a_node_or_a_head_by_accident(database: Database) -> None:
    for table in ("audit", "ledger_leaf", "ledger_node", "ledger_head"):
        with pytest.raises(Exception, match="is append-only"):
            await database.pool.execute(f"DELETE FROM {table}")  # noqa: S608
