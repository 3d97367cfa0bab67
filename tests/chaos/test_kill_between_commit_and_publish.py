"""kill -9 between a commit and its event, wherever it hurts: the event arrives, in place, once in effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from socle_local.journey import Event
from socle_local.journey.traces import check_order
from tests.chaos.fault import Fault

pytestmark = pytest.mark.timeout(300)
QUALIFIED = "SELECT identity_id, person_id, version, qualified FROM qualified_identity ORDER BY identity_id"
SEEN = "SELECT event_id FROM inbox ORDER BY event_id"


async def same_as_the_log(fault: Fault, service: str) -> list[Event]:
    """The stream holds each event of the table once, in the table's order, without a gap; those events."""
    rows = await fault.log(service)
    events = await fault.stream(service, len(rows))
    assert [one.body["id"] for one in events] == [str(row["id"]) for row in rows]
    check_order(events)
    return events


def grants_in(events: list[Event]) -> list[str]:
    return [one.data["authorisation_id"] for one in events if one.subject == "socle.dmp.access.granted.v1"]


async def test_kill_after_commit_before_publish_loses_nothing(fault: Fault) -> None:
    """NATS is away, the changes are answered all the same; then dmp dies with its events unsent."""
    fault.kill("nats")
    ids = await fault.grants(5)
    assert len(await fault.unpublished("dmp")) == 5, "the window is real: committed, answered, not published"
    fault.kill("dmp")
    fault.revive("nats")
    await asyncio.sleep(1)
    assert len(await fault.unpublished("dmp")) == 5, "nobody else publishes for a service that is dead"
    fault.revive("dmp")
    await fault.all_published("dmp")
    assert grants_in(await same_as_the_log(fault, "dmp"))[-5:] == ids


async def test_kill_while_the_bus_holds_unanswered_events_publishes_each_once(fault: Fault) -> None:
    """The events left dmp, and may or may not be stored: sent again under the same ids, they are once."""
    fault.pause("nats")
    ids = await fault.grants(5)
    assert len(await fault.unpublished("dmp")) == 5
    # Time for the relay to put them into the connection of the bus that stands still.
    await asyncio.sleep(1)
    fault.kill("dmp")
    fault.resume("nats")
    fault.revive("dmp")
    await fault.all_published("dmp")
    assert grants_in(await same_as_the_log(fault, "dmp"))[-5:] == ids


@asynccontextmanager
async def holding(fault: Fault, service: str, events: list[str]) -> AsyncIterator[Any]:
    """Holds the rows of some events, so that the relay cannot mark them; what it had begun dies with it."""
    address, password = fault.platform.database(service)
    connection = await asyncpg.connect(address, password=password)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.fetch("SELECT id FROM outbox WHERE id = ANY($1::uuid[]) FOR UPDATE", events)
        yield connection
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND wait_event_type = 'Lock' AND datname = current_database()"
        )
    finally:
        await transaction.rollback()
        await connection.close()


async def test_kill_after_publish_before_mark_stores_no_event_twice(fault: Fault) -> None:
    """The bus acknowledged, the table does not know it yet: the relay sends again, the bus knows the ids."""
    fault.pause("nats")
    ids = await fault.grants(3)
    await asyncio.sleep(1)
    waiting = await fault.unpublished("dmp")
    assert len(waiting) == 3
    async with holding(fault, "dmp", waiting):
        fault.resume("nats")
        published = await fault.stream("dmp", len(await fault.log("dmp")) - 2)
        assert grants_in(published)[-1] == ids[0], "the first is published; the others wait for its mark"
        assert await fault.unpublished("dmp") == waiting, "and not marked"
        fault.kill("dmp")
    assert await fault.unpublished("dmp") == waiting, "the mark died with the process"
    fault.revive("dmp")
    await fault.all_published("dmp")
    assert grants_in(await same_as_the_log(fault, "dmp"))[-3:] == ids


async def test_kill_of_a_consumer_between_commit_and_ack_acts_once(fault: Fault) -> None:
    """dmp dies again and again while it follows identity-ins: each event changes its tables exactly once."""
    identities = []
    for _ in range(3):
        identities.append(await fault.qualified())
        fault.kill("dmp")
        fault.revive("dmp")
    await fault.ledger.settled()
    rows = await fault.ledger["dmp"].fetch(QUALIFIED)
    assert set(identities) <= {str(row["identity_id"]) for row in rows}
    told = [
        row for row in await fault.log("identity-ins") if row["subject"].endswith("identity.qualified.v1")
    ]
    seen = [row["event_id"] for row in await fault.ledger["dmp"].fetch(SEEN)]
    assert seen == sorted(row["id"] for row in told)


async def test_stream_deleted_with_its_disk_is_rebuilt_from_the_table(fault: Fault) -> None:
    """The table is the log: a subscriber of the new stream gets the whole history, same ids, same order."""
    await fault.grants(3)
    await fault.all_published("dmp")
    history = [one.body for one in await same_as_the_log(fault, "dmp")]
    fault.lose_streams()
    # The next event makes the relay find the stream missing; a restart of the service would as well.
    await fault.grants(1)
    await fault.all_published("dmp")
    rebuilt = [one.body for one in await same_as_the_log(fault, "dmp")]
    assert rebuilt[: len(history)] == history


async def test_rebuilt_stream_is_not_acted_upon_twice(fault: Fault) -> None:
    """A rebuilt stream brings every old event again, long after the bus forgot their ids: the inbox knows."""
    await fault.qualified()
    await fault.ledger.settled()
    before, seen = await fault.ledger["dmp"].fetch(QUALIFIED), await fault.ledger["dmp"].fetch(SEEN)
    fault.lose_streams()
    identity = await fault.qualified()
    await fault.ledger.settled()
    await same_as_the_log(fault, "identity-ins")
    after = await fault.ledger["dmp"].fetch(QUALIFIED)
    assert [row for row in after if str(row["identity_id"]) != identity] == before
    assert len(after) == len(before) + 1
    assert len(await fault.ledger["dmp"].fetch(SEEN)) == len(seen) + 1
