"""The server of the gateway: how it is replaced while it is called, and how its certificate is."""

import asyncio
import os
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cryptography import x509
from pydantic import ValidationError

from chassis import tls
from chassis.testing import running, until
from gateway.app import create_app
from gateway.server import Server
from gateway.settings import Settings

DELAY = 1.0


class Replica(Server):
    """A gateway in the loop of the test, whose signals are its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def signalled(self) -> None:
        self.handle_exit(signal.SIGTERM, None)


@asynccontextmanager
async def replica(port: int, **settings: Any) -> AsyncIterator[Replica]:
    chosen = Settings(http_listen=f"127.0.0.1:{port}", **{"drain_delay_seconds": DELAY, **settings})
    server = Replica(create_app(chosen), chosen)
    serving = asyncio.create_task(server.serve())
    try:
        await until(lambda: answers(chosen.base_url))
        yield server
        await serving
    finally:
        server.should_exit = server.force_exit = True
        await serving


async def answers(url: str) -> bool:
    async with httpx.AsyncClient(verify=False) as client:  # noqa: S501 (whoever it is, it listens)
        try:
            return (await client.get(f"{url}/readyz/own", timeout=1)).status_code == 200
        except httpx.TransportError:
            return False


class Ingress:
    """What stands before: it asks each replica whether it takes requests, and keeps its connections."""

    def __init__(self, client: httpx.AsyncClient, *urls: str) -> None:
        self._client, self._urls = client, urls
        self.ready: list[str] = []
        self.outcomes: Counter[str] = Counter()

    async def probe(self) -> None:
        while True:
            self.ready = [url for url in self._urls if await answers(url)]
            await asyncio.sleep(0.05)

    async def call(self) -> None:
        turn = 0
        while True:
            if self.ready:
                turn += 1
                await self._ask(self.ready[turn % len(self.ready)])
            await asyncio.sleep(0.005)

    async def _ask(self, url: str) -> None:
        try:
            answer = await self._client.get(f"{url}/healthz")
            self.outcomes[str(answer.status_code)] += 1
        except httpx.TransportError as error:
            self.outcomes[type(error).__name__] += 1

    async def more(self, requests: int) -> None:
        wanted = self.outcomes.total() + requests

        async def enough() -> bool:
            return self.outcomes.total() >= wanted

        await until(enough, 30)


async def test_replicas_are_restarted_under_load_and_no_request_is_lost(free_port: Callable[[], int]) -> None:
    ports = [free_port(), free_port()]
    async with httpx.AsyncClient() as client, replica(ports[1]) as stays:
        ingress = Ingress(client, *(f"http://127.0.0.1:{port}" for port in ports))
        async with running(ingress.probe()), running(ingress.call()), running(ingress.call()):
            for _ in range(2):
                async with replica(ports[0]) as leaves:
                    await until(lambda: len(ingress.ready) == 2)
                    await ingress.more(100)
                    leaves.signalled()
                await ingress.more(50)
        stays.signalled()
    assert set(ingress.outcomes) == {"200"}


@asynccontextmanager
async def process(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program as it is started for good."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOCLE_")}
    own = {"SOCLE_HTTP_LISTEN": f"127.0.0.1:{port}", "SOCLE_DRAIN_DELAY_SECONDS": str(DELAY)}
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.app", env={**kept, **own}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: answers(f"http://127.0.0.1:{port}"), 60)
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


async def test_one_that_drains_says_so_serves_on_closes_connections_and_ends_streams(
    free_port: Callable[[], int],
) -> None:
    port = free_port()
    async with process(port) as leaves, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        before = await client.get("/livez")
        assert (before.status_code, "connection" in before.headers) == (200, False)
        async with client.stream("GET", "/v1/events/stream") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            began = time.monotonic()
            leaves.send_signal(signal.SIGTERM)
            await until(lambda: not_ready(client))
            during = await client.get("/livez")
            assert (during.status_code, during.headers["connection"]) == (200, "close")
            assert [line async for line in lines if line] == []
            assert DELAY / 2 < time.monotonic() - began < DELAY + 5
        assert await asyncio.wait_for(leaves.wait(), 20) == 0


async def not_ready(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/readyz/own")
    return answer.status_code == 503 and answer.json() == {"status": "draining"}


async def test_a_second_signal_does_not_wait(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with asyncio.timeout(20), replica(port, drain_delay_seconds=60) as leaves:
        leaves.signalled()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await until(lambda: not_ready(client))
        leaves.signalled()


def shown(port: int, authority: trustme.CA) -> int:
    """The serial number of the certificate shown to a browser."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"").serial_number


def given(folder: Path, authority: trustme.CA) -> int:
    """Writes a new certificate; its serial number."""
    leaf = authority.issue_cert("gateway", "127.0.0.1", common_name="gateway")
    (folder / "tls.key").write_bytes(leaf.private_key_pem.bytes())
    (folder / "tls.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
    (folder / "ca.crt").write_bytes(authority.cert_pem.bytes())
    return x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).serial_number


def files(folder: Path) -> dict[str, Path]:
    names = {"cert": "tls.crt", "key": "tls.key", "ca": "ca.crt"}
    return {f"tls_{part}_file": folder / name for part, name in names.items()}


async def test_https_shows_the_new_certificate_and_keeps_open_connections(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    authority, port = trustme.CA(), free_port()
    first = given(tmp_path, authority)
    context = tls.believing(tmp_path / "ca.crt")
    async with (
        replica(port, http_tls=True, drain_delay_seconds=0, **files(tmp_path)) as here,
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=context) as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        assert await asyncio.to_thread(shown, port, authority) == first
        second = given(tmp_path, authority)

        async def replaced() -> bool:
            assert (await client.get("/livez")).status_code == 200
            return await asyncio.to_thread(shown, port, authority) == second

        await until(replaced)
        here.signalled()


def test_https_without_a_certificate_is_told_at_start() -> None:
    with pytest.raises(ValidationError, match="SOCLE_HTTP_TLS needs SOCLE_TLS_CERT_FILE"):
        Settings(http_tls=True)


def test_links_say_https_where_it_is() -> None:
    certificate: dict[str, Any] = {
        f"tls_{part}_file": Path(f"/certs/{part}") for part in ("cert", "key", "ca")
    }
    assert (
        Settings(http_tls=True, http_listen="127.0.0.1:8443", **certificate).base_url
        == "https://127.0.0.1:8443"
    )
