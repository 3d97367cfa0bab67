"""A loop that is cancelled must end, whatever the libraries it waits in do with the cancellation."""

from __future__ import annotations

import asyncio


def asked_to_stop() -> bool:
    """Whether the running task was cancelled.

    On Python 3.11 `asyncio.wait_for`, which nats-py waits with, swallows a cancellation that comes at the
    very moment of the result: a loop that only counts on CancelledError would run on, and the service never
    stop.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
