"""A log that was set back says so, and gives no position twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from nats.aio.client import Client
from typer.testing import CliRunner

from chassis import restored
from chassis.db import Database
from chassis.relay import Relay, stream_of
from chassis.testing import NOW, running, until

Note = Callable[..., Awaitable[str]]
Relaying = Callable[[], Relay]
RESTORED_TO = NOW - timedelta(hours=1)
LOG = "SELECT id, position, subject FROM outbox ORDER BY position NULLS LAST"


async def published(database: Database, count: int) -> None:
    async def enough() -> bool:
        asked = "SELECT count(*) = $1 FROM outbox WHERE published_at IS NOT NULL"
        return bool(await database.pool.fetchval(asked, count))

    await until(enough)


async def stream_positions(client: Client) -> list[tuple[int, str]]:
    """Position and type of each event of the stream, as it stands there."""
    js, stream = client.jetstream(), stream_of("probe")
    state = (await js.stream_info(stream)).state
    messages = [await js.get_msg(stream, seq) for seq in range(state.first_seq, state.last_seq + 1)]
    events = [json.loads(message.data or b"") for message in messages]
    return [(event["position"], event["type"]) for event in events]


async def test_log_goes_on_beyond_every_position_that_was_given(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    async with running(relaying().run()):
        await note(fresh)
        await note(fresh)
        await published(fresh, 2)
    waiting = await note(fresh)
    async with fresh.pool.acquire() as connection:
        done = await restored.mark(connection, "probe", RESTORED_TO, NOW)
    assert done == restored.Restored(2, 2 + restored.LEAP)
    async with running(relaying().run()):
        await published(fresh, 4)
    told = "socle.probe.log.restored.v1"
    written = "socle.probe.note.written.v1"
    leap = restored.LEAP
    assert await stream_positions(stream) == [
        (1, written),
        (2, written),
        (2 + leap, told),
        (3 + leap, written),
    ]
    last = (await fresh.pool.fetch(LOG))[-1]
    assert (str(last["id"]), last["position"]) == (waiting, 3 + leap)


async def test_event_says_what_stands(fresh: Database, note: Note) -> None:
    async with fresh.pool.acquire() as connection:
        await restored.mark(connection, "probe", RESTORED_TO, NOW)
    (row,) = await fresh.pool.fetch("SELECT data, aggregate, position FROM outbox")
    assert json.loads(row["data"]) == {"restored_to": "2026-06-12T09:00:00Z"}
    assert (row["aggregate"], row["position"]) == ("log/probe", restored.LEAP)


async def test_log_of_a_service_that_runs_is_not_touched(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    relay = relaying()
    async with running(relay.run()):
        await note(fresh)
        await published(fresh, 1)
        async with fresh.pool.acquire() as connection:
            with pytest.raises(restored.StillPublishing, match="stop every replica"):
                await restored.mark(connection, "probe", RESTORED_TO, NOW)
    assert await fresh.pool.fetchval("SELECT count(*) FROM outbox") == 1


@pytest.fixture
async def command(
    postgres: Any, fresh: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Any]:
    """Runs the command with the environment that the service has."""
    secret = tmp_path / "secret"
    secret.write_text(postgres.password)
    name = await fresh.pool.fetchval("SELECT current_database()")
    monkeypatch.setenv("SOCLE_DATABASE_URL", postgres.url(name))
    monkeypatch.setenv("SOCLE_DATABASE_PASSWORD_FILE", str(secret))
    app = typer.Typer()
    app.command()(restored.main)
    return lambda *arguments: asyncio.to_thread(CliRunner().invoke, app, list(arguments))


async def test_command_tells_where_the_log_goes_on(command: Callable[..., Any], note: Note) -> None:
    done = await command("probe", "--to", RESTORED_TO.isoformat())
    assert done.exit_code == 0
    assert done.stdout == "probe: events stand up to position 0; the log goes on at 1000000000\n"


@pytest.mark.parametrize("moment", ["yesterday", datetime(2026, 6, 12, tzinfo=UTC).date().isoformat()])
async def test_command_wants_a_moment_with_its_offset(command: Callable[..., Any], moment: str) -> None:
    done = await command("probe", "--to", moment)
    assert done.exit_code != 0
    assert "with its offset" in str(done.exception)
