"""Each change of an identity becomes a message: through the outbox, a real NATS and a real PostgreSQL."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import nats
import orjson
import pytest
from nats.aio.client import Client

from chassis.consume import Durable, durables
from chassis.db import Database, Record
from chassis.relay import Relay
from chassis.testing import NOW, Server, callers, running, until
from identity_ins import consumers
from identity_ins.domain import Platform, pam
from socle_local import nats as local_nats

from .pam_given import OTHER_INS, PATIENT, SUBJECTS, Structure, events_of

pytestmark = pytest.mark.timeout(60)
USER = "identity_ins"
Written = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """NATS with the permissions of the platform, on which a service reads its own stream: URL, password."""
    password = secrets.token_urlsafe(12)
    users = local_nats.users({USER: password}, {"identity-ins": [consumers.DURABLE]}, [])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = local_nats.Nats(tmp_path_factory.mktemp("nats"), port, users)
    server.start()
    try:
        yield server.url, password
    finally:
        server.stop()


@pytest.fixture
async def client(bus: tuple[str, str]) -> AsyncIterator[Client]:
    inbox = local_nats.inbox_of(USER).encode()
    connected = await nats.connect(bus[0], user=USER, password=bus[1], inbox_prefix=inbox)
    yield connected
    await connected.close()


@pytest.fixture
def durable(client: Client, registry: Database) -> Durable:
    """The one consumer of the service; not running."""
    (only,) = durables(consumers.TABLE, client, registry, owner="identity-ins")
    return only


@pytest.fixture
async def relay(client: Client, registry: Database, postgres: Server) -> Relay:
    name = await registry.pool.fetchval("SELECT current_database()")
    return Relay("identity-ins", postgres.url(name), postgres.password, client)


@pytest.fixture
async def written(registry: Database, relay: Relay, durable: Durable) -> AsyncIterator[Written]:
    """Waits until every event is told, and none is put aside."""

    async def all_told() -> None:
        await until(lambda: nothing_left(registry))
        assert await registry.pool.fetchval("SELECT count(*) FROM parked") == 0

    async with running(relay.run(), durable.run()):
        yield all_told


async def nothing_left(registry: Database) -> bool:
    left = await registry.pool.fetchval(
        "SELECT count(*) FROM outbox WHERE subject = ANY($1) AND id NOT IN (SELECT event_id FROM inbox)",
        SUBJECTS,
    )
    return bool(left == 0)


@pytest.fixture
async def structure(registry: Database) -> Structure:
    """A structure without a message yet."""
    await registry.pool.execute("TRUNCATE pam_message")
    return Structure(registry)


async def messages(structure: Structure) -> list[Record]:
    rows: list[Record] = await structure.database.pool.fetch(
        "SELECT * FROM pam_message WHERE domain = $1 ORDER BY position", structure.caller.organisation
    )
    return rows


async def told(structure: Structure) -> list[tuple[int, str, int]]:
    return [(row["position"], row["trigger"], row["version"]) for row in await messages(structure)]


async def test_life_of_an_identity_when_told_then_a_message_a_version_in_order(
    structure: Structure, written: Written
) -> None:
    identity = await structure.creates()
    await structure.retrieves(identity.id)
    await structure.checks_paper(identity.id)
    await structure.doubts(identity.id)
    await written()
    assert await told(structure) == [(1, "A28", 1), (2, "A31", 2), (3, "A31", 3), (4, "A47", 4)]
    rows = await messages(structure)
    said = [pam.read(row["content"], Platform.TEST, NOW.date()) for row in rows]
    assert [one.ins for one in said] == [None, None, PATIENT.ins, None]
    assert (said[3].removed, said[3].comments) == ((PATIENT.ins,), ("DOUT",))
    assert all(f"|{row['id']}|P|2.5^FRA^2.11|" in row["content"] for row in rows)
    assert [row["subject"] for row in rows] == [identity.id.value, *[PATIENT.id.value] * 3]


async def test_retrieval_of_a_checked_identity_when_it_qualifies_then_one_message(
    structure: Structure, written: Written
) -> None:
    identity = await structure.creates()
    await structure.checks_paper(identity.id)
    await structure.retrieves(identity.id)
    await written()
    assert await told(structure) == [(1, "A28", 1), (2, "A31", 2), (3, "A31", 3)]


async def test_number_when_replaced_then_an_a47_with_the_old_one_from_the_history(
    structure: Structure, written: Written
) -> None:
    identity = await structure.qualifies()
    await structure.is_told_of(identity.id, OTHER_INS)
    await written()
    last = pam.read((await messages(structure))[-1]["content"], Platform.TEST, NOW.date())
    assert (last.trigger, last.ins, last.removed) == ("A47", OTHER_INS, (PATIENT.ins,))


async def test_message_when_written_late_then_it_says_what_the_version_was(
    structure: Structure, relay: Relay, durable: Durable
) -> None:
    identity = await structure.qualifies()
    await structure.renames(identity.id, "MARTIN")
    await structure.doubts(identity.id)
    async with running(relay.run(), durable.run()):
        await until(lambda: nothing_left(structure.database))
    said = [pam.read(row["content"], Platform.TEST, NOW.date()) for row in await messages(structure)]
    assert [one.traits.used_name for one in said if one.traits] == ["", "", "", "MARTIN", "MARTIN"]
    assert [one.ins for one in said] == [None, None, PATIENT.ins, PATIENT.ins, None]


async def test_structures_when_they_change_in_turn_then_each_has_its_own_positions(
    structure: Structure, written: Written
) -> None:
    other = replace(structure, caller=callers.other_doctor)
    for one in (structure, other, structure, other, other):
        await one.creates()
    await written()
    assert [row["position"] for row in await messages(structure)] == [1, 2]
    assert [row["position"] for row in await messages(other)] == [1, 2, 3]


async def test_merge_when_done_and_undone_then_both_identities_are_told_of(
    structure: Structure, written: Written
) -> None:
    kept, absorbed = await structure.qualifies(), await structure.qualifies()
    await written()
    before = len(await messages(structure))
    merge = await structure.merges(kept.id, absorbed.id)
    await written()
    await structure.unmerges(merge)
    await written()
    rows = (await messages(structure))[before:]
    said = [pam.read(row["content"], Platform.TEST, NOW.date()) for row in rows]
    numbers = [
        (str(row["identity_id"]), row["trigger"], one.ins) for row, one in zip(rows, said, strict=True)
    ]
    assert numbers == [
        (absorbed.id.value, "A47", None),
        (absorbed.id.value, "A31", None),
        # The one that stays holds the same number, which A47 made receivers drop.
        (kept.id.value, "A31", PATIENT.ins),
        (absorbed.id.value, "A31", PATIENT.ins),
        (kept.id.value, "A31", PATIENT.ins),
    ]
    assert [one.comments for one in said if "DOUA" in one.comments] == [("DOUA",), ("DOUA",)]


async def test_event_when_replayed_then_no_second_message(
    structure: Structure, written: Written, durable: Durable
) -> None:
    identity = await structure.qualifies()
    await structure.doubts(identity.id)
    await written()
    first = await messages(structure)
    assert len(first) == 4
    again = await events_of(structure.database, identity)
    assert [await durable.handle(event) for event in again] == ["duplicate"] * 4
    assert await messages(structure) == first


async def test_event_when_replayed_after_the_inbox_was_lost_then_the_same_messages(
    structure: Structure, written: Written, durable: Durable
) -> None:
    """As after a restored backup: the name of a message says what it is about, not who brought it."""
    identity = await structure.qualifies()
    await structure.doubts(identity.id)
    await written()
    first = await messages(structure)
    for event in await events_of(structure.database, identity):
        renamed = orjson.dumps({**orjson.loads(event), "id": str(uuid4())})
        assert await durable.handle(renamed) == "handled"
    assert await messages(structure) == first


async def test_events_when_handled_at_once_then_positions_have_no_gap_and_no_twin(
    structure: Structure, durable: Durable
) -> None:
    """As when parked events are replayed by hand while the consumer runs."""
    made = [await structure.creates() for _ in range(12)]
    events = [event for identity in made for event in await events_of(structure.database, identity)]
    assert await asyncio.gather(*map(durable.handle, events)) == ["handled"] * 12
    assert [row["position"] for row in await messages(structure)] == list(range(1, 13))


async def test_messages_when_lost_then_made_again_as_they_were(
    structure: Structure, written: Written, durable: Durable
) -> None:
    identity = await structure.qualifies()
    await structure.renames(identity.id, "MARTIN")
    await written()
    first = await messages(structure)
    await structure.database.pool.execute("TRUNCATE pam_message")
    for event in await events_of(structure.database, identity):
        await durable.handle(orjson.dumps({**orjson.loads(event), "id": str(uuid4())}))
    kept = ("id", "position", "version", "trigger", "subject", "content")
    again = await messages(structure)
    assert [[row[name] for name in kept] for row in again] == [[row[name] for name in kept] for row in first]
