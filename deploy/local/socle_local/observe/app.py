"""The web application: what exporters send, pages for people, the same as JSON for scripts."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import bodies, gauges, pages, red, waterfall
from .points import Measures, take
from .spans import Traces, Wanted, spans_of, summary_of

HERE = Path(__file__).parent
LINES_USUAL, LINES_MOST = 100, 1_000
# Nothing from elsewhere, no script written in a page: names of spans are texts that others chose.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
Clock = Callable[[], float]


class Asked(ValueError):
    """A question whose parameters cannot be read."""


@dataclass(slots=True)
class Observed:
    """All that was received. `clock` gives seconds since 1970."""

    clock: Clock = time.time
    traces: Traces = field(default_factory=Traces)
    measures: Measures = field(default_factory=Measures)


def create_app(observed: Observed | None = None) -> Starlette:
    """The receiver and its pages, ready to serve."""
    middleware = [
        # A page of the internet whose name is made to point at 127.0.0.1 would otherwise read them.
        Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "::1", "[::1]"]),
        Middleware(Headers),
    ]
    app = Starlette(
        routes=_routes(), middleware=middleware, exception_handlers={bodies.Refused: _refused, Asked: _asked}
    )
    app.state.observed = observed or Observed()
    return app


def _routes() -> list[BaseRoute]:
    return [
        Route("/v1/traces", receive_traces, methods=["POST"]),
        Route("/v1/metrics", receive_metrics, methods=["POST"]),
        Route("/", traces_page),
        Route("/traces/{trace_id}", trace_page),
        Route("/metrics", metrics_page),
        Route("/api/traces", list_traces),
        Route("/api/traces/{trace_id}", show_trace),
        Route("/api/metrics", show_metrics),
        Route("/healthz", healthz),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


class Headers:
    """Adds the headers every answer has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        await self.app(scope, receive, with_headers)


def _of(request: Request) -> Observed:
    return cast(Observed, request.app.state.observed)


async def receive_traces(request: Request) -> Response:
    """OTLP: spans."""
    export = await bodies.parsed(request, trace_service.ExportTraceServiceRequest)
    for span in spans_of(export.resource_spans):
        _of(request).traces.add(span)
    return bodies.taken(trace_service.ExportTraceServiceResponse())


async def receive_metrics(request: Request) -> Response:
    """OTLP: measures."""
    export = await bodies.parsed(request, metrics_service.ExportMetricsServiceRequest)
    take(export.resource_metrics, _of(request).measures)
    return bodies.taken(metrics_service.ExportMetricsServiceResponse())


def wanted(query: QueryParams) -> tuple[Wanted, int]:
    """The search in an address, and how many lines it asks for. Raises Asked."""
    words = {name: query.get(name, "").strip() for name in ("service", "route", "trace_id")}
    status = query.get("status", "")
    if status not in ("", "failed"):
        raise Asked(f"status is {status!r}: ask for failed, or leave it out")
    failed = status == "failed"
    return Wanted(**words, failed=failed, at_least=_number(query, "at_least_ms", 0.0)), _lines(query)


def _lines(query: QueryParams) -> int:
    return max(1, min(LINES_MOST, int(_number(query, "limit", LINES_USUAL))))


def _number(query: QueryParams, name: str, usual: float) -> float:
    text = query.get(name) or str(usual)
    try:
        number = float(text)
    except ValueError:
        raise Asked(f"{name} is {text!r}: write a number") from None
    # Not a number compares with nothing, and infinity is no count.
    if not 0 <= number < 1e12:
        raise Asked(f"{name} is {text!r}: write a number from 0 on")
    return number


async def traces_page(request: Request) -> Response:
    """The newest traces that are asked for."""
    search, most = wanted(request.query_params)
    traces = _of(request).traces
    return pages.page(
        "traces.html",
        search=search,
        lines=traces.newest(search, most),
        services=traces.services(),
        kept=len(traces),
        spans=traces.spans,
    )


async def trace_page(request: Request) -> Response:
    """One trace, laid out in time."""
    trace = _of(request).traces.get(request.path_params["trace_id"])
    if trace is None:
        return pages.page("absent.html", 404, trace_id=request.path_params["trace_id"])
    return pages.page("trace.html", trace=trace, line=summary_of(trace), rows=waterfall.rows(trace))


async def metrics_page(request: Request) -> Response:
    """Rate, errors and duration; then all that is measured beside."""
    observed = _of(request)
    now = observed.clock()
    return pages.page(
        "metrics.html",
        routes=red.routes(observed.measures, now),
        rpcs=red.rpcs(observed.measures, now),
        asked=red.asked(observed.measures, now),
        readings=gauges.readings(observed.measures, now),
        measures=observed.measures,
    )


async def list_traces(request: Request) -> Response:
    """The newest traces that are asked for."""
    search, most = wanted(request.query_params)
    return JSONResponse({"traces": [asdict(line) for line in _of(request).traces.newest(search, most)]})


async def show_trace(request: Request) -> Response:
    """Every span of a trace, in the order of the drawing."""
    trace = _of(request).traces.get(request.path_params["trace_id"])
    if trace is None:
        return JSONResponse({"error": "this trace is not kept here, or no longer"}, 404)
    spans = [{"depth": row.depth, **asdict(row.span)} for row in waterfall.rows(trace)]
    return JSONResponse({"trace_id": trace.id, "left_out": trace.left_out, "spans": spans})


async def show_metrics(request: Request) -> Response:
    """What the page of metrics shows."""
    observed = _of(request)
    now = observed.clock()
    beside = gauges.readings(observed.measures, now)
    return JSONResponse(
        {
            "routes": [asdict(line) for line in red.routes(observed.measures, now)],
            "rpcs": [asdict(line) for line in red.rpcs(observed.measures, now)],
            "asked": [asdict(line) for line in red.asked(observed.measures, now)],
            "measures": [asdict(line) for lines in beside.values() for line in lines],
        }
    )


async def healthz(request: Request) -> Response:
    """This process answers."""
    return JSONResponse({"status": "ok"})


async def _refused(request: Request, error: Exception) -> Response:
    return bodies.refusal(cast(bodies.Refused, error))


async def _asked(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 400)
