"""A service of the tests' own in a process of its own: where it runs, what it said, how it is asked."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from joserfc.jwk import KeySet

from chassis.db import Database
from chassis.testing import LocalIssuer, callers

APP = Path(__file__).with_name("probe_app.py")
MIGRATIONS = """
from chassis.migrate import run_env
from sqlalchemy import MetaData

run_env(MetaData())
"""


def keys_over_http(issuer: LocalIssuer) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://{self.headers['host']}{self.path}".removesuffix(
                "/.well-known/openid-configuration"
            )
            body: Any = KeySet([issuer.key]).as_dict(private=False)
            if self.path.endswith("/openid-configuration"):
                body = {"issuer": base, "jwks_uri": f"{base}/certs"}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            """Silent."""

    return Answers


@contextmanager
def serving(answers: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """An HTTP server in a thread of its own; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def sso(issuer: LocalIssuer) -> Iterator[str]:
    """The address of an issuer with the keys of the tests."""
    with serving(keys_over_http(issuer)) as address:
        yield address


@dataclass
class Program:
    """The service and what it said."""

    process: asyncio.subprocess.Process
    address: str
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def said(self, event: str) -> dict[str, Any]:
        """The line of this event; the process must say it, or the test fails with what it said."""
        async with asyncio.timeout(30):
            while True:
                for line in self.lines:
                    if line.get("event") == event:
                        return line
                assert await self._next(), f"never said {event}: {self.lines}"

    async def _next(self) -> bool:
        assert self.process.stderr is not None
        text = (await self.process.stderr.readline()).decode()
        if text.startswith("{"):
            self.lines.append(json.loads(text))
        elif text:
            self.lines.append({"event": "", "text": text})
        return bool(text)

    async def ended(self) -> int:
        while await self._next():
            pass
        return await asyncio.wait_for(self.process.wait(), 20)


@dataclass
class Place:
    """Where the service runs: its folder, its environment."""

    folder: Path
    environment: dict[str, str]

    def environ(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SOCLE_")}
        return {**kept, **self.environment, **more}

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(APP)]

    @asynccontextmanager
    async def running(self, **more: str) -> AsyncIterator[Program]:
        process = await asyncio.create_subprocess_exec(
            *self.command,
            env=self.environ(**more),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield Program(process, self.environ(**more)["SOCLE_GRPC_LISTEN"])
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def failing(self, **more: str) -> tuple[int, list[str]]:
        """The exit code and the lines that are not of the log."""
        done = subprocess.run(
            self.command, env=self.environ(**more), check=False, capture_output=True, text=True, timeout=60
        )
        return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("{")]


@pytest.fixture
async def place(
    tmp_path: Path,
    postgres: Any,
    nats_server: Any,
    fresh: Database,
    probe: ModuleType,
    sso: str,
    free_port: Callable[[], int],
) -> Place:
    database, nats = tmp_path / "database", tmp_path / "nats"
    database.write_text(postgres.password)
    nats.write_text(nats_server.passwords["probe"])
    name = await fresh.pool.fetchval("SELECT current_database()")
    for path, text in {"probe/__init__.py": "", "migrations/env.py": MIGRATIONS}.items():
        (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / path).write_text(text)
    environment = {
        # Before the packages of this copy of the repository, where there are several.
        "PYTHONPATH": os.pathsep.join(
            [str(Path(probe.__file__ or "").parent), str(tmp_path / "src"), os.environ.get("PYTHONPATH", "")]
        ),
        "SOCLE_MIGRATE": "0",
        "SOCLE_GRPC_LISTEN": f"127.0.0.1:{free_port()}",
        "SOCLE_DATABASE_URL": postgres.url(name),
        "SOCLE_DATABASE_PASSWORD_FILE": str(database),
        "SOCLE_NATS_URL": nats_server.url,
        "SOCLE_NATS_USER": "probe",
        "SOCLE_NATS_PASSWORD_FILE": str(nats),
        "SOCLE_OIDC_BASE": sso,
    }
    return Place(tmp_path, environment)


def token(issuer: LocalIssuer, sso: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {issuer.token(callers.doctor, iss=f'{sso}/realms/pro')}")]


def method(channel: grpc.aio.Channel, probe: ModuleType, name: str) -> Any:
    descriptor = probe.DESCRIPTOR.services_by_name["ProbeService"].methods_by_name[name]
    return channel.unary_unary(
        f"/socle.probe.v1.ProbeService/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=getattr(probe, descriptor.output_type.name).FromString,
    )


async def health_of(channel: grpc.aio.Channel, name: str = "") -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
    return int(answer.status)
