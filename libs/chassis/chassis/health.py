"""Health, for those who start and stop a service and for those who send it calls.

Three names beside those of the contracts: "" is ready (the schema is there, the database answers, nothing is
being stopped); "live" is true while the loop turns; "socle.calls" says no a moment before the door is shut:
clients watch it, and leave a replica that stops in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from . import transport
from .settings import Settings

READY, LIVE, CALLS = "", "live", transport.CALLS
SERVING: Any = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Any = health_pb2.HealthCheckResponse.NOT_SERVING


class Health(health.aio.HealthServicer):
    """The health of one service, however many ports tell it."""

    def __init__(self) -> None:
        super().__init__()
        self._names: set[str] = set()
        self._draining = False
        self._ended = asyncio.Event()

    async def set(self, service: str, status: Any) -> None:
        """Says how it is; what stops only lives."""
        self._names.add(service)
        if service == LIVE or not self._draining:
            await super().set(service, status)

    async def drain(self) -> None:
        """Not ready from now on; calls are still taken."""
        self._draining = True
        for name in self._names - {LIVE, CALLS}:
            await super().set(name, NOT_SERVING)

    async def leave(self) -> None:
        """Those who call are told to turn elsewhere."""
        await super().set(CALLS, NOT_SERVING)

    def end_watches(self) -> None:
        """Those who watch are let go: a server that stops would wait for them."""
        self._ended.set()

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 (gRPC's name)
        """As the library does it, until `end_watches`."""
        watching = asyncio.create_task(super().Watch(request, context))
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({watching, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            ended.cancel()


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Health]:
    """The health of a service that starts: alive, not ready; told on `health_listen` if that is set."""
    told = Health()
    await told.set(READY, NOT_SERVING)
    await told.set(LIVE, SERVING)
    if not settings.health_listen:
        yield told
        return
    server = grpc.aio.server(options=transport.PROBED)
    health_pb2_grpc.add_HealthServicer_to_server(told, server)
    transport.listen(server, settings.health_listen, None, "SOCLE_HEALTH_LISTEN")
    await server.start()
    try:
        yield told
    finally:
        await server.stop(None)
