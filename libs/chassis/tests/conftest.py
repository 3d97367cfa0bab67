"""A small service of the tests' own (probe.proto, one table), on the real PostgreSQL."""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from importlib.resources import as_file, files
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from grpc_tools import protoc
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from sqlalchemy.ext.asyncio import create_async_engine

from chassis import audit, outbox, schema
from chassis.call import Call
from chassis.caller import permit, refuse, require
from chassis.consume import Durable, on
from chassis.db import Database, Tx
from chassis.errors import AlreadyExists, NotFound
from chassis.ids import Id
from chassis.relay import Relay, stream_of
from chassis.testing import (
    NOW,
    LocalIssuer,
    Served,
    call_as,
    callers,
    copied,
    run_sql,
    running,
    served,
    until,
)

from .program_given import place, sso

__all__ = ["place", "sso"]

HERE = Path(__file__).parent
METADATA = schema.metadata()
NOTE = sa.Table("note", METADATA, sa.Column("id", sa.Uuid, primary_key=True), sa.Column("body", sa.Text))
READ = sa.select(NOTE.c.body).where(NOTE.c.id == sa.bindparam("id"))


class NoteExists(AlreadyExists):
    """A note with this id exists."""


class NoteNotFound(NotFound):
    """There is no such note."""


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The generated module of probe.proto."""
    target = tmp_path_factory.mktemp("probe")
    proto = HERE.parents[2] / "proto"
    with as_file(files("grpc_tools") / "_proto") as well_known:
        arguments = [
            "protoc",
            f"-I{HERE}",
            f"-I{proto}",
            f"-I{well_known}",
            f"--python_out={target}",
            "probe.proto",
        ]
        assert protoc.main(arguments) == 0
    spec = importlib.util.spec_from_file_location("probe_pb2", target / "probe_pb2.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["probe_pb2"] = module
    spec.loader.exec_module(module)
    return module


class ProbeServicer:
    """Write and read notes; a note that says "secret" is refused to all as if it were absent."""

    def __init__(self, db: Database, probe: ModuleType) -> None:
        self.db, self.pb = db, probe
        self.service = probe.DESCRIPTOR.services_by_name["ProbeService"]
        self.executions = 0

    async def WriteNote(self, request: Any, call: Call) -> Any:
        async with self.db.begin(call) as tx:
            self.executions += 1
            write_note(tx, self.pb, request.note_id, request.body)
            if request.body == "flush":
                await tx.flush()
            return tx.answer(self.pb.WriteNoteResponse(note_id=request.note_id, stamp=str(self.executions)))

    async def ReadNote(self, request: Any, call: Call) -> Any:
        async with self.db.begin(call) as tx:
            row = await tx.one(READ, id=request.note_id)
            if row is None:
                raise NoteNotFound
            decision = refuse("test.secret") if row["body"] == "secret" else permit("test.open")
            require(decision, subject="someone", object_id=request.note_id, unseen=NoteNotFound)
            audit.record(tx, call.caller, call.permission, "someone", now=call.now(), rules=decision.rules)
            return self.pb.ReadNoteResponse(body=row["body"])

    async def Wait(self, request: Any, call: Call) -> Any:
        if request.how == "fail":
            raise ZeroDivisionError("a text that must not travel")
        if request.how == "write and fail":
            async with self.db.begin(call) as tx:
                write_note(tx, self.pb, Id.new().value, "half")
                await tx.flush()
                raise ZeroDivisionError("a text that must not travel")
        if request.how == "forbidden":
            require(refuse("test.rule", hint="Ask first."), subject="someone", object_id="thing")
        await asyncio.sleep(request.seconds)
        return self.pb.WaitResponse()


def write_note(tx: Tx, pb: ModuleType, note_id: str, body: str) -> None:
    tx.insert(NOTE, id=note_id, body=body)
    audit.record(tx, tx.call.caller, "note.write", "someone", now=tx.call.now(), object_id=note_id)
    outbox.emit(tx, pb.NoteWritten(note_id=note_id), now=tx.call.now())


async def make_tables(address: str, password: str) -> None:
    """The tables of the chassis and `note`, without Alembic."""
    url = sa.make_url(address.replace("postgresql", "postgresql+asyncpg", 1)).set(password=password)
    engine = create_async_engine(url)
    async with engine.begin() as bound:
        await bound.run_sync(METADATA.create_all)
        for statement in schema.append_only():
            await bound.execute(sa.text(statement))
    await engine.dispose()


@pytest.fixture(scope="session")
async def template(postgres: Any) -> str:
    """A database with the tables of the probe, to be copied."""
    await run_sql(postgres, "CREATE DATABASE template_probe")
    await make_tables(postgres.url("template_probe"), postgres.password)
    return "template_probe"


@pytest.fixture
def tables() -> Callable[[str, str], Awaitable[None]]:
    """Makes the tables of the probe in a database of the test's own."""
    return make_tables


@pytest.fixture(scope="module")
async def database(postgres: Any, template: str) -> AsyncIterator[Database]:
    async with copied(postgres, template, {"pk_note": NoteExists}) as made:
        yield made


@pytest.fixture
async def service(database: Database, probe: ModuleType, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(ProbeServicer(database, probe), database, issuer) as running:
        yield running


@pytest.fixture
async def fresh(postgres: Any, template: str) -> AsyncIterator[Database]:
    """A database for one test alone: what it leaves is nobody's concern."""
    async with copied(postgres, template, {"pk_note": NoteExists}) as made:
        yield made


@pytest.fixture
async def stream(nats_server: Any) -> AsyncIterator[Client]:
    """A client that may do anything, on a server where the stream of the probe does not exist yet."""
    client = await nats_server.client("admin")
    with suppress(NotFoundError):
        await client.jetstream().delete_stream(stream_of("probe"))
    yield client
    await client.close()


@pytest.fixture
async def probe_client(nats_server: Any, stream: Client) -> AsyncIterator[Client]:
    """A client with the rights of the probe service."""
    client = await nats_server.client("probe")
    yield client
    await client.close()


@pytest.fixture
async def relaying(postgres: Any, fresh: Database, probe_client: Client) -> Callable[[], Relay]:
    """Makes relays of the `fresh` database."""
    name = await fresh.pool.fetchval("SELECT current_database()")
    return lambda: Relay("probe", postgres.url(name), postgres.password, probe_client)


@pytest.fixture
def note(probe: ModuleType) -> Callable[[Database, str], Awaitable[str]]:
    """Writes a note, its audit line and its event; the id of the event."""

    async def write(database: Database, note_id: str = "") -> str:
        note_id = note_id or Id.new().value
        async with database.begin(call_as(callers.doctor)) as tx:
            tx.insert(NOTE, id=Id.new().value, body="body")
            audit.record(tx, tx.call.caller, "note.write", "someone", now=tx.call.now(), object_id=note_id)
            return outbox.emit(tx, probe.NoteWritten(note_id=note_id), now=tx.call.now())

    return write


@pytest.fixture
def note_table() -> sa.Table:
    return NOTE


@pytest.fixture
def make_servicer() -> type[ProbeServicer]:
    return ProbeServicer


# Durables that the NATS of the tests lets the probe create; each test has one of its own.
DURABLES = (f"probe-{n}" for n in count())
QUICK = (0.01, 0.02, 0.02)


class Subscriber:
    """A use case that writes a note for each event, and does as the test says before."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.before: Callable[[str], Awaitable[None]] = self.nothing

    async def nothing(self, note_id: str) -> None:
        """The usual day."""

    async def __call__(self, tx: Tx, event: Any, now: datetime) -> None:
        self.seen.append(event.note_id)
        tx.insert(NOTE, id=Id.new().value, body=event.note_id)
        await tx.flush()
        await self.before(event.note_id)


@pytest.fixture
def subscriber() -> Subscriber:
    return Subscriber()


@pytest.fixture
def durable_names() -> Iterator[str]:
    """Names that no other test has used."""
    return DURABLES


@pytest.fixture
async def emit(
    fresh: Database, probe: ModuleType, relaying: Callable[[], Relay]
) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Publishes an event through the outbox and a relay that runs as long as the test; the id of its note."""

    async def write(note_id: str = "", kind: str = "NoteWritten") -> str:
        note_id = note_id or Id.new().value
        async with fresh.begin(call_as(callers.doctor)) as tx:
            outbox.emit(tx, getattr(probe, kind)(note_id=note_id), now=NOW)
        return note_id

    async with running(relaying().run()):
        yield write


@pytest.fixture
def durable(
    fresh: Database, probe: ModuleType, probe_client: Client, subscriber: Subscriber
) -> Callable[[], Durable]:
    """Makes the same consumer as often as asked: each is the service started once more."""
    name = next(DURABLES)
    lines = [on(event, subscriber, durable=name) for event in (probe.NoteWritten, probe.NoteErased)]
    return lambda: Durable(name, lines, probe_client, fresh, lambda: NOW, owner="probe", backoff=QUICK)


class Results:
    """What became of the events."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def notes(self) -> list[str]:
        """What the use case wrote, in the order of writing."""
        return [row["body"] for row in await self.database.pool.fetch("SELECT body FROM note ORDER BY id")]

    async def come(self, wanted: list[str]) -> None:
        """Waits for these notes; any other, or another order, is a failure."""

        async def enough() -> bool:
            return len(await self.notes()) >= len(wanted)

        await until(enough)
        assert await self.notes() == wanted

    async def parked(self) -> list[tuple[str, str]]:
        rows = await self.database.pool.fetch("SELECT event_id, problem FROM parked ORDER BY parked_at")
        return [(row["event_id"], row["problem"]) for row in rows]


@pytest.fixture
def results(fresh: Database) -> Results:
    return Results(fresh)
