"""A whole service in a process of its own: it starts, tells, drains, and says in one line why it cannot."""

import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.errors import Kind
from chassis.status import from_status
from chassis.testing import LocalIssuer, callers

from .program_given import Place, health_of, method, serving, token


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
        assert await health_of(channel) == health_pb2.HealthCheckResponse.SERVING
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
    assert b"socle.probe.v1.ProbeService/Wait" in Collector.received["/v1/traces"]
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
                while await health_of(channel) != health_pb2.HealthCheckResponse.NOT_SERVING:
                    await asyncio.sleep(0.1)
    finally:
        server.running.stop()


@pytest.mark.parametrize("migrate", ["0", "1"])
def test_database_away_at_start_is_one_line(place: Place, migrate: str, free_port: Callable[[], int]) -> None:
    url = f"postgresql://probe@127.0.0.1:{free_port()}/probe"
    code, lines = place.failing(SOCLE_DATABASE_URL=url, SOCLE_MIGRATE=migrate)
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
