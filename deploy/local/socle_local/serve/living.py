"""The life of a container around one server: start, look after, take over changed files, stop."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Protocol

from socle_local.failures import PlatformFailedError
from socle_local.programs import Program
from socle_local.serve.mounted import fingerprint

ALIVE_SECONDS = 0.5


class Served(Protocol):
    """A server that `live` takes through its life."""

    name: str
    look_seconds: float

    @property
    def program(self) -> Program:
        """The process whose end is the end of the container."""

    def files(self) -> list[Path]:
        """The mounted files whose change `renew` takes over."""

    async def start(self) -> None:
        """Returns when clients are served. Raises PlatformFailedError when they cannot be."""

    async def renew(self) -> None:
        """Takes over the changed files. Raises PlatformFailedError or OSError when they are of no use."""

    async def stop(self) -> None:
        """Orderly; nothing that was acknowledged is lost."""


async def live(server: Served) -> int:
    """Runs the server until SIGTERM or SIGINT; 0 then, 1 when it ended by itself.

    The handlers come first: the kernel drops a signal for process 1 that has none.
    """
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    try:
        await server.start()
        say(f"{server.name} is ready.")
        await _look_after(server, asked)
    finally:
        await server.stop()
    if asked.is_set():
        return 0
    say(f"{server.name} ended by itself: {server.program.ending}.")
    return 1


async def _look_after(server: Served, asked: asyncio.Event) -> None:
    seen, due = fingerprint(server.files()), 0.0
    while server.program.running and not await _within(asked, ALIVE_SECONDS):
        due += ALIVE_SECONDS
        if due >= server.look_seconds and (now := fingerprint(server.files())) != seen:
            seen = now
            await _renew(server)
        due %= server.look_seconds


async def _renew(server: Served) -> None:
    """What was in force stays in force when the new files are of no use: clients are still served."""
    try:
        await server.renew()
    except (PlatformFailedError, OSError) as fault:
        say(f"{server.name} keeps its former certificate and passwords: {fault}")
    else:
        say(f"{server.name} took over the changed certificate or passwords.")


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def say(sentence: str) -> None:
    """To standard error, where a container's words are collected."""
    print(sentence, file=sys.stderr, flush=True)
