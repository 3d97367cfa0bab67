"""The scanner: what clamd is sent, what its answers mean, and the state when there is no answer."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dmp.clients.scanner import CHUNK, Limits, Scanner
from dmp.domain import Scan
from dmp.domain.content.errors import ContentInfected, ScannerAway

CONTENT = b"Texte fictif. " * 20_000
OK, FOUND = b"stream: OK\0", b"stream: Win.Test.EICAR_HDB-1 FOUND\0"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _ended(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        try:
            await writer.drain()
        finally:
            writer.close()
        await writer.wait_closed()


class Clamd:
    """Speaks INSTREAM: reads the chunks, keeps what it was sent, answers as told."""

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.streams: list[bytes] = []
        self.chunks: list[int] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        whole = b""
        while size := struct.unpack("!I", await reader.readexactly(4))[0]:
            self.chunks.append(size)
            whole += await reader.readexactly(size)
        self.streams.append(whole)
        writer.write(self.answer)
        await _ended(writer)


@asynccontextmanager
async def listening(handler: Handler, path: Path | None = None) -> AsyncIterator[str]:
    if path:
        server = await asyncio.start_unix_server(handler, path)
        address = f"unix:{path}"
    else:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield address


@pytest.mark.parametrize("by_socket", [False, True])
async def test_content_is_sent_whole_in_chunks_and_found_clean(tmp_path: Path, by_socket: bool) -> None:
    clamd = Clamd()
    async with listening(clamd, tmp_path / "clamd.ctl" if by_socket else None) as address:
        assert await Scanner(address).scan(CONTENT) is Scan.CLEAN
    assert clamd.streams == [CONTENT]
    assert max(clamd.chunks) == CHUNK


async def test_infected_content_is_refused_by_its_signature_and_nothing_of_it_is_logged() -> None:
    async with listening(Clamd(FOUND)) as address:
        with capture_logs() as logs, pytest.raises(ContentInfected) as refused:
            await Scanner(address).scan(CONTENT, "documents[0].content")
    assert refused.value.field == "documents[0].content"
    assert "Win.Test.EICAR_HDB-1" in refused.value.hint
    assert [line["event"] for line in logs] == ["scan.infected"]
    assert "Texte fictif" not in str(logs) + str(vars(refused.value))


async def test_signature_of_a_stranger_is_told_without_its_markup() -> None:
    async with listening(Clamd(b"stream: <b>x</b> y FOUND\0")) as address:
        with pytest.raises(ContentInfected) as refused:
            await Scanner(address).scan(b"x")
    assert "<" not in refused.value.hint


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    await _ended(writer)


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _ended(writer)


FAULTS: dict[str, Handler] = {
    "silent": _silent,
    "hangs up": _hangs_up,
    "size limit": Clamd(b"INSTREAM size limit exceeded. ERROR\0"),
    "another protocol": Clamd(b"HTTP/1.1 400 Bad Request\r\n\0"),
    "endless answer": Clamd(b"x" * 100_000),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_without_a_verdict_the_state_says_so_or_the_deposit_waits(fault: str) -> None:
    limits = Limits(seconds=0.2)
    async with listening(FAULTS[fault]) as address:
        with capture_logs() as logs:
            assert await Scanner(address, limits=limits).scan(CONTENT) is Scan.NOT_SCANNED
        with pytest.raises(ScannerAway) as refused:
            await Scanner(address, required=True, limits=limits).scan(CONTENT)
    assert [line["event"] for line in logs] == ["scan.away"]
    assert refused.value.retry_after


async def test_scanner_that_nobody_listens_for_is_away() -> None:
    async with listening(Clamd()) as address:
        pass
    assert await Scanner(address).scan(CONTENT) is Scan.NOT_SCANNED
    assert await Scanner("unix:/nonexistent/clamd.ctl").scan(CONTENT) is Scan.NOT_SCANNED


async def test_content_beyond_the_limit_of_clamd_is_not_even_sent() -> None:
    clamd = Clamd()
    async with listening(clamd) as address:
        assert await Scanner(address, limits=Limits(size=10)).scan(CONTENT) is Scan.NOT_SCANNED
    assert clamd.streams == []


async def test_no_scanner_is_no_verdict_and_no_noise() -> None:
    with capture_logs() as logs:
        assert await Scanner("").scan(CONTENT) is Scan.NOT_SCANNED
    assert logs == []


async def test_many_scans_at_once_all_get_their_verdict() -> None:
    clamd = Clamd()
    async with listening(clamd) as address:
        scanner = Scanner(address)
        found = await asyncio.gather(*(scanner.scan(b"%d" % n) for n in range(1, 40)))
    assert set(found) == {Scan.CLEAN}
    assert len(clamd.streams) == 39
