"""Logs, traces and metrics. What may be logged is a list of fields: a name, an INS or a note cannot be."""

from __future__ import annotations

import logging
import os
import re
import secrets
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .settings import Settings

# Everything a line of log may hold. An unknown field is dropped and its *name* reported, so that a careless
# `log.info("...", patient=patient)` leaks nothing and is seen.
ALLOWED = frozenset(
    """event level timestamp service rpc code reason trace_id duration_ms kind client durable subject stream
    position count seconds port address profile setting settings error_type stack dropped attempt version
    state path status method event_id problem where""".split()
)

METER = metrics.get_meter("socle")
TRACER = trace.get_tracer("socle")
RPC_SECONDS = METER.create_histogram("socle.rpc.duration", "s", "Time to answer an RPC, by method and code")
PUBLISHED = METER.create_counter("socle.outbox.published", description="Events carried to JetStream")
CONSUMED = METER.create_counter(
    "socle.consumer.handled", description="Events handled, by durable and outcome"
)
OUTBOX_AGE = METER.create_gauge("socle.outbox.oldest_age", "s", "Age of the oldest event not published")
OUTBOX_WAITING = METER.create_gauge("socle.outbox.waiting", description="Events not yet published")


def only_allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: keeps the allowed fields, names the others."""
    dropped = sorted(set(line) - ALLOWED)
    if dropped:
        line = {k: v for k, v in line.items() if k in ALLOWED}
        line["dropped"] = dropped
    return line


def stack_without_values(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The frames and the type of an exception; never its text, which may hold a row of a table."""
    error = line.pop("exc_info", None)
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BaseException):
        line["error_type"] = type(error).__name__
        line["stack"] = [f"{f.filename}:{f.lineno} {f.name}" for f in _frames(error)]
    return line


def _frames(error: BaseException) -> list[Any]:
    return list(traceback.extract_tb(error.__traceback__))[-12:]


def configure(settings: Settings, service: str) -> None:
    """Once, at start. Exports where the standard OTEL_* variables say; without them nothing is exported."""
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            stack_without_values,
            only_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[Libraries()], force=True)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        _export(settings, service)


NO_SPAN: AbstractContextManager[Any] = nullcontext()


class Libraries(logging.Handler):
    """What libraries log: where in their code, the exception's type and frames. Their words are left out,
    since a driver quotes the row that it refuses, and asyncio the exception of a task.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        place = f"{record.name} {record.filename}:{record.lineno}"
        log = structlog.get_logger(where=place)
        log.log(record.levelno, "library.said", exc_info=error)


def _export(settings: Settings, service: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    resource = Resource.create({"service.name": service})
    tracing = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)))
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracing)
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())]
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=readers))


def logger(where: str) -> Any:
    """A logger; its lines say where in the code they come from."""
    return structlog.get_logger(where=where)


def span(name: str, traceparent: str) -> AbstractContextManager[Any]:
    """A server span under the caller's trace; nothing at all when no exporter is set."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        return NO_SPAN
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    return TRACER.start_as_current_span(name, context=context, kind=trace.SpanKind.SERVER)


TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(given: str) -> str:
    """The traceparent a caller sent, or a new one: any other text of theirs would enter logs and journal."""
    return given if TRACEPARENT.fullmatch(given) else new_traceparent()


def new_traceparent() -> str:
    """A W3C traceparent for a call that came without one (not sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
