"""The connection of a program to NATS: held to TLS, with the password and the authorities of now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats.errors
from nats.aio.client import Client

from . import telemetry, tls
from .settings import Settings, read_secret

log = telemetry.logger("broker")

# Seconds. The library says int and sleeps so long: half a second is what a restart of NATS lasts.
RECONNECT_EVERY: Any = 0.5
# Seconds. After a handshake that failed, the library waits for ever for the end of a connection it gave up.
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0


def _nobody(_: bool) -> None:
    """Whoever need not be told."""


@asynccontextmanager
async def connected(
    name: str, settings: Settings, told: Callable[[bool], None] = _nobody
) -> AsyncIterator[Client]:
    """A connection that outlives every fault but one, closed at the end of the block; waits for the first as
    long as it takes. `told` hears when it was lost (False) and found again (True).

    The one: NATS closes for good a connection whose password it revoked, see `until_closed`.
    """
    client = await _first(name, settings, told)
    try:
        yield client
    finally:
        await client.close()


async def until_closed(client: Client) -> None:
    """Waits for the end that no reconnection follows."""
    # Asked rather than told: the library tells nobody when it closes while it connects.
    while not client.is_closed:  # noqa: ASYNC110
        await asyncio.sleep(RECONNECT_EVERY)
    log.warning("nats.closed")


async def _first(name: str, settings: Settings, told: Callable[[bool], None]) -> Client:
    while True:
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(**_options(client, name, settings, told))
                return client
        except (OSError, nats.errors.Error) as error:
            log.warning("nats.unreachable", error_type=type(error).__name__)
            await _given_up(client)
            await asyncio.sleep(RECONNECT_EVERY)
        except BaseException:
            await _given_up(client)
            raise


async def _given_up(client: Client) -> None:
    with suppress(OSError, nats.errors.Error):
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()


def _options(client: Client, name: str, settings: Settings, told: Callable[[bool], None]) -> dict[str, Any]:
    def refresh() -> None:
        # The next try shows the password of then, and believes the authorities of then.
        with suppress(OSError):
            client.options.update(_credentials(settings))

    async def failed(error: Exception) -> None:
        log.warning("nats.error", error_type=type(error).__name__)
        refresh()

    async def lost() -> None:
        refresh()
        told(False)

    async def found() -> None:
        told(True)

    return {
        "servers": settings.nats_url,
        "user": settings.nats_user or None,
        "name": name,
        "inbox_prefix": f"_INBOX_{settings.nats_user or name.replace('-', '_')}".encode(),
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_EVERY,
        "error_cb": failed,
        "disconnected_cb": lost,
        "reconnected_cb": found,
        **_credentials(settings),
    }


def _credentials(settings: Settings) -> dict[str, Any]:
    """What is read anew at each try. Raises OSError when a file cannot be read.

    Hands are shaken first: after a greeting in plain text the library believes a server that says it needs no
    TLS.
    """
    password = {"password": read_secret(settings.nats_password_file)}
    if not settings.nats_url.startswith("tls://"):
        return password
    return {**password, "tls": tls.believing(settings.nats_ca_file), "tls_handshake_first": True}
