"""The edge, as a Kubernetes Service or Gateway is one: requests go to replicas that say they are ready.

It never sends a request twice: what fails here has failed for a user.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

# Seconds between two questions for readiness: what news of an end take to travel in a cluster.
ASKED_EVERY = 0.25
PROBE_SECONDS, ANSWER_SECONDS = 1.0, 20.0
# Less than a server keeps a resting connection: the one who closes first must be the one who sends.
RESTED_AT_MOST = 2.0
HEADER_END = b"\r\n\r\n"
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `body` is sent as JSON."""

    method: str
    path: str
    token: str = ""
    body: Any = None
    key: str = ""
    accept: str = "*/*"
    kind: str = "application/json"

    def encoded(self) -> bytes:
        """Its bytes in HTTP/1.1."""
        content = b"" if self.body is None else orjson.dumps(self.body)
        headers = {
            "host": "socle.test",
            "accept": self.accept,
            "authorization": f"Bearer {self.token}" if self.token else "",
            "idempotency-key": self.key,
            "content-type": self.kind if content else "",
            "content-length": str(len(content)) if content or self.method == "POST" else "",
        }
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{n}: {v}" for n, v in headers.items() if v),
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + content


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from which version."""

    status: int
    content: bytes
    version: str

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return orjson.loads(self.content)


class NobodyReady(Exception):
    """No replica takes requests."""


@dataclass(slots=True, eq=False)
class Backend:
    """One replica as the edge sees it, with the connections that rest."""

    address: str
    version: str
    ready: bool = False
    # With the moment since when each rests, the longest first.
    idle: deque[tuple[float, Wire]] = field(default_factory=deque)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError or asyncio.IncompleteReadError when the connection breaks."""
        reader, writer = self._rested() or await self._connected()
        try:
            writer.write(request)
            status, headers, content = await read_answer(reader)
        except BaseException:
            writer.close()
            raise
        if headers.get(b"connection", b"").lower() == b"close":
            writer.close()
        else:
            self.idle.append((time.monotonic(), (reader, writer)))
        return status, content

    def _rested(self) -> Wire | None:
        while self.idle:
            since, wire = self.idle.popleft()
            if time.monotonic() - since < RESTED_AT_MOST:
                return wire
            wire[1].close()
        return None

    async def probe(self) -> bool:
        """Asked on a connection of its own, as a kubelet does."""
        question = b"GET /readyz/own HTTP/1.1\r\nhost: socle.test\r\nconnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                reader, writer = await self._connected()
                try:
                    writer.write(question)
                    return (await read_answer(reader))[0] == 200
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

    def close(self) -> None:
        while self.idle:
            self.idle.pop()[1][1].close()

    async def _connected(self) -> Wire:
        host, _, port = self.address.rpartition(":")
        return await asyncio.open_connection(host, int(port))


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, Mapping[bytes, bytes], bytes]:
    """Status, headers by lower-case name, body. Raises ValueError for an answer without a length."""
    head = (await reader.readuntil(HEADER_END)).split(b"\r\n")
    status = int(head[0][9:12])
    pairs = (line.partition(b":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if b"content-length" not in headers and status != 204:
        raise ValueError("an answer without Content-Length: this client reads no chunks")
    return status, headers, await reader.readexactly(int(headers.get(b"content-length", 0)))


@dataclass(slots=True)
class Edge:
    """Sends each request to the next replica that is ready. `replicas` gives address and version of those
    there are.
    """

    replicas: Callable[[], Sequence[tuple[str, str]]]
    _backends: dict[str, Backend] = field(default_factory=dict)
    _turn: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @asynccontextmanager
    async def before(cls, replicas: Callable[[], Sequence[tuple[str, str]]]) -> AsyncIterator[Self]:
        """An edge that keeps asking who is ready, for a while."""
        edge = cls(replicas)
        await edge._look()
        asking = asyncio.create_task(edge._keep_looking())
        try:
            yield edge
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            for backend in edge._backends.values():
                backend.close()

    async def send(self, request: Request) -> Answer:
        """One try. Raises NobodyReady, OSError, TimeoutError or asyncio.IncompleteReadError."""
        backend = self._next()
        async with asyncio.timeout(ANSWER_SECONDS):
            status, content = await backend.ask(request.encoded())
        return Answer(status, content, backend.version)

    def _next(self) -> Backend:
        ready = [backend for backend in self._backends.values() if backend.ready]
        if not ready:
            raise NobodyReady
        return ready[next(self._turn) % len(ready)]

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(ASKED_EVERY)
            await self._look()

    async def _look(self) -> None:
        known = {address: self._known(address, version) for address, version in self.replicas()}
        for gone in self._backends.keys() - known.keys():
            self._backends[gone].close()
        self._backends = known
        states = await asyncio.gather(*(backend.probe() for backend in known.values()))
        for backend, ready in zip(known.values(), states, strict=True):
            backend.ready = ready
            if not ready:
                backend.close()

    def _known(self, address: str, version: str) -> Backend:
        """The same backend as before, unless another version took the address over."""
        former = self._backends.get(address)
        return former if former and former.version == version else Backend(address, version)
