"""Who may do what on the bus, asked of the real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from socle_local.nats import API, Nats, inbox_of, stream_of

IDENTITY = "SOCLE_IDENTITY_INS"
QUALIFIED = "socle.identity_ins.identity.qualified.v1"


class Guest:
    """A connected user, with what the server told it."""

    def __init__(self, client: Client, errors: list[str]) -> None:
        self.client = client
        self.errors = errors
        self.js = client.jetstream(timeout=2)

    async def is_refused(self, action: Awaitable[Any]) -> bool:
        """Whether the server says "permissions violation" to an action."""
        before = len(self.errors)
        task = asyncio.ensure_future(action)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if len(self.errors) > before:
                task.cancel()
                return "permissions violation" in self.errors[-1]
            if task.done():
                break
        task.cancel()
        return False


@asynccontextmanager
async def guest(server: Nats, user: str) -> AsyncIterator[Guest]:
    errors: list[str] = []

    async def keep(error: Exception) -> None:
        errors.append(str(error))

    client = await nats.connect(
        server.url,
        user=user,
        password=user,
        inbox_prefix=inbox_of(user),
        error_cb=keep,
        max_reconnect_attempts=1,
    )
    try:
        yield Guest(client, errors)
    finally:
        await client.close()


@pytest.fixture
async def published(nats_server: Nats) -> Nats:
    """The server, with three events of identity-ins."""
    async with guest(nats_server, "identity_ins") as owner:
        await owner.js.add_stream(name=IDENTITY, subjects=["socle.identity_ins.>"])
        for number in range(3):
            await owner.js.publish(QUALIFIED, str(number).encode())
    return nats_server


async def test_a_service_publishes_under_its_own_prefix_and_reads_back_its_stream(published: Nats) -> None:
    async with guest(published, "identity_ins") as owner:
        assert (await owner.js.stream_info(stream_of("identity-ins"))).state.messages == 3
        assert owner.errors == []


FORBIDDEN_TO_IDENTITY: dict[str, Callable[[JetStreamContext], Awaitable[Any]]] = {
    "publish under another prefix": lambda js: js.publish("socle.dmp.document.deposited.v1", b"x"),
    "publish beside every prefix": lambda js: js.publish("socle.other", b"x"),
    "create another's stream": lambda js: js.add_stream(name="SOCLE_DMP", subjects=["socle.dmp.>"]),
    "empty its stream": lambda js: js.purge_stream(IDENTITY),
    "delete its stream": lambda js: js.delete_stream(IDENTITY),
    "delete an event": lambda js: js.delete_msg(IDENTITY, 1),
}


@pytest.mark.parametrize("action", FORBIDDEN_TO_IDENTITY.values(), ids=FORBIDDEN_TO_IDENTITY.keys())
async def test_a_service_may_not(
    published: Nats, action: Callable[[JetStreamContext], Awaitable[Any]]
) -> None:
    async with guest(published, "identity_ins") as owner:
        assert await owner.is_refused(action(owner.js))


async def test_a_service_reads_another_stream_through_its_own_durable(published: Nats) -> None:
    async with guest(published, "dmp") as reader:
        config = ConsumerConfig(durable_name="dmp-know", filter_subjects=[QUALIFIED])
        await reader.js.add_consumer(IDENTITY, config)
        subscription = await reader.js.pull_subscribe_bind("dmp-know", IDENTITY)
        first, second, third = await subscription.fetch(3, timeout=2)
        await first.ack_sync(timeout=2)
        await second.nak()
        await third.ack_sync(timeout=2)
        (again,) = await subscription.fetch(1, timeout=2)
        assert (again.data, again.metadata.num_delivered) == (b"1", 2)
        assert reader.errors == []


async def test_a_service_reads_its_own_stream_through_its_own_durable(published: Nats) -> None:
    async with guest(published, "identity_ins") as reader:
        config = ConsumerConfig(durable_name="identity-ins-tell", filter_subjects=[QUALIFIED])
        await reader.js.add_consumer(IDENTITY, config)
        subscription = await reader.js.pull_subscribe_bind("identity-ins-tell", IDENTITY)
        told = await subscription.fetch(3, timeout=2)
        assert [message.data for message in told] == [b"0", b"1", b"2"]
        for message in told:
            await message.ack_sync(timeout=2)
        assert reader.errors == []
        assert await reader.is_refused(
            reader.js.pull_subscribe("socle.identity_ins.>", durable="dmp-know", stream=IDENTITY)
        )


async def test_a_service_makes_no_consumer_of_another_name(published: Nats) -> None:
    async with guest(published, "dmp") as reader:
        subject = "socle.identity_ins.>"
        assert await reader.is_refused(
            reader.js.pull_subscribe(subject, durable="messaging-send", stream=IDENTITY)
        )
        assert await reader.is_refused(reader.js.pull_subscribe(subject, stream=IDENTITY))


async def test_a_service_hears_nothing_outside_its_consumers(published: Nats) -> None:
    async with guest(published, "dmp") as reader:
        assert await reader.is_refused(reader.client.subscribe("socle.>"))
        assert await reader.is_refused(reader.client.subscribe(f"{inbox_of('identity_ins')}.>"))


async def test_a_subscriber_hears_every_event_live_and_from_the_log(published: Nats) -> None:
    async with guest(published, "subscriber") as reader:
        live = await reader.client.subscribe("socle.>")
        kept = await reader.js.pull_subscribe("socle.identity_ins.>", durable="subscriber-ledger")
        passing = await reader.js.pull_subscribe("socle.identity_ins.>")
        assert [m.data for m in await kept.fetch(3, timeout=2)] == [b"0", b"1", b"2"]
        assert [m.data for m in await passing.fetch(3, timeout=2)] == [b"0", b"1", b"2"]
        async with guest(published, "identity_ins") as owner:
            await owner.js.publish(QUALIFIED, b"3")
        assert (await live.next_msg(timeout=2)).data == b"3"
        assert reader.errors == []


async def test_a_subscriber_publishes_nothing(published: Nats) -> None:
    async with guest(published, "subscriber") as reader:
        assert await reader.is_refused(reader.js.publish(QUALIFIED, b"x"))
        assert await reader.is_refused(reader.js.add_stream(name="SOCLE_X", subjects=["socle.x.>"]))


async def test_a_subscriber_cannot_touch_the_consumer_of_a_service(published: Nats) -> None:
    async with guest(published, "dmp") as owner:
        await owner.js.pull_subscribe("socle.identity_ins.>", durable="dmp-know", stream=IDENTITY)
    async with guest(published, "subscriber") as thief:
        stolen = await thief.js.pull_subscribe_bind("dmp-know", IDENTITY)
        assert await thief.is_refused(stolen.fetch(1, timeout=1))
        assert await thief.is_refused(thief.js.delete_consumer(IDENTITY, "dmp-know"))
        assert await thief.is_refused(thief.client.publish(f"$JS.ACK.{IDENTITY}.dmp-know.1.1.1.1.0", b"+ACK"))


@pytest.mark.parametrize(
    "names", [{"name": "dmp-know"}, {"durable_name": "dmp-know"}], ids=["name", "durable"]
)
async def test_a_subscriber_cannot_redefine_a_consumer_under_another_subject(
    published: Nats, names: dict[str, str]
) -> None:
    async with guest(published, "dmp") as owner:
        before = await owner.js.add_consumer(IDENTITY, ConsumerConfig(durable_name="dmp-know"))
    body = json.dumps(
        {"stream_name": IDENTITY, "config": {"filter_subject": "socle.identity_ins.none", **names}}
    )
    async with guest(published, "subscriber") as thief:
        assert await thief.is_refused(
            thief.client.request(f"{API}.CONSUMER.CREATE.{IDENTITY}", body.encode())
        )
        answer = await thief.client.request(
            f"{API}.CONSUMER.CREATE.{IDENTITY}.mine", body.encode(), timeout=2
        )
    async with guest(published, "dmp") as owner:
        after = await owner.js.consumer_info(IDENTITY, "dmp-know")
    assert after.config.filter_subject == before.config.filter_subject
    assert "error" in json.loads(answer.data) or json.loads(answer.data)["name"] == "mine"


async def test_a_wrong_password_is_refused(published: Nats) -> None:
    stranger = Client()
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await stranger.connect(
            published.url, user="dmp", password="guess", allow_reconnect=False, error_cb=_quiet
        )
    await stranger.close()


async def _quiet(error: Exception) -> None:
    """nats-py prints what nobody takes."""


async def test_acknowledged_events_outlive_a_kill(published: Nats) -> None:
    published.program.kill()
    published.start()
    async with guest(published, "identity_ins") as owner:
        assert (await owner.js.stream_info(IDENTITY)).state.messages == 3


def test_the_passwords_are_readable_by_their_owner_only(nats_server: Nats) -> None:
    assert (nats_server.folder / "nats.conf").stat().st_mode & 0o077 == 0
