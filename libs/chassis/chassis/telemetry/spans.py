"""Finished hops, written as spans through the SDK of OpenTelemetry."""

from __future__ import annotations

import threading

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode

from .traces import SAMPLED, Hop

# All that a span may hold beside its name. As for logs, the list is closed: a new attribute is a decision.
ALLOWED = frozenset(
    """http.request.method http.route http.response.status_code rpc.system rpc.service rpc.method
    rpc.grpc.status_code db.system.name db.operation.name db.collection.name db.query.summary
    code.function.name messaging.system messaging.operation.name messaging.destination.name
    messaging.consumer.group.name messaging.message.id error.type socle.outcome socle.attempt""".split()
)


class AllottedIds(RandomIdGenerator):
    """Identifiers that hops were given at their beginning, and have travelled since."""

    def __init__(self) -> None:
        self._own = threading.local()

    def allot(self, hop: Hop) -> None:
        """The span that this thread makes next is this hop."""
        self._own.trace_id, self._own.span_id = int(hop.trace_id, 16), int(hop.span_id, 16)

    def generate_trace_id(self) -> int:
        number: int = self._own.trace_id
        return number

    def generate_span_id(self) -> int:
        number: int = self._own.span_id
        return number


class Spans:
    """A provider of our own, not the global one: what a library would put into a span, nobody reviewed."""

    def __init__(self, resource: Resource, processor: SpanProcessor) -> None:
        self._ids = AllottedIds()
        # Whether a span is made was decided before.
        self.provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=self._ids)
        self.provider.add_span_processor(processor)
        self._tracer = self.provider.get_tracer("socle")

    def write(self, hop: Hop, began: int, ended: int) -> None:
        """One span, with the identifiers of the hop."""
        self._ids.allot(hop)
        attributes = {name: value for name, value in hop.attributes.items() if name in ALLOWED}
        span = self._tracer.start_span(hop.name, _under(hop), hop.kind, attributes, start_time=began)
        if hop.error:
            span.set_attribute("error.type", hop.error)
            span.set_status(StatusCode.ERROR)
        span.end(ended)


def _under(hop: Hop) -> Context:
    if not hop.parent_id:
        return Context()
    parent = SpanContext(int(hop.trace_id, 16), int(hop.parent_id, 16), is_remote=True, trace_flags=SAMPLED)
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())
