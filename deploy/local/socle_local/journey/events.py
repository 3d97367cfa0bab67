"""What a subscriber sees, with nothing but nats-py: every event, in order, as CloudEvents."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from .actors import Reach, UnexpectedAnswerError

SERVICES = ("identity_ins", "dmp", "eprescription")
# Seconds after which the server removes a consumer nobody reads; seconds given to a stream of a first start.
FORGOTTEN, FIRST_STREAM = 300.0, 20.0
# Seconds given to the connection itself.
CONNECT = 20.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event as received. `raw` is the body to the byte."""

    subject: str
    message_id: str
    raw: bytes
    body: dict[str, Any]

    @classmethod
    def of(cls, message: Msg) -> Event:
        """The event of a NATS message."""
        message_id = (message.headers or {}).get("Nats-Msg-Id", "")
        return cls(message.subject, message_id, message.data, json.loads(message.data))

    @property
    def service(self) -> str:
        """The service that published it, as its subject says."""
        return self.subject.split(".")[1]

    @property
    def position(self) -> int:
        """Place in the service's order, without gaps."""
        return int(self.body["position"])

    @property
    def data(self) -> dict[str, Any]:
        """What the event tells."""
        return dict(self.body.get("data", {}))


@dataclass(slots=True)
class Listener:
    """Everything published since it began to listen, in the order of each service."""

    received: list[Event] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: Event) -> None:
        """One more event."""
        self.received.append(event)
        self._came.set()

    async def until(self, enough: Callable[[list[Event]], bool], seconds: float = 10.0) -> list[Event]:
        """Waits until what came is enough, or the time is over; what came either way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not enough(self.received):
                    self._came.clear()
                    await self._came.wait()
        return list(self.received)

    def of(self, service: str) -> list[Event]:
        """The events of one service."""
        return [event for event in self.received if event.service == service]


@asynccontextmanager
async def listening(
    reach: Reach, services: Sequence[str] = SERVICES, *, everything: bool = False
) -> AsyncIterator[Listener]:
    """Listens to the services; from the first event of all when `everything`, from now on otherwise.

    Raises UnexpectedAnswerError when NATS lets nobody in: its client would try for ever.
    """
    try:
        async with asyncio.timeout(CONNECT):
            client = await _connected(reach)
    except TimeoutError:
        raise UnexpectedAnswerError(f"NATS at {reach.nats} does not let {reach.nats_user} in.") from None
    listener = Listener()
    policy = DeliverPolicy.ALL if everything else DeliverPolicy.NEW
    subscriptions = [await _subscribed(client, service, policy) for service in services]
    tasks = [asyncio.create_task(_hear(client, subscription, listener)) for subscription in subscriptions]
    try:
        yield listener
    finally:
        for task in tasks:
            task.cancel()
        # Closed before it waits: a fetch that was cancelled just as it ended swallows the cancellation.
        await client.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _connected(reach: Reach) -> Client:
    return await nats.connect(
        reach.nats,
        user=reach.nats_user,
        password=reach.nats_password,
        # Without TLS first, whoever answers could say that there is none, and would be given the password.
        tls=ssl.create_default_context(cadata=reach.nats_ca) if reach.nats_ca else None,
        tls_handshake_first=bool(reach.nats_ca),
        inbox_prefix=f"_INBOX_{reach.nats_user}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        error_cb=_said,
    )


async def _said(error: Exception) -> None:
    """nats-py prints the errors of its connection unless somebody takes them; it reconnects by itself."""


async def _subscribed(client: Client, service: str, policy: DeliverPolicy) -> Any:
    js = client.jetstream()
    subjects = f"socle.{service}.>"
    config = ConsumerConfig(deliver_policy=policy, inactive_threshold=FORGOTTEN)
    return await js.pull_subscribe(subjects, stream=await _stream_of(js, subjects), config=config)


async def _stream_of(js: JetStreamContext, subjects: str) -> str:
    """The stream that carries the subjects. On a first start it may still be on its way."""
    limit = time.monotonic() + FIRST_STREAM
    while True:
        try:
            return str(await js.find_stream_name_by_subject(subjects))
        except NotFoundError:
            if time.monotonic() > limit:
                raise
            await asyncio.sleep(0.2)


async def _hear(client: Client, subscription: Any, listener: Listener) -> None:
    while not client.is_closed:
        try:
            messages = await subscription.fetch(100, timeout=1)
        except (NatsTimeoutError, TimeoutError):
            continue
        for message in messages:
            listener.hear(Event.of(message))
            await message.ack()
