"""Local identities made of the persons of the registry: found, explained by their history, made once."""

from collections import Counter

import pytest

from chassis.db import Database, Tx
from chassis.testing import call_as, callers
from identity_ins import store
from identity_ins.domain import IdentityId, Status
from identity_ins.domain.match import block_keys, describe
from identity_ins.seed import person
from identity_ins.seed.identities import PersonsMissing, identity_id_of, load_identities
from identity_ins.store.history import list_changes

COUNT = 300
STRUCTURE, OTHER = "1750000018", "1750000026"


@pytest.fixture(scope="module")
async def structure(registry: Database) -> Database:
    """The registry, and identities number 1 to 300 of one structure."""
    await load_identities(registry.pool, STRUCTURE, COUNT)
    return registry


async def test_identities_when_loaded_then_of_every_status_with_their_whole_history(
    structure: Database,
) -> None:
    seen: Counter[Status] = Counter()
    async with structure.read() as tx:
        for n in range(1, COUNT + 1):
            identity = await store.get_identity(tx, IdentityId(identity_id_of(STRUCTURE, n)))
            seen[identity.status] += 1
            changes = await list_changes(tx, identity, identity.version, 10)
            assert [change.version for change in changes] == [*range(identity.version, 0, -1)]
            assert changes[0].after == identity
            assert changes[-1].step == "create"
            assert changes[-1].before is None
            if identity.retrieval:
                assert identity.retrieval.ins == person(n).ins
                assert identity.person_id == person(n).id
    assert set(seen) == {Status.PROVISOIRE, Status.RECUPEREE, Status.QUALIFIEE}
    assert seen[Status.RECUPEREE] > seen[Status.QUALIFIEE] > COUNT / 10


async def test_identities_when_loaded_then_found_by_first_name_and_by_block(structure: Database) -> None:
    async with structure.read() as tx:
        identity = await store.get_identity(tx, IdentityId(identity_id_of(STRUCTURE, 42)))
    rows = await structure.pool.fetch(
        "SELECT kind, key FROM identity_key WHERE identity_id = $1", identity.id.value
    )
    held: dict[str, set[str]] = {"given": set(), "block": set()}
    for row in rows:
        held[row["kind"]].add(row["key"])
    assert held["given"] == set(identity.traits.first_name_keys)
    assert held["block"] == block_keys(STRUCTURE, describe(identity))


async def test_identities_when_loaded_again_then_what_is_missing_is_added(structure: Database) -> None:
    said: list[int] = []
    assert await load_identities(structure.pool, OTHER, 100) == 100
    assert await load_identities(structure.pool, OTHER, 100) == 0
    assert await load_identities(structure.pool, OTHER, 250, said.append) == 150
    assert said == [100, 250]
    assert (
        await structure.pool.fetchval("SELECT count(*) FROM local_identity WHERE domain = $1", OTHER) == 250
    )


async def test_identities_when_the_registry_is_too_small_then_refused(structure: Database) -> None:
    with pytest.raises(PersonsMissing) as refused:
        await load_identities(structure.pool, STRUCTURE, 10_000)
    assert "--count 10000" in refused.value.hint


async def test_identity_when_loaded_then_changes_as_any_other(structure: Database) -> None:
    """The version it holds is that of its history: the next change is neither refused nor a conflict."""
    async with structure.begin(call_as(callers.doctor)) as tx:
        assert isinstance(tx, Tx)
        identity = await store.lock_identity(tx, IdentityId(identity_id_of(STRUCTURE, 7)))
        count = await structure.pool.fetchval(
            "SELECT max(version) FROM identity_change WHERE identity_id = $1", identity.id.value
        )
    assert count == identity.version
