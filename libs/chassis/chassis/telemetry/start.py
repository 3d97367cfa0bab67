"""`configure` at start, `flush` at the end: logs always, traces and metrics where OTEL_* variables say."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from chassis.settings import Settings

from .logs import configure_logs
from .metrics import METER
from .traces import write_to

# Seconds a stopping service gives its last spans and figures; a collector that is away holds nobody up.
FLUSH = 3.0
# Seconds for one batch. The library's ten would outlast the time that Kubernetes gives to stop.
EXPORT = "3"

_ends: list[Callable[[], object]] = []


def configure(settings: Settings, service: str) -> None:
    """Once, at start. Exports by OTLP over HTTP where the standard OTEL_* variables say; without them nothing
    is exported.
    """
    configure_logs(settings, service)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        _export(settings, service)


def _export(settings: Settings, service: str) -> None:
    # Half a second of imports, for those who export.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from .spans import Spans

    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", EXPORT)
    resource = described(settings, service)
    spans = Spans(resource, BatchSpanProcessor(OTLPSpanExporter()))
    write_to(spans, settings.trace_ratio)
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())]
    meters = MeterProvider(readers, resource, shutdown_on_exit=False)
    metrics.set_meter_provider(meters)
    _watch_certificate(settings)
    _ends.extend((spans.provider.shutdown, meters.shutdown))


def described(settings: Settings, service: str) -> Any:
    """What speaks: service, version, replica. OTEL_RESOURCE_ATTRIBUTES adds to it, or says it better."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    # The host is the pod; on one machine several services share it, hence the process.
    instance = f"{socket.gethostname()}-{os.getpid()}"
    own = {
        "service.name": service,
        "service.version": settings.version,
        "service.instance.id": instance,
        "service.namespace": "socle",
    }
    return Resource.create(own).merge(OTELResourceDetector().detect())


def _watch_certificate(settings: Settings) -> None:
    """Asked at each export, so that a certificate which nobody renews is seen to age."""
    if not settings.tls_cert_file:
        return
    from chassis import tls

    def expires(_: CallbackOptions) -> Iterator[Observation]:
        seconds = tls.expires_in(settings)
        if seconds is not None:
            yield Observation(seconds)

    METER.create_observable_gauge(
        "socle.tls.expires_in", [expires], "s", "Time left to the certificate of this program"
    )


def flush() -> None:
    """Sends what is left, for a few seconds at most; at the end of a program."""
    ends = [threading.Thread(target=end, daemon=True) for end in _ends]
    _ends.clear()
    write_to(None)
    for thread in ends:
        thread.start()
    for thread in ends:
        thread.join(FLUSH)
