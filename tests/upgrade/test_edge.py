"""The edge is part of the measure: it must send each request once, and only to who is ready."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from .edge import ASKED_EVERY, Edge, NobodyReady, Request, read_answer
from .traffic import Traffic

SOON = 4 * ASKED_EVERY
QUESTION = Request("GET", "/thing", "token")


@dataclass
class Replica:
    """A server of a few words. `breaks`: it closes instead of answering."""

    ready: bool = True
    draining: bool = False
    breaks: bool = False
    slow: float = 0.0
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    address: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split()[1].decode()
                if path != "/readyz/own":
                    self.asked.append(path)
                    await asyncio.sleep(self.slow)
                    if self.breaks:
                        return
                status = 503 if path == "/readyz/own" and not self.ready else 200
                close = "connection: close\r\n" if self.draining else ""
                writer.write(f"HTTP/1.1 {status} x\r\n{close}content-length: 2\r\n\r\n{{}}".encode())
                if b"connection: close" in head or self.draining:
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def served(*replicas: Replica) -> AsyncIterator[Edge]:
    servers, before = [], asyncio.all_tasks()
    for replica in replicas:
        server = await asyncio.start_server(replica.serve, "127.0.0.1", 0)
        replica.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        servers.append(server)
    names = [(replica.address, f"v{number}") for number, replica in enumerate(replicas)]
    async with Edge.before(lambda: names) as edge:
        yield edge
    for server in servers:
        server.close()
    # A connection taken at the last moment has a task, which closes it, or nobody would.
    while answering := asyncio.all_tasks() - before:
        await asyncio.wait(answering, timeout=1)


async def test_requests_take_turns_among_those_who_are_ready() -> None:
    one, two, three = Replica(), Replica(), Replica(ready=False)
    async with served(one, two, three) as edge:
        versions = [(await edge.send(QUESTION)).version for _ in range(6)]
    assert sorted(versions) == ["v0"] * 3 + ["v1"] * 3
    assert three.asked == []


async def test_who_is_no_longer_ready_gets_nothing_more() -> None:
    one, two = Replica(), Replica()
    async with served(one, two) as edge:
        one.ready = False
        await asyncio.sleep(SOON)
        for _ in range(4):
            await edge.send(QUESTION)
        assert (len(one.asked), len(two.asked)) == (0, 4)
        two.ready = False
        await asyncio.sleep(SOON)
        with pytest.raises(NobodyReady):
            await edge.send(QUESTION)


async def test_a_broken_request_is_not_sent_again() -> None:
    broken = Replica(breaks=True)
    async with served(broken) as edge:
        traffic = Traffic(edge)
        assert await traffic.ask("kind", time.monotonic(), QUESTION) is None
    assert broken.asked == ["/thing"]
    (sample,) = traffic.samples
    assert sample.failure.startswith("IncompleteReadError")


async def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    one = Replica(draining=True)
    async with served(one) as edge:
        before = one.connections
        for _ in range(3):
            await edge.send(QUESTION)
    assert one.connections - before >= 3


async def test_a_time_counts_from_when_the_request_was_due() -> None:
    slow = Replica(slow=0.05)
    async with served(slow) as edge:
        traffic = Traffic(edge)
        await traffic.ask("kind", time.monotonic() - 1.0, QUESTION)
    assert traffic.samples[0].milliseconds > 1000


async def test_arrivals_do_not_wait_for_answers() -> None:
    slow = Replica(slow=0.3)
    async with served(slow) as edge:
        traffic, over = Traffic(edge), asyncio.Event()

        async def act(due: float) -> None:
            await traffic.ask("kind", due, QUESTION)

        running = asyncio.create_task(traffic.run({act: 1}, 50.0, over))
        await asyncio.sleep(0.25)
        assert len(slow.asked) >= 8
        over.set()
        await running
    assert traffic.acknowledged["kind"] == len(traffic.samples) == len(slow.asked)


async def test_an_answer_without_a_length_is_not_guessed() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    with pytest.raises(ValueError, match="without Content-Length"):
        await read_answer(reader)


def test_a_request_is_http() -> None:
    sent = Request("POST", "/v1/x", "abc", {"a": 1}, "key").encoded()
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /v1/x HTTP/1.1"
    assert b"authorization: Bearer abc" in head
    assert b"idempotency-key: key" in head
    assert b"content-length: 7" in head
    assert body == b'{"a":1}'
