"""From the first sign of life to the last event: a service waits for its schema, is replaced while called."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from chassis import transport
from chassis.db import Database
from chassis.ids import Id
from chassis.settings import Settings
from chassis.testing import LocalIssuer, running, until

from .program_given import Place, Program, health_of, method, token

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
EMPTY = "revision, down_revision = '0001', None\n\ndef upgrade():\n    pass\n"
DELAY = 2.5


@pytest.fixture
def migrated_elsewhere(place: Place) -> Place:
    """A service with a migration that its database has not seen, and a port for its health."""
    versions = place.folder / "src" / "migrations" / "versions"
    versions.mkdir()
    (versions / "0001_first.py").write_text(EMPTY)
    return place


async def applied(database: Database, revision: str) -> None:
    await database.pool.execute("CREATE TABLE alembic_version (version_num TEXT)")
    await database.pool.execute("INSERT INTO alembic_version VALUES ($1)", revision)


@pytest.mark.parametrize("revision", ["0001", "0002_of_a_newer_release"])
async def test_waits_alive_for_a_schema_as_new_as_itself_or_newer(
    migrated_elsewhere: Place, fresh: Database, free_port: Callable[[], int], revision: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with (
        migrated_elsewhere.running(SOCLE_HEALTH_LISTEN=address) as program,
        grpc.aio.insecure_channel(address) as probe,
    ):
        await program.said("schema.behind")
        assert await health_of(probe, "live") == SERVING
        assert await health_of(probe) == NOT_SERVING
        await applied(fresh, revision)
        await program.said("service.ready")
        assert await health_of(probe) == SERVING
    assert len([line for line in program.lines if line["event"] == "schema.behind"]) == 1


async def test_is_stopped_while_it_waits(migrated_elsewhere: Place) -> None:
    async with migrated_elsewhere.running() as program:
        await program.said("schema.behind")
        program.process.send_signal(signal.SIGTERM)
        assert await program.ended() == 0


async def test_a_database_away_is_waited_for_where_somebody_watches(
    place: Place, free_port: Callable[[], int]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    away = f"postgresql://probe@127.0.0.1:{free_port()}/probe"
    async with (
        place.running(SOCLE_HEALTH_LISTEN=address, SOCLE_DATABASE_URL=away) as program,
        grpc.aio.insecure_channel(address) as probe,
    ):
        assert (await program.said("schema.behind"))["state"] == "away"
        assert await health_of(probe, "live") == SERVING


async def test_a_second_signal_stops_at_once(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType
) -> None:
    async with (
        place.running(SOCLE_DRAIN_DELAY_SECONDS="60", SOCLE_DRAIN_SECONDS="60") as program,
        grpc.aio.insecure_channel(program.address) as channel,
    ):
        await program.said("service.ready")
        ask = method(channel, probe, "Wait")
        long = asyncio.ensure_future(
            ask(probe.WaitRequest(seconds=50), metadata=token(issuer, sso), timeout=59)
        )
        assert program.process.stdout is not None
        await program.process.stdout.readline()
        program.process.send_signal(signal.SIGTERM)
        await program.said("service.draining")
        began = time.monotonic()
        program.process.send_signal(signal.SIGTERM)
        assert await program.ended() == 0
        assert time.monotonic() - began < 10
        with pytest.raises(grpc.aio.AioRpcError):
            await long


class Writer:
    """Writes notes through one channel without a pause; each must be answered the first time."""

    def __init__(self, channel: grpc.aio.Channel, probe: ModuleType, metadata: Any) -> None:
        self._ask, self._probe, self._metadata = method(channel, probe, "WriteNote"), probe, metadata
        self.written: list[str] = []
        self.lost: list[str] = []

    async def write(self) -> None:
        while True:
            note = Id.new().value
            try:
                await self._ask(
                    self._probe.WriteNoteRequest(note_id=note), metadata=self._metadata, timeout=10
                )
                self.written.append(note)
            except grpc.aio.AioRpcError as error:
                self.lost.append(f"{error.code().name} {error.details()}")
            await asyncio.sleep(0.01)

    async def more(self, notes: int) -> None:
        wanted = len(self.written) + notes

        async def enough() -> bool:
            return len(self.written) >= wanted

        await until(enough, 30)


@asynccontextmanager
async def replica(place: Place, address: str, health: str) -> AsyncIterator[Program]:
    async with place.running(
        SOCLE_GRPC_LISTEN=address, SOCLE_HEALTH_LISTEN=health, SOCLE_DRAIN_DELAY_SECONDS=str(DELAY)
    ) as program:
        await program.said("service.ready")
        yield program


async def test_one_of_two_is_stopped_under_load_no_call_is_lost_and_the_other_leads(
    place: Place, issuer: LocalIssuer, sso: str, probe: ModuleType, stream: Any, free_port: Callable[[], int]
) -> None:
    one, two, health = (f"127.0.0.1:{free_port()}" for _ in range(3))
    async with (
        replica(place, one, health) as first,
        grpc.aio.insecure_channel(health) as asked,
        transport.channel(f"ipv4:{one},{two}", Settings()) as channel,
    ):
        await first.said("relay.leading")
        async with replica(place, two, "") as second:
            writer = Writer(channel, probe, token(issuer, sso))
            async with running(writer.write()), running(writer.write()):
                await writer.more(50)
                first.process.send_signal(signal.SIGTERM)
                await first.said("service.draining")
                assert (await health_of(asked), await health_of(asked, "live")) == (NOT_SERVING, SERVING)
                assert await health_of(asked, transport.CALLS) == SERVING, "its callers are told later"
                await until(lambda: _refuses_calls(asked))
                await second.said("relay.leading")
                # Handed over during the delay: the old leader is there still.
                assert first.process.returncode is None
                assert await first.ended() == 0
                await writer.more(50)
            heard = await told_of(stream, writer.written)
    assert writer.lost == []
    positions = [event["position"] for event in heard]
    assert positions == list(range(positions[0], positions[0] + len(positions)))


async def _refuses_calls(asked: grpc.aio.Channel) -> bool:
    return await health_of(asked, transport.CALLS) == NOT_SERVING


async def told_of(stream: Any, written: list[str]) -> list[dict[str, Any]]:
    """What the stream keeps, once it tells of each written note. What a leader had published and not marked
    when it let go, the next publishes again under the same ids: the stream keeps it once.
    """
    kept: list[dict[str, Any]] = []

    async def hear(message: Any) -> None:
        kept.append(json.loads(message.data))

    subject = "socle.probe.note.written.v1"
    subscription = await stream.jetstream().subscribe(subject, ordered_consumer=True, cb=hear)
    await until(lambda: set(written) <= {event["data"]["note_id"] for event in kept}, 30)
    await subscription.unsubscribe()
    return kept
