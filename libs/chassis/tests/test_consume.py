"""Events in: once in effect, and in order, whatever dies in between."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from nats.aio.client import Client

from chassis import consume, outbox
from chassis.consume import Durable, on
from chassis.db import Database, Tx
from chassis.errors import Forbidden, NotFound, RuleViolated
from chassis.ids import Id
from chassis.relay import Relay, stream_of
from chassis.testing import NOW, call_as, callers, running, until

STREAM = stream_of("probe")
Emit = Callable[..., Awaitable[str]]


async def test_events_of_several_kinds_arrive_in_order(
    results: Any, emit: Emit, durable: Callable[[], Durable]
) -> None:
    wanted = [await emit(kind=("NoteWritten", "NoteErased")[n % 2]) for n in range(30)]
    async with running(durable().run()):
        wanted += [await emit() for _ in range(10)]
        await results.come(wanted)


async def test_order_is_kept_through_retries(
    results: Any, emit: Emit, durable: Callable[[], Durable], subscriber: Any
) -> None:
    failures = {"left": 3}

    async def now_and_then(_: str) -> None:
        failures["left"] -= 1
        if failures["left"] >= 0:
            raise (NotFound, ZeroDivisionError, KeyError)[failures["left"]]

    subscriber.before = now_and_then
    wanted = [await emit() for _ in range(5)]
    async with running(durable().run()):
        await results.come(wanted)
    assert subscriber.seen == [wanted[0]] * 3 + wanted
    assert await results.parked() == []


async def test_killed_between_commit_and_acknowledgement_then_not_done_twice(
    results: Any,
    emit: Emit,
    durable: Callable[[], Durable],
    subscriber: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consume, "ACK_WAIT", 1.0)
    wanted = [await emit() for _ in range(6)]
    killed = durable()

    async def dies(message: Any) -> None:
        await killed.handle(message.data)
        raise asyncio.CancelledError

    monkeypatch.setattr(killed, "_settle", dies)
    async with running(killed.run()) as (task,):
        await until(task.done)
    assert await results.notes() == wanted[:1]
    async with running(durable().run()):
        await results.come(wanted)
    assert subscriber.seen == wanted


async def test_killed_before_commit_then_done_first_and_in_order(
    results: Any,
    emit: Emit,
    durable: Callable[[], Durable],
    subscriber: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those behind it wait: they used to overtake an event that was under way when the service died."""
    monkeypatch.setattr(consume, "ACK_WAIT", 1.0)
    wanted = [await emit() for _ in range(6)]
    reached = asyncio.Event()

    async def hangs(_: str) -> None:
        reached.set()
        await asyncio.sleep(60)

    subscriber.before = hangs
    async with running(durable().run()):
        await reached.wait()
    assert await results.notes() == []
    subscriber.before = subscriber.nothing
    async with running(durable().run()):
        await results.come(wanted)


async def test_a_long_use_case_is_given_to_nobody_else(
    results: Any,
    emit: Emit,
    durable: Callable[[], Durable],
    subscriber: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consume, "ACK_WAIT", 0.6)

    async def slow(_: str) -> None:
        await asyncio.sleep(2)

    subscriber.before = slow
    wanted = [await emit()]
    replicas = [durable(), durable()]
    given: list[bytes] = []

    def counting(handle: Callable[[bytes], Awaitable[str]]) -> Callable[[bytes], Awaitable[str]]:
        async def counted(payload: bytes) -> str:
            given.append(payload)
            return await handle(payload)

        return counted

    for one in replicas:
        monkeypatch.setattr(one, "handle", counting(one.handle))
    async with running(*(one.run() for one in replicas)):
        await results.come(wanted)
    assert subscriber.seen == wanted
    assert len(given) == 1


async def test_two_replicas_share_the_work_in_order(
    results: Any, emit: Emit, durable: Callable[[], Durable]
) -> None:
    async with running(durable().run(), durable().run()):
        wanted = [await emit() for _ in range(30)]
        await results.come(wanted)


async def test_the_same_event_published_again_is_a_duplicate(
    results: Any, emit: Emit, durable: Callable[[], Durable], stream: Client, subscriber: Any
) -> None:
    """The stream is lost and rebuilt from the table: everything comes again, under the same ids."""
    wanted = [await emit() for _ in range(3)]
    async with running(durable().run()):
        await results.come(wanted)
        await stream.jetstream().delete_stream(STREAM)
        wanted.append(await emit())
        await results.come(wanted)
    assert subscriber.seen == wanted


@pytest.mark.parametrize("error", [RuleViolated, Forbidden])
async def test_poison_is_parked_whole_and_the_next_ones_flow(
    fresh: Database,
    results: Any,
    emit: Emit,
    durable: Callable[[], Durable],
    subscriber: Any,
    error: type[Exception],
) -> None:
    bad = Id.new().value

    async def refuses(note_id: str) -> None:
        if note_id == bad:
            raise error

    subscriber.before = refuses
    await emit(bad)
    good = [await emit()]
    async with running(durable().run()):
        await results.come(good)
    ((event_id, problem),) = await results.parked()
    assert problem == error().reason  # type: ignore[attr-defined]
    row = await fresh.pool.fetchrow("SELECT * FROM outbox WHERE id = $1", event_id)
    assert row is not None
    assert row["aggregate"] == f"note/{bad}"
    subscriber.before = subscriber.nothing
    assert await durable().replay_parked() == 1
    assert await results.notes() == [*good, bad]
    assert await results.parked() == []
    assert await durable().replay_parked() == 0


async def test_stream_not_there_yet_then_it_waits(
    fresh: Database,
    results: Any,
    durable: Callable[[], Durable],
    probe: ModuleType,
    relaying: Callable[[], Relay],
) -> None:
    async with running(durable().run()) as (task,):
        await asyncio.sleep(0.3)
        assert not task.done()
        async with fresh.begin(call_as(callers.doctor)) as tx:
            outbox.emit(tx, probe.NoteWritten(note_id="late"), now=NOW)
        async with running(relaying().run()):
            await results.come(["late"])


async def test_use_case_acts_under_the_name_of_its_service(
    fresh: Database, emit: Emit, probe: ModuleType, probe_client: Client, durable_names: Iterator[str]
) -> None:
    seen: list[Any] = []
    woken: list[str] = []

    async def forwards(tx: Tx, event: Any, now: datetime) -> None:
        seen.append((tx.call.caller.subject, now, tx.call.traceparent[3:5]))
        outbox.emit(tx, probe.NoteErased(note_id=event.note_id), now=now)

    name = next(durable_names)
    (one,) = consume.durables(
        [on(probe.NoteWritten, forwards, durable=name)],
        probe_client,
        fresh,
        owner="identity-ins",
        emitted=lambda: woken.append("relay"),
    )
    await emit()
    async with running(one.run()):
        await until(lambda: len(woken) == 1)
    assert [(who, trace) for who, _, trace in seen] == [("identity-ins", "aa")]


def test_lines_of_a_durable_come_from_one_service(
    probe: ModuleType, subscriber: Any, fresh: Database
) -> None:
    lines = [on(event, subscriber, durable="d") for event in (probe.NoteWritten, probe.ThingDoneElsewhere)]
    with pytest.raises(TypeError, match="no common order"):
        Durable("d", lines, Client(), fresh)


async def test_the_consumer_delivers_one_event_at_a_time(
    emit: Emit, durable: Callable[[], Durable], stream: Client, subscriber: Any, results: Any
) -> None:
    one = durable()
    wanted = [await emit()]
    async with running(one.run()):
        await results.come(wanted)
    info = await stream.jetstream().consumer_info(STREAM, one.name)
    assert info.config.max_ack_pending == 1


async def test_nats_started_again_under_a_consumer_then_it_goes_on(
    tmp_path: Path,
    fresh: Database,
    postgres: Any,
    own_nats: Callable[[Path], Any],
    probe: ModuleType,
    subscriber: Any,
    results: Any,
) -> None:
    server = own_nats(tmp_path)
    clients = [
        await server.client("probe", max_reconnect_attempts=-1, reconnect_time_wait=0.1) for _ in range(2)
    ]
    name = await fresh.pool.fetchval("SELECT current_database()")
    relay = Relay("probe", postgres.url(name), postgres.password, clients[0])
    line = on(probe.NoteWritten, subscriber, durable="probe-0")
    notes = [Id.new().value for _ in range(4)]
    try:
        async with running(relay.run(), Durable("probe-0", [line], clients[1], fresh, owner="probe").run()):
            for turn in (notes[:2], notes[2:]):
                for note_id in turn:
                    async with fresh.begin(call_as(callers.doctor)) as tx:
                        outbox.emit(tx, probe.NoteWritten(note_id=note_id), now=NOW)
                await results.come(notes[: notes.index(turn[-1]) + 1])
                server.running.stop()
                server.running.start()
    finally:
        for client in clients:
            await client.close()
        server.running.stop()
    assert subscriber.seen == notes
