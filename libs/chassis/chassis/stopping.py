"""How a program is asked to stop, and how a loop notices."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


def asked_to_stop() -> bool:
    """Whether the running task was cancelled.

    On Python 3.11 `asyncio.wait_for`, which nats-py waits with, swallows a cancellation that comes at the
    very moment of the result: a loop that only counts on CancelledError would run on, and the service never
    stop.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Stop:
    """SIGTERM and SIGINT: the first asks for an orderly stop, the second for one without delay."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()

    def listen(self) -> None:
        """Takes the signals of this process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.ask)

    def ask(self) -> None:
        """As a signal does."""
        (self.hurried if self.asked.is_set() else self.asked).set()

    async def rest(self, seconds: float) -> None:
        """Waits, unless it is hurried."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurried.wait()

    async def before_asked(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Works until a stop is asked for; whether the work came to its end. Raises what it raises."""
        return await _first(work, self.asked)

    async def before_hurried(self, work: Coroutine[Any, Any, Any]) -> bool:
        """The same with the second signal."""
        return await _first(work, self.hurried)


async def _first(work: Coroutine[Any, Any, Any], event: asyncio.Event) -> bool:
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        waiting.cancel()
        working.cancel()
        await asyncio.wait({working, waiting})
