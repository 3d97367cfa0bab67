"""What identity-ins publishes reaches the table of qualified identities, through a real NATS server."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import nats
import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from nats.aio.client import Client

from chassis.consume import Durable, durables
from chassis.db import Database
from chassis.ids import Id
from dmp import consumers, store
from dmp.domain import PersonId
from socle.identity_ins.v1 import events_pb2 as ev
from socle.options.v1 import options_pb2
from socle_local import nats as local_nats

STREAM = local_nats.stream_of("identity-ins")
DOMAIN = "1750000018"
Publish = Callable[[Message], Awaitable[None]]
Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[local_nats.Nats, dict[str, str]]]:
    """NATS with the permissions of the platform: dmp may make the durable it declares and no other."""
    passwords = {user: secrets.token_urlsafe(12) for user in ("identity_ins", "dmp")}
    declared = {"identity-ins": [], "dmp": [consumers.DURABLE]}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("nats")
    running = local_nats.Nats(folder, port, local_nats.users(passwords, declared, []))
    running.start()
    try:
        yield running, passwords
    finally:
        running.stop()


@pytest.fixture(scope="module")
async def connect(server: tuple[local_nats.Nats, dict[str, str]]) -> AsyncIterator[Connect]:
    running, passwords = server
    clients: list[Client] = []

    async def connected(user: str) -> Client:
        inbox = local_nats.inbox_of(user).encode()
        client = await nats.connect(running.url, user=user, password=passwords[user], inbox_prefix=inbox)
        clients.append(client)
        return client

    yield connected
    for client in clients:
        await client.close()


@pytest.fixture(scope="module")
async def publish(connect: Connect) -> Publish:
    """Publishes an event as the relay of identity-ins would."""
    stream = (await connect("identity_ins")).jetstream()
    await stream.add_stream(name=STREAM, subjects=["socle.identity_ins.>"])

    async def published(event: Message) -> None:
        await stream.publish(subject_of(event), cloud_event(event))

    return published


@pytest.fixture
async def follower(database: Database, connect: Connect) -> AsyncIterator[Durable]:
    """The consumer of the service, running."""
    (durable,) = durables(consumers.TABLE, await connect("dmp"), database)
    task = asyncio.create_task(durable.run())
    yield durable
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def subject_of(event: Message) -> str:
    option: options_pb2.Event = event.DESCRIPTOR.GetOptions().Extensions[options_pb2.event]
    return option.subject


def cloud_event(event: Message) -> bytes:
    data = MessageToDict(event, preserving_proto_field_name=True)
    return orjson.dumps({"id": Id.new().value, "type": subject_of(event), "data": data})


def qualified(person: PersonId, identity: str, version: int) -> ev.IdentityQualified:
    return ev.IdentityQualified(identity_id=identity, domain=DOMAIN, person_id=person.value, version=version)


def downgraded(person: PersonId, identity: str, version: int) -> ev.IdentityDowngraded:
    return ev.IdentityDowngraded(identity_id=identity, domain=DOMAIN, person_id=person.value, version=version)


async def is_qualified(database: Database, person: PersonId) -> bool:
    async with database.read() as tx:
        return await store.is_qualified(tx, person, DOMAIN)


async def becomes(database: Database, person: PersonId, expected: bool) -> None:
    """Waits until the table says so, three seconds at most."""
    for _ in range(150):
        if await is_qualified(database, person) is expected:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"the table never said {expected}")


@pytest.mark.timeout(30)
async def test_qualification_then_downgrade_are_followed(
    database: Database, follower: Durable, publish: Publish
) -> None:
    person, identity = PersonId.new(), Id.new().value
    await publish(qualified(person, identity, 3))
    await becomes(database, person, True)
    await publish(downgraded(person, identity, 4))
    await becomes(database, person, False)
    assert not follower.stopped


@pytest.mark.timeout(30)
async def test_other_facts_of_identities_do_not_stop_the_consumer(
    database: Database, follower: Durable, publish: Publish
) -> None:
    person = PersonId.new()
    await publish(ev.IdentityCreated(identity_id=Id.new().value, domain=DOMAIN, version=1))
    await publish(qualified(person, Id.new().value, 1))
    await becomes(database, person, True)


async def test_event_delivered_twice_counts_once(database: Database, follower: Durable) -> None:
    person, identity = PersonId.new(), Id.new().value
    event = cloud_event(qualified(person, identity, 1))
    assert [await follower.handle(event), await follower.handle(event)] == ["handled", "duplicate"]


async def test_replay_of_an_older_fact_never_undoes_a_newer_one(
    database: Database, follower: Durable
) -> None:
    person, identity = PersonId.new(), Id.new().value
    await follower.handle(cloud_event(downgraded(person, identity, 4)))
    await follower.handle(cloud_event(qualified(person, identity, 3)))
    assert not await is_qualified(database, person)


async def test_structure_with_two_identities_of_a_person_keeps_the_other(
    database: Database, follower: Durable
) -> None:
    person, one, other = PersonId.new(), Id.new().value, Id.new().value
    await follower.handle(cloud_event(qualified(person, one, 1)))
    await follower.handle(cloud_event(qualified(person, other, 1)))
    await follower.handle(cloud_event(downgraded(person, one, 2)))
    assert await is_qualified(database, person)


async def test_identity_corrected_towards_another_person_is_no_longer_the_first(
    database: Database, follower: Durable
) -> None:
    first, second, identity = PersonId.new(), PersonId.new(), Id.new().value
    await follower.handle(cloud_event(qualified(first, identity, 1)))
    await follower.handle(cloud_event(qualified(second, identity, 2)))
    assert (await is_qualified(database, first), await is_qualified(database, second)) == (False, True)
