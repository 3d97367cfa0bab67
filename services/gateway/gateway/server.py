"""The HTTP server around the application: how it listens, how it stops."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from chassis import telemetry, tls

from .settings import Settings

log = telemetry.logger("server")
CLOSE = (b"connection", b"close")


class Server(uvicorn.Server):
    """Stops in three steps: says that it is not ready, and goes on serving for `drain_delay_seconds`, each
    answer closing its connection, so that who routes requests turns elsewhere without losing one; then ends
    the streams that have no end of their own; then lets running requests end. A second signal stops at once.
    """

    def __init__(self, app: Starlette, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._context, self._files = _https(settings)
        self._keeping: asyncio.Task[None] | None = None
        self._until = float("inf")
        super().__init__(_config(app, settings, self._context))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._context and self._files:
            self._keeping = asyncio.create_task(tls.keep_shown(self._context, self._files))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: the first drains. Unlike the library's, a stop one asked for is no death by signal."""
        if self._app.state.draining:
            self.should_exit = self.force_exit = True
            return
        self._app.state.draining = True
        self._until = time.monotonic() + self._settings.drain_delay_seconds
        # A client that keeps its connection keeps its replica: told with each answer that this is the last.
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        log.info("server.draining", seconds=self._settings.drain_delay_seconds)

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._until:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.context.feed.end()
        if self._keeping:
            self._keeping.cancel()
        await super().shutdown(sockets)
        if self.force_exit:
            # The library leaves the application open when it is hurried; its connections would be reset.
            await self.lifespan.shutdown()


def _https(settings: Settings) -> tuple[ssl.SSLContext | None, tls.Files | None]:
    files = tls.Files.of(settings) if settings.http_tls else None
    return (tls.shown_to_browsers(files) if files else None), files


def _config(app: Starlette, settings: Settings, context: ssl.SSLContext | None) -> uvicorn.Config:
    host, _, port = settings.http_listen.rpartition(":")
    return uvicorn.Config(
        app,
        host=host.strip("[]"),
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=round(settings.http_keep_alive_seconds),
        timeout_graceful_shutdown=round(settings.drain_seconds),
        ssl_context_factory=(lambda *_: context) if context else None,
    )
