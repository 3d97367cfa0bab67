"""What carries the events of a service, in and out: its relay and its consumers, over one NATS connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from nats.aio.client import Client

from . import broker, consume, rpc
from .db import Database
from .relay import Relay
from .settings import Settings


class Carriers:
    """Run it as a task. A service answers without NATS: its events wait in the outbox."""

    def __init__(self, name: str, settings: Settings, database: Database) -> None:
        self._name, self._settings, self._database = name, settings, database
        self._relaying: asyncio.Task[None] | None = None
        self._durables: list[consume.Durable] = []
        self._stopping = False

    async def run(self, consumers: Sequence[consume.Consumer], runtime: rpc.Runtime) -> None:
        """Until cancelled, over one connection after the other: one whose password was revoked never comes
        back.
        """
        while not self._stopping:
            async with broker.connected(self._name, self._settings) as client:
                await self._carry(client, consumers, runtime)

    async def _carry(
        self, client: Client, consumers: Sequence[consume.Consumer], runtime: rpc.Runtime
    ) -> None:
        if self._stopping:
            return
        relay = self._relay(client)
        runtime.emitted = relay.wake
        self._durables = consume.durables(
            consumers, client, self._database, owner=self._name, emitted=relay.wake
        )
        async with asyncio.TaskGroup() as group:
            self._relaying = group.create_task(relay.run())
            working = [self._relaying, *(group.create_task(durable.run()) for durable in self._durables)]
            await broker.until_closed(client)
            for task in working:
                task.cancel()

    def _relay(self, client: Client) -> Relay:
        settings = self._settings
        return Relay(
            self._name,
            settings.database_url,
            settings.database_password,
            client,
            replicas=settings.nats_replicas,
        )

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
