"""One trace, from the door of the platform to the last consumer of an event.

A hop is what one process does in a trace: answer a request, ask another service, publish an event, handle
one. It has its identifiers from the start, since they travel, and becomes a span only at its end, when it is
known whether it is worth one: the trace was drawn, or the hop failed on our side, or was slow. So a request
that nobody will look at costs the drawing of an identifier, and no failure is lost to sampling.
"""

from __future__ import annotations

import re
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any, Protocol, Self

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from chassis.call import utc_nanoseconds

# Nanoseconds; beyond the service level, a span is kept whatever was drawn.
SLOW = 500_000_000
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Codes of gRPC that say a fault of ours; the others are answers.
FAULTS = frozenset(("DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN"))
# Their numbers on the wire.
CODES = {
    name: number
    for number, name in enumerate(
        """OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
        RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE
        DATA_LOSS UNAUTHENTICATED""".split()
    )
}
ODD = frozenset("13579bdf")
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
# Between a statement and the named query of a service that it belongs to.
PASSED_OVER = ("chassis.db", "contextlib")


class Writer(Protocol):
    """Where finished hops go."""

    def write(self, hop: Hop, began: int, ended: int) -> None:
        """Moments are nanoseconds since 1970."""


class _Set:
    """What this process was told at start; without a writer nothing leaves it."""

    writer: Writer | None = None
    ratio: float = 0.0


HERE: ContextVar[Hop | None] = ContextVar("socle_hop", default=None)


def write_to(writer: Writer | None, ratio: float = 0.0) -> None:
    """Sends hops to a writer from now on, and draws this share (0 to 1) of the traces that begin here."""
    _Set.writer, _Set.ratio = writer, ratio


class Hop:
    """A part of a trace; `with hop:` makes it the one under way, and finishes it at the end."""

    __slots__ = (
        "_attached",
        "_began",
        "_outer",
        "_span_id",
        "_ticks",
        "attributes",
        "error",
        "kind",
        "name",
        "parent_id",
        "sampled",
        "slow",
        "trace_id",
    )

    def __init__(self, kind: SpanKind, name: str, trace_id: str, parent_id: str, sampled: bool) -> None:
        self.kind, self.name = kind, name
        self.trace_id, self.parent_id, self.sampled = trace_id, parent_id, sampled
        self.attributes: Mapping[str, str | int] = {}
        # The code or type of what went wrong on our side.
        self.error = ""
        # Nanoseconds from which it is worth a span by that alone.
        self.slow: float = SLOW
        self._span_id = ""
        self._began, self._ticks = utc_nanoseconds(), time.monotonic_ns()
        self._outer: Token[Hop | None] | None = None
        self._attached: Token[Any] | None = None

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits, drawn when they are first needed."""
        if not self._span_id:
            self._span_id = secrets.token_hex(8)
        return self._span_id

    @property
    def traceparent(self) -> str:
        """What the next process is given (W3C Trace Context)."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    @property
    def seconds(self) -> float:
        """Since its beginning."""
        return (time.monotonic_ns() - self._ticks) / 1e9

    def coded(self, rpc: str, code: str) -> None:
        """How an RPC (`/package.Service/Method`) ended, by its gRPC code."""
        service, _, method = rpc[1:].partition("/")
        self.attributes = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": CODES.get(code, CODES["UNKNOWN"]),
        }
        self.error = code if code in FAULTS else ""

    def __enter__(self) -> Self:
        self._outer = HERE.set(self)
        if self.sampled:
            # For who asks OpenTelemetry itself: a histogram keeps this trace as its example.
            context = SpanContext(int(self.trace_id, 16), int(self.span_id, 16), False, SAMPLED)
            self._attached = otel.attach(trace.set_span_in_context(NonRecordingSpan(context)))
        return self

    def __exit__(self, *_: object) -> None:
        if self._attached is not None:
            otel.detach(self._attached)
        if self._outer is not None:
            HERE.reset(self._outer)
        self.finish()

    def finish(self) -> None:
        """Becomes a span if it is worth one."""
        writer = _Set.writer
        if writer is None:
            return
        taken = time.monotonic_ns() - self._ticks
        if self.sampled or self.error or taken > self.slow:
            writer.write(self, self._began, self._began + taken)

    def inside(self, kind: SpanKind, name: str) -> Hop:
        """A hop of the same trace below this one."""
        return Hop(kind, name, self.trace_id, self.span_id, self.sampled)


def door(given: str, *, drawn: bool = True) -> Hop:
    """The first hop of a request from outside, named once its route is known; not `drawn`: never by chance.

    The caller's identifiers are taken over, so that their trace and ours are one; whether it is kept is drawn
    here, independently of them: else a stranger could have every request of theirs recorded.
    """
    known = TRACEPARENT.fullmatch(given)
    trace_id, parent_id = (given[3:35], given[36:52]) if known else (secrets.token_hex(16), "")
    return Hop(SpanKind.SERVER, "", trace_id, parent_id, drawn and _drawn())


def hop(kind: SpanKind, name: str, traceparent: str) -> Hop:
    """A hop below one of another process of the platform, which has drawn already; or a trace that begins."""
    if TRACEPARENT.fullmatch(traceparent):
        return Hop(kind, name, traceparent[3:35], traceparent[36:52], traceparent[-1] in ODD)
    return Hop(kind, name, secrets.token_hex(16), "", _drawn())


def is_sampled(traceparent: str) -> bool:
    """Whether the trace was drawn when it began."""
    return TRACEPARENT.fullmatch(traceparent) is not None and traceparent[-1] in ODD


def _drawn() -> bool:
    return _Set.ratio > 0 and secrets.randbits(32) < _Set.ratio * 2**32


def here() -> Hop | None:
    """The hop under way."""
    return HERE.get()


NOTHING: AbstractContextManager[None] = nullcontext()


class Statement:
    """One statement of SQL: a span below the hop under way, if that is kept or the wait was long."""

    __slots__ = ("_hop", "_parent", "_summary")

    def __init__(self, summary: str, parent: Hop) -> None:
        self._summary, self._parent = summary, parent

    def __enter__(self) -> None:
        self._hop = self._parent.inside(SpanKind.CLIENT, self._summary)

    def __exit__(self, kind: type[BaseException] | None, _: object, __: object) -> None:
        hop = self._hop
        if not hop.sampled and hop.seconds * 1e9 <= SLOW:
            return
        operation, _, table = self._summary.partition(" ")
        hop.attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.collection.name": table,
            "db.query.summary": self._summary,
            "code.function.name": _asked_by(sys._getframe(1)),
            **({"error.type": kind.__name__} if kind else {}),
        }
        hop.finish()


def statement(summary: str) -> AbstractContextManager[None]:
    """Around a statement, told by operation and tables: never by its text, its parameters or its rows."""
    parent = HERE.get()
    if parent is None or _Set.writer is None:
        return NOTHING
    return Statement(summary, parent)


def _asked_by(frame: FrameType | None) -> str:
    """The function that asked, such as `dmp.store.lock_document`: the name its statement goes by."""
    while frame is not None and frame.f_globals.get("__name__") in PASSED_OVER:
        frame = frame.f_back
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}" if frame else ""
