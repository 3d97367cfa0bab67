"""The subscriber of docs/how-to/subscribe-to-events.md, that very text, against a real stream."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from chassis.db import Database
from chassis.ids import Id
from chassis.relay import republish, stream_of
from chassis.testing import running, until
from socle.common.v1.log_pb2 import LogRestored

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "subscribe-to-events.md"
STREAM = stream_of("probe")
Emit = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
def howto() -> ModuleType:
    """The program of the page, as a module."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    module = ModuleType("howto")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)  # noqa: S102 (our own page)
    return module


@pytest.fixture
async def js(nats_server: Any, stream: Client) -> AsyncIterator[JetStreamContext]:
    """JetStream with the rights of an outsider."""
    client = await nats_server.client("subscriber")
    yield client.jetstream()
    await client.close()


class Outside:
    """A hospital's program: what it handled, what it set aside."""

    def __init__(self, howto: ModuleType, position: int | None = 0) -> None:
        self.handled: list[dict[str, Any]] = []
        self.aside: list[tuple[int, str]] = []
        self.undone: list[int] = []
        self.fails_on: set[int] = set()
        self.subscriber = howto.Subscriber(self.handle, self.set_aside, self.undo, position)

    async def handle(self, event: dict[str, Any]) -> None:
        if event["position"] in self.fails_on:
            raise KeyError("no such ward")
        self.handled.append(event)

    async def set_aside(self, event: dict[str, Any], error: Exception) -> None:
        self.aside.append((event["position"], type(error).__name__))

    async def undo(self, position: int) -> None:
        self.undone.append(position)

    @property
    def positions(self) -> list[int]:
        return [event["position"] for event in self.handled]


async def published(stream: Client, count: int) -> None:
    async def enough() -> bool:
        with suppress(NotFoundError):
            return (await stream.jetstream().stream_info(STREAM)).state.messages == count
        return False

    await until(enough)


def test_the_page_imports_nothing_but_nats() -> None:
    """And what Python brings: a subscriber needs no library of ours."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    found = set(re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE))
    assert found - sys.stdlib_module_names == {"nats"}


async def test_receives_all_in_order_as_they_happen(
    howto: ModuleType, js: JetStreamContext, stream: Client, emit: Emit
) -> None:
    notes = [await emit() for _ in range(5)]
    await published(stream, 5)
    outside = Outside(howto)
    async with running(howto.follow(js, STREAM, howto.starting(0), outside.subscriber)):
        notes += [await emit() for _ in range(5)]
        await until(lambda: len(outside.handled) == 10)
    assert [event["data"]["note_id"] for event in outside.handled] == notes
    assert outside.positions == list(range(1, 11))


async def test_reads_on_after_its_place(
    howto: ModuleType, js: JetStreamContext, stream: Client, emit: Emit
) -> None:
    for _ in range(6):
        await emit()
    await published(stream, 6)
    outside = Outside(howto, position=4)
    async with running(howto.follow(js, STREAM, howto.starting(4), outside.subscriber)):
        await until(lambda: len(outside.handled) == 2)
    assert outside.positions == [5, 6]


async def test_reads_from_a_moment_on(
    howto: ModuleType, js: JetStreamContext, stream: Client, emit: Emit
) -> None:
    await emit()
    await published(stream, 1)
    await asyncio.sleep(0.05)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.05)
    note = await emit()
    outside = Outside(howto, position=None)
    async with running(howto.follow(js, STREAM, howto.starting(since=moment), outside.subscriber)):
        await until(lambda: outside.handled)
    assert [event["data"]["note_id"] for event in outside.handled] == [note]


async def test_sets_aside_what_it_cannot_handle_and_goes_on(
    howto: ModuleType, js: JetStreamContext, emit: Emit, stream: Client
) -> None:
    for _ in range(3):
        await emit()
    await published(stream, 3)
    outside = Outside(howto)
    outside.fails_on = {2}
    async with running(howto.follow(js, STREAM, howto.starting(0), outside.subscriber)):
        await until(lambda: len(outside.handled) == 2)
    assert outside.positions == [1, 3]
    assert outside.aside == [(2, "KeyError")]


async def test_sees_a_gap_and_begins_again(
    howto: ModuleType, js: JetStreamContext, emit: Emit, stream: Client, fresh: Database
) -> None:
    """The stream was restored in part: the place that was kept is too far, and the next event shows it."""
    for _ in range(6):
        await emit()
    await published(stream, 6)
    config = (await stream.jetstream().stream_info(STREAM)).config
    await stream.jetstream().delete_stream(STREAM)
    await stream.jetstream().add_stream(config)
    async with fresh.pool.acquire() as connection:
        await republish(connection, 3)
    await published(stream, 4)
    outside = Outside(howto, position=2)
    with pytest.raises(howto.GapError, match="between 2 and 5"):
        await howto.follow(js, STREAM, howto.starting(2), outside.subscriber)
    async with running(howto.follow(js, STREAM, howto.starting(0), outside.subscriber)):
        await until(lambda: len(outside.handled) == 4)
    assert outside.positions == [3, 4, 5, 6]


@pytest.mark.parametrize("subject", [">", "socle.probe.note.>"])
async def test_undoes_what_a_restore_took_back_and_goes_on_from_there(
    howto: ModuleType, js: JetStreamContext, emit: Emit, stream: Client, subject: str
) -> None:
    for _ in range(3):
        await emit()
    await published(stream, 3)
    outside, filtered = Outside(howto), subject != ">"
    start = howto.starting(0, subject=subject)
    async with running(howto.follow(js, STREAM, start, outside.subscriber, filtered=filtered)):
        await until(lambda: len(outside.handled) == 3)
        await stream.jetstream().publish("socle.probe.log.restored.v1", restored(stands=2, position=1_002))
        await until(lambda: outside.undone)
    assert (outside.undone, outside.subscriber.position) == ([2], 1_002)
    (note, *_) = outside.handled
    await outside.subscriber.take(note | {"id": "anew", "position": 1_003}, filtered=filtered)
    assert outside.positions == [1, 2, 3, 1_003]


def restored(stands: int, position: int) -> bytes:
    """The mark, as the relay sends it."""
    data = MessageToDict(LogRestored(position=stands), preserving_proto_field_name=True)
    return json.dumps({"type": "socle.probe.log.restored.v1", "position": position, "data": data}).encode()


async def test_skips_what_is_published_twice(
    howto: ModuleType, js: JetStreamContext, emit: Emit, stream: Client
) -> None:
    for _ in range(3):
        await emit()
    await published(stream, 3)
    again = await stream.jetstream().get_msg(STREAM, 2)
    await stream.jetstream().publish(str(again.subject), again.data or b"")
    await emit()
    outside = Outside(howto)
    async with running(howto.follow(js, STREAM, howto.starting(0), outside.subscriber)):
        await until(lambda: len(outside.handled) == 4)
    assert outside.positions == [1, 2, 3, 4]


async def test_filtering_on_a_noun_sees_a_gap_by_previous(
    howto: ModuleType, js: JetStreamContext, emit: Emit, stream: Client
) -> None:
    note, other = Id.new().value, Id.new().value
    for kind, one in (
        ("NoteWritten", note),
        ("NoteErased", note),
        ("NoteWritten", other),
        ("NoteErased", note),
    ):
        await emit(one, kind)
    await published(stream, 4)
    outside = Outside(howto)
    start = howto.starting(0, subject="socle.probe.note.>")
    async with running(howto.follow(js, STREAM, start, outside.subscriber, filtered=True)):
        await until(lambda: len(outside.handled) == 4)
    lacking = Outside(howto)
    first, _, third, fourth = outside.handled
    for event in (first, third):
        await lacking.subscriber.take(event, filtered=True)
    with pytest.raises(howto.GapError):
        await lacking.subscriber.take(fourth, filtered=True)


async def test_an_outsider_can_publish_nothing(nats_server: Any, stream: Client, emit: Emit) -> None:
    await emit()
    await published(stream, 1)
    client = await nats_server.client("subscriber")
    await client.publish("socle.probe.note.written.v1", b"{}")
    await client.flush()
    await client.close()
    assert (await stream.jetstream().stream_info(STREAM)).state.messages == 1
