"""The real PostgreSQL of the wheel: who may connect where, and what survives a stop."""

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from socle_local.failures import PlatformFailedError
from socle_local.ports import Ports
from socle_local.postgres import ADMIN, Installation, Postgres, can_run, install_copy
from socle_local.programs import Account, unprivileged_account

# A quote in it: the password must reach the server whole.
PASSWORD = "it's $ecret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    # pytest's folders are closed to other users: as root, this is also the case of a clone below /root.
    made = Postgres(tmp_path_factory.mktemp("pg"), Ports.free([])["postgres"], "admin's own", fsync=False)
    made.start()
    made.create_database("dmp", "dmp", PASSWORD)
    made.create_database("identity_ins", "identity_ins", "other")
    yield made
    made.stop()


async def connect(server: Postgres, role: str, database: str, password: str) -> asyncpg.Connection:
    return await asyncpg.connect(server.url(role, database), password=password)


async def test_a_role_owns_its_database(server: Postgres) -> None:
    connection = await connect(server, "dmp", "dmp", PASSWORD)
    await connection.execute("CREATE EXTENSION btree_gist; CREATE TABLE kept (id int PRIMARY KEY)")
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert await connection.fetchval(owner) == "dmp"
    await connection.close()


@pytest.mark.parametrize("database", ["identity_ins", "postgres", "template1"])
async def test_a_role_cannot_connect_to_another_database(server: Postgres, database: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await connect(server, "dmp", database, PASSWORD)


@pytest.mark.parametrize(("role", "password"), [("dmp", "guess"), (ADMIN, "guess"), ("postgres", "")])
async def test_a_wrong_password_is_refused(server: Postgres, role: str, password: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(server, role, "dmp", password)


async def test_a_role_has_no_power_over_the_server(server: Postgres) -> None:
    connection = await connect(server, "dmp", "dmp", PASSWORD)
    for statement in ("CREATE DATABASE loot", "CREATE ROLE friend", f"SET ROLE {ADMIN}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_preparing_again_keeps_the_data_and_changes_the_password(server: Postgres) -> None:
    server.create_database("agenda", "agenda", "first")
    connection = await connect(server, "agenda", "agenda", "first")
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    await connection.close()
    server.stop()
    server.start()
    server.create_database("agenda", "agenda", "second")
    connection = await connect(server, "agenda", "agenda", "second")
    assert await connection.fetchval("SELECT answer FROM kept") == 42
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(server, "agenda", "agenda", "first")


def test_the_server_runs_without_privileges_and_alone_reads_its_data(server: Postgres) -> None:
    data = (server.folder / "data").stat()
    assert data.st_uid != 0
    assert stat.S_IMODE(data.st_mode) == 0o700
    assert not (server.folder / "first-password").exists()


def test_a_refused_statement_is_told_in_a_sentence(server: Postgres) -> None:
    with pytest.raises(PlatformFailedError, match=r'PostgreSQL refused.*relation "nothing" does not exist'):
        server.run_sql("SELECT * FROM nothing;")


def test_what_a_statement_holds_stays_out_of_the_log(server: Postgres) -> None:
    with pytest.raises(PlatformFailedError):
        server.run_sql(
            "CREATE TABLE seen (name text UNIQUE); INSERT INTO seen VALUES ('DURAND'), ('DURAND');"
        )
    assert "violates unique constraint" in server.program.log.read_text()
    assert "DURAND" not in server.program.log.read_text()


def test_the_platform_asks_for_durability_unless_told_otherwise(tmp_path: Path) -> None:
    durable = Postgres(tmp_path, Ports.free([])["postgres"], "x")
    durable.start()
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            assert durable.run_sql(f"SHOW {setting};").strip() == "on"
    finally:
        durable.stop()


def test_a_port_that_is_taken_is_told_with_the_words_of_the_log(server: Postgres, tmp_path: Path) -> None:
    rival = Postgres(tmp_path, server.port, "x", fsync=False)
    with pytest.raises(PlatformFailedError, match=r"(?s)postgres did not start.*Address already in use"):
        rival.start()


def test_what_a_killed_server_left_behind_is_not_taken_for_readiness(tmp_path: Path) -> None:
    # In a container the next server may well get the number of the one that was killed.
    server = Postgres(tmp_path, Ports.free([])["postgres"], "x")
    server.program.command = ["sleep", "30"]
    (tmp_path / "data").mkdir()
    server.program.start()
    try:
        left = f"{server.program.pid}\n" + "\n" * 6 + "ready   \n"
        (tmp_path / "data" / "postmaster.pid").write_text(left)
        assert not server.is_ready()
    finally:
        server.program.kill()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every user may enter, unlike those of pytest."""
    folder = Path("/var/tmp") / f"socle-test-{os.getpid()}"  # noqa: S108
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up privileges")
def test_programs_in_a_closed_folder_are_copied_once_where_others_can_run_them(
    tmp_path: Path, open_folder: Path
) -> None:
    nobody = Account(65534, 65534)
    package = Installation.of_wheel().bin.parent.parent
    install_copy(package, tmp_path / "closed")
    closed = Installation(tmp_path / "closed" / package.name / "pginstall" / "bin")
    assert not closed.reachable_by(nobody)
    copy = closed.copied_for(nobody, open_folder)
    assert copy.bin.is_relative_to(open_folder)
    assert can_run(nobody, [copy.bin / "initdb", "--version"])
    first = copy.bin.stat().st_ino
    assert closed.copied_for(nobody, open_folder).bin.stat().st_ino == first
    assert copy.copied_for(nobody, tmp_path) == copy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up privileges")
def test_a_copy_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    closed = Installation(tmp_path / "nothing" / "bin")
    with pytest.raises(
        PlatformFailedError, match=r"cannot be copied to .* run make as another user than root"
    ):
        closed.copied_for(Account(65534, 65534), tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_root_serves_the_data_as_its_owner_who_must_have_a_name(tmp_path: Path) -> None:
    owner = pwd.getpwnam("daemon")
    os.chown(tmp_path, owner.pw_uid, owner.pw_gid)
    assert unprivileged_account(tmp_path) == Account(owner.pw_uid, owner.pw_gid)
    os.chown(tmp_path, 54321, 54321)
    with pytest.raises(PlatformFailedError, match="user 54321 has none here: give it a line in /etc/passwd"):
        unprivileged_account(tmp_path)
