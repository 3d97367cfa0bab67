"""What the door tells of a request: its route, its method, its status; never its address."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry
from chassis.errors import Unavailable
from chassis.telemetry import SpanKind
from chassis.telemetry.spans import Spans
from chassis.testing import callers

SENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
SECRET = "DUPONT-2790351215189"
UNKNOWN = "01900000-0000-7000-8000-00000000dead"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span that the gateway and what it asks would export, nothing being drawn."""
    memory = InMemorySpanExporter()
    telemetry.write_to(Spans(Resource({}), SimpleSpanProcessor(memory)))
    yield memory
    telemetry.write_to(None)


def drawn(memory: InMemorySpanExporter) -> None:
    telemetry.write_to(Spans(Resource({}), SimpleSpanProcessor(memory)), 1.0)


def told(memory: InMemorySpanExporter) -> list[ReadableSpan]:
    return list(memory.get_finished_spans())


class Counted:
    """Stands for the histogram of durations."""

    def __init__(self) -> None:
        self.labels: list[dict[str, str]] = []

    def record(self, seconds: float, labels: dict[str, str]) -> None:
        assert 0 <= seconds < 60
        self.labels.append(labels)


@pytest.fixture
def durations(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(telemetry, "HTTP_SECONDS", counted)
    return counted


async def test_a_request_is_named_by_its_route(
    here: Any, spans: InMemorySpanExporter, durations: Counted
) -> None:
    drawn(spans)
    headers = here.as_(callers.doctor) | {"traceparent": SENT}
    answer = await here.client.get(f"/v1/identities/{UNKNOWN}", headers=headers)
    assert answer.status_code == 404
    server = next(span for span in told(spans) if span.name.startswith("GET"))
    assert server.name == "GET /v1/identities/{identity_id}"
    assert dict(server.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/identities/{identity_id}",
        "http.response.status_code": 404,
    }
    assert server.parent is not None
    assert server.context is not None
    assert f"{server.context.trace_id:032x}" == "a" * 32
    assert f"{server.parent.span_id:016x}" == "b" * 16
    assert durations.labels == [{"route": "/v1/identities/{identity_id}", "method": "GET", "status": "404"}]


@pytest.mark.parametrize("method", ["PROPFIND", SECRET, "TRACE"])
async def test_what_a_stranger_sends_is_no_label(
    here: Any, spans: InMemorySpanExporter, durations: Counted, method: str
) -> None:
    drawn(spans)
    with structlog.testing.capture_logs() as logged:
        await here.client.request(method, f"/v1/{SECRET}?family={SECRET}", headers={"x-request-id": SECRET})
    assert durations.labels == [{"route": "(none)", "method": "_OTHER", "status": "404"}]
    (span,) = told(spans)
    assert span.name == "_OTHER (none)"
    assert SECRET not in span.to_json()
    assert SECRET not in str(logged)


async def test_a_failure_leaves_its_spans_though_nothing_is_drawn(
    here: Any, spans: InMemorySpanExporter
) -> None:
    here.medicines.answers["GetMedicine"] = Unavailable("The database of this service does not answer.")
    answered = await here.client.get("/v1/medicines/60004932", headers=here.as_(callers.doctor))
    await here.client.get("/v1/nothing")
    assert answered.status_code == 503
    made = told(spans)
    asked = "socle.eprescription.v1.MedicineService/GetMedicine"
    *tries, asking, answering = made
    assert (asking.kind, asking.name) == (SpanKind.CLIENT, asked)
    assert (answering.kind, answering.name) == (SpanKind.SERVER, "GET /v1/medicines/{cis}")
    # A read that finds nobody is tried again by the channel: each try is a span of the one who was asked.
    assert tries
    assert {(one.kind, one.name, one.parent.span_id) for one in tries if one.parent} == {
        (SpanKind.SERVER, asked, asking.context.span_id if asking.context else 0)
    }
    assert {f"{span.context.trace_id:032x}" for span in made if span.context} == {
        answered.headers["traceparent"][3:35]
    }


async def test_a_probe_is_never_drawn(here: Any, spans: InMemorySpanExporter) -> None:
    drawn(spans)
    await here.client.get("/healthz")
    await here.client.get("/readyz")
    assert told(spans) == []


async def test_a_page_looked_at_for_hours_is_no_slow_answer(
    here: Any, spans: InMemorySpanExporter, durations: Counted
) -> None:
    await here.client.head("/v1/events/stream")
    assert durations.labels == []
    assert told(spans) == []
