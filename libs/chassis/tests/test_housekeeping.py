"""The gauges of a service: what waits, what was parked, how much of the pool is at work."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from chassis import housekeeping, telemetry
from chassis.consume import PARK
from chassis.db import Database
from chassis.ids import Id
from chassis.testing import call_as, callers


class Gauge:
    """Keeps what it was last set to, by labels."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, labels: dict[str, str] | None = None) -> None:
        self.values[tuple((labels or {}).values())] = value


@pytest.fixture
def gauges(monkeypatch: pytest.MonkeyPatch) -> dict[str, Gauge]:
    names = ("PARKED", "OUTBOX_WAITING", "OUTBOX_AGE", "POOL_USED", "POOL_SIZE", "POOL_MOST")
    made = {name: Gauge() for name in names}
    for name, gauge in made.items():
        monkeypatch.setattr(telemetry, name, gauge)
    return made


async def test_a_durable_whose_last_parked_event_is_gone_is_told_as_zero(
    fresh: Database, gauges: dict[str, Gauge]
) -> None:
    seen: set[str] = set()
    values: dict[str, Any] = {"subject": "s", "payload": b"{}", "problem": "p"}
    async with fresh.begin(call_as(callers.service)) as tx:
        for durable in ("a", "a", "b"):
            await tx.change(PARK, durable=durable, event_id=Id.new().value, **values)
    await housekeeping._look(fresh, seen)
    assert gauges["PARKED"].values == {("a",): 2, ("b",): 1}
    await fresh.pool.execute("DELETE FROM parked WHERE durable = 'b'")
    await housekeeping._look(fresh, seen)
    assert gauges["PARKED"].values == {("a",): 2, ("b",): 0}


async def test_what_waits_is_counted_with_its_age(
    fresh: Database, gauges: dict[str, Gauge], note: Any
) -> None:
    await note(fresh)
    await note(fresh)
    await housekeeping._look(fresh, set())
    assert gauges["OUTBOX_WAITING"].values == {(): 2}
    assert gauges["OUTBOX_AGE"].values[()] > 0


async def test_a_pool_tells_what_is_at_work(fresh: Database, gauges: dict[str, Gauge]) -> None:
    async with fresh.read(), fresh.read():
        fresh.measure()
        assert gauges["POOL_USED"].values == {(): 2}
    fresh.measure()
    assert gauges["POOL_USED"].values == {(): 0}
    assert gauges["POOL_SIZE"].values[()] >= 2
    assert gauges["POOL_MOST"].values == {(): 8}


async def test_the_wait_for_a_connection_is_told_also_when_it_was_in_vain(
    fresh: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Histogram:
        def record(self, seconds: float) -> None:
            waits.append(seconds)

    monkeypatch.setattr(telemetry, "POOL_WAIT", Histogram())
    async with AsyncExitStack() as taken:
        for _ in range(fresh.pool.get_max_size()):
            await taken.enter_async_context(fresh.read())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), fresh.read():
                raise AssertionError("there was nothing left to lend")
    assert len(waits) == fresh.pool.get_max_size() + 1
    assert waits[-1] >= 0.2
