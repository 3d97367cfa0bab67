"""The master key in the transit engine of OpenBao or Vault: it never leaves that server.

The key is a derived one: the server makes a key of its own for each `about` (its `context`), so that what
was wrapped for one person opens for nobody else, and `rewrap`, which takes no associated data, keeps that.
"""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chassis import telemetry
from chassis.errors import Unavailable
from chassis.settings import read_secret
from dmp.domain.sealing import Wrapped

from .provider import KeyDestroyed, KeyRefused

log = telemetry.logger("transit")
# Seconds: a server that is slower than this is as good as away.
TIMEOUT = httpx.Timeout(5.0, connect=2.0)
# What the server says of a version below `min_decryption_version`.
TOO_OLD = "version is disallowed by policy"
# Keys sent in one request when they are wrapped again.
BATCH = 250


class TransitWrong(OSError):
    """The transit engine is not set up as this service needs it; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class TransitOptions:
    """Where the engine is; the token is read from its file at each request, since an agent renews it."""

    url: str
    key: str
    token_file: Path
    mount: str = "transit"
    # Certificates (PEM) that the server is verified against; the public authorities when absent.
    ca_file: Path | None = None


class TransitKeyProvider:
    """See `provider.KeyProvider`. Keep one for the life of the process: it keeps its connections."""

    def __init__(self, options: TransitOptions) -> None:
        self._options = options
        self._sound = False
        verify = ssl.create_default_context(cafile=options.ca_file) if options.ca_file else True
        self._client = httpx.AsyncClient(
            base_url=f"{options.url.rstrip('/')}/v1/{options.mount}/", timeout=TIMEOUT, verify=verify
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def create(self) -> None:
        """The key, when there is none yet; raises TransitWrong when there is one of another kind."""
        wanted = {"type": "aes256-gcm96", "derived": True, "exportable": False}
        await self._ask("POST", f"keys/{self._options.key}", wanted)
        await self._key()

    async def wrap(self, secret: bytes, about: str) -> Wrapped:
        if not self._sound:
            await self._key()
        said = await self._ask("POST", self._path("encrypt"), {"plaintext": _text(secret), **_context(about)})
        return _wrapped(said)

    async def unwrap(self, wrapped: Wrapped, about: str) -> bytes:
        asked = {"ciphertext": wrapped.wrapped.decode(), **_context(about)}
        said = await self._ask("POST", self._path("decrypt"), asked)
        return b64decode(said["plaintext"])

    async def rewrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[Wrapped]:
        done: list[Wrapped] = []
        for start in range(0, len(wrapped), BATCH):
            items = [
                {"ciphertext": old.wrapped.decode(), **_context(about)}
                for old, about in wrapped[start : start + BATCH]
            ]
            said = await self._ask("POST", self._path("rewrap"), {"batch_input": items})
            done += [_wrapped(result) for result in said["batch_results"]]
        return done

    async def versions(self) -> list[int]:
        key = await self._key()
        oldest = max(key["min_available_version"], key["min_decryption_version"], 1)
        return list(range(oldest, key["latest_version"] + 1))

    async def rotate(self) -> int:
        await self._ask("POST", f"keys/{self._options.key}/rotate", {})
        return (await self.versions())[-1]

    async def destroy(self, version: int) -> None:
        """No longer accepted first, then trimmed: the server has no way back from the second."""
        if version >= (await self.versions())[-1]:
            raise ValueError(f"version {version} is in use: rotate first")
        first = version + 1
        limits = {"min_decryption_version": first, "min_encryption_version": first}
        await self._ask("POST", f"keys/{self._options.key}/config", limits)
        await self._ask("POST", f"keys/{self._options.key}/trim", {"min_available_version": first})

    def _path(self, act: str) -> str:
        return f"{act}/{self._options.key}"

    async def _key(self) -> dict[str, Any]:
        key = await self._ask("GET", f"keys/{self._options.key}")
        if not key["derived"]:
            raise TransitWrong(
                f"the transit key {self._options.key} is not derived: wrapped keys would not be bound to"
                " their persons. Name another one and make it with `python -m dmp.keys init`"
            )
        self._sound = True
        return key

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            token = read_secret(self._options.token_file) or ""
            answer = await self._client.request(method, path, json=body, headers={"X-Vault-Token": token})
        except (OSError, httpx.HTTPError) as error:
            raise _away(type(error).__name__) from None
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise _refusal(answer.json().get("errors", []))
        if not answer.is_success:
            raise _away(str(answer.status_code))
        said: dict[str, Any] = answer.json().get("data") or {} if answer.content else {}
        return said


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _context(about: str) -> dict[str, str]:
    return {"context": _text(about.encode())}


def _wrapped(said: Mapping[str, Any]) -> Wrapped:
    """`vault:v<version>:<base64>`, kept as it is; an item of a batch may be an error of its own."""
    if "ciphertext" not in said:
        raise _refusal([said.get("error", "")])
    text: str = said["ciphertext"]
    return Wrapped(text.encode(), int(text.split(":")[1].removeprefix("v")))


def _refusal(errors: Sequence[str]) -> KeyDestroyed | KeyRefused:
    """The server's words are not repeated: they may quote what it was sent."""
    if any(TOO_OLD in error for error in errors):
        return KeyDestroyed()
    log.error("transit.refused", count=len(errors))
    return KeyRefused()


def _away(problem: str) -> Unavailable:
    """A token that expired (403), a sealed server (503) and an unplugged one are the same to a caller."""
    log.error("transit.away", problem=problem)
    return Unavailable("The key provider of this service does not answer.", retry_after=1.0)
