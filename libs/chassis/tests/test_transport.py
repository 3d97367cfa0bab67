"""Several replicas behind one channel: one that stops is left in time, one that dies costs no read."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis import transport
from chassis.settings import Settings
from chassis.testing import running, until

from .replica_app import replica

REPLICA = Path(__file__).with_name("replica_app.py")
SERVICE = "dmp"
# Of the real contract: retries are made from its rules.
READ = "/socle.dmp.v1.DmpService/GetRecord"
CHANGE = "/socle.dmp.v1.DmpService/SubmitDocuments"
# Seconds between the word and the closed door.
DELAY = 0.3


def to(*ports: int) -> grpc.aio.Channel:
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    return transport.channel(target, Settings(), SERVICE)


def method(channel: grpc.aio.Channel, path: str) -> Any:
    """An RPC of bytes, with the type its stub does not carry."""
    return channel.unary_unary(path)


class Load:
    """Calls without a pause from several callers; what became of them."""

    def __init__(self, channel: grpc.aio.Channel, path: str, callers: int = 10) -> None:
        self._method, self._callers = method(channel, path), callers
        self.outcomes: Counter[str] = Counter()

    async def _call(self) -> None:
        while True:
            try:
                await self._method(b"x", timeout=5)
                self.outcomes["OK"] += 1
            except grpc.aio.AioRpcError as error:
                self.outcomes[f"{error.code().name} {error.details()}"] += 1

    async def run(self) -> None:
        await asyncio.gather(*(self._call() for _ in range(self._callers)))

    async def more(self, calls: int) -> None:
        """Waits for so many more answers."""
        wanted = self.outcomes.total() + calls

        async def enough() -> bool:
            return self.outcomes.total() >= wanted

        await until(enough)


async def test_replicas_restarted_one_after_the_other_under_load_lose_no_call() -> None:
    """Changes, which nobody may send again: each must be answered the first time."""
    replicas = [await replica(0, Settings()), await replica(0, Settings())]
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(to(*(port for _, _, port in replicas)))
        load = Load(channel, CHANGE)
        async with running(load.run()):
            await load.more(100)
            for turn in range(4):
                server, told, port = replicas[turn % 2]
                await told.leave()
                await asyncio.sleep(DELAY)
                told.end_watches()
                await server.stop(5)
                replicas[turn % 2] = await replica(port, Settings())
                await asyncio.sleep(2 * DELAY)
                await load.more(100)
    for server, _, _ in replicas:
        await server.stop(None)
    assert set(load.outcomes) == {"OK"}


async def test_a_server_that_stops_does_not_wait_for_those_who_watch_it() -> None:
    server, told, port = await replica(0, Settings())
    async with to(port) as channel:
        await method(channel, CHANGE)(b"x", timeout=5)
        await told.leave()
        told.end_watches()
        async with asyncio.timeout(2):
            await server.stop(30)


async def test_a_replica_that_stops_without_a_word_costs_no_read() -> None:
    """What a server refuses because it stops, it never began."""
    (server, _, first), (other, _, second) = await replica(0, Settings()), await replica(0, Settings())
    async with to(first, second) as channel:
        load = Load(channel, READ, callers=20)
        async with running(load.run()):
            await load.more(200)
            await server.stop(5)
            await load.more(200)
    await other.stop(None)
    assert set(load.outcomes) == {"OK"}


async def test_the_old_age_of_connections_costs_no_call() -> None:
    server, _, port = await replica(0, Settings(grpc_connection_age_seconds=0.2))
    async with to(port) as channel:
        load = Load(channel, CHANGE)
        async with running(load.run()):
            await asyncio.sleep(2)
            await load.more(100)
    await server.stop(None)
    assert set(load.outcomes) == {"OK"}


async def test_a_replica_killed_under_load_costs_no_read(free_port: Callable[[], int]) -> None:
    ports = [free_port(), free_port()]
    async with AsyncExitStack() as stack:
        processes = [await started(stack, port) for port in ports]
        channel = await stack.enter_async_context(to(*ports))
        load = Load(channel, READ)
        async with running(load.run()):
            await load.more(200)
            processes[0].kill()
            await load.more(500)
    assert set(load.outcomes) == {"OK"}


async def started(stack: AsyncExitStack, port: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(REPLICA), str(port), stdout=asyncio.subprocess.PIPE
    )

    async def killed() -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()

    stack.push_async_callback(killed)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"listening\n"
    return process


class Unavailable(grpc.GenericRpcHandler):
    """A replica in trouble, that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        async def refuse(_: bytes, context: Any) -> bytes:
            self.asked[str(details.method)] += 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
            return b""

        return None if "grpc.health" in str(details.method) else grpc.unary_unary_rpc_method_handler(refuse)


async def test_a_read_is_sent_again_and_a_change_never() -> None:
    server, refusing = grpc.aio.server(), Unavailable()
    server.add_generic_rpc_handlers((refusing,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with to(port) as channel:
        for path in (READ, CHANGE):
            assert await refused(channel, path) == "not now"
        assert refusing.asked == {READ: transport.AGAIN["maxAttempts"], CHANGE: 1}
        # In lasting trouble the reads, too, are sent once: a service is not asked four times as much.
        await asyncio.gather(*(refused(channel, READ) for _ in range(40)))
        before = refusing.asked[READ]
        await refused(channel, READ)
        assert refusing.asked[READ] == before + 1
    await server.stop(None)


async def refused(channel: grpc.aio.Channel, path: str) -> str | None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await method(channel, path)(b"x", timeout=5)
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    return error.value.details()


def test_what_may_be_sent_again_is_what_the_contract_says_changes_nothing() -> None:
    config = json.loads(transport.service_config(SERVICE))
    (again,) = config["methodConfig"]
    named = {f"/{one['service']}/{one['method']}" for one in again["name"]}
    assert READ in named
    assert CHANGE not in named
    assert "methodConfig" not in json.loads(transport.service_config("nowhere"))
