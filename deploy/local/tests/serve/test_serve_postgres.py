"""PostgreSQL as a container serves it, really started from its wheel: TLS, roles, changed files, the stop."""

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from .conftest import Mounts, Server, taken

TLS_ONLY = r"TLS connections only: ask for sslmode=verify-full"


@pytest.fixture
def trusted(running_postgres: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(running_postgres.mounts.folder / "tls" / "ca.crt"))


async def connect(
    server: Server, password: str, trust: ssl.SSLContext | bool, role: str = "dmp", database: str = "dmp"
) -> asyncpg.Connection:
    return await asyncpg.connect(
        host="localhost",
        port=server.ports["POSTGRES"],
        user=role,
        password=password,
        database=database,
        ssl=trust,
        timeout=10,
    )


async def test_a_service_reaches_its_own_database_by_tls(
    running_postgres: Server, trusted: ssl.SSLContext
) -> None:
    connection = await connect(running_postgres, "first", trusted)
    # The e-prescription searches medicines by likeness; the role may create it, as its migrations do.
    await connection.execute("CREATE EXTENSION pg_trgm")
    assert await connection.fetchval("SELECT similarity('doliprane', 'dolipran') > 0.5")
    # Larger than the door's buffers, in both directions.
    assert await connection.fetchval("SELECT length($1::text)", "x" * 3_000_000) == 3_000_000
    assert len(await connection.fetchval("SELECT repeat('y', 3000000)")) == 3_000_000
    await connection.close()


async def test_a_service_does_not_reach_the_database_of_another(
    running_postgres: Server, trusted: ssl.SSLContext
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connect(running_postgres, "first", trusted, database="identity_ins")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(running_postgres, "guess", trusted)


async def test_a_connection_without_tls_is_refused_in_words(running_postgres: Server) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match=TLS_ONLY):
        await connect(running_postgres, "first", False)


async def test_a_client_recognises_a_server_that_is_not_this_one(running_postgres: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(running_postgres, "first", ssl.create_default_context())


async def test_a_knock_without_a_word_and_one_of_garbage_leave_the_door_open(
    running_postgres: Server, trusted: ssl.SSLContext
) -> None:
    for words in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x08\x04\xd2\x16\x2fgarbage"):
        _, writer = await asyncio.open_connection("127.0.0.1", running_postgres.ports["POSTGRES"])
        writer.write(words)
        writer.close()
        await writer.wait_closed()
    await (await connect(running_postgres, "first", trusted)).close()


async def test_a_client_that_asks_for_gss_first_is_told_no_and_goes_on(running_postgres: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running_postgres.ports["POSTGRES"])
    writer.write(bytes.fromhex("0000000804d21630"))
    assert await reader.readexactly(1) == b"N"
    writer.write(bytes.fromhex("0000000804d2162f"))
    assert await reader.readexactly(1) == b"S"
    writer.close()


async def test_changed_password_and_certificate_are_taken_over_without_a_restart(
    running_postgres: Server, trusted: ssl.SSLContext
) -> None:
    before = await connect(running_postgres, "first", trusted)
    renewed = running_postgres.mounts.certificate("localhost")
    running_postgres.mounts.password("databases", "dmp", "second")
    await (await soon(running_postgres, "second", renewed)).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(running_postgres, "first", renewed)
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(running_postgres, "second", trusted)
    assert await before.fetchval("SELECT 1") == 1
    await before.close()
    running_postgres.mounts.password("databases", "dmp", "first")
    await (await soon(running_postgres, "first", renewed)).close()


async def soon(server: Server, password: str, trust: ssl.SSLContext) -> asyncpg.Connection:
    """A connection, once the server has looked at its files again."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await connect(server, password, trust)
            except (ssl.SSLCertVerificationError, asyncpg.InvalidPasswordError):
                await asyncio.sleep(0.1)


async def test_a_certificate_of_no_use_leaves_the_former_in_force(
    running_postgres: Server, trusted: ssl.SSLContext
) -> None:
    key = running_postgres.mounts.folder / "tls" / "tls.key"
    good = key.read_bytes()
    running_postgres.mounts.write("tls/tls.key", b"not a key")
    running_postgres.wait_said("postgres keeps its former certificate and passwords")
    await (await connect(running_postgres, "first", trusted)).close()
    running_postgres.mounts.write("tls/tls.key", good)


async def test_a_stop_is_orderly_and_the_data_is_there_at_the_next_start(
    running_postgres: Server, trusted: ssl.SSLContext
) -> None:
    connection = await connect(running_postgres, "first", trusted)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert running_postgres.stop() == 0
    assert taken(running_postgres.ports) == []
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    running_postgres.start()
    again = await connect(running_postgres, "first", trusted)
    assert await again.fetchval("SELECT answer FROM kept") == 42
    await again.close()


def refused(name: str, mounts: Mounts) -> str:
    """What a server says that does not start; it must be one line."""
    command = [sys.executable, "-m", "socle_local.serve", name]
    done = subprocess.run(
        command, env=mounts.environment({}), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["postgres", "nats"])
def test_what_is_not_mounted_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    assert "tls.crt is missing: mount the Secret" in refused(name, Mounts(tmp_path))


def test_a_word_that_names_no_server_is_told_the_names(tmp_path: Path) -> None:
    assert refused("redis", Mounts(tmp_path)) == "Name one server to run: postgres, nats, issuer.\n"
