"""A collector of the tests' own: takes what services export by OTLP over HTTP, and keeps every byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True, slots=True)
class Span:
    """A span as a collector sees it."""

    service: str
    kind: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, Any]
    failed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{self.service} {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a metric; a histogram is its count, its boundaries and how many examples it names."""

    service: str
    metric: str
    labels: Mapping[str, Any]
    value: float
    boundaries: tuple[float, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class Received:
    """Everything that came, until now."""

    address: str = ""
    traces: list[bytes] = field(default_factory=list)
    metrics: list[bytes] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a service must be told to export all it has to here, soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.address,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "SOCLE_TRACE_RATIO": "1",
        }

    def spans(self) -> list[Span]:
        """Every span, in the order of arrival."""
        return [span for body in list(self.traces) for span in _spans(body)]

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, by beginning of their tree: parents before children."""
        return [span for span in self.spans() if span.trace_id == trace_id]

    def points(self, metric: str = "") -> list[Point]:
        """Every value of a metric, or of all of them, in the order of arrival."""
        return [p for body in list(self.metrics) for p in _points(body) if metric in ("", p.metric)]

    def says(self, text: str) -> bool:
        """Whether these characters stand anywhere in what was sent: names, labels, attributes, resources."""
        sought = text.encode()
        return any(sought in body for body in (*self.traces, *self.metrics))

    def wait(self, holds: Any, seconds: float = 20.0) -> None:
        """Returns once `holds()`; raises AssertionError when that takes too long."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, "\n".join(["never came; what came:", *map(str, self.spans())])
            time.sleep(0.05)


def _spans(body: bytes) -> Iterator[Span]:
    for sender in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(sender.resource.attributes)["service.name"]
        for scope in sender.scope_spans:
            for one in scope.spans:
                yield Span(
                    str(service),
                    Sent.SpanKind.Name(one.kind).removeprefix("SPAN_KIND_"),
                    one.name,
                    one.trace_id.hex(),
                    one.span_id.hex(),
                    one.parent_span_id.hex(),
                    _values(one.attributes),
                    one.status.code == Status.STATUS_CODE_ERROR,
                    (one.end_time_unix_nano - one.start_time_unix_nano) / 1e9,
                )


def _points(body: bytes) -> Iterator[Point]:
    for sender in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        service = str(_values(sender.resource.attributes)["service.name"])
        for scope in sender.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data") or "gauge"
                for point in getattr(metric, kind).data_points:
                    yield _point(service, metric.name, kind, point)


def _point(service: str, name: str, kind: str, point: Any) -> Point:
    labels = _values(point.attributes)
    if kind == "histogram":
        examples = tuple(example.trace_id.hex() for example in point.exemplars)
        return Point(service, name, labels, point.count, tuple(point.explicit_bounds), examples)
    return Point(service, name, labels, point.as_int or point.as_double)


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Received]:
    """A collector on a free port of loopback, in a thread of its own."""
    received = Received()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            (received.traces if self.path == "/v1/traces" else received.metrics).append(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
