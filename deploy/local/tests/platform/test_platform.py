"""The whole launcher on a small repository: real PostgreSQL, NATS and issuer, two small services."""

import os
from pathlib import Path

import asyncpg
import grpc
import httpx
import nats
import pytest
from grpc_health.v1 import health_pb2

from socle_local.failures import PlatformFailedError
from socle_local.nats import inbox_of
from socle_local.platform import INTEGRATOR, Platform
from socle_local.ports import Ports, is_taken
from socle_local.probes import asking, channel, grpc_ready


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SOCLE_")]:
        monkeypatch.delenv(name)


async def test_everything_is_ready_then_gone(small_repository: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Platform(home, fsync=False, observed=True, root=small_repository) as platform:
        url, password = platform.database("echo-back")
        connection = await asyncpg.connect(url, password=password)
        await connection.close()
        await makes_its_stream(platform, "echo_back")
        async with httpx.AsyncClient(trust_env=False) as client:
            pro = await client.get(f"{platform.issuer_url}/realms/pro/.well-known/openid-configuration")
            assert pro.json()["issuer"] == f"{platform.issuer_url}/realms/pro"
            assert (await client.get(f"{platform.url()}/readyz")).status_code == 200
            assert (await client.get(f"{platform.url('observe')}/api/traces")).json() == {"traces": []}
    assert not any(is_taken(port) for port in platform.ports.by_name.values())
    assert "echo drained" in (home / "logs" / "echo-back.log").read_text()


async def makes_its_stream(platform: Platform, user: str) -> None:
    client = await nats.connect(
        platform.nats.url, user=user, password=platform.nats_password(user), inbox_prefix=inbox_of(user)
    )
    await client.jetstream().add_stream(name=f"SOCLE_{user.upper()}", subjects=[f"socle.{user}.>"])
    await client.close()


def test_a_service_that_cannot_start_says_why_and_nothing_is_left(
    small_repository: Path, free_ports: Ports, tmp_path: Path
) -> None:
    platform = Platform(
        tmp_path / "home", free_ports, fsync=False, root=small_repository, extra={"ECHO_BROKEN": "1"}
    )
    with pytest.raises(PlatformFailedError, match=r"(?s)echo-back did not start.*the answer is missing"):
        platform.start()
    assert not any(is_taken(port) for port in free_ports.by_name.values())


def test_with_tls_only_a_program_with_a_certificate_is_answered(
    small_repository: Path, free_ports: Ports, tmp_path: Path
) -> None:
    platform = Platform(tmp_path / "home", free_ports, fsync=False, tls=True, root=small_repository)
    with platform:
        address = free_ports.address("echo-back")
        with channel(address, platform.certificates[INTEGRATOR]) as integrator:
            answer = asking(integrator)(health_pb2.HealthCheckRequest(), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert not grpc_ready(free_ports["echo-back"], None)()
        stranger = grpc.ssl_channel_credentials((tmp_path / "home" / "tls" / "ca.pem").read_bytes())
        with grpc.secure_channel(address, stranger) as unknown, pytest.raises(grpc.RpcError):
            asking(unknown)(health_pb2.HealthCheckRequest(), timeout=5)


def test_what_a_service_is_told(small_repository: Path, free_ports: Ports, tmp_path: Path) -> None:
    platform = Platform(tmp_path / "home", free_ports, fsync=False, root=small_repository)
    echo, front = platform.services
    told, front_told = platform.environment(echo), platform.environment(front)
    assert told["SOCLE_GRPC_LISTEN"] == free_ports.address("echo-back")
    assert told["SOCLE_NATS_USER"] == "echo_back"
    assert told["SOCLE_SERVICES"] == '{"echo-back":"' + free_ports.address("echo-back") + '"}'
    assert Path(told["SOCLE_OIDC_CLIENT_SECRET_FILE"]).name == "echo-back"
    assert front_told["SOCLE_HTTP_LISTEN"] == free_ports.address("gateway")
    assert "SOCLE_DATABASE_URL" not in front_told
    assert not any(name.startswith("OTEL_EXPORTER") for name in told)
    files = [name for name in told if name.startswith("SOCLE_") and name.endswith("_PASSWORD_FILE")]
    secrets = {Path(told[name]).read_text() for name in files}
    assert len(secrets) == 2
    assert not secrets & set(told.values()), "a password travels by file, never in the environment"


def test_observed_every_service_sends_all_of_its_traces_to_the_page(
    small_repository: Path, tmp_path: Path
) -> None:
    platform = Platform(tmp_path / "home", fsync=False, observed=True, root=small_repository)
    page = f"http://{platform.ports.address('observe')}"
    for service in platform.services:
        told = platform.environment(service)
        assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == page
        assert (told["SOCLE_TRACE_RATIO"], told["OTEL_METRIC_EXPORT_INTERVAL"]) == ("1", "5000")
