"""From the table to the stream: every event, in order, once; whatever is killed or away in between."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError

from chassis import outbox, relay
from chassis.db import Database
from chassis.ids import Id
from chassis.relay import Relay, republish, stream_of
from chassis.testing import NOW, call_as, callers, running, until

STREAM = stream_of("probe")
Note = Callable[..., Awaitable[str]]
Relaying = Callable[[], Relay]


async def published(database: Database, count: int) -> None:
    async def enough() -> bool:
        return bool(
            await database.pool.fetchval(
                "SELECT count(*) = $1 FROM outbox WHERE published_at IS NOT NULL", count
            )
        )

    await until(enough)


async def stored(client: Client) -> list[dict[str, Any]]:
    """Every event of the stream, as an outsider reads it."""
    js = client.jetstream()
    state = (await js.stream_info(STREAM)).state
    messages = [await js.get_msg(STREAM, seq) for seq in range(state.first_seq, state.last_seq + 1)]
    return [json.loads(message.data or b"") for message in messages]


async def table(database: Database) -> list[dict[str, Any]]:
    rows = await database.pool.fetch("SELECT * FROM outbox ORDER BY position NULLS LAST, seq")
    return [dict(row) for row in rows]


def ids(events: Sequence[dict[str, Any]]) -> list[str]:
    return [str(event["id"]) for event in events]


async def test_an_event_is_a_cloud_event_without_its_actor(
    fresh: Database, relaying: Relaying, stream: Client, probe: ModuleType
) -> None:
    note_id = Id.new().value
    async with fresh.begin(call_as(callers.doctor)) as tx:
        first = outbox.emit(tx, probe.NoteWritten(note_id=note_id), now=NOW)
    async with running(relaying().run()):
        await published(fresh, 1)
    assert await stored(stream) == [
        {
            "specversion": "1.0",
            "id": first,
            "type": "socle.probe.note.written.v1",
            "source": "/socle/probe",
            "subject": f"note/{note_id}",
            "time": "2026-06-12T10:00:00+00:00",
            "datacontenttype": "application/json",
            "position": 1,
            "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-00",
            "data": {"note_id": note_id},
        }
    ]
    message = await stream.jetstream().get_msg(STREAM, 1)
    assert message.subject == "socle.probe.note.written.v1"
    assert (message.headers or {})["Nats-Msg-Id"] == first
    assert callers.doctor.subject not in str(message)
    assert (await table(fresh))[0]["actor"] == callers.doctor.subject


def test_a_message_that_is_no_event_cannot_be_emitted(probe: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"socle\.probe\.v1\.NotAnEvent has no"):
        outbox.declared(probe.NotAnEvent.DESCRIPTOR)


async def test_many_at_once_have_positions_without_gap_and_one_chain_an_aggregate(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    aggregates = [Id.new().value for _ in range(4)]
    async with running(relaying().run()):
        await asyncio.gather(*(note(fresh, aggregates[n % 4]) for n in range(120)))
        await published(fresh, 120)
    events = await stored(stream)
    assert [e["position"] for e in events] == list(range(1, 121))
    assert ids(events) == ids(await table(fresh))
    last: dict[str, str] = defaultdict()
    for event in events:
        assert event.get("previous") == last.get(event["subject"])
        last[event["subject"]] = event["id"]


async def test_two_events_of_one_transaction_follow_each_other(
    fresh: Database, relaying: Relaying, stream: Client, probe: ModuleType, note: Note
) -> None:
    note_id = Id.new().value
    before = await note(fresh, note_id)
    async with fresh.begin(call_as(callers.doctor)) as tx:
        first = outbox.emit(tx, probe.NoteWritten(note_id=note_id), now=NOW)
        second = outbox.emit(tx, probe.NoteErased(note_id=note_id), now=NOW)
    async with running(relaying().run()):
        await published(fresh, 3)
    events = await stored(stream)
    assert ids(events) == [before, first, second]
    assert [e.get("previous") for e in events] == [None, before, first]


async def test_a_late_commit_with_an_earlier_number_is_not_lost(
    fresh: Database, relaying: Relaying, stream: Client, probe: ModuleType
) -> None:
    note_id = Id.new().value
    async with running(relaying().run()):
        async with fresh.begin(call_as(callers.doctor)) as slow:
            late = outbox.emit(slow, probe.NoteWritten(note_id=note_id), now=NOW)
            await slow.flush()
            async with fresh.begin(call_as(callers.doctor)) as quick:
                early = outbox.emit(quick, probe.NoteErased(note_id=note_id), now=NOW)
            await published(fresh, 1)
        await published(fresh, 2)
    events = await stored(stream)
    assert ids(events) == [early, late]
    assert [e["position"] for e in events] == [1, 2]
    assert [e.get("previous") for e in events] == [None, early]
    assert [row["seq"] for row in await table(fresh)] == [2, 1]


async def test_killed_between_publish_and_mark_then_published_once(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    wanted = [await note(fresh) for _ in range(5)]
    async with running(relaying().run()):
        await published(fresh, 5)
    await fresh.pool.execute("UPDATE outbox SET published_at = NULL WHERE position >= 3")
    wanted.append(await note(fresh))
    async with running(relaying().run()):
        await published(fresh, 6)
    assert ids(await stored(stream)) == wanted


async def test_mark_that_fails_is_a_relay_that_begins_again(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    """The connection is cut while the batch is on its way: what was stored is not stored twice."""
    wanted = [await note(fresh) for _ in range(50)]
    leader = relaying()

    async with running(leader.run()):
        for _ in range(5):
            await until(lambda: leader.leading)
            await fresh.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE '%outbox%' AND pid <> pg_backend_pid()"
            )
            wanted += [await note(fresh) for _ in range(10)]
        await published(fresh, 100)
    assert ids(await stored(stream)) == wanted


async def test_stream_deleted_is_rebuilt_whole_with_the_same_ids_in_order(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    wanted = [await note(fresh) for _ in range(relay.BATCH + 20)]
    async with running(relaying().run()):
        await published(fresh, len(wanted))
        before = await stored(stream)
        await stream.jetstream().delete_stream(STREAM)
        wanted.append(await note(fresh))
        await published(fresh, len(wanted))
    assert ids(await stored(stream)) == wanted
    assert (await stored(stream))[:-1] == before


async def test_crash_while_the_stream_is_made_again_loses_nothing(
    fresh: Database, relaying: Relaying, stream: Client, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [await note(fresh) for _ in range(3)]
    async with running(relaying().run()):
        await published(fresh, 3)
    await stream.jetstream().delete_stream(STREAM)
    failing = relaying()
    real = failing._js.add_stream

    async def once(config: StreamConfig) -> Any:
        monkeypatch.setattr(failing._js, "add_stream", real)
        await real(config)
        raise APIError(code=500, description="crash after the stream was made")

    monkeypatch.setattr(failing._js, "add_stream", once)
    async with running(failing.run()):
        await until(lambda: _stored_count(stream, 3))
    assert ids(await stored(stream)) == wanted


async def test_part_published_again_beside_younger_ones_does_not_stand_still(
    fresh: Database, relaying: Relaying, stream: Client, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows older than the window of duplicates are stored anew, younger ones are not: the chain of expected
    ids breaks between them, and the relay must get over it.
    """
    monkeypatch.setattr(relay, "DUPLICATES", 1.0)
    old = [await note(fresh) for _ in range(2)]
    async with running(relaying().run()):
        await published(fresh, 2)
        await asyncio.sleep(1.5)
        young = [await note(fresh) for _ in range(2)]
        await published(fresh, 4)
    await fresh.pool.execute("UPDATE outbox SET published_at = NULL")
    new = await note(fresh)
    async with running(relaying().run()):
        await published(fresh, 5)
    events = ids(await stored(stream))
    # Whether the young ones are stored anew depends on how long the test took.
    assert events in ([*old, *young, *old, new], [*old, *young, *old, *young, new])


async def test_duplicates_are_recognised_before_the_expected_id_is_looked_at(probe_client: Client) -> None:
    """The relay relies on this order: a batch sent again is all duplicates, not all refused."""
    js = probe_client.jetstream()
    await js.add_stream(StreamConfig(name=STREAM, subjects=["socle.probe.>"]))
    subject = "socle.probe.note.written.v1"
    for message, expected in (("1", ""), ("2", "1"), ("3", "2")):
        headers = {"Nats-Msg-Id": message} | ({"Nats-Expected-Last-Msg-Id": expected} if expected else {})
        assert not (await js.publish(subject, b"{}", headers=headers)).duplicate
    again = {"Nats-Msg-Id": "2", "Nats-Expected-Last-Msg-Id": "1"}
    assert (await js.publish(subject, b"{}", headers=again)).duplicate
    with pytest.raises(APIError) as error:
        await js.publish(subject, b"{}", headers={"Nats-Msg-Id": "5", "Nats-Expected-Last-Msg-Id": "4"})
    assert error.value.err_code == relay.OUT_OF_ORDER


async def test_two_relays_one_leads_and_the_other_takes_over(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    first, second = relaying(), relaying()

    async with running(second.run()):
        async with running(first.run()):
            await until(lambda: first.leading or second.leading)
            wanted = [await note(fresh) for _ in range(20)]
            await published(fresh, 20)
            assert first.leading != second.leading
        wanted += [await note(fresh) for _ in range(20)]
        await published(fresh, 40)
        assert (first.leading, second.leading) == (False, True)
    assert ids(await stored(stream)) == wanted


async def test_republish_gives_again_what_the_stream_has_lost(
    fresh: Database, relaying: Relaying, stream: Client, note: Note
) -> None:
    wanted = [await note(fresh) for _ in range(6)]
    async with running(relaying().run()):
        await published(fresh, 6)
        await stream.jetstream().delete_stream(STREAM)
        await stream.jetstream().add_stream(
            StreamConfig(name=STREAM, subjects=["socle.probe.>"], duplicate_window=relay.DUPLICATES)
        )
        async with fresh.pool.acquire() as connection:
            assert await republish(connection, 4) == 3
        await published(fresh, 6)
        await until(lambda: _stored_count(stream, 3))
    assert ids(await stored(stream)) == wanted[3:]


async def _stored_count(client: Client, count: int) -> bool:
    with suppress(NotFoundError):
        return (await client.jetstream().stream_info(STREAM)).state.messages == count
    return False


async def test_nats_away_then_rows_wait_and_flow(
    tmp_path: Path,
    fresh: Database,
    postgres: Any,
    own_nats: Callable[[Path], Any],
    note: Note,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "ACKED_WITHIN", 1.0)
    server = own_nats(tmp_path)
    client = await server.client("probe", max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    name = await fresh.pool.fetchval("SELECT current_database()")
    try:
        async with running(Relay("probe", postgres.url(name), postgres.password, client).run()):
            wanted = [await note(fresh)]
            await published(fresh, 1)
            server.running.stop()
            wanted += [await note(fresh) for _ in range(relay.BATCH * 3)]
            await asyncio.sleep(2.5)
            assert (
                await fresh.pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 1
            )
            server.running.start()
            await until(lambda: _all_published(fresh), 30)
        admin = await server.client("admin")
        assert ids(await stored(admin)) == wanted
        await admin.close()
    finally:
        with suppress(Exception):
            await client.close()
        server.running.stop()


async def _all_published(database: Database) -> bool:
    return not await database.pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")


async def test_a_batch_cut_short_leaves_nothing_in_the_client(
    fresh: Database, relaying: Relaying, probe_client: Client, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        await note(fresh)
    one = relaying()
    publish = probe_client.publish
    calls = 0

    async def broken(*arguments: Any, **more: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 20 == 0:
            raise OSError("cut")
        await publish(*arguments, **more)

    await one._js.add_stream(StreamConfig(name=STREAM, subjects=["socle.probe.>"]))
    before = len(probe_client._subs)
    monkeypatch.setattr(probe_client, "publish", broken)
    async with fresh.pool.acquire() as connection:
        for _ in range(3):
            with pytest.raises(OSError, match="cut"):
                await one.step(connection)
    assert len(probe_client._subs) == before


async def test_a_service_cannot_publish_under_the_name_of_another(probe_client: Client) -> None:
    errors: list[Exception] = []

    async def heard(error: Exception) -> None:
        errors.append(error)

    probe_client._error_cb = heard
    await probe_client.publish("socle.dmp.document.deposited.v1", b"{}")
    await probe_client.flush()
    await until(lambda: errors)
    assert "permissions violation" in str(errors[0]).lower()
