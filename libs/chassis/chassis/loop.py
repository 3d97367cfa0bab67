"""A loop that outlives its faults: what a worker could not do now it does later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from . import telemetry
from .errors import SocleError
from .stopping import asked_to_stop

log = telemetry.logger("workers")
# Seconds to wait after a first fault, and after many.
FIRST_DELAY, LONGEST_DELAY = 0.5, 60.0


async def forever(kind: str, act: Callable[[], Awaitable[bool]], idle: float) -> None:
    """Acts as long as there is something to do, rests `idle` seconds when there is not; until cancelled."""
    faults = 0
    while not asked_to_stop():
        acted = False
        try:
            acted = await act()
            faults = 0
        except SocleError as error:
            faults += 1
            log.warning("worker.later", kind=kind, error_type=type(error).__name__, attempt=faults)
        except Exception as error:
            # Our own fault must not stop a service that answers: it is tried again, and seen in the log.
            faults += 1
            log.error("worker.failed", kind=kind, exc_info=error, attempt=faults)
        if faults:
            await asyncio.sleep(delay_after(faults))
        elif not acted:
            await asyncio.sleep(idle)


def delay_after(faults: int) -> float:
    """Seconds to wait after so many faults in a row: twice as long each time, within a bound."""
    return min(FIRST_DELAY * 2.0 ** min(faults - 1, 16), LONGEST_DELAY)
