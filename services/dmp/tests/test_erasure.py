"""Destroying a record: nothing of it is left that anybody can read, and a receipt says so."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import Forbidden, SocleError, Unavailable
from chassis.testing import NOW, call_as, callers
from dmp.clients.blobs import BlobMissing, Blobs, in_folder
from dmp.clients.keys import LocalKeyProvider, RecordKeys
from dmp.domain.erasure import Receipt
from dmp.domain.errors import DestructionNotDue, ReceiptNotFound, RecordNotClosed
from dmp.domain.records import PersonId
from dmp.store import METADATA
from dmp.usecases import erasure
from dmp.workers.retention import Retention

from .erasure_given import CONTENT, Held, hold, own_call

YESTERDAY, TOMORROW = NOW - timedelta(days=1), NOW + timedelta(days=1)
# The tombstone, the receipt, and what identity-ins said of the person.
STAYS = {"record", "erasure", "qualified_identity"}


@pytest.fixture
def keys(tmp_path: Path) -> RecordKeys:
    return RecordKeys(LocalKeyProvider.create(tmp_path / "ring.json"))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    (tmp_path / "blobs").mkdir()
    return in_folder(tmp_path / "blobs")


@pytest.fixture
def retention(database: Database, keys: RecordKeys, blobs: Blobs) -> Retention:
    return Retention(database, keys, blobs, clock=lambda: NOW)


async def tables_with(database: Database, held: Held) -> set[str]:
    """The tables that hold a row of this record, found by every column that may name it."""
    named = {"person_id": [held.person.value], "document_id": list(held.documents)}
    association = METADATA.tables["association"]
    columns = [table.c[name] for table in METADATA.sorted_tables for name in named if name in table.c]
    found = set()
    async with database.read() as tx:
        for column in [*columns, association.c.source_id]:
            ids = sa.bindparam("ids", type_=ARRAY(sa.Uuid))
            if await tx.one(
                sa.select(column).where(column == sa.any_(ids)).limit(1),
                ids=named.get(column.name, list(held.documents)),
            ):
                found.add(column.table.name)
    return found


def holder_of(person: PersonId) -> Caller:
    return replace(callers.citizen, person_id=person.value)


async def receipt_of(database: Database, caller: Caller, person: PersonId) -> Receipt:
    async with database.begin(call_as(caller)) as tx:
        return await erasure.get_receipt(tx, caller, person, NOW)


async def test_a_record_whose_time_is_over_leaves_nothing_but_its_tombstone_and_receipt(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    held = await hold(database, keys, blobs, closed=True, due=YESTERDAY)
    full = await tables_with(database, held)
    assert full >= {t.name for t in METADATA.sorted_tables if "person_id" in t.c} - STAYS
    assert full >= {"document_version", "association", "announcement", "lot_member"}
    assert await retention.work()
    assert await tables_with(database, held) == {"record", "erasure"}
    for name in held.blobs:
        with pytest.raises(BlobMissing):
            await blobs.get(name)
    row = await database.pool.fetchrow("SELECT * FROM record WHERE person_id = $1", held.person.value)
    assert row is not None
    assert (row["state"], row["close_reason"], row["close_comment"]) == ("destroyed", "", None)
    assert not await retention.work(), "once"


async def test_the_receipt_counts_what_was_erased_and_names_the_key(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    held = await hold(database, keys, blobs, documents=3, closed=True, due=YESTERDAY)
    await retention.work()
    receipt = await receipt_of(database, holder_of(held.person), held.person)
    assert (receipt.documents, receipt.lots, receipt.size) == (3, 1, 3 * len(CONTENT))
    assert receipt.key_fingerprint == held.wrapped.fingerprint
    assert receipt.master_version == held.wrapped.master_version
    signed = receipt.payload()
    assert (signed["person_id"], signed["erased_at"]) == (held.person.value, "2026-06-12T10:00:00.000000Z")
    assert signed["backups_unreadable_at"] is None


async def test_a_receipt_is_for_the_holder_and_the_auditor(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    held = await hold(database, keys, blobs, closed=True, due=YESTERDAY)
    await retention.work()
    assert (await receipt_of(database, callers.auditor, held.person)).documents == 2
    with pytest.raises(ReceiptNotFound):
        await receipt_of(database, callers.other_citizen, held.person)
    with pytest.raises(Forbidden):
        await receipt_of(database, callers.doctor, held.person)
    with pytest.raises(ReceiptNotFound):
        await receipt_of(database, callers.auditor, PersonId.new())
    reads = "SELECT actor_kind FROM audit WHERE subject = $1 AND action = 'dmp_record.read_receipt'"
    assert [row[0] for row in await database.pool.fetch(reads, held.person.value)] == ["auditor"]


async def test_journal_and_event_tell_of_it(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    held = await hold(database, keys, blobs, closed=True, due=YESTERDAY)
    await retention.work()
    told = await database.pool.fetch(
        "SELECT subject FROM outbox WHERE convert_from(data, 'UTF8') LIKE $1", f"%{held.person}%"
    )
    assert [row["subject"] for row in told] == ["socle.dmp.record.destroyed.v1"]
    line = await database.pool.fetchrow("SELECT * FROM audit WHERE subject = $1", held.person.value)
    assert line is not None
    assert (line["action"], line["actor"], line["rules"]) == ("dmp_record.destroy", "dmp", ["R1111-36"])


@pytest.mark.parametrize(
    ("closed", "due", "error"), [(True, TOMORROW, DestructionNotDue), (False, None, RecordNotClosed)]
)
async def test_a_record_is_not_destroyed_before_its_time(
    database: Database,
    keys: RecordKeys,
    blobs: Blobs,
    retention: Retention,
    closed: bool,
    due: datetime | None,
    error: type[SocleError],
) -> None:
    held = await hold(database, keys, blobs, closed=closed, due=due)
    assert not await retention.work()
    with pytest.raises(error):
        async with database.begin(own_call()) as tx:
            await erasure.destroy_record(tx, tx.call.caller, held.person, NOW)
    assert "document" in await tables_with(database, held)
    assert await blobs.get(held.blobs[0])


async def test_another_record_is_left_whole(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    other = await hold(database, keys, blobs)
    before = await tables_with(database, other)
    await hold(database, keys, blobs, closed=True, due=YESTERDAY)
    await retention.work()
    assert await tables_with(database, other) == before
    key = await keys.open(other.person, other.wrapped)
    sealed = await blobs.get(other.blobs[0])
    assert key.open(sealed, f"document:{other.documents[0]}") == CONTENT


async def test_two_replicas_destroy_each_record_once(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    helds = [await hold(database, keys, blobs, closed=True, due=YESTERDAY) for _ in range(4)]
    twin = Retention(database, keys, blobs, clock=lambda: NOW)
    async with asyncio.TaskGroup() as group:
        for worker in (retention, twin) * 3:
            group.create_task(worker.work())
    counted = "SELECT count(*) FROM erasure WHERE person_id = $1"
    assert [await database.pool.fetchval(counted, held.person.value) for held in helds] == [1] * 4


class Away:
    """An object store that does not answer for a while."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs, self.away = blobs, True

    async def delete(self, names: Sequence[str]) -> None:
        if self.away:
            raise Unavailable
        await self.blobs.delete(names)


async def test_blobs_that_cannot_be_deleted_now_are_deleted_later(
    database: Database, keys: RecordKeys, blobs: Blobs
) -> None:
    held = await hold(database, keys, blobs, closed=True, due=YESTERDAY)
    away = Away(blobs)
    retention = Retention(database, keys, away, clock=lambda: NOW)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await retention.work()
    assert await tables_with(database, held) == {"record", "erasure"}, (
        "the key is gone whatever the store does"
    )
    away.away = False
    assert not await retention.work()
    with pytest.raises(BlobMissing):
        await blobs.get(held.blobs[0])


HELD_UP = """
CREATE FUNCTION held_up() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF OLD.person_id = '{person}' THEN RAISE EXCEPTION 'held up'; END IF; RETURN OLD; END $$;
CREATE TRIGGER held_up BEFORE DELETE ON record_key FOR EACH ROW EXECUTE FUNCTION held_up();
"""


async def test_record_that_cannot_be_destroyed_holds_up_no_other(
    database: Database, keys: RecordKeys, blobs: Blobs, retention: Retention
) -> None:
    stuck = await hold(database, keys, blobs, closed=True, due=YESTERDAY - timedelta(days=1))
    other = await hold(database, keys, blobs, closed=True, due=YESTERDAY)
    await database.pool.execute(HELD_UP.format(person=stuck.person.value))
    with pytest.raises(asyncpg.PostgresError, match="held up"):
        await retention.work()
    assert await retention.work()
    assert await tables_with(database, other) == {"record", "erasure"}
    assert not await retention.work()
    await database.pool.execute("DROP TRIGGER held_up ON record_key")
    assert await retention.work(), "tried again"
    assert await tables_with(database, stuck) == {"record", "erasure"}
