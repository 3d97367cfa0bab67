"""Two versions of a service side by side, as during an update: one stops, the other goes on at once."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import APIError

from chassis import consume, relay
from chassis.consume import Durable
from chassis.db import Database
from chassis.errors import NotFound
from chassis.relay import Relay, stream_of
from chassis.testing import running, until

STREAM = stream_of("probe")
PROGRAM = Path(__file__).with_name("relay_process.py")
BACKLOG = 12 * relay.BATCH
# Seconds. The one who waits asks twice a second for its turn; the rest is for a machine with other work.
TAKEN_OVER = 3.0
EVENTS = """
    INSERT INTO outbox (id, subject, aggregate, data, actor, occurred_at)
    SELECT gen_random_uuid(), 'socle.probe.note.written.v1', 'note/' || n, '{}', 'someone', now()
    FROM generate_series(1, $1::int) AS n
"""


@asynccontextmanager
async def relay_process(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(PROGRAM), env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def environment(postgres: Any, nats_server: Any, fresh: Database) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": postgres.url(await fresh.pool.fetchval("SELECT current_database()")),
        "DATABASE_PASSWORD": postgres.password,
        "NATS_URL": nats_server.url,
        "NATS_PASSWORD": nats_server.passwords["probe"],
    }


async def leader_of(database: Database) -> int:
    """The PostgreSQL process of the connection that holds the lock; 0 when nobody does."""
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM"
    pid = await database.pool.fetchval(f"{held} pg_database WHERE datname = current_database())")
    return int(pid or 0)


async def published(database: Database) -> int:
    return int(await database.pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL"))


async def test_a_relay_stopped_in_mid_backlog_hands_over_every_event_once_and_in_order(
    fresh: Database, stream: Client, environment: dict[str, str]
) -> None:
    async with relay_process(environment) as first:
        await until(lambda: leader_of(fresh))
        leads = await leader_of(fresh)
        async with relay_process(environment) as second:
            # The one who waits is there, and has asked for its turn.
            await until(lambda: _relays(fresh, 2))
            await fresh.pool.execute(EVENTS, BACKLOG)
            await until(lambda: _published(fresh, relay.BATCH))
            began = time.monotonic()
            first.send_signal(signal.SIGTERM)
            await until(lambda: _led_by_another(fresh, leads))
            taken = time.monotonic() - began
            assert await published(fresh) < BACKLOG, "it stopped after the backlog, not in its middle"
            assert await first.wait() == 0
            await until(lambda: _published(fresh, BACKLOG), 60)
            second.send_signal(signal.SIGTERM)
            assert await second.wait() == 0
    assert taken < TAKEN_OVER
    assert await stored_ids(stream) == [
        str(row["id"]) for row in await fresh.pool.fetch("SELECT id FROM outbox ORDER BY position")
    ]


async def _relays(database: Database, count: int) -> bool:
    found = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'socle-relay'"
    here = f"{found} AND datname = current_database() AND query LIKE '%advisory%'"
    return bool(await database.pool.fetchval(here) >= count - 1)


async def _published(database: Database, count: int) -> bool:
    return await published(database) >= count


async def _led_by_another(database: Database, before: int) -> bool:
    return await leader_of(database) not in (0, before)


async def stored_ids(client: Client) -> list[str]:
    """The ids of the stream, in its order, read as a subscriber reads them."""
    js = client.jetstream()
    total = (await js.stream_info(STREAM)).state.messages
    subscription = await js.subscribe("socle.probe.>", stream=STREAM, ordered_consumer=True)
    try:
        messages = [await subscription.next_msg(5) for _ in range(total)]
    finally:
        await subscription.unsubscribe()
    return [(message.headers or {})["Nats-Msg-Id"] for message in messages]


async def test_a_consumer_that_stops_leaves_the_rest_to_its_twin(
    results: Any, emit: Callable[..., Awaitable[str]], durable: Callable[[], Durable], subscriber: Any
) -> None:
    """Between two events the order to stop is followed at once; nothing is lost, nothing done twice."""
    old, new = durable(), durable()

    async def after_three(_: str) -> None:
        old.stopped = len(subscriber.seen) >= 3

    subscriber.before = after_three
    wanted = [await emit() for _ in range(12)]
    async with running(old.run()) as (task,):
        await until(task.done)
        assert not old.holding
        subscriber.before = subscriber.nothing
        async with running(new.run()):
            await results.come(wanted)
    assert subscriber.seen == wanted


async def test_a_consumer_stopped_with_an_event_that_fails_gives_it_back_at_once(
    results: Any, emit: Callable[..., Awaitable[str]], durable: Callable[[], Durable], subscriber: Any
) -> None:
    old, new = durable(), durable()

    async def not_yet(_: str) -> None:
        old.stopped = True
        raise NotFound

    subscriber.before = not_yet
    wanted = [await emit() for _ in range(3)]
    async with running(old.run()) as (task,):
        await until(task.done)
    subscriber.before = subscriber.nothing
    began = time.monotonic()
    async with running(new.run()):
        await results.come(wanted)
    assert time.monotonic() - began < consume.ACK_WAIT / 2
    assert await results.parked() == []


async def test_a_stream_of_more_copies_than_there_are_servers_is_refused_and_the_events_still_flow(
    fresh: Database, relaying: Callable[[], Relay], stream: Client, note: Callable[..., Awaitable[str]]
) -> None:
    """The setting of a cluster, on the one server of a laptop: told in the log, no reason to stand still."""
    await stream.jetstream().add_stream(
        StreamConfig(name=STREAM, subjects=["socle.probe.>"], duplicate_window=relay.DUPLICATES)
    )
    clustered = relaying()
    clustered.replicas = 3
    wanted = [await note(fresh) for _ in range(3)]
    async with running(clustered.run()):
        await until(lambda: _published(fresh, 3))
    assert await stored_ids(stream) == wanted
    with pytest.raises(APIError):
        await stream.jetstream().add_stream(StreamConfig(name="OTHER", subjects=["other.>"], num_replicas=3))
