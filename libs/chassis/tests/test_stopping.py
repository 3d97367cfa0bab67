"""A cancellation that a library swallows still ends the loops: a service that cannot stop is killed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chassis.consume import Durable
from chassis.stopping import asked_to_stop


async def swallowing(*_: Any) -> None:
    """What `asyncio.wait_for` of Python 3.11 does when the result comes with the cancellation."""
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        return


async def test_swallowed_cancellation_still_ends_a_consumer(
    emit: Callable[..., Awaitable[str]], durable: Callable[[], Durable], monkeypatch: pytest.MonkeyPatch
) -> None:
    await emit()
    deaf = durable()
    entered = asyncio.Event()

    async def fetch(_: Any) -> None:
        entered.set()
        await swallowing()

    monkeypatch.setattr(deaf, "_fetch", fetch)
    task = asyncio.create_task(deaf.run())
    await asyncio.wait_for(entered.wait(), 10)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done == {task}


async def test_a_task_knows_that_it_was_cancelled() -> None:
    heard: list[bool] = []

    async def work() -> None:
        heard.append(asked_to_stop())
        await swallowing()
        heard.append(asked_to_stop())

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await task
    assert heard == [False, True]
