"""What every request goes through, as one plain ASGI middleware: trace, body limit, headers, last resort."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import telemetry

from .refusals import BodyTooLarge, MediaTypeNotSupported, Unexpected, answer, is_fhir
from .settings import Settings

log = telemetry.logger("http")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Pages are the landing page and the documentation; everything else is data.
PAGES = ("/web/", "/docs")
Header = tuple[bytes, bytes]
USUAL: list[Header] = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
NO_STORE: Header = (b"cache-control", b"no-store")
PAGE_POLICY = (
    b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
PAGE_HEADERS = [*USUAL, (b"content-security-policy", PAGE_POLICY)]
DATA_HEADERS = [*USUAL, (b"content-security-policy", DATA_POLICY)]
# Asked several times a second while the platform starts: their answers say it all already.
PROBES = ("/livez", "/readyz", "/readyz/own", "/healthz")
# A label of a metric has as many values as the code gives it, whatever a stranger sends.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD, NO_ROUTE = "_OTHER", "(none)"
# Told by nobody: the client went away before there was an answer.
GONE = 499
ENDLESS = b"text/event-stream"
LOTS = "/v1/insi/verification-lots"
# Traits, lines and identifiers, never documents.
SMALL = ("/fhir/Patient", "/fhir/Task", "/fhir/Medication", "/fhir/DeviceRequest")
DOCUMENTS = ("/documents", "/prescription-documents", "/hl7/v2/mdm")
SWALLOW_SECONDS = 2.0
# A packed body grows without its length saying so: none is read here.
PLAIN = "identity"
PLAINLY = {"Accept-Encoding": PLAIN, "Connection": "close"}


class Shell:
    """Wraps the application; keeps nothing between requests."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = _Passage(scope, receive, send, self._limit(scope["path"]))
        with visit.hop:
            try:
                await self._passed(visit, scope)
            finally:
                visit.told()

    async def _passed(self, visit: _Passage, scope: Scope) -> None:
        try:
            await self.app(visit.scope, visit.receive, visit.send)
        except Exception as error:
            log.error("http.failed", method=scope["method"], path=_route(visit.scope), exc_info=error)
            if visit.status:
                visit.broken = type(error).__name__
                raise
            await answer(Unexpected(), scope, visit.trace_id)(scope, visit.receive, visit.send)

    def _limit(self, path: str) -> int:
        if path == LOTS:
            return self.settings.lot_body_limit
        carries_documents = (is_fhir(path) and not path.startswith(SMALL)) or path.endswith(DOCUMENTS)
        return self.settings.fhir_body_limit if carries_documents else self.settings.body_limit


class _Passage:
    """One request on its way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        self.status = 0
        # An answer that was begun and could not be ended.
        self.broken = ""
        self._receive, self._send = receive, send
        self._limit, self._read = limit, 0
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        self._probe = scope["path"] in PROBES
        self.hop = telemetry.door(headers.get(b"traceparent", ""), drawn=not self._probe)
        self.trace = self.hop.traceparent
        asked = headers.get(b"x-request-id", "")
        self.request_id = asked if REQUEST_ID.fullmatch(asked) else self.trace_id
        self._announced = headers.get(b"content-length", "0")
        self._asks_first = b"expect" in headers
        self._packed = headers.get(b"content-encoding", PLAIN).strip().lower() not in ("", PLAIN)
        # A HEAD is a GET whose body stays here. The server keeps its own scope, in which it is a HEAD still:
        # it would otherwise wait for the body that the length announces, and break the connection.
        self._mute = scope["method"] == "HEAD"
        method = "GET" if self._mute else scope["method"]
        self.scope = {**scope, "method": method, "socle.trace": self.trace, "socle.head": self._mute}

    @property
    def trace_id(self) -> str:
        return self.hop.trace_id

    async def receive(self) -> Message:
        """Counts the bytes of the body as they come: an announced length is not believed either."""
        if self._announced.isdigit() and int(self._announced) > self._limit:
            if not self._asks_first:
                await self._swallow()
            raise self._too_large()
        if self._packed:
            raise MediaTypeNotSupported("Send the body as it is, without Content-Encoding.", PLAINLY)
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            await self._swallow()
            raise self._too_large()
        return message

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"Send at most {self._limit} bytes.", {"Connection": "close"})

    async def _swallow(self) -> None:
        """Reads on for a moment: a client still sending would see a reset connection, not the reason."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SWALLOW_SECONDS):
                while (await self._receive()).get("more_body"):
                    pass

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._dressed(message["headers"])
            if (b"content-type", ENDLESS) in (
                (name, value[: len(ENDLESS)]) for name, value in message["headers"]
            ):
                # Hours of looking at a live page are no slow answer.
                self.hop.slow = math.inf
        elif self._mute:
            message = {**message, "body": b""}
        await self._send(message)

    def _dressed(self, headers: Iterable[Header]) -> list[Header]:
        page = self.scope["path"] == "/" or self.scope["path"].startswith(PAGES)
        own = (b"x-request-id", self.request_id.encode()), (b"traceparent", self.trace.encode())
        dressed = [*headers, *own]
        given = {name for name, _ in dressed}
        # A route may have a policy of its own. Health data may not stay in a cache on the way, nor in a
        # browser's.
        usual = [*(PAGE_HEADERS if page else DATA_HEADERS), NO_STORE]
        return dressed + [header for header in usual if header[0] not in given]

    def told(self) -> None:
        """By route, never by address: an address may hold an INS."""
        status, route = self.status or GONE, _route(self.scope)
        known = self.scope["method"] in METHODS
        method = self.scope["method"] if known else OTHER_METHOD
        self.hop.name = f"{method} {route}"
        self.hop.error = self.broken or (str(status) if status >= 500 and not self._probe else "")
        self.hop.attributes = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
        if self.hop.slow < math.inf:
            labels = {"route": route, "method": method, "status": str(status)}
            telemetry.HTTP_SECONDS.record(self.hop.seconds, labels)
        if status >= 400 and not self._probe:
            log.info(
                "http.refused",
                method=method,
                path=route,
                status=status,
                duration_ms=round(self.hop.seconds * 1000, 1),
            )


_READ = {b"traceparent", b"x-request-id", b"content-length", b"content-encoding", b"expect"}


def _route(scope: Scope) -> str:
    """The template of the route (`/v1/identities/{identity_id}`), which holds no value."""
    return getattr(scope.get("route"), "path", NO_ROUTE)
