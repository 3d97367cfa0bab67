"""A whole service in a process of its own: it starts, tells, drains, and says in one line why it cannot."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from joserfc.jwk import KeySet

from chassis.db import Database
from chassis.errors import Kind
from chassis.status import from_status
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
            yield Program(process, self.environment["SOCLE_GRPC_LISTEN"])
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
    environment = {
        # Before the packages of this copy of the repository, where there are several.
        "PYTHONPATH": os.pathsep.join(
            [str(Path(probe.__file__ or "").parent), os.environ.get("PYTHONPATH", "")]
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


async def health(channel: grpc.aio.Channel) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    return int(answer.status)


async def listed(channel: grpc.aio.Channel) -> set[str]:
    make: Any = reflection_pb2_grpc.ServerReflectionStub
    stub = make(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([asked])):
        return {one.name for one in answer.list_services_response.service}
    return set()


async def test_starts_serves_and_drains(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType
) -> None:
    async with place.running() as program, grpc.aio.insecure_channel(program.address) as channel:
        await program.said("service.ready")
        assert await health(channel) == health_pb2.HealthCheckResponse.SERVING
        assert "socle.probe.v1.ProbeService" in await listed(channel)
        ask = method(channel, probe, "Wait")
        running = asyncio.ensure_future(
            ask(probe.WaitRequest(seconds=2), metadata=token(issuer, sso), timeout=20)
        )
        assert program.process.stdout is not None
        assert await program.process.stdout.readline() == b"waiting\n"
        program.process.send_signal(signal.SIGTERM)
        await program.said("service.draining")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            # The line is written before the door is shut: a call of that very moment is still served.
            for _ in range(20):
                async with grpc.aio.insecure_channel(program.address) as later:
                    asked = method(later, probe, "Wait")
                    await asked(probe.WaitRequest(), metadata=token(issuer, sso), timeout=1)
        assert from_status(error.value).kind in (Kind.UNAVAILABLE, Kind.TIMED_OUT)
        assert not running.done()
        assert isinstance(await running, probe.WaitResponse)
        assert await program.ended() == 0
    assert program.lines[-1]["event"] == "service.stopped"
    assert [line for line in program.lines if "text" in line] == []


async def test_a_call_longer_than_the_drain_is_cut(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType
) -> None:
    async with (
        place.running(SOCLE_DRAIN_SECONDS="0.5") as program,
        grpc.aio.insecure_channel(program.address) as channel,
    ):
        await program.said("service.ready")
        ask = method(channel, probe, "Wait")
        running = asyncio.ensure_future(
            ask(probe.WaitRequest(seconds=30), metadata=token(issuer, sso), timeout=40)
        )
        assert program.process.stdout is not None
        await program.process.stdout.readline()
        began = time.monotonic()
        program.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError):
            await running
        assert await program.ended() == 0
        assert time.monotonic() - began < 8


async def test_what_is_written_travels_to_the_stream(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType, stream: Any
) -> None:
    heard = await stream.subscribe("socle.probe.note.written.v1")
    async with place.running() as program, grpc.aio.insecure_channel(program.address) as channel:
        await program.said("relay.leading")
        note = "01900000-0000-7000-8000-000000000001"
        ask = method(channel, probe, "WriteNote")
        await ask(probe.WriteNoteRequest(note_id=note), metadata=token(issuer, sso), timeout=10)
        event = json.loads((await heard.next_msg(timeout=10)).data)
    assert event["data"] == {"note_id": note}


class Collector(BaseHTTPRequestHandler):
    """Takes what an OpenTelemetry collector takes."""

    received: ClassVar[dict[str, bytes]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received[self.path] = self.received.get(self.path, b"") + body
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def collector() -> Iterator[str]:
    with serving(Collector) as address:
        yield address


async def test_traces_and_metrics_leave_for_the_collector_without_patient_data(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType, collector: str
) -> None:
    async with (
        place.running(OTEL_EXPORTER_OTLP_ENDPOINT=collector, SOCLE_TRACE_RATIO="1") as program,
        grpc.aio.insecure_channel(program.address) as channel,
    ):
        await program.said("service.ready")
        metadata = [
            *token(issuer, sso),
            ("traceparent", "00-" + "c" * 32 + "-" + "d" * 16 + "-01"),
            ("socle-purpose", "bris_de_glace"),
            ("socle-reason", "DUPONT"),
        ]
        await method(channel, probe, "Wait")(probe.WaitRequest(), metadata=metadata, timeout=10)
        program.process.send_signal(signal.SIGTERM)
        assert await program.ended() == 0
    assert b"/socle.probe.v1.ProbeService/Wait" in Collector.received["/v1/traces"]
    assert bytes.fromhex("c" * 32) in Collector.received["/v1/traces"]
    assert b"socle.rpc.duration" in Collector.received["/v1/metrics"]
    assert b"DUPONT" not in b"".join(Collector.received.values())
    assert callers.doctor.subject.encode() not in b"".join(Collector.received.values())


async def test_settings_are_printed_at_start_without_any_secret(place: Place) -> None:
    url = place.environment["SOCLE_DATABASE_URL"].replace("@", ":hunter2@")
    async with place.running(SOCLE_DATABASE_URL=url) as program:
        line = await program.said("service.settings")
        await program.said("service.ready")
    assert line["settings"]["database_url"] == url.replace("hunter2", "***")
    assert line["settings"]["profile"] == "local"
    assert "hunter2" not in json.dumps(program.lines)


async def test_a_lost_part_stops_the_service_with_a_failure(place: Place) -> None:
    async with place.running(FAILING="1") as program:
        failed = await program.said("service.task_failed")
        assert await program.ended() == 1
    assert failed["error_type"] == "ZeroDivisionError"
    assert "DUPONT" not in json.dumps(program.lines)


async def test_database_that_goes_away_is_seen_in_health(
    place: Place, tmp_path: Path, own_postgres: Callable[[Path], Any], tables: Callable[..., Awaitable[None]]
) -> None:
    server = own_postgres(tmp_path / "server")
    try:
        (tmp_path / "database").write_text(server.password)
        await tables(server.url("postgres"), server.password)
        async with (
            place.running(SOCLE_DATABASE_URL=server.url("postgres")) as program,
            grpc.aio.insecure_channel(program.address) as channel,
        ):
            await program.said("service.ready")
            server.running.stop()
            await program.said("database.unreachable")
            async with asyncio.timeout(10):
                while await health(channel) != health_pb2.HealthCheckResponse.NOT_SERVING:
                    await asyncio.sleep(0.1)
    finally:
        server.running.stop()


@pytest.mark.parametrize("migrate", ["0", "1"])
def test_database_away_at_start_is_one_line(place: Place, migrate: str, free_port: Callable[[], int]) -> None:
    root = place.folder / "src"
    for path, text in {
        "probe/__init__.py": "",
        "migrations/env.py": MIGRATIONS,
    }.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    url = f"postgresql://probe@127.0.0.1:{free_port()}/probe"
    path = f"{root}{os.pathsep}{place.environment['PYTHONPATH']}"
    code, lines = place.failing(SOCLE_DATABASE_URL=url, SOCLE_MIGRATE=migrate, PYTHONPATH=path)
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("probe stops: ConnectionRefusedError")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"SOCLE_PROFILE": "production"}, "needs SOCLE_TLS_CERT_FILE"),
        ({"SOCLE_GRPC_LISTEN": "0.0.0.0:1"}, "loopback only"),
        ({"SOCLE_DATABASE_POOL": "many"}, "SOCLE_DATABASE_POOL: "),
        ({"SOCLE_DATABASE_URL": ""}, "SOCLE_DATABASE_URL: missing"),
        ({"SOCLE_DATABASE_PASSWORD_FILE": "/nowhere/secret"}, "/nowhere/secret"),
        ({"SOCLE_DATABASE_PASSWORD_FILE": "/dev/null"}, "InvalidPasswordError"),
        ({"CONTRACT": "NoRuleService"}, "NoRuleService.Anything has no (socle.options.v1.rule)"),
    ],
)
def test_what_cannot_be_is_one_line(place: Place, variables: dict[str, str], told: str) -> None:
    code, lines = place.failing(**variables)
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("probe")
    assert told in lines[0]


async def test_a_port_in_use_is_one_line(place: Place) -> None:
    async with place.running() as program:
        await program.said("service.ready")
        code, lines = await asyncio.to_thread(place.failing)
    assert code == 1
    (line,) = [line for line in lines if line.startswith("probe")]
    assert f"{program.address} cannot be listened on" in line
