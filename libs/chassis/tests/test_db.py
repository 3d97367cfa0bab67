"""Transactions: how many round trips, all or nothing, and what PostgreSQL's words become."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from chassis import audit, db, leader, outbox, sql
from chassis.call import Call
from chassis.db import Database, Tx
from chassis.errors import AlreadyExists, Conflict, NotFound, SocleError, TimedOut, Unavailable
from chassis.ids import Id
from chassis.testing import NOW, call_as, callers

PATIENT = "DUPONT Marie 2791275120005"


@asynccontextmanager
async def listened(database: Database) -> AsyncIterator[list[str]]:
    """Every statement that leaves for the server, in order."""
    said: list[str] = []

    def hear(record: Any) -> None:
        said.append(record.query)

    connections = [await database.pool.acquire() for _ in range(database.pool.get_max_size())]
    for connection in connections:
        connection.add_query_logger(hear)
        await database.pool.release(connection)
    try:
        yield said
    finally:
        connections = [await database.pool.acquire() for _ in range(database.pool.get_max_size())]
        for connection in connections:
            connection.remove_query_logger(hear)
            await database.pool.release(connection)


@pytest.fixture
def by_id(note_table: sa.Table) -> sa.Select[Any]:
    return sa.select(note_table.c.id, note_table.c.body).where(note_table.c.id == sa.bindparam("id"))


@pytest.fixture
def rename(note_table: sa.Table) -> sa.Update:
    return (
        sa.update(note_table)
        .where(note_table.c.id == sa.bindparam("which"))
        .values(body=sa.bindparam("text"))
    )


def write(tx: Tx, table: sa.Table, probe: ModuleType, note: str = "", body: str = "body") -> str:
    note = note or Id.new().value
    tx.insert(table, id=note, body=body)
    audit.record(tx, tx.call.caller, "note.write", "someone", now=NOW, object_id=note)
    outbox.emit(tx, probe.NoteWritten(note_id=note), now=NOW)
    return note


async def rows_about(database: Database, note: str) -> list[int]:
    return [
        await database.pool.fetchval("SELECT count(*) FROM note WHERE id = $1", note),
        await database.pool.fetchval("SELECT count(*) FROM audit WHERE object_id = $1", note),
        await database.pool.fetchval("SELECT count(*) FROM outbox WHERE aggregate = $1", f"note/{note}"),
    ]


def call() -> Call:
    return call_as(callers.doctor)


async def test_insertions_only_cost_one_round_trip(
    database: Database, note_table: sa.Table, probe: ModuleType
) -> None:
    async with listened(database) as said, database.begin(call()) as tx:
        first = write(tx, note_table, probe)
        second = write(tx, note_table, probe)
        tx.answer(probe.WriteNoteResponse())
    assert len(said) == 1
    assert said[0].count("INSERT INTO") == 3
    assert await rows_about(database, first) == await rows_about(database, second) == [1, 1, 1]


async def test_a_read_and_insertions_cost_two(
    database: Database, note_table: sa.Table, probe: ModuleType, by_id: Any
) -> None:
    async with listened(database) as said, database.begin(call()) as tx:
        assert await tx.one(by_id, id=Id.new().value) is None
        write(tx, note_table, probe)
    assert len(said) == 2


async def test_nothing_done_costs_nothing(database: Database) -> None:
    async with listened(database) as said, database.begin(call()):
        pass
    assert said == []


async def test_one_fault_in_the_merged_statement_leaves_nothing(
    database: Database, note_table: sa.Table, probe: ModuleType
) -> None:
    async with database.begin(call()) as tx:
        taken = write(tx, note_table, probe)
    new = Id.new().value
    with pytest.raises(AlreadyExists):
        async with database.begin(call()) as tx:
            write(tx, note_table, probe, new)
            tx.insert(note_table, id=taken, body="again")
    assert await rows_about(database, new) == [0, 0, 0]


async def test_read_after_insertion_sees_it_and_an_exception_undoes_it(
    database: Database, note_table: sa.Table, probe: ModuleType, by_id: Any
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.begin(call()) as tx:
            note = write(tx, note_table, probe, body="mine")
            row = await tx.one(by_id, id=note)
            assert row is not None
            assert row["body"] == "mine"
            assert len(await tx.all(by_id, id=note)) == 1
            raise ZeroDivisionError
    assert await rows_about(database, note) == [0, 0, 0]


async def test_insertions_that_wait_are_dropped_by_an_exception(
    database: Database, note_table: sa.Table, probe: ModuleType
) -> None:
    async with listened(database) as said:
        with pytest.raises(NotFound):
            async with database.begin(call()) as tx:
                write(tx, note_table, probe)
                raise NotFound
    assert said == []


async def test_change_tells_how_many_rows_and_is_undone_with_the_rest(
    database: Database, note_table: sa.Table, probe: ModuleType, by_id: Any, rename: Any
) -> None:
    async with database.begin(call()) as tx:
        note = write(tx, note_table, probe, body="before")
        assert await tx.change(rename, which=note, text="after") == 1
        assert await tx.change(rename, which=Id.new().value, text="after") == 0
    with pytest.raises(ZeroDivisionError):
        async with database.begin(call()) as tx:
            await tx.change(rename, which=note, text="lost")
            raise ZeroDivisionError
    async with database.read() as reading:
        row = await reading.one(by_id, id=note)
    assert row is not None
    assert row["body"] == "after"


async def test_lock_makes_the_second_wait_for_the_first(
    database: Database, note_table: sa.Table, probe: ModuleType, by_id: Any, rename: Any
) -> None:
    async with database.begin(call()) as tx:
        note = write(tx, note_table, probe, body="0")

    async def add_one() -> None:
        async with database.begin(call()) as tx:
            row = await tx.lock(by_id.with_for_update(), id=note)
            assert row is not None
            await asyncio.sleep(0.01)
            await tx.change(rename, which=note, text=str(int(row["body"]) + 1))

    await asyncio.gather(*(add_one() for _ in range(6)))
    assert await database.pool.fetchval("SELECT body FROM note WHERE id = $1", note) == "6"


@pytest.mark.parametrize("moment", ["locked", "waiting"])
async def test_cancellation_undoes_and_gives_the_connection_back(
    database: Database, note_table: sa.Table, probe: ModuleType, by_id: Any, moment: str
) -> None:
    note = Id.new().value
    reached = asyncio.Event()

    async def cancelled() -> None:
        async with database.begin(call()) as tx:
            write(tx, note_table, probe, note)
            await tx.flush()
            reached.set()
            if moment == "waiting":
                await tx.one(sa.select(sa.func.pg_sleep(30)))
            await asyncio.sleep(30)

    tasks = [asyncio.create_task(cancelled())]
    await reached.wait()
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await rows_about(database, note) == [0, 0, 0]
    assert database.pool.get_idle_size() == database.pool.get_size()


async def test_violated_constraint_is_the_error_of_the_store_without_any_value(
    database: Database, note_table: sa.Table
) -> None:
    note = Id.new().value
    with pytest.raises(AlreadyExists) as error:
        async with database.begin(call()) as tx:
            tx.insert(note_table, id=note, body=PATIENT)
            tx.insert(note_table, id=note, body=PATIENT)
    assert error.value.reason == "NOTE_EXISTS"
    assert note not in repr(error.value) + repr(vars(error.value))
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


async def test_constraint_nobody_declared_is_a_fault_of_ours(database: Database) -> None:
    missing = sa.insert(sa.table("audit", sa.column("id"))).values(id=sa.bindparam("id"))
    with pytest.raises(asyncpg.NotNullViolationError):
        async with database.begin(call()) as tx:
            await tx.change(missing, id=Id.new().value)


async def test_deadlock_is_a_conflict_for_one_and_nothing_for_the_other(
    database: Database, note_table: sa.Table, probe: ModuleType, rename: Any
) -> None:
    async with database.begin(call()) as tx:
        notes = [write(tx, note_table, probe), write(tx, note_table, probe)]
    both = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> str:
        try:
            async with database.begin(call()) as tx:
                await tx.change(rename, which=first, text="x")
                await both.wait()
                await tx.change(rename, which=second, text="x")
        except SocleError as error:
            return type(error).__name__
        return "done"

    outcomes = await asyncio.gather(cross(notes[0], notes[1]), cross(notes[1], notes[0]))
    assert sorted(outcomes) == ["Conflict", "done"]


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        with db.translated({}):
            raise error

    return work


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (asyncpg.SerializationError("x"), Conflict),
        (asyncpg.LockNotAvailableError("x"), Conflict),
        (asyncpg.QueryCanceledError("x"), TimedOut),
        (TimeoutError(), TimedOut),
        (asyncpg.TooManyConnectionsError("x"), Unavailable),
        (asyncpg.DiskFullError("x"), Unavailable),
        (asyncpg.ReadOnlySQLTransactionError("x"), Unavailable),
        (asyncpg.AdminShutdownError("x"), Unavailable),
        (asyncpg.CannotConnectNowError("x"), Unavailable),
        (asyncpg.ConnectionDoesNotExistError("x"), Unavailable),
        (asyncpg.InterfaceError("connection is closed"), Unavailable),
        (ConnectionResetError(), Unavailable),
        (OSError("Multiple exceptions"), Unavailable),
        (asyncpg.DataError("x"), asyncpg.DataError),
        (asyncpg.UndefinedTableError("x"), asyncpg.UndefinedTableError),
        (NotFound(), NotFound),
        (KeyError("x"), KeyError),
        (asyncio.CancelledError(), asyncio.CancelledError),
    ],
)
def test_words_of_postgresql(error: BaseException, becomes: type[BaseException]) -> None:
    with pytest.raises(becomes) as raised:
        raising(error)()
    assert type(raised.value) is becomes


async def test_an_argument_of_the_wrong_kind_is_a_fault_of_ours_not_of_the_moment(
    database: Database, by_id: Any
) -> None:
    with pytest.raises(asyncpg.DataError):
        async with database.read() as tx:
            await tx.one(by_id, id="not a uuid")


async def test_more_rows_than_one_statement_takes_are_all_or_nothing_too(
    database: Database, note_table: sa.Table
) -> None:
    notes = [Id.new().value for _ in range(sql.ARGUMENTS_MOST // 2 + 10)]
    with pytest.raises(AlreadyExists):
        async with database.begin(call()) as tx:
            for note in [*notes, notes[0]]:
                tx.insert(note_table, id=note, body="many")
    counted = "SELECT count(*) FROM note WHERE body = 'many'"
    assert await database.pool.fetchval(counted) == 0
    async with database.begin(call()) as tx:
        for note in notes:
            tx.insert(note_table, id=note, body="many")
    assert await database.pool.fetchval(counted) == len(notes)


async def test_events_wake_the_relay_once_committed_only(
    database: Database, note_table: sa.Table, probe: ModuleType
) -> None:
    woken: list[str] = []
    work = call()
    work.emitted = lambda: woken.append("woken")
    with pytest.raises(ZeroDivisionError):
        async with database.begin(work) as tx:
            write(tx, note_table, probe)
            raise ZeroDivisionError
    async with database.begin(work):
        pass
    assert woken == []
    async with database.begin(work) as tx:
        write(tx, note_table, probe)
        assert woken == []
    assert woken == ["woken"]


async def test_json_goes_in_and_comes_out(database: Database) -> None:
    value = {"a": [1, None, "é"], "b": {"c": 1.5}}
    assert await database.pool.fetchval("SELECT $1::jsonb", value) == value


async def test_a_host_that_is_gone_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets to it are lost: nothing refuses, nothing answers."""
    monkeypatch.setattr(db, "CONNECT_SECONDS", 0.2)
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        gone.listen()
        dsn = f"postgresql://someone@127.0.0.1:{gone.getsockname()[1]}/any"
        async with asyncio.timeout(5):
            with pytest.raises(TimeoutError):
                await db.connect(dsn, None, 1)
            with pytest.raises(leader.INTERRUPTIONS):
                await leader.leading(dsn, None, "lock", "test").__aenter__()


async def test_database_killed_is_unavailable_then_serves_again(
    tmp_path: Path, own_postgres: Callable[[Path], Any], by_id: Any
) -> None:
    server = own_postgres(tmp_path)
    # The servers of the tests answer before they write: what this one is told must outlive it.
    pool = await db.connect(server.url("postgres"), server.password, 4, synchronous_commit="on")
    database = Database(pool)
    try:
        await pool.execute("CREATE TABLE note (id uuid PRIMARY KEY, body text)")
        entered = asyncio.Event()

        async def under_way() -> None:
            async with database.read() as tx:
                entered.set()
                await tx.one(sa.select(sa.func.pg_sleep(30)))

        running = asyncio.create_task(under_way())
        await entered.wait()
        await asyncio.sleep(0.1)
        server.running.program.kill()
        with pytest.raises(Unavailable) as error:
            await running
        assert error.value.retry_after == 1.0
        for _ in range(5):
            with pytest.raises(Unavailable):
                async with database.read() as tx:
                    await tx.one(by_id, id=Id.new().value)
        server.running.start()
        async with database.read() as tx:
            assert await tx.one(by_id, id=Id.new().value) is None
    finally:
        pool.terminate()
        server.running.stop()
