"""Real servers for every test: PostgreSQL and NATS from their wheels, once a run, gone at its end."""

import asyncio
import gc
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from socle_local import nats as local_nats
from socle_local import postgres as local_postgres

pytest_plugins = ["chassis.testing"]
# Tests that kill a server start it again: a child forked for another user dies in gRPC's own fork handlers.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


LEFT_OPEN: list[str] = []


@pytest.fixture(scope="session", autouse=True)
async def nothing_left_open() -> AsyncIterator[None]:
    """A connection that a cancelled client of a library left open would be found by the collector after the
    loop is closed, and fail a whole run without a word on whose it was: here it is cut, and named at the end.
    """
    yield
    for one in gc.get_objects():
        if issubclass(type(one), asyncio.Transport) and not one.is_closing():
            LEFT_OPEN.append(f"left open: {one!r} of {one.get_protocol()!r}")
            one.abort()
    if LEFT_OPEN:
        LEFT_OPEN.extend(f"still at work: {task.get_coro()!r}" for task in asyncio.all_tasks())
    await asyncio.sleep(0.1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the run had to clean up."""
    for told in LEFT_OPEN:
        terminalreporter.write_line(told, yellow=True)


def unused_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class TestServer:
    """A PostgreSQL of this run, and its superuser."""

    running: local_postgres.Postgres
    password: str

    def url(self, database: str) -> str:
        return self.running.url(local_postgres.ADMIN, database)


def start_postgres(folder: Path) -> TestServer:
    """A server without fsync: these tests kill processes, never the power."""
    password = secrets.token_urlsafe(16)
    server = local_postgres.Postgres(folder, unused_port(), password, fsync=False)
    server.start()
    return TestServer(server, password)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """A real PostgreSQL, shared by the run: a test that stops it starts one of its own."""
    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    try:
        yield server
    finally:
        server.running.stop()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives ports that nobody listens on."""
    return unused_port


@pytest.fixture
def own_postgres() -> Callable[[Path], TestServer]:
    """Starts a server for one test, which stops it."""
    return start_postgres


@pytest.fixture
def own_nats() -> "Callable[[Path], TestNats]":
    """Starts a server for one test, which stops it."""
    return start_nats


# The service of the chassis' own tests; its consumers are named one by one, as the server wants them.
PROBE = "probe"
PROBE_DURABLES = tuple(f"probe-{n}" for n in range(40))
SUBSCRIBER, ADMIN = "subscriber", "admin"


@dataclass(frozen=True)
class TestNats:
    """A NATS server of this run: the user of a service, of a subscriber, and one that may do anything."""

    running: local_nats.Nats
    passwords: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.running.url

    async def client(self, user: str, **options: Any) -> Client:
        """A connection as one of the users, with the rights it has on the platform."""
        inbox = local_nats.inbox_of(user).encode()
        password = self.passwords[user]
        return await nats.connect(self.url, user=user, password=password, inbox_prefix=inbox, **options)


def start_nats(folder: Path) -> TestNats:
    """A server with the users of these tests."""
    passwords = {name: secrets.token_urlsafe(16) for name in (PROBE, SUBSCRIBER, ADMIN)}
    users = local_nats.users(passwords, {PROBE: PROBE_DURABLES}, [SUBSCRIBER])
    all_powerful = local_nats.Permissions((">",), (">",))
    users.append(local_nats.User(ADMIN, passwords[ADMIN], all_powerful))
    server = local_nats.Nats(folder, unused_port(), users)
    server.start()
    return TestNats(server, passwords)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestNats]:
    """A real NATS with JetStream, shared by the run: a test that stops it starts one of its own."""
    server = start_nats(tmp_path_factory.mktemp("nats"))
    try:
        yield server
    finally:
        server.running.stop()
