"""The command line of the person on call, against a real database and with a service's own code."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chassis import ops
from chassis.consume import Handler, on
from chassis.db import Database
from chassis.relay import MARK, PLACE

EVENT = "01900000-0000-7000-8000-00000000000{}"
CONSUMERS = """
import sys
import sqlalchemy as sa
from chassis.consume import on
from chassis.errors import RuleViolated

NOTE = sa.Table("note", sa.MetaData(), sa.Column("id", sa.Uuid), sa.Column("body", sa.Text))

async def write(tx, event, now):
    if event.note_id == "bad":
        raise RuleViolated
    tx.insert(NOTE, id="01900000-0000-7000-8000-000000000001", body=event.note_id)

TABLE = [on(sys.modules["probe_pb2"].NoteWritten, write, durable="ops-probe-write")]
"""


@pytest.fixture
async def run(
    postgres: Any, fresh: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Runs a command with the environment that the service has."""
    for name in [n for n in os.environ if n.startswith("SOCLE_")]:
        monkeypatch.delenv(name)
    secret = tmp_path / "secret"
    secret.write_text(postgres.password)
    name = await fresh.pool.fetchval("SELECT current_database()")
    monkeypatch.setenv("SOCLE_DATABASE_URL", postgres.url(name))
    monkeypatch.setenv("SOCLE_DATABASE_PASSWORD_FILE", str(secret))
    return lambda *arguments: CliRunner().invoke(ops.app, list(arguments))


async def command(run: Callable[..., Result], *arguments: str) -> Result:
    """In a thread of its own: a command has its own event loop."""
    return await asyncio.to_thread(run, *arguments)


@pytest.fixture
async def parked(fresh: Database, probe: ModuleType) -> Database:
    """Two parked events: one that will go through, one that will not."""

    async def never(*_: Any) -> None:
        raise AssertionError

    handler = Handler("ops-probe-write", [on(probe.NoteWritten, never, durable="x")], fresh)
    for number, note in ((1, "good"), (2, "bad")):
        event = EVENT.format(number)
        data = f'{{"id": "{event}", "type": "socle.probe.note.written.v1", "data": {{"note_id": "{note}"}}}}'
        await handler.park(event, "socle.probe.note.written.v1", data.encode(), "RULE_VIOLATED")
    return fresh


@pytest.fixture
def ops_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service of the name ops-probe, with consumers."""
    package = tmp_path / "ops_probe"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "store.py").write_text("CONSTRAINTS = {}\n")
    (package / "consumers.py").write_text(CONSUMERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n.startswith("ops_probe")]:
        monkeypatch.delitem(sys.modules, name)


async def test_status_counts_what_waits(
    run: Callable[..., Result], fresh: Database, note: Callable[..., Awaitable[str]]
) -> None:
    first = await note(fresh)
    await fresh.pool.execute(PLACE.sql, *PLACE.arguments({}))
    await fresh.pool.execute(MARK.sql, [first])
    await note(fresh)
    done = await command(run, "outbox", "status")
    assert done.exit_code == 0
    lines = dict(line.rsplit("  ", 1) for line in done.stdout.splitlines() if line.count("  "))
    found = {name.strip(): value.strip() for name, value in lines.items()}
    assert (found["events"], found["last position"], found["waiting"]) == ("2", "1", "1")
    assert found["last published"] != "never"


async def test_status_of_an_empty_outbox(run: Callable[..., Result]) -> None:
    done = await command(run, "outbox", "status")
    assert "last published  never" in done.stdout
    assert "oldest waiting  0 s" in done.stdout


async def test_republish_marks_from_a_position_on(
    run: Callable[..., Result], fresh: Database, note: Callable[..., Awaitable[str]]
) -> None:
    events = [await note(fresh) for _ in range(5)]
    await fresh.pool.execute(PLACE.sql, *PLACE.arguments({}))
    await fresh.pool.execute(MARK.sql, events)
    done = await command(run, "outbox", "republish", "--since", "4")
    assert done.stdout.startswith("2 events")
    rows = await fresh.pool.fetch("SELECT id FROM outbox WHERE published_at IS NULL ORDER BY position")
    assert [str(row["id"]) for row in rows] == events[3:]


async def test_republish_wants_a_position(run: Callable[..., Result]) -> None:
    assert (await command(run, "outbox", "republish")).exit_code == 2
    assert (await command(run, "outbox", "republish", "--since", "0")).exit_code == 2


async def test_list_shows_what_was_wrong_and_no_content(run: Callable[..., Result], parked: Database) -> None:
    done = await command(run, "parked", "list")
    assert done.stdout.splitlines()[-1] == "2 parked"
    assert EVENT.format(1) in done.stdout
    assert "RULE_VIOLATED" in done.stdout
    assert "good" not in done.stdout


async def test_replay_handles_with_the_code_of_the_service_and_tells_what_stays(
    run: Callable[..., Result], parked: Database, ops_probe: None
) -> None:
    done = await command(run, "parked", "replay", "--service", "ops-probe")
    assert (done.stdout.splitlines()[-1], done.exit_code) == ("1 handled, 1 still parked", 1)
    assert await parked.pool.fetchval("SELECT body FROM note") == "good"
    rows = await parked.pool.fetch("SELECT event_id FROM parked")
    assert [row["event_id"] for row in rows] == [EVENT.format(2)]


async def test_replay_of_an_unknown_durable_names_the_known_ones(
    run: Callable[..., Result], parked: Database, ops_probe: None
) -> None:
    done = await command(run, "parked", "replay", "--service", "ops-probe", "--durable", "other")
    assert done.exit_code == 1
    assert "ops-probe-write" in done.output


async def test_replay_of_an_unknown_service_is_told(run: Callable[..., Result], parked: Database) -> None:
    done = await command(run, "parked", "replay", "--service", "no-such")
    assert done.exit_code == 1
    assert "no-such has no event consumers here" in done.output


async def test_drop_asks_then_drops_one(run: Callable[..., Result], parked: Database) -> None:
    refused = await command(run, "parked", "drop", "ops-probe-write", EVENT.format(1))
    assert refused.exit_code == 1
    assert await parked.pool.fetchval("SELECT count(*) FROM parked") == 2
    done = await command(run, "parked", "drop", "ops-probe-write", EVENT.format(1), "--yes")
    assert (done.stdout, done.exit_code) == ("dropped\n", 0)
    assert await parked.pool.fetchval("SELECT event_id FROM parked") == EVENT.format(2)


async def test_drop_of_nothing_is_told(run: Callable[..., Result], parked: Database) -> None:
    done = await command(run, "parked", "drop", "ops-probe-write", "nothing", "--yes")
    assert done.exit_code == 1
    assert "no parked event nothing" in done.output


async def test_without_a_database_in_the_environment(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOCLE_DATABASE_URL")
    done = await command(run, "outbox", "status")
    assert done.exit_code == 1
    assert "SOCLE_DATABASE_URL is missing" in done.output


async def test_database_away_is_one_line(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("SOCLE_DATABASE_URL", f"postgresql://probe@127.0.0.1:{free_port()}/probe")
    done = await command(run, "outbox", "status")
    assert done.exit_code == 1
    assert done.output.startswith("ConnectionRefusedError")
