"""What carries the events of a service, in and out: its relay and its consumers, over one NATS connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client

from . import consume, rpc, telemetry, tls
from .db import Database
from .relay import Relay
from .settings import Settings, read_secret

log = telemetry.logger("carriers")

# Seconds. The library says int and sleeps so long: half a second is what a restart of NATS lasts.
RECONNECT_EVERY: Any = 0.5
# Seconds. After a handshake that failed, the library waits for ever for the end of a connection it gave up.
CONNECT_SECONDS = 10.0


class Carriers:
    """Run it as a task. A service answers without NATS: its events wait in the outbox."""

    def __init__(self, name: str, settings: Settings, database: Database) -> None:
        self._name, self._settings, self._database = name, settings, database
        self._relaying: asyncio.Task[None] | None = None
        self._durables: list[consume.Durable] = []
        self._stopping = False

    async def run(self, consumers: Sequence[consume.Consumer], runtime: rpc.Runtime) -> None:
        """Until cancelled."""
        client = await connect(self._name, self._settings)
        try:
            if self._stopping:
                return
            relay = self._relay(client)
            runtime.emitted = relay.wake
            self._durables = consume.durables(
                consumers, client, self._database, owner=self._name, emitted=relay.wake
            )
            async with asyncio.TaskGroup() as group:
                self._relaying = group.create_task(relay.run())
                for durable in self._durables:
                    group.create_task(durable.run())
        finally:
            await client.close()

    def _relay(self, client: Client) -> Relay:
        settings = self._settings
        password = read_secret(settings.database_password_file)
        return Relay(self._name, settings.database_url, password, client, replicas=settings.nats_replicas)

    def hand_over(self) -> None:
        """Consumers take no further event. Where others stand ready (a drain delay says so) the relay lets
        its lock go at once, and one of them leads within the delay; where nobody does, what the last calls
        emit leaves before the stop.
        """
        self._stopping = True
        for durable in self._durables:
            durable.stopped = True
        if self._relaying and self._settings.drain_delay_seconds:
            self._relaying.cancel()

    async def finished(self, seconds: float) -> None:
        """Waits for the events that consumers hold: one left half done comes again after ten seconds only."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(durable.holding for durable in self._durables):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


async def connect(name: str, settings: Settings) -> Client:
    """A connection under this service's name that outlives every fault; waits for the first as long as it
    takes.
    """
    while True:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await _connected(name, settings)
        except (OSError, nats.errors.Error) as error:
            log.warning("nats.unreachable", error_type=type(error).__name__)
            await asyncio.sleep(0.5)


async def _connected(name: str, settings: Settings) -> Client:
    client = Client()

    async def lost() -> None:
        # The next connection believes the authorities of then.
        with suppress(OSError):
            client.options.update(security(settings))

    await client.connect(
        settings.nats_url,
        user=settings.nats_user or None,
        password=read_secret(settings.nats_password_file),
        name=name,
        inbox_prefix=f"_INBOX_{settings.nats_user or name.replace('-', '_')}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_EVERY,
        error_cb=_said,
        disconnected_cb=lost,
        **security(settings),
    )
    return client


def security(settings: Settings) -> dict[str, Any]:
    """How a client of NATS is held to TLS: hands are shaken first, since after a greeting in plain text the
    library believes a server that says it needs none. Raises OSError when the authority cannot be read.
    """
    if not settings.nats_url.startswith("tls://"):
        return {}
    return {"tls": tls.believing(settings.nats_ca_file), "tls_handshake_first": True}


async def _said(error: Exception) -> None:
    log.warning("nats.error", error_type=type(error).__name__)
