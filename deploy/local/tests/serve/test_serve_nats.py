"""NATS as a container serves it, really started from its wheel: TLS, the platform's users, changed files."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import nats
import pytest
from nats.aio.client import Client

from socle_local.failures import PlatformFailedError
from socle_local.manifest import Service, find_services
from socle_local.nats import inbox_of
from socle_local.serve.mounted import fingerprint, passwords
from socle_local.serve.nats import accounts

from .conftest import Mounts, Server, free_ports

SERVICES = [
    Service("dmp", "dmp", 1, grpc=True, durables=("dmp-know",)),
    Service("gateway", "gateway", 2, grpc=False),
]


@pytest.fixture(scope="module")
def running_nats(mounts: Mounts) -> Iterator[Server]:
    mounts.certificate("localhost")
    for service in find_services():
        mounts.password("nats-users", service.snake, f"{service.snake}'s own")
    server = Server("nats", mounts, free_ports("NATS", "NATS_MONITOR"))
    server.start()
    yield server
    server.kill()


@asynccontextmanager
async def client(server: Server, user: str, password: str) -> AsyncIterator[tuple[Client, list[str]]]:
    errors: list[str] = []

    async def keep(error: Exception) -> None:
        errors.append(str(error))

    trust = ssl.create_default_context(cafile=str(server.mounts.folder / "tls" / "ca.crt"))
    made = await nats.connect(
        f"tls://localhost:{server.ports['NATS']}",
        tls=trust,
        tls_handshake_first=True,
        user=user,
        password=password,
        inbox_prefix=inbox_of(user),
        error_cb=keep,
        max_reconnect_attempts=0,
        allow_reconnect=False,
    )
    try:
        yield made, errors
    finally:
        await made.close()


async def test_a_service_publishes_its_events_by_tls_and_no_other(running_nats: Server) -> None:
    async with client(running_nats, "dmp", "dmp's own") as (dmp, errors):
        stream = dmp.jetstream(timeout=2)
        await stream.add_stream(name="SOCLE_DMP", subjects=["socle.dmp.>"])
        assert (await stream.publish("socle.dmp.record.opened.v1", b"{}")).seq == 1
        await dmp.publish("socle.identity_ins.identity.qualified.v1", b"{}")
        # The server answers when it likes; the client tells by its callback.
        async with asyncio.timeout(5):
            while not errors:
                await asyncio.sleep(0.02)
        assert "permissions violation" in errors[0].lower()


async def test_a_guessed_password_opens_nothing(running_nats: Server) -> None:
    with pytest.raises(nats.errors.Error):
        async with client(running_nats, "dmp", "guess"):
            pass


async def test_not_a_word_is_said_in_clear(running_nats: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running_nats.ports["NATS"])
    writer.write(b'CONNECT {"verbose": false}\r\n')
    # The server closes; a greeting here would be the INFO of a connection without TLS.
    assert not (await reader.read()).startswith(b"INFO")
    writer.close()


async def test_the_probe_of_the_kubelet_is_answered(running_nats: Server) -> None:
    address = f"http://127.0.0.1:{running_nats.ports['NATS_MONITOR']}/healthz"
    async with httpx.AsyncClient(trust_env=False) as web:
        assert (await web.get(address)).json() == {"status": "ok"}


async def test_changed_password_and_certificate_are_taken_over_without_a_restart(
    running_nats: Server,
) -> None:
    running_nats.mounts.certificate("localhost")
    running_nats.mounts.password("nats-users", "dmp", "changed")
    running_nats.wait_said("Reloaded: tls")
    running_nats.wait_said("Reloaded: authorization users")
    async with client(running_nats, "dmp", "changed") as (dmp, _):
        assert (await dmp.jetstream(timeout=2).stream_info("SOCLE_DMP")).state.messages == 1


async def test_a_stop_is_orderly_and_the_stream_is_there_at_the_next_start(running_nats: Server) -> None:
    assert running_nats.stop() == 0
    running_nats.start()
    password = (running_nats.mounts.folder / "nats-users" / "dmp" / "password").read_text().strip()
    async with client(running_nats, "dmp", password) as (dmp, _):
        assert (await dmp.jetstream(timeout=2).stream_info("SOCLE_DMP")).state.messages == 1
    config = running_nats.mounts.scratch / "nats.conf"
    assert config.stat().st_mode & 0o777 == 0o600


def test_users_are_the_services_and_the_subscriber_when_it_has_a_password() -> None:
    assert [user.name for user in accounts(SERVICES, {"dmp": "a", "gateway": "b"})] == ["dmp", "gateway"]
    three = accounts(SERVICES, {"dmp": "a", "gateway": "b", "subscriber": "c"})
    assert [user.name for user in three] == ["dmp", "gateway", "subscriber"]
    assert any(".dmp-know" in subject for subject in three[0].permissions.publish)


def test_a_service_without_a_password_and_a_password_of_nobody_are_told() -> None:
    with pytest.raises(PlatformFailedError, match="no password for gateway"):
        accounts(SERVICES, {"dmp": "a"})
    with pytest.raises(PlatformFailedError, match="password for dpm, whom no service"):
        accounts(SERVICES, {"dmp": "a", "gateway": "b", "dpm": "c"})


def test_passwords_are_read_as_a_secret_mounts_them(tmp_path: Path) -> None:
    with pytest.raises(PlatformFailedError, match="mount a Secret for each name"):
        passwords(tmp_path)
    # A kubelet writes into a folder of dots and links to it.
    (tmp_path / "dmp" / "..data").mkdir(parents=True)
    (tmp_path / "dmp" / "..data" / "password").write_text("kept\n")
    (tmp_path / "dmp" / "password").symlink_to("..data/password")
    (tmp_path / "..2026").mkdir()
    assert passwords(tmp_path) == {"dmp": "kept"}
    before = fingerprint([tmp_path / "dmp" / "password"])
    (tmp_path / "dmp" / "..data" / "password").write_text("changed\n")
    assert fingerprint([tmp_path / "dmp" / "password"]) != before
    (tmp_path / "dmp" / "..data" / "password").write_text("\n")
    with pytest.raises(PlatformFailedError, match="is empty"):
        passwords(tmp_path)
    (tmp_path / "dmp" / "password").unlink()
    with pytest.raises(PlatformFailedError, match="needs the key `password`"):
        passwords(tmp_path)
