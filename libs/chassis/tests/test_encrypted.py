"""The database and NATS over TLS: checked by name, by the authority of now, and never talked out of it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trustme

from chassis import broker, db, leader, migrate
from chassis.settings import Settings
from chassis.testing import running, until
from socle_local.credentials import Certificate
from socle_local.nats import configuration, server_binary
from socle_local.programs import Program
from socle_local.serve.door import Door

QUERY = "SELECT 1"


class Place:
    """A server's certificate and the authority its clients are given."""

    def __init__(self, folder: Path) -> None:
        self.files = Certificate(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
        self.renew(trustme.CA())

    def renew(self, authority: trustme.CA) -> None:
        leaf = authority.issue_cert("127.0.0.1")
        self.files.key.write_bytes(leaf.private_key_pem.bytes())
        self.files.cert.write_bytes(leaf.cert_chain_pems[0].bytes())
        self.files.ca.write_bytes(authority.cert_pem.bytes())


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
async def door(here: Place, postgres: Any, free_port: Callable[[], int]) -> AsyncIterator[tuple[Door, int]]:
    """TLS before the PostgreSQL of the tests, whose wheel is built without."""
    opened, port = Door(here.files, postgres.running.port), free_port()
    await opened.open("localhost", port)
    yield opened, port
    await opened.close()


def settings(postgres: Any, port: int, ca: Path, host: str = "127.0.0.1") -> Settings:
    address = postgres.url("postgres").replace(f"127.0.0.1:{postgres.running.port}", f"{host}:{port}")
    return Settings(database_ca_file=ca, database_url=address)


async def test_every_way_to_the_database_is_encrypted_and_checked(
    here: Place, postgres: Any, door: tuple[Door, int], tmp_path: Path
) -> None:
    url = settings(postgres, door[1], here.files.ca).database_url
    pool = await db.connect(url, postgres.password, 2)
    assert await pool.fetchval(QUERY) == 1
    await pool.close()
    async with leader.leading(url, postgres.password, "encrypted", "test") as connection:
        assert await connection.fetchval(QUERY) == 1
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(
        "from chassis import migrate, schema\nmigrate.run_env(schema.metadata())\n"
    )
    await asyncio.to_thread(migrate.upgrade, tmp_path, url, postgres.password)
    assert await migrate.state(tmp_path, url, postgres.password) is migrate.State.LEVEL


async def test_a_database_of_another_authority_or_name_is_not_spoken_to(
    here: Place, postgres: Any, door: tuple[Door, int], tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.crt"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    for refused in (
        settings(postgres, door[1], stranger),
        settings(postgres, door[1], here.files.ca, "localhost"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncpg.connect(refused.database_url, password=postgres.password)


async def test_a_database_that_offers_no_encryption_is_not_spoken_to(here: Place, postgres: Any) -> None:
    in_clear = settings(postgres, postgres.running.port, here.files.ca)
    with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
        await asyncpg.connect(in_clear.database_url, password=postgres.password)


async def test_a_pool_believes_the_authority_of_now_when_it_connects_again(
    here: Place, postgres: Any, door: tuple[Door, int]
) -> None:
    pool = await db.connect(settings(postgres, door[1], here.files.ca).database_url, postgres.password, 2)
    here.renew(trustme.CA())
    door[0].renew(here.files)
    await pool.expire_connections()
    assert await pool.fetchval(QUERY) == 1
    await pool.close()


def nats_over_tls(folder: Path, port: int, place: Place) -> Program:
    """A NATS of one user that shakes hands first."""
    made = configuration("encrypted", folder, port, [])
    made["authorization"] = {"users": [{"user": "probe", "password": "p"}]}
    files = place.files
    made["tls"] = {"cert_file": str(files.cert), "key_file": str(files.key), "handshake_first": True}
    (folder / "nats.conf").write_text(json.dumps(made))
    return Program("nats", [server_binary(), "--config", folder / "nats.conf"], log=folder / "nats.log")


def of_nats(place: Place, port: int, password: Path) -> Settings:
    password.write_text("p")
    return Settings(
        nats_url=f"tls://127.0.0.1:{port}",
        nats_user="probe",
        nats_password_file=password,
        nats_ca_file=place.files.ca,
    )


async def flushed(told: Settings) -> None:
    async with broker.connected("probe", told) as client:
        await client.flush()


async def test_nats_is_found_again_under_a_new_authority(
    here: Place, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    server = nats_over_tls(tmp_path, port, here)
    server.start()
    try:
        async with broker.connected("probe", of_nats(here, port, tmp_path / "password")) as client:
            await client.flush()
            server.stop()
            here.renew(trustme.CA())
            server.start()
            await until(lambda: client.is_connected and client.stats["reconnects"] > 0)
            await client.flush()
    finally:
        server.stop()


async def test_a_nats_that_says_it_needs_no_encryption_is_told_no_password(
    here: Place, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    heard = bytearray()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Who stands in between: a greeting in plain text that asks for no TLS."""
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"proto":1}\r\n')
        heard.extend(await reader.read(4096))
        writer.close()

    told = of_nats(here, port, tmp_path / "password")
    async with (
        await asyncio.start_server(greet, "127.0.0.1", port),
        running(flushed(told)) as (connecting,),
    ):
        await until(lambda: bool(heard))
        assert b"CONNECT" not in heard
        assert not connecting.done()


async def test_nats_is_found_after_a_handshake_that_failed(
    here: Place, tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "CONNECT_SECONDS", 1.0)
    port, knocked = free_port(), asyncio.Event()

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no hand is shaken here\r\n")
        writer.close()
        knocked.set()

    refusing = await asyncio.start_server(refuse, "127.0.0.1", port)
    async with running(flushed(of_nats(here, port, tmp_path / "password"))) as (connecting,):
        await knocked.wait()
        refusing.close()
        await refusing.wait_closed()
        server = nats_over_tls(tmp_path, port, here)
        server.start()
        try:
            await asyncio.wait_for(connecting, 10)
        finally:
            server.stop()
