"""The scanner of contents: clamd, asked by INSTREAM over TCP or a socket of the machine.

Source: clamd(8). Written here because the protocol is one exchange, and the library that is kept for asyncio
(aioclamd) speaks TCP only, without a bound on how long a scan may hold a deposit.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from chassis import telemetry
from dmp.domain.content.errors import ContentInfected, ScannerAway
from dmp.domain.documents import Scan

log = telemetry.logger("scanner")
SCANS = telemetry.METER.create_counter(
    "socle.dmp.scans", description="Contents shown to the scanner, by outcome"
)

UNIX = "unix:"
CHUNK = 64 * 1024
# Of an answer: the name of a signature and some words.
LONGEST_ANSWER = 4096
# clamd answers as many at once (MaxThreads is 10 by default); the others wait here, not in its queue.
AT_ONCE = 8
FOUND = re.compile(r"stream: (?P<signature>.{1,200}) FOUND", re.ASCII)
UNSAFE = re.compile(r"[^A-Za-z0-9._/-]")


class _Away(Exception):
    """No verdict came; the text says why, never what was scanned."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one scan may take, in seconds, and the most bytes that clamd accepts (StreamMaxLength)."""

    seconds: float = 10.0
    size: int = 25 * 1024 * 1024


class Scanner:
    """One clamd, at `host:port` or `unix:/path`; an empty address stands for none."""

    def __init__(self, address: str, *, required: bool = False, limits: Limits = Limits()) -> None:
        self._address, self._required, self._limits = address, required, limits
        self._room = asyncio.Semaphore(AT_ONCE)

    async def scan(self, content: bytes, field: str = "") -> Scan:
        """What clamd says of the bytes; raises ContentInfected, or ScannerAway when it is required."""
        if not self._address:
            return Scan.NOT_SCANNED
        try:
            answer = await self._asked(content)
        except _Away as why:
            return self._without(str(why))
        found = FOUND.fullmatch(answer)
        if found:
            SCANS.add(1, {"outcome": "infected"})
            signature = UNSAFE.sub("_", found["signature"])
            log.warning("scan.infected", code=signature)
            raise ContentInfected(
                field=field, hint=f"Signature {signature}: clean the machine it comes from."
            )
        if answer != "stream: OK":
            return self._without("answer not understood")
        SCANS.add(1, {"outcome": "clean"})
        return Scan.CLEAN

    def _without(self, problem: str) -> Scan:
        SCANS.add(1, {"outcome": "away"})
        log.warning("scan.away", problem=problem, address=self._address)
        if self._required:
            raise ScannerAway(hint="Send it again later.", retry_after=30)
        return Scan.NOT_SCANNED

    async def _asked(self, content: bytes) -> str:
        if len(content) > self._limits.size:
            raise _Away("larger than what clamd accepts")
        try:
            async with (
                asyncio.timeout(self._limits.seconds),
                self._room,
                self._connected() as (reader, writer),
            ):
                return await _exchange(reader, writer, content)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            raise _Away(type(error).__name__) from None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if self._address.startswith(UNIX):
            path = self._address.removeprefix(UNIX)
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_ANSWER)
        else:
            host, _, port = self._address.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=LONGEST_ANSWER)
        with ExitStack() as stack:
            # Closing in good order would wait for a scanner that no longer reads.
            stack.callback(writer.transport.abort)
            yield reader, writer


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> str:
    """The bytes in chunks, each after its length; then a length of zero; then the answer, ended by NUL."""
    writer.write(b"zINSTREAM\0")
    for start in range(0, len(content), CHUNK):
        chunk = content[start : start + CHUNK]
        writer.write(struct.pack("!I", len(chunk)) + chunk)
        await writer.drain()
    writer.write(struct.pack("!I", 0))
    await writer.drain()
    return (await reader.readuntil(b"\0"))[:-1].decode("ascii", "replace").strip()
