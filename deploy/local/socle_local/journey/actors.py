"""Who takes part in the journey: a persona with a token, speaking HTTP to the gateway."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from socle_local.issuer.tokens import fetch

JSON = "application/json"
FHIR_JSON = "application/fhir+json"
# A first deposit makes the gateway load the FHIR models; nothing in the journey should come near this.
SECONDS = 30.0
# What a chat with a person may show of one body.
SHOWN = 160


class UnexpectedAnswerError(AssertionError):
    """The platform did not answer what the story needs to go on."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a running platform is reached: addresses without a final slash, and one NATS account.

    `nats_ca` is the certificate (PEM) of who vouches for a NATS at `tls://`; empty without TLS.
    """

    gateway: str
    issuer: str
    nats: str
    nats_password: str
    nats_user: str = "subscriber"
    nats_ca: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One request and its answer. `milliseconds` is the time until the whole answer was there."""

    who: str
    method: str
    path: str
    sent: Any
    status: int
    headers: Mapping[str, str]
    content: bytes
    milliseconds: float

    def json(self) -> Any:
        """The body as JSON; raises UnexpectedAnswerError when it is none."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise UnexpectedAnswerError(f"{self.line}: the answer is not JSON ({error})") from None

    def expect(self, *statuses: int) -> Self:
        """This reply; raises UnexpectedAnswerError when its status is another."""
        if self.status not in statuses:
            wanted = " or ".join(str(status) for status in statuses)
            said = self.content[:600].decode(errors="replace")
            raise UnexpectedAnswerError(f"{self.line}: {self.status} instead of {wanted}: {said}")
        return self

    @property
    def line(self) -> str:
        """The request in a line."""
        return f"{self.method} {self.path} as {self.who}"

    @property
    def asked(self) -> str:
        """What was sent, in short."""
        return "" if self.sent is None else shortened(self.sent)

    @property
    def answered(self) -> str:
        """What came back, in short."""
        kind = self.headers.get("content-type", "nothing")
        if "json" not in kind:
            return f"{len(self.content)} bytes of {kind}" if self.content else ""
        return shortened(self.json())


def shortened(body: Any) -> str:
    """A body on one line; a FHIR Bundle by its type and the resources in it."""
    if isinstance(body, dict) and body.get("resourceType") == "Bundle":
        inside = [_entry(entry) for entry in body.get("entry", [])]
        return f"Bundle {body.get('type')}: {', '.join(inside) or 'nothing'}"
    text = json.dumps(body, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _entry(entry: dict[str, Any]) -> str:
    if "resource" in entry:
        return str(entry["resource"]["resourceType"])
    response = entry.get("response", {})
    return f"{response.get('status')} {response.get('location', '')}".strip()


Observer = Callable[[Reply], None]


class Actor:
    """A persona at the gateway. The token is asked of the local issuer once; it outlasts a journey."""

    def __init__(
        self, persona: str, reach: Reach, http: httpx.AsyncClient, observe: Observer = lambda reply: None
    ) -> None:
        self.persona = persona
        self._reach, self._http, self._observe = reach, http, observe
        self._token = ""

    async def token(self) -> str:
        """The bearer token."""
        if not self._token:
            self._token = await asyncio.to_thread(fetch, self._reach.issuer, self.persona)
        return self._token

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends one request, the body as JSON (FHIR JSON below /fhir)."""
        kind = FHIR_JSON if path.startswith("/fhir") else JSON
        sent = {"authorization": f"Bearer {await self.token()}", "accept": kind, **(headers or {})}
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            sent.setdefault("content-type", kind)
        request = self._http.build_request(
            method, self._reach.gateway + path, params=params, content=content, headers=sent, timeout=SECONDS
        )
        began = time.perf_counter()
        answer = await self._http.send(request)
        took = (time.perf_counter() - began) * 1000
        shown = request.url.raw_path.decode()
        status, told = answer.status_code, answer.content
        reply = Reply(self.persona, method, shown, body, status, answer.headers, told, took)
        self._observe(reply)
        return reply


def purpose(name: str, reason: str = "") -> dict[str, str]:
    """The headers that say why the data is asked for; the reason is percent-encoded UTF-8."""
    return {"socle-purpose": name, "socle-reason": quote(reason)}
