"""The way in of a request: who calls, until when, for what purpose, and how much they may ask."""

from __future__ import annotations

import math
import time

from starlette.requests import Request

from chassis.auth import Verifier
from chassis.call import Call
from chassis.caller import service
from chassis.errors import InvalidInput, Unauthenticated

from .clients import Visit
from .limiter import Limiter
from .settings import Settings

# Seconds; whoever cannot wait this long should not have called.
SHORTEST = 1.0
# HTTP header -> gRPC metadata of the same meaning.
PASSED_ON = (b"socle-purpose", b"socle-reason", b"idempotency-key")
WANTED = {b"authorization", b"socle-timeout", *PASSED_ON}

GATEWAY = service("gateway")


class UnreadableHeader(InvalidInput):
    """A header of the request cannot be read."""


class Door:
    """Checks the token (a cache knows the recent ones), then makes the visit that goes to the services.

    The services check the token again: this check is for an early 401 and for counting by client.
    """

    def __init__(self, settings: Settings, verifier: Verifier, limiter: Limiter) -> None:
        self._verifier, self._limiter = verifier, limiter
        self._usual, self._longest = settings.default_deadline, settings.longest_deadline

    async def enter(self, request: Request, usual: float | None = None) -> Visit:
        """The visit of a request, with `usual` seconds for it unless the caller says; raises Unauthenticated,
        RateLimited or UnreadableHeader.
        """
        sent = {name: value.decode("latin-1") for name, value in request.scope["headers"] if name in WANTED}
        authorization = sent.get(b"authorization", "")
        try:
            caller = await self._verifier.authenticate(authorization)
        except Unauthenticated:
            await self._limiter.check_refused(_address(request))
            raise
        await self._limiter.check(caller.client or caller.subject)
        deadline = time.monotonic() + self._seconds(sent.get(b"socle-timeout"), usual or self._usual)
        more = tuple((name.decode(), _plain(name, sent[name])) for name in PASSED_ON if name in sent)
        trace = request.scope["socle.trace"]
        return Visit(Call(caller, token=authorization, deadline=deadline, traceparent=trace), more)

    async def pass_by(self, request: Request) -> Call:
        """The call of anyone, for what is public: no token is looked at. Raises RateLimited, by address."""
        await self._limiter.check_refused(_address(request))
        deadline = time.monotonic() + self._usual
        return Call(GATEWAY, deadline=deadline, traceparent=request.scope["socle.trace"])

    def _seconds(self, asked: str | None, usual: float) -> float:
        if asked is None:
            return usual
        try:
            seconds = float(asked)
        except ValueError:
            seconds = math.nan
        if not SHORTEST <= seconds <= self._longest:
            raise UnreadableHeader(
                field="Socle-Timeout", hint=f"Give seconds, from {SHORTEST:g} to {self._longest:g}."
            )
        return seconds


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _plain(name: bytes, value: str) -> str:
    """gRPC metadata holds visible ASCII only."""
    if not (value.isascii() and value.isprintable()):
        raise UnreadableHeader(
            field=name.decode().title(), hint="Use ASCII; percent-encode the rest as UTF-8."
        )
    return value
