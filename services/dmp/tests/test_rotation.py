"""Rotating the master key while the service runs, and destroying its old versions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.caller import Caller, CallerKind
from chassis.db import Database
from chassis.errors import Unavailable
from chassis.testing import NOW, Server, copied
from dmp import keys as command
from dmp.clients.blobs import Blobs, in_folder
from dmp.clients.keys import KeyDestroyed, LocalKeyProvider, RecordKeys
from dmp.domain.records import PersonId
from dmp.domain.sealing import Wrapped
from dmp.store import keys as rows
from dmp.store.tables import RECORD
from dmp.usecases.rotation import VersionInUse
from dmp.workers.retention import Retention
from dmp.workers.rotation import Rotation

from .erasure_given import Held, hold, own_call

OPERATOR = Caller(CallerKind.OPERATOR, "somebody")


@pytest.fixture
async def database(postgres: Server, template: str) -> AsyncIterator[Database]:
    """One for each test: a rotation is of all the keys."""
    async with copied(postgres, template) as made:
        yield made


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    LocalKeyProvider.create(tmp_path / "ring.json")
    return tmp_path / "ring.json"


@pytest.fixture
def provider(ring: Path) -> LocalKeyProvider:
    return LocalKeyProvider(ring)


@pytest.fixture
def keys(ring: Path) -> RecordKeys:
    """Those of the service: another process than the operator's."""
    return RecordKeys(LocalKeyProvider(ring))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    (tmp_path / "blobs").mkdir()
    return in_folder(tmp_path / "blobs")


@pytest.fixture
def work(database: Database, provider: LocalKeyProvider) -> Rotation:
    return Rotation(database, provider, OPERATOR, settle=0.0, clock=lambda: NOW)


@pytest.fixture
async def helds(database: Database, keys: RecordKeys, blobs: Blobs) -> list[Held]:
    return [await hold(database, keys, blobs, documents=1) for _ in range(5)]


async def versions(database: Database) -> dict[int, int]:
    async with database.read() as tx:
        return await rows.count_by_version(tx)


async def stored(database: Database, person: PersonId) -> Wrapped:
    async with database.read() as tx:
        found = await rows.find_key(tx, person)
    assert found is not None
    return found


class Moody(LocalKeyProvider):
    """Wraps again, but something happens first."""

    happens: Callable[[], Awaitable[None]]

    async def rewrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[Wrapped]:
        done = await super().rewrap(wrapped)
        await self.happens()
        return done


async def test_every_key_is_wrapped_again_and_opens_as_before(
    database: Database, helds: list[Held], keys: RecordKeys, work: Rotation
) -> None:
    assert await work.rotate() == 2
    told: list[int] = []
    outcome = await work.rewrap(batch=2, progress=told.append)
    assert (outcome.done, outcome.refused) == (5, [])
    assert told[:3] == [2, 4, 5]
    assert await versions(database) == {2: 5}
    for held in helds:
        opened = await keys.open(held.person, await stored(database, held.person))
        assert opened.open(held.key.seal(b"before", "x"), "x") == b"before"


async def test_a_stopped_run_is_resumed(
    database: Database, helds: list[Held], work: Rotation, ring: Path
) -> None:
    await work.rotate()
    moody, left = Moody(ring), [1]

    async def go_away() -> None:
        if not left:
            raise Unavailable
        left.pop()

    moody.happens = go_away
    with pytest.raises(Unavailable):
        await Rotation(database, moody, OPERATOR).rewrap(batch=2)
    assert await versions(database) == {1: 3, 2: 2}
    assert (await work.rewrap(batch=2)).done == 3
    assert await versions(database) == {2: 5}


async def test_a_key_destroyed_meanwhile_does_not_come_back(
    database: Database, helds: list[Held], work: Rotation, ring: Path
) -> None:
    await work.rotate()
    moody = Moody(ring)

    async def erase() -> None:
        await database.pool.execute("DELETE FROM record_key WHERE person_id = $1", helds[0].person.value)

    moody.happens = erase
    assert (await Rotation(database, moody, OPERATOR).rewrap()).done == 4
    assert await versions(database) == {2: 4}


async def test_a_key_made_meanwhile_under_the_old_version_is_taken_too(
    database: Database, helds: list[Held], keys: RecordKeys, blobs: Blobs, work: Rotation, ring: Path
) -> None:
    """Wrapped just before the rotation, committed after its identifier was passed by."""
    early = PersonId("00000000-0000-7000-8000-000000000001")
    _, late = await keys.make(early)
    await work.rotate()
    moody, left = Moody(ring), [late]

    async def commit() -> None:
        if left:
            async with database.begin(own_call()) as tx:
                tx.insert(RECORD, person_id=early.value, opened_at=NOW)
                rows.insert_key(tx, early, left.pop())

    moody.happens = commit
    assert (await Rotation(database, moody, OPERATOR).rewrap()).done == 6
    assert await versions(database) == {2: 6}


async def test_a_key_that_is_not_recognised_does_not_hold_the_others_up(
    database: Database, helds: list[Held], work: Rotation
) -> None:
    broken = helds[2].person
    await database.pool.execute("UPDATE record_key SET wrapped = 'x' WHERE person_id = $1", broken.value)
    await work.rotate()
    outcome = await work.rewrap(batch=3)
    assert (outcome.done, outcome.refused) == (4, [broken])


async def test_a_version_in_use_is_not_destroyed(
    database: Database, helds: list[Held], work: Rotation, provider: LocalKeyProvider
) -> None:
    await work.rotate()
    with pytest.raises(VersionInUse) as error:
        await work.destroy(1)
    assert "5 keys" in error.value.hint
    assert await provider.versions() == [1, 2]
    with pytest.raises(ValueError, match="rotate first"):
        await work.destroy(2)


async def test_a_key_committed_while_it_waits_stops_the_destruction(
    database: Database, keys: RecordKeys, blobs: Blobs, provider: LocalKeyProvider, work: Rotation
) -> None:
    """Its call had wrapped it before the rotation."""
    person = PersonId.new()
    _, wrapped = await keys.make(person)
    await work.rotate()
    work.settle = 0.3
    destroying = asyncio.create_task(work.destroy(1))
    await asyncio.sleep(0.1)
    async with database.begin(own_call()) as tx:
        tx.insert(RECORD, person_id=person.value, opened_at=NOW)
        rows.insert_key(tx, person, wrapped)
    with pytest.raises(VersionInUse):
        await destroying
    assert await provider.versions() == [1, 2]


async def test_what_is_destroyed_is_said_by_the_receipts_even_after_a_crash(
    database: Database, keys: RecordKeys, blobs: Blobs, provider: LocalKeyProvider, work: Rotation
) -> None:
    held = await hold(database, keys, blobs, closed=True, due=NOW - timedelta(days=1))
    await Retention(database, keys, blobs, clock=lambda: NOW).work()
    await work.rotate()
    unreadable = "SELECT backups_unreadable_at FROM erasure WHERE person_id = $1"
    assert await database.pool.fetchval(unreadable, held.person.value) is None
    # The command died between the provider and the database.
    await provider.destroy(1)
    assert await work.destroy(1) == 1
    assert await database.pool.fetchval(unreadable, held.person.value) == NOW
    with pytest.raises(KeyDestroyed):
        await RecordKeys(provider).open(held.person, held.wrapped)


async def test_the_journal_names_the_operator_and_the_version(
    database: Database, helds: list[Held], work: Rotation
) -> None:
    await work.rotate()
    await work.rewrap()
    await work.destroy(1)
    lines = await database.pool.fetch(
        "SELECT action, actor, object_id FROM audit WHERE subject = 'dmp.master_key' ORDER BY id"
    )
    assert [tuple(line) for line in lines] == [
        ("dmp_master_key.rotate", "somebody", "v2"),
        ("dmp_master_key.destroy", "somebody", "v1"),
    ]


class Command:
    """`python -m dmp.keys` with the environment of the service."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    async def __call__(self, *words: str) -> tuple[int, str]:
        ended = await asyncio.to_thread(CliRunner().invoke, command.app, words, env=self.environment)
        return ended.exit_code, ended.output


@pytest.fixture
async def run(database: Database, postgres: Server, ring: Path, tmp_path: Path) -> Command:
    name = await database.pool.fetchval("SELECT current_database()")
    password = tmp_path / "password"
    password.write_text(postgres.password)
    return Command(
        {
            "SOCLE_DATABASE_URL": postgres.url(name),
            "SOCLE_DATABASE_PASSWORD_FILE": str(password),
            "SOCLE_MASTER_KEY_FILE": str(ring),
        }
    )


async def test_the_operators_command_does_it_all(
    database: Database, keys: RecordKeys, blobs: Blobs, ring: Path, run: Command
) -> None:
    await hold(database, keys, blobs)
    destroy = ("destroy", "--version", "1", "--settle", "0", "--yes")
    for words, code, said in (
        (("init",), 1, "exists already"),
        (destroy, 1, "rotate first"),
        (("rotate",), 0, "1 keys wrapped again"),
        (("rewrap",), 0, "0 keys wrapped again"),
        (("status",), 0, "current"),
        (destroy, 0, "destroyed up to version 1"),
        (destroy, 0, "0 receipts"),
    ):
        got, text = await run(*words)
        assert (got, said in text) == (code, True), text
    assert await LocalKeyProvider(ring).versions() == [2]


async def test_the_operators_command_says_what_is_in_the_way(
    database: Database, keys: RecordKeys, blobs: Blobs, ring: Path, run: Command
) -> None:
    """A version that still wraps keys; a key that nobody can open."""
    held = await hold(database, keys, blobs)
    await LocalKeyProvider(ring).rotate()
    code, text = await run("destroy", "--version", "1", "--settle", "0", "--yes")
    assert (code, "dmp.keys rewrap` first: 1 keys are left" in text) == (1, True), text
    await database.pool.execute("UPDATE record_key SET wrapped = 'x'")
    code, text = await run("rewrap")
    assert (code, held.person.value in text) == (1, True), text
