"""Events as they happen: they empty the cache of persons, and feed the stream of the landing page."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis import broker, telemetry

from .persons import Persons
from .settings import Settings

log = telemetry.logger("feed")

EVERY_EVENT = "socle.>"
IDENTITY = "socle.identity_ins."
RECENT = 50
# Events a slow browser may be behind before it loses the oldest.
BEHIND = 200
SHOWN = ("id", "type", "time", "position")


class Feed:
    """One subscription to every event of the platform, shared by everyone who looks."""

    def __init__(self, settings: Settings, persons: Persons) -> None:
        self._settings, self._persons = settings, persons
        self._client: Client | None = None
        self._recent: deque[bytes] = deque(maxlen=RECENT)
        self._watchers: set[asyncio.Queue[bytes | None]] = set()

    @property
    def connected(self) -> bool:
        """Events are coming."""
        return self._client is not None and self._client.is_connected

    async def run(self) -> None:
        """Until cancelled; a NATS that is away is tried again for ever."""
        while True:
            try:
                async with broker.connected("gateway", self._settings, self._persons.trust) as client:
                    await self._listen(client)
            except (OSError, nats.errors.Error) as error:
                log.warning("feed.interrupted", error_type=type(error).__name__)
                await asyncio.sleep(1.0)
            finally:
                self._persons.trust(False)

    async def _listen(self, client: Client) -> None:
        # A plain subscription: the table of the service is the log, a page that shows the present needs no
        # consumer.
        await client.subscribe(EVERY_EVENT, cb=self._heard)
        await client.flush()
        self._client = client
        self._persons.trust(True)
        await broker.until_closed(client)

    async def _heard(self, message: Msg) -> None:
        self.hear(message.subject, message.data)

    def hear(self, subject: str, data: bytes) -> None:
        """One event, as it came; what is not an event of the platform is left aside."""
        with suppress(orjson.JSONDecodeError):
            event = orjson.loads(data)
            if subject.startswith(IDENTITY):
                self._persons.forget(str((event.get("data") or {}).get("person_id", "")))
            self._show(orjson.dumps({name: event.get(name) for name in SHOWN}))

    def _show(self, event: bytes) -> None:
        self._recent.append(event)
        self._tell(event)

    def _tell(self, event: bytes | None) -> None:
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def end(self) -> None:
        """Ends every stream: a page left open must not hold up the stop of the platform."""
        self._tell(None)

    async def watch(self) -> AsyncGenerator[bytes]:
        """Recent events, then each one as it comes (JSON: id, type, time, position); b"" every 15 quiet
        seconds.
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND)
        for recent in self._recent:
            queue.put_nowait(recent)
        self._watchers.add(queue)
        try:
            while (event := await _next(queue)) is not None:
                yield event
        finally:
            self._watchers.discard(queue)


async def _next(queue: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        async with asyncio.timeout(15.0):
            return await queue.get()
    except TimeoutError:
        return b""


def as_sse(event: bytes) -> bytes:
    """An event for a browser's EventSource; silence is a comment, which keeps the connection open."""
    if not event:
        return b": silence\n\n"
    details: dict[str, Any] = orjson.loads(event)
    return b"id: " + str(details.get("id")).encode() + b"\ndata: " + event + b"\n\n"
