"""An event carries its trace from who emitted it, through table, relay and stream, to who listens."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import audit, outbox, telemetry
from chassis.consume import Durable
from chassis.db import Database, Tx
from chassis.errors import NotFound
from chassis.ids import Id
from chassis.relay import Relay, stream_of
from chassis.telemetry import SpanKind
from chassis.telemetry.spans import Spans
from chassis.testing import NOW, call_as, callers, running, until

STREAM = stream_of("probe")
SUBJECT = "socle.probe.note.written.v1"
DRAWN = "00-" + "e" * 32 + "-" + "f" * 16 + "-01"
NOT_DRAWN = DRAWN[:-2] + "00"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    telemetry.write_to(Spans(Resource({}), SimpleSpanProcessor(memory)))
    yield memory
    telemetry.write_to(None)


async def emitted(database: Database, probe: ModuleType, trace: str) -> None:
    call = replace(call_as(callers.doctor), traceparent=trace)
    async with database.begin(call) as tx:
        outbox.emit(tx, probe.NoteWritten(note_id=Id.new().value), now=NOW)


def of_kind(memory: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in memory.get_finished_spans() if span.kind is kind]


def span_id(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}" if span.context else ""


def parent_id(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


async def test_from_the_emitter_to_the_listener_and_what_it_does_in_turn(
    fresh: Database,
    probe: ModuleType,
    relaying: Callable[[], Relay],
    durable: Callable[[], Durable],
    stream: Client,
    subscriber: Any,
    spans: InMemorySpanExporter,
) -> None:
    traces: list[str] = []

    async def noted(_: str) -> None:
        here = telemetry.here()
        traces.append(here.traceparent if here else "")

    subscriber.before = noted
    await emitted(fresh, probe, DRAWN)
    async with running(relaying().run(), durable().run()):
        await until(lambda: of_kind(spans, SpanKind.CONSUMER))
    (published,), (handled,) = of_kind(spans, SpanKind.PRODUCER), of_kind(spans, SpanKind.CONSUMER)
    assert (published.name, parent_id(published)) == (f"publish {SUBJECT}", "f" * 16)
    assert (handled.name, parent_id(handled)) == (f"process {SUBJECT}", span_id(published))
    assert traces == [f"00-{'e' * 32}-{span_id(handled)}-01"]
    assert {parent_id(one) for one in of_kind(spans, SpanKind.CLIENT)} == {span_id(handled)}
    message = await stream.jetstream().get_msg(STREAM, 1)
    # What was emitted is told as it was, however often it is published again.
    assert orjson.loads(message.data or b"")["traceparent"] == DRAWN
    assert (message.headers or {})["traceparent"][36:52] == span_id(published)


async def test_an_event_that_was_not_drawn_leaves_no_span_and_keeps_its_trace(
    fresh: Database,
    probe: ModuleType,
    relaying: Callable[[], Relay],
    durable: Callable[[], Durable],
    stream: Client,
    subscriber: Any,
    spans: InMemorySpanExporter,
) -> None:
    traces: list[str] = []

    async def noted(_: str) -> None:
        here = telemetry.here()
        traces.append(here.trace_id if here else "")

    subscriber.before = noted
    await emitted(fresh, probe, NOT_DRAWN)
    async with running(relaying().run(), durable().run()):
        await until(lambda: traces)
    assert traces == ["e" * 32]
    assert spans.get_finished_spans() == ()


async def test_an_event_of_a_relay_that_sends_no_header_is_followed_too(
    probe: ModuleType,
    durable: Callable[[], Durable],
    stream: Client,
    results: Any,
    spans: InMemorySpanExporter,
) -> None:
    """The version before this one, which runs beside it during an update."""
    js = stream.jetstream()
    await js.add_stream(StreamConfig(name=STREAM, subjects=["socle.probe.>"]))
    event = {"id": Id.new().value, "type": SUBJECT, "data": {"note_id": "n"}, "traceparent": DRAWN}
    await js.publish(SUBJECT, orjson.dumps(event))
    async with running(durable().run()):
        await results.come(["n"])
        await until(lambda: of_kind(spans, SpanKind.CONSUMER))
    (handled,) = of_kind(spans, SpanKind.CONSUMER)
    assert parent_id(handled) == "f" * 16


async def test_a_try_that_fails_is_kept_though_the_trace_was_not_drawn(
    emit: Callable[..., Awaitable[str]],
    durable: Callable[[], Durable],
    subscriber: Any,
    results: Any,
    spans: InMemorySpanExporter,
) -> None:
    failures = iter([NotFound(), NotFound()])

    async def twice(_: str) -> None:
        for failure in failures:
            raise failure

    subscriber.before = twice
    wanted = [await emit()]
    async with running(durable().run()):
        await results.come(wanted)
    tries = of_kind(spans, SpanKind.CONSUMER)
    assert [(one.attributes or {})["socle.attempt"] for one in tries] == [0, 1]
    assert {(one.attributes or {})["error.type"] for one in tries} == {"retry"}


async def test_statements_of_a_call_are_its_children(database: Database, spans: InMemorySpanExporter) -> None:
    call = replace(call_as(callers.doctor), traceparent=DRAWN)
    with telemetry.hop(SpanKind.SERVER, "x", DRAWN) as hop:
        async with database.begin(call) as tx:
            await wrote(tx)
    statements = of_kind(spans, SpanKind.CLIENT)
    begin, insert, commit = (one.name for one in statements)
    assert (begin, commit) == ("BEGIN", "COMMIT")
    assert insert.startswith("INSERT audit")
    assert {parent_id(one) for one in statements} == {hop.span_id}
    assert (statements[1].attributes or {})["code.function.name"] == f"{__name__}.wrote"


async def wrote(tx: Tx) -> None:
    """The query of a store, which a statement is named by."""
    audit.record(tx, tx.call.caller, "note.write", "someone", now=tx.call.now(), object_id="n")
    await tx.flush()
