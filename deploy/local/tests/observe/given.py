"""Exports as the services send them, made with the same SDK messages."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from socle_local.observe.points import Measures, take
from socle_local.observe.spans import Span, spans_of

PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {**PROTOBUF, "content-encoding": "gzip"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
SECOND = 1_000_000_000
NOW = 1_800_000_000
BOUNDS = (0.1, 0.5, 1.0)


def attribute(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))


def process(service: str, instance: str = "pod-1") -> Resource:
    return Resource(
        attributes=[attribute("service.name", service), attribute("service.instance.id", instance)]
    )


@dataclass(frozen=True)
class Sent:
    """A span to send. `after` and `lasts` in milliseconds; a number per span stands for its identifier."""

    number: int
    name: str
    under: int = 0
    after: int = 0
    lasts: int = 10
    service: str = "gateway"
    failed: bool = False
    trace: str = TRACE
    attributes: Mapping[str, str] | None = None

    def message(self) -> trace_pb2.Span:
        start = NOW * SECOND + self.after * 1_000_000
        code = trace_pb2.Status.STATUS_CODE_ERROR if self.failed else trace_pb2.Status.STATUS_CODE_UNSET
        return trace_pb2.Span(
            trace_id=bytes.fromhex(self.trace),
            span_id=self.number.to_bytes(8, "big"),
            parent_span_id=self.under.to_bytes(8, "big") if self.under else b"",
            name=self.name,
            kind=trace_pb2.Span.SPAN_KIND_SERVER,
            start_time_unix_nano=start,
            end_time_unix_nano=start + self.lasts * 1_000_000,
            attributes=[attribute(*pair) for pair in (self.attributes or {}).items()],
            status=trace_pb2.Status(code=code),
        )


def export(*sent: Sent) -> ExportTraceServiceRequest:
    resources = [
        trace_pb2.ResourceSpans(
            resource=process(one.service), scope_spans=[trace_pb2.ScopeSpans(spans=[one.message()])]
        )
        for one in sent
    ]
    return ExportTraceServiceRequest(resource_spans=resources)


def spans(*sent: Sent) -> list[Span]:
    return list(spans_of(export(*sent).resource_spans))


def packed(body: bytes) -> bytes:
    return gzip.compress(body)


def counted(
    at: float, counts: tuple[int, ...], labels: dict[str, str], name: str = "socle.rpc.duration"
) -> metrics_pb2.Metric:
    """What a histogram of durations had counted at a moment (seconds after NOW)."""
    point = metrics_pb2.HistogramDataPoint(
        time_unix_nano=int((NOW + at) * SECOND),
        bucket_counts=counts,
        explicit_bounds=BOUNDS,
        count=sum(counts),
        sum=float(sum(counts)),
        attributes=[attribute(*pair) for pair in labels.items()],
    )
    cumulative = metrics_pb2.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    histogram = metrics_pb2.Histogram(data_points=[point], aggregation_temporality=cumulative)
    return metrics_pb2.Metric(name=name, unit="s", histogram=histogram)


def gauge(at: float, value: float, name: str, labels: dict[str, str] | None = None) -> metrics_pb2.Metric:
    point = metrics_pb2.NumberDataPoint(
        time_unix_nano=int((NOW + at) * SECOND),
        as_double=value,
        attributes=[attribute(*pair) for pair in (labels or {}).items()],
    )
    return metrics_pb2.Metric(name=name, gauge=metrics_pb2.Gauge(data_points=[point]))


def total(at: float, value: int, name: str, *, delta: bool = False) -> metrics_pb2.Metric:
    point = metrics_pb2.NumberDataPoint(time_unix_nano=int((NOW + at) * SECOND), as_int=value)
    kinds = metrics_pb2.AggregationTemporality
    temporality = kinds.AGGREGATION_TEMPORALITY_DELTA if delta else kinds.AGGREGATION_TEMPORALITY_CUMULATIVE
    counter = metrics_pb2.Sum(data_points=[point], is_monotonic=True, aggregation_temporality=temporality)
    return metrics_pb2.Metric(name=name, sum=counter)


def measured(
    *metrics: metrics_pb2.Metric, service: str = "dmp", instance: str = "pod-1"
) -> ExportMetricsServiceRequest:
    scope = metrics_pb2.ScopeMetrics(metrics=metrics)
    resource = metrics_pb2.ResourceMetrics(resource=process(service, instance), scope_metrics=[scope])
    return ExportMetricsServiceRequest(resource_metrics=[resource])


def measures(*metrics: metrics_pb2.Metric) -> Measures:
    kept = Measures()
    take(measured(*metrics).resource_metrics, kept)
    return kept
