"""A subscriber with nothing but nats-py: every event, in order, from any point, and no other right."""

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig, DeliverPolicy

from socle_local.journey import Patient, Reach
from tests.ledger import Ledger
from tests.reach import Actors

CREATED = "socle.identity_ins.identity.created.v1"
STREAM, SUBJECTS = "SOCLE_IDENTITY_INS", "socle.identity_ins.>"
Json = dict[str, Any]


@pytest.fixture
async def client(reach: Reach) -> AsyncIterator[Client]:
    connection = await connected(reach)
    yield connection
    await connection.close()


async def connected(reach: Reach, **more: Any) -> Client:
    return await nats.connect(
        reach.nats,
        user=reach.nats_user,
        password=reach.nats_password,
        inbox_prefix=f"_INBOX_{reach.nats_user}".encode(),
        allow_reconnect=False,
        tls=ssl.create_default_context(cadata=reach.nats_ca) if reach.nats_ca else None,
        tls_handshake_first=bool(reach.nats_ca),
        **more,
    )


async def created(actors: Actors, patient: Patient, count: int = 1) -> list[str]:
    """New identities; their ids in the order of creation."""
    ids = []
    for _ in range(count):
        body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
        reply = (await actors["secretary"].send("POST", "/v1/identities", body)).expect(201)
        ids.append(str(reply.json()["id"]))
    return ids


async def drained(subscription: Any, seconds: float = 1.0) -> list[Json]:
    """Everything there is now."""
    events: list[Json] = []
    while True:
        try:
            messages = await subscription.fetch(100, timeout=seconds)
        except (NatsTimeoutError, TimeoutError):
            return events
        for message in messages:
            events.append(json.loads(message.data))
            await message.ack()


async def from_the_start(client: Client, **policy: Any) -> Any:
    config = ConsumerConfig(inactive_threshold=60, **({"deliver_policy": DeliverPolicy.ALL} | policy))
    return await client.jetstream().pull_subscribe(SUBJECTS, stream=STREAM, config=config)


async def test_whole_history_is_there_in_order_without_a_gap(
    client: Client, actors: Actors, patient: Patient, ledger: Ledger
) -> None:
    """The stream and the table tell the same, to the last event."""
    await created(actors, patient, 3)
    await ledger.settled()
    events = await drained(await from_the_start(client))
    rows = await ledger["identity-ins"].fetch("SELECT id, subject, position FROM outbox ORDER BY position")
    assert [(one["id"], one["type"], one["position"]) for one in events] == [
        (str(row["id"]), row["subject"], row["position"]) for row in rows
    ]
    assert [one["position"] for one in events] == list(range(1, len(events) + 1))


async def test_catch_up_from_a_sequence_starts_there(
    client: Client, actors: Actors, patient: Patient, ledger: Ledger
) -> None:
    await created(actors, patient, 3)
    await ledger.settled()
    everything = await drained(await from_the_start(client))
    since = await from_the_start(client, deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=3)
    assert [one["id"] for one in await drained(since)] == [one["id"] for one in everything[2:]]


async def test_durable_subscriber_that_was_away_misses_nothing(
    reach: Reach, actors: Actors, patient: Patient, ledger: Ledger
) -> None:
    durable = f"integrator-{secrets.token_hex(4)}"
    config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW, inactive_threshold=60)
    first = await connected(reach)
    await first.jetstream().pull_subscribe(SUBJECTS, durable=durable, stream=STREAM, config=config)
    await first.close()
    ids = await created(actors, patient, 3)
    await ledger.settled()
    again = await connected(reach)
    subscription = await again.jetstream().pull_subscribe_bind(durable, stream=STREAM)
    heard = [one["data"]["identity_id"] for one in await drained(subscription) if one["type"] == CREATED]
    await again.close()
    assert [one for one in heard if one in ids] == ids


async def test_plain_subscription_hears_an_event_as_it_happens(
    client: Client, actors: Actors, patient: Patient
) -> None:
    """Without JetStream even: the subject alone, for a screen that shows the present."""
    subscription = await client.subscribe(CREATED)
    await client.flush()
    (identity_id,) = await created(actors, patient)
    message = await subscription.next_msg(timeout=5)
    event = json.loads(message.data)
    assert message.headers is not None
    assert message.headers["Content-Type"] == "application/cloudevents+json"
    assert message.headers["Nats-Msg-Id"] == event["id"]
    assert event["source"] == "/socle/identity-ins"
    assert event["subject"] == f"identity/{identity_id}"
    assert event["data"]["identity_id"] == identity_id


@pytest.mark.parametrize(
    "subject", ["socle.dmp.record.opened.v1", CREATED, "$JS.API.STREAM.DELETE.SOCLE_DMP"]
)
async def test_subscriber_may_not_publish_nor_delete(reach: Reach, subject: str) -> None:
    """Whoever reads events must not be able to invent one: the server itself refuses."""
    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def said(error: Exception) -> None:
        if not refused.done():
            refused.set_result(str(error))

    client = await connected(reach, error_cb=said)
    await client.publish(subject, b"{}")
    await client.flush()
    assert "permissions violation" in (await asyncio.wait_for(refused, 5)).lower()
    await client.close()


async def test_subscriber_with_a_wrong_password_is_refused(reach: Reach) -> None:
    """In the words of the protocol: a client library would try again and again."""
    host, port = reach.nats.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    assert (await reader.readline()).startswith(b"INFO ")
    asked = {"user": reach.nats_user, "pass": "wrong", "verbose": False, "pedantic": False, "lang": "test"}
    writer.write(f"CONNECT {json.dumps(asked)}\r\nPING\r\n".encode())
    assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()


async def test_no_event_of_the_whole_history_holds_who_the_patient_is(
    client: Client, actors: Actors, patient: Patient, ledger: Ledger
) -> None:
    await created(actors, patient)
    await ledger.settled()
    for service in ("identity_ins", "dmp"):
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, inactive_threshold=60)
        stream = f"SOCLE_{service.upper()}"
        subscription = await client.jetstream().pull_subscribe(
            f"socle.{service}.>", stream=stream, config=config
        )
        told = json.dumps(await drained(subscription), ensure_ascii=False).upper()
        for word in (
            patient.birth_name,
            *patient.first_names,
            patient.matricule[:13],
            patient.birth_date,
            "IPP-",
        ):
            assert word not in told, service
