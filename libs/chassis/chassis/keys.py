"""The signing keys of an OIDC issuer: fetched when needed, kept a while, sought again when one is unknown."""

from __future__ import annotations

import asyncio
import time

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from . import telemetry
from .errors import Unavailable

log = telemetry.logger("keys")

# Seconds. A key withdrawn by the issuer is believed no longer than FRESH, or MOST while the issuer is away.
FRESH, MOST = 300.0, 3600.0
# An unknown key may be a new one: looked for at most this often, or forged tokens would make us flood the
# issuer.
AGAIN = 10.0
# While an issuer does not answer, calls are told at once instead of each waiting for its own time-out.
AFTER_FAILURE = 1.0


class IssuerAway(Unavailable):
    """The issuer of the token does not answer."""


class IssuerKeys:
    """The keys of one issuer."""

    def __init__(self, issuer: str, http: httpx.AsyncClient) -> None:
        self._issuer, self._http = issuer, http
        self._keys: KeySet | None = None
        self._fetched = self._failed = float("-inf")
        self._fetching = asyncio.Lock()

    async def get(self, *, unknown: bool = False) -> KeySet:
        """The keys; `unknown` says that the present ones did not do. Raises IssuerAway."""
        if self._keys is not None and self._age() < (AGAIN if unknown else FRESH):
            return self._keys
        async with self._fetching:
            return await self._renewed(unknown)

    def _age(self) -> float:
        return time.monotonic() - self._fetched

    async def _renewed(self, unknown: bool) -> KeySet:
        # Another call may have fetched them while this one waited for its turn.
        if self._keys is not None and self._age() < AGAIN:
            return self._keys
        try:
            self._keys = await self._fetch()
        except IssuerAway:
            if unknown or self._keys is None or self._age() > MOST:
                raise
            return self._keys
        self._fetched = time.monotonic()
        return self._keys

    async def _fetch(self) -> KeySet:
        if time.monotonic() - self._failed < AFTER_FAILURE:
            raise IssuerAway(retry_after=2.0)
        try:
            discovery = await self._http.get(f"{self._issuer}/.well-known/openid-configuration")
            discovery.raise_for_status()
            keys = await self._http.get(discovery.json()["jwks_uri"])
            keys.raise_for_status()
            return KeySet.import_key_set(keys.json())
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError, JoseError) as error:
            self._failed = time.monotonic()
            log.warning("keys.unreachable", error_type=type(error).__name__)
            raise IssuerAway(retry_after=2.0) from None
