"""`python -m eprescription.keys audit`, as the operator's timer runs it at night."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chassis.db import Database
from chassis.testing import Server, call_as, callers, copied
from eprescription import store
from eprescription.domain.prescriptions import Prescription
from eprescription.keys import app

from .given import signed


@pytest.fixture
async def named(
    postgres: Server, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """A database of its own, named by the environment as for an operator."""
    async with copied(postgres, template, store.CONSTRAINTS) as database:
        async with database.pool.acquire() as connection:
            name = await connection.fetchval("SELECT current_database()")
        password = tmp_path / "password"
        password.write_text(postgres.password or "")
        monkeypatch.setenv("SOCLE_DATABASE_URL", postgres.url(name))
        monkeypatch.setenv("SOCLE_DATABASE_PASSWORD_FILE", str(password))
        yield database


async def ran(*arguments: str) -> Result:
    """In a thread: the command has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["audit", *arguments])


async def kept(database: Database, count: int) -> list[Prescription]:
    async with database.begin(call_as(callers.doctor)) as tx:
        return [await signed(tx) for _ in range(count)]


async def test_all_as_they_were_signed_is_said_in_one_line(named: Database) -> None:
    await kept(named, 5)
    done = await ran("--batch", "2")
    assert done.exit_code == 0
    assert "5 prescriptions verified, 0 not as they were signed" in done.stdout


async def test_nothing_signed_yet_is_no_fault(named: Database) -> None:
    done = await ran()
    assert (done.exit_code, "0 prescriptions verified" in done.stdout) == (0, True)


async def test_each_altered_one_is_named_without_a_value_and_the_exit_code_tells(named: Database) -> None:
    good, bad, unreadable = await kept(named, 3)
    async with named.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        change = "UPDATE line SET authorised = 4711 WHERE prescription_id = $1"
        await connection.execute(change, bad.id.value)
        change = "UPDATE prescription SET body = 'MORPHINE' WHERE prescription_id = $1"
        await connection.execute(change, unreadable.id.value)
    done = await ran("--batch", "1")
    assert done.exit_code == 1
    assert f"{bad.id}: signed.line.0.authorised" in done.output
    assert f"{unreadable.id}: signed.body" in done.output
    assert "3 prescriptions verified, 2 not as they were signed" in done.stdout
    for hidden in (good.id.value, "4711", "MORPHINE", callers.citizen.person_id):
        assert hidden not in done.output


async def test_a_database_that_is_away_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    monkeypatch.delenv("SOCLE_DATABASE_PASSWORD_FILE", raising=False)
    done = await ran()
    assert done.exit_code == 1
    assert "Traceback" not in done.output
