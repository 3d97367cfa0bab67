"""Lines of the journal into the tree: each in its place, once, whatever is killed in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from chassis import ledger, merkle
from chassis.db import Database
from chassis.ids import Id
from chassis.ledger import LedgerBroken, Sequencer, Signer, payload_of
from chassis.ledger.lines import MEMBERS, canonical
from chassis.ledger.sequencer import BATCH
from chassis.schema import AUDIT
from chassis.testing import NOW, call_as, callers, running, until

from .ledger_given import faults, proven_database, sequence, tamper, write

SIGNER = Signer.fresh()
Proving = tuple[Database, str]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.fixture
async def proving(postgres: Any, template: str) -> AsyncIterator[Proving]:
    async with proven_database(postgres, template) as made:
        yield made


@pytest.fixture
def database(proving: Proving) -> Database:
    return proving[0]


async def leaves(database: Database) -> list[dict[str, Any]]:
    rows = await database.pool.fetch("SELECT * FROM ledger_leaf ORDER BY leaf_index")
    return [dict(row) for row in rows]


def test_every_column_of_the_journal_is_hashed() -> None:
    assert {*MEMBERS.values(), "id", "occurred_at", "chain"} == {column.name for column in AUDIT.columns}


@given(
    st.fixed_dictionaries(dict.fromkeys(MEMBERS.values(), TEXT)), st.lists(TEXT), st.integers(1, 2**53 - 1)
)
def test_a_line_is_hashed_in_the_canonical_form_of_the_standard(
    row: dict[str, Any], rules: list[str], number: int
) -> None:
    hits = [{"object_id": rule, "rules": rules} for rule in rules]
    whole = {**row, "rules": rules, "hits": hits, "chain": "apart", "id": Id.new().value, "occurred_at": NOW}
    made = canonical(whole, number, b"\xab" * 32)
    assert made == rfc8785.dumps(json.loads(made))


async def test_each_line_follows_the_one_before_it_in_its_chain(database: Database) -> None:
    first = await write(database, "anne", 2)
    await write(database, "paul", 1)
    await write(database, "anne", 1, chain="document:7")
    last = await write(database, "anne", 1)
    assert await sequence(database, SIGNER) == 5
    stored = await leaves(database)
    assert [row["leaf_index"] for row in stored] == [0, 1, 2, 3, 4]
    of_anne = [row for row in stored if row["chain"] == "anne"]
    assert [str(row["audit_id"]) for row in of_anne] == [*first, *last]
    assert [row["number"] for row in of_anne] == [1, 2, 3]
    assert [row["previous"] for row in of_anne] == [b"", of_anne[0]["hash"], of_anne[1]["hash"]]
    assert [(r["chain"], r["number"]) for r in stored[2:4]] == [("paul", 1), ("anne/document:7", 1)]
    assert await database.pool.fetchval("SELECT count(*) FROM ledger_pending") == 0


async def test_a_chain_goes_on_in_the_next_batch(database: Database) -> None:
    await write(database, "anne", BATCH + 3)
    assert await sequence(database, SIGNER) == BATCH + 3
    await write(database, "anne", 1)
    assert await sequence(database, SIGNER) == 1
    assert [row["number"] for row in await leaves(database)] == list(range(1, BATCH + 5))
    sizes = await database.pool.fetch("SELECT tree_size FROM ledger_head ORDER BY 1")
    assert [row["tree_size"] for row in sizes] == [0, BATCH, BATCH + 3, BATCH + 4]
    assert await faults(database, SIGNER) == []


async def test_the_head_is_signed_over_the_root_of_all_leaves(database: Database) -> None:
    await write(database, "anne", 5)
    await sequence(database, SIGNER)
    async with database.read() as tx:
        head = await ledger.find_head(tx)
        empty = await ledger.find_head(tx, 0)
        assert await ledger.find_head(tx, 3) is None
    edge = merkle.Edge()
    for row in await leaves(database):
        edge.add(row["hash"])
    assert head is not None
    assert empty is not None
    assert (head.tree_size, head.root_hash, empty.root_hash) == (5, edge.root, merkle.EMPTY)
    said = payload_of(head.signature, SIGNER.jwks())
    assert said is not None
    assert (said["log"], said["tree_size"], said["root_hash"]) == ("probe", 5, edge.root.hex())
    assert payload_of(head.signature, Signer.fresh().jwks()) is None


async def test_a_line_that_is_undone_never_enters(database: Database) -> None:
    with suppress(ZeroDivisionError):
        async with database.begin(call_as(callers.doctor)) as tx:
            await write_in(tx)
            raise ZeroDivisionError
    assert await sequence(database, SIGNER) == 0


async def write_in(tx: Any) -> None:
    from chassis import audit

    audit.record(tx, callers.doctor, "note.read", "anne", now=NOW)
    await tx.flush()


async def test_proofs_of_any_line_hold_under_the_head(database: Database) -> None:
    await write(database, "anne", 4)
    await write(database, "paul", 3)
    await sequence(database, SIGNER)
    async with database.read() as tx:
        head = await ledger.find_head(tx)
        assert head is not None
        chains = await ledger.list_chains(tx, ["nobody", "paul", "anne"], head.tree_size)
        rows = await tx.all(EVERY_LINE, chains=chains, after=1, tree_size=head.tree_size, size=5)
        proven = await ledger.prove(tx, [ledger.Kept.of(row) for row in rows], head.tree_size)
        path = await ledger.prove_consistency(tx, 4, head.tree_size)
    assert [(p.leaf.chain, p.leaf.number) for p in proven] == [
        ("paul", 2),
        ("paul", 3),
        ("anne", 1),
        ("anne", 2),
        ("anne", 3),
    ]
    for one in proven:
        leaf = merkle.leaf_hash(one.leaf.line)
        assert merkle.verify_inclusion(leaf, one.leaf.leaf_index, 7, one.path, head.root_hash)
    before = merkle.Edge()
    for row in (await leaves(database))[:4]:
        before.add(row["hash"])
    assert merkle.verify_consistency(4, 7, before.root, head.root_hash, path)


EVERY_LINE = ledger.listing(AUDIT.c.purpose == "secret")


async def test_a_broken_edge_is_never_signed_over(database: Database) -> None:
    await write(database, "anne", 3)
    await sequence(database, SIGNER)
    await write(database, "anne", 1)
    await tamper(database, "UPDATE ledger_node SET hash = $1 WHERE level = 1", merkle.EMPTY)
    with pytest.raises(LedgerBroken):
        await sequence(database, SIGNER)
    assert await database.pool.fetchval("SELECT max(tree_size) FROM ledger_head") == 3


async def test_a_head_that_is_not_the_root_is_never_built_upon(database: Database) -> None:
    await write(database, "anne", 2)
    await sequence(database, SIGNER)
    await tamper(database, "DELETE FROM ledger_leaf WHERE leaf_index = 1")
    await tamper(database, "DELETE FROM ledger_node")
    with pytest.raises(LedgerBroken):
        await sequence(database, SIGNER)


async def test_one_leads_and_another_takes_over_when_it_is_cut_off(proving: Proving, postgres: Any) -> None:
    database, address = proving
    pair = [Sequencer(address, postgres.password, SIGNER, "probe") for _ in range(2)]
    async with running(*(one.run() for one in pair)):
        await until(lambda: any(one.leading for one in pair))
        for turn in range(3):
            written = asyncio.gather(*(write(database, f"person-{n}", 5) for n in range(10)))
            await database.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'socle-ledger' AND datname = current_database()"
            )
            await written
            await until(partial(sequenced, database, (turn + 1) * 50))
            # The one that was cut off notices at its next look.
            await until(lambda: sum(one.leading for one in pair) == 1)
    assert await faults(database, SIGNER) == []


async def sequenced(database: Database, wanted: int) -> bool:
    return bool(await database.pool.fetchval("SELECT count(*) = $1 FROM ledger_leaf", wanted))


async def test_killed_in_the_middle_of_anything_it_leaves_all_of_a_batch_or_nothing(
    proving: Proving, postgres: Any
) -> None:
    database, address = proving
    await write(database, "anne", 3000)
    for pause in (0.02, 0.05, 0.08, 0.11, 0.14):
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await Sequencer(address, postgres.password, SIGNER, "probe").run()
        assert await faults(database, SIGNER) == []
    async with running(Sequencer(address, postgres.password, SIGNER, "probe").run()):
        await until(lambda: sequenced(database, 3000))
    assert await faults(database, SIGNER) == []
