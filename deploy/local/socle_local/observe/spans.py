"""Spans as they are kept: in memory, the newest traces, gone with the process."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from opentelemetry.proto.trace.v1 import trace_pb2

from .attributes import shortened, texts

TRACES_MOST = 2_000
SPANS_MOST = 40_000
# One trace that never ends (a loop under one parent) must not push all the others out.
SPANS_OF_A_TRACE_MOST = 2_000
KINDS = ("", "internal", "server", "client", "producer", "consumer")
NANOSECONDS_IN_A_MILLISECOND = 1e6


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work. `start` and `end` in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    instance: str
    name: str
    kind: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, str]
    events: tuple[str, ...]

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return max(0, self.end - self.start) / NANOSECONDS_IN_A_MILLISECOND

    @property
    def title(self) -> str:
        """What it is about: its name, preceded by the HTTP method when the name is a bare route."""
        method = self.attributes.get("http.request.method") or self.attributes.get("method", "")
        return f"{method} {self.name}" if method and self.name.startswith("/") else self.name


@dataclass(slots=True)
class Trace:
    """The spans of one trace so far, and how many more came than are kept."""

    id: str
    by_id: dict[str, Span] = field(default_factory=dict)
    left_out: int = 0
    summary: "Summary | None" = None

    @property
    def spans(self) -> list[Span]:
        """By their start."""
        return sorted(self.by_id.values(), key=lambda span: span.start)

    def add(self, span: Span) -> bool:
        """Keeps a span; False when it was there (an exporter sends a batch again) or the trace is full."""
        known = span.span_id in self.by_id
        if not known and len(self.by_id) >= SPANS_OF_A_TRACE_MOST:
            self.left_out += 1
            return False
        self.by_id[span.span_id] = span
        self.summary = None
        return not known

    @property
    def first(self) -> Span:
        """The span that nobody above started, or the earliest whose parent was never received."""
        spans = self.spans
        tops = [span for span in spans if span.parent_id not in self.by_id] or spans
        return min(tops, key=lambda span: (bool(span.parent_id), span.start))


@dataclass(frozen=True)
class Summary:
    """A trace as one line."""

    trace_id: str
    title: str
    service: str
    start: int
    milliseconds: float
    spans: int
    failures: int
    services: tuple[str, ...]

    @cached_property
    def searched(self) -> str:
        """What the filter by route looks into."""
        return self.title.lower()


def summary_of(trace: Trace) -> Summary:
    """The line of a trace, made again only when a span has come since."""
    if trace.summary is None:
        first, spans = trace.first, trace.spans
        start, end = spans[0].start, max(span.end for span in spans)
        trace.summary = Summary(
            trace_id=trace.id,
            title=first.title,
            service=first.service,
            start=start,
            milliseconds=max(0, end - start) / NANOSECONDS_IN_A_MILLISECOND,
            spans=len(spans),
            failures=sum(span.failed for span in spans),
            services=tuple(dict.fromkeys(span.service for span in spans)),
        )
    return trace.summary


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search among traces; an empty field asks for nothing. `at_least` in milliseconds."""

    service: str = ""
    route: str = ""
    failed: bool = False
    at_least: float = 0.0
    trace_id: str = ""

    def holds(self, line: Summary) -> bool:
        """Whether a trace is one of those asked for."""
        return (
            (not self.service or self.service in line.services)
            and self.route.lower() in line.searched
            and (not self.failed or line.failures > 0)
            and line.milliseconds >= self.at_least
            and line.trace_id.startswith(self.trace_id.lower())
        )


class Traces:
    """The newest traces; the oldest make room."""

    def __init__(self, traces_most: int = TRACES_MOST, spans_most: int = SPANS_MOST) -> None:
        self._kept: OrderedDict[str, Trace] = OrderedDict()
        self._traces_most, self._spans_most = traces_most, spans_most
        self.spans = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, span: Span) -> None:
        """Keeps a span with those of its trace."""
        trace = self._kept.setdefault(span.trace_id, Trace(span.trace_id))
        self.spans += trace.add(span)
        while len(self._kept) > self._traces_most or self.spans > self._spans_most:
            _, oldest = self._kept.popitem(last=False)
            self.spans -= len(oldest.by_id)

    def get(self, trace_id: str) -> Trace | None:
        """The trace of this id, when it is still kept."""
        return self._kept.get(trace_id)

    def services(self) -> list[str]:
        """Every service that took part in a kept trace."""
        return sorted({name for trace in self._kept.values() for name in summary_of(trace).services})

    def newest(self, wanted: Wanted, most: int) -> list[Summary]:
        """At most `most` traces that are asked for, the latest received first."""
        lines = (summary_of(trace) for trace in reversed(self._kept.values()))
        return [line for line, _ in zip(filter(wanted.holds, lines), range(most), strict=False)]


def spans_of(resources: Iterable[trace_pb2.ResourceSpans]) -> Iterator[Span]:
    """The spans of an export; one without the identifiers of the W3C is left out: nothing could name it."""
    for resource in resources:
        about = texts(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                if len(span.trace_id) == 16 and len(span.span_id) == 8:
                    yield read(span, about)


def read(span: trace_pb2.Span, about: dict[str, str]) -> Span:
    """A span as it is kept. `about` are the attributes of the process it comes from."""
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=about.get("service.name", "unknown"),
        instance=about.get("service.instance.id", ""),
        name=shortened(span.name) or "(unnamed)",
        kind=KINDS[span.kind] if 0 <= span.kind < len(KINDS) else "",
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=texts(span.attributes),
        events=tuple(shortened(event.name) for event in span.events[:32]),
    )
