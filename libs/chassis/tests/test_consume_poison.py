"""What cannot be handled: tried again, set aside whole, replayed; and when too much of it comes."""

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from chassis import consume
from chassis.consume import Durable, Handler, on
from chassis.db import Database
from chassis.errors import RuleViolated, Unavailable
from chassis.ids import Id
from chassis.testing import running, until

Emit = Callable[..., Awaitable[str]]


async def test_a_failure_that_lasts_is_parked_after_the_last_try(
    results: Any, emit: Emit, durable: Callable[[], Durable], subscriber: Any
) -> None:
    bad = Id.new().value

    async def fails(note_id: str) -> None:
        if note_id == bad:
            raise ZeroDivisionError("DUPONT")

    subscriber.before = fails
    await emit(bad)
    good = [await emit()]
    async with running(durable().run()):
        await results.come(good)
    assert subscriber.seen.count(bad) == 4
    assert [problem for _, problem in await results.parked()] == ["ZeroDivisionError"]


async def test_while_the_database_is_away_nothing_is_poison(
    results: Any, emit: Emit, durable: Callable[[], Durable], subscriber: Any
) -> None:
    tries = 0

    async def away(_: str) -> None:
        nonlocal tries
        tries += 1
        if tries < 12:
            raise Unavailable

    subscriber.before = away
    wanted = [await emit()]
    async with running(durable().run()):
        await results.come(wanted)
    assert tries == 12
    assert await results.parked() == []


async def test_parking_that_fails_is_tried_again_and_stops_nothing(
    results: Any,
    emit: Emit,
    durable: Callable[[], Durable],
    subscriber: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuses(_: str) -> None:
        raise RuleViolated

    subscriber.before = refuses
    one = durable()
    park, tries = one.park, 0

    async def fails_first(*arguments: Any) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable
        await park(*arguments)

    monkeypatch.setattr(one, "park", fails_first)
    await emit()
    async with running(one.run()) as (task,):
        await until(lambda: tries == 3)
        await asyncio.sleep(0.1)
        assert not task.done()
    assert len(await results.parked()) == 1


async def test_what_cannot_be_read_is_parked(
    results: Any, emit: Emit, durable: Callable[[], Durable], probe_client: Client
) -> None:
    first = await emit()
    one = durable()
    async with running(one.run()):
        await results.come([first])
        js = probe_client.jetstream()
        for payload in (
            b"\xff",
            b"{}",
            b"[]",
            b'{"id": 7, "type": "socle.probe.note.written.v1", "data": {}}',
        ):
            await js.publish("socle.probe.note.written.v1", payload)
        last = await emit()
        await results.come([first, last])
    assert [problem for _, problem in await results.parked()] == ["UNDECODABLE"] * 4
    assert await one.replay_parked() == 0
    assert len(await results.parked()) == 4


async def test_an_event_of_tomorrow_with_a_new_field_is_understood(
    results: Any, durable: Callable[[], Durable]
) -> None:
    event = (
        b'{"id": "01900000-0000-7000-8000-000000000001", "type": "socle.probe.note.written.v1",'
        b' "data": {"note_id": "n", "added_later": 1}}'
    )
    assert await durable().handle(event) == "handled"
    assert await durable().handle(event) == "duplicate"
    assert await results.notes() == ["n"]


async def test_ten_poisons_in_a_row_stop_the_consumer(
    fresh: Database, results: Any, emit: Emit, durable: Callable[[], Durable], subscriber: Any
) -> None:
    async def refuses(_: str) -> None:
        raise RuleViolated

    subscriber.before = refuses
    for _ in range(consume.POISON_IN_A_ROW + 3):
        await emit()
    one = durable()
    async with running(one.run()) as (task,):
        await until(task.done)
    assert one.stopped
    assert len(await results.parked()) == consume.POISON_IN_A_ROW
    subscriber.before = subscriber.nothing
    async with running(durable().run()):
        await until(lambda: fresh.pool.fetchval("SELECT count(*) = 3 FROM note"))


async def test_poison_now_and_then_stops_nothing(
    results: Any, emit: Emit, durable: Callable[[], Durable], subscriber: Any
) -> None:
    turn = 0

    async def every_other(_: str) -> None:
        nonlocal turn
        turn += 1
        if turn % 2:
            raise RuleViolated

    subscriber.before = every_other
    notes = [await emit() for _ in range(2 * consume.POISON_IN_A_ROW + 4)]
    one = durable()
    async with running(one.run()):
        await results.come(notes[1::2])
    assert not one.stopped


async def test_replay_of_parked_goes_on_after_one_that_fails_again(
    fresh: Database, results: Any, probe: ModuleType, subscriber: Any
) -> None:
    handler = Handler("probe-x", [on(probe.NoteWritten, subscriber, durable="probe-x")], fresh, owner="probe")
    for number in (1, 2, 3):
        event_id = f"01900000-0000-7000-8000-00000000000{number}"
        event = {"id": event_id, "type": "socle.probe.note.written.v1", "data": {"note_id": str(number)}}
        await handler.park(event_id, "socle.probe.note.written.v1", orjson.dumps(event), "RULE_VIOLATED")
        await handler.park(event_id, "socle.probe.note.written.v1", b"twice is once", "X")

    async def refuses(note_id: str) -> None:
        if note_id == "2":
            raise RuleViolated

    subscriber.before = refuses
    assert await handler.replay_parked() == 2
    assert await results.notes() == ["1", "3"]
    assert [event_id[-1] for event_id, _ in await results.parked()] == ["2"]
