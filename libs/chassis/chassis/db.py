"""The database of a service: `begin() -> Tx`, `read() -> ReadTx`, and nothing else touches a connection.

A `Tx` is a unit of work. Reads run at once; inserted rows wait and leave together in one statement, before
the next read or at the end. `BEGIN` is sent only when it is needed (a lock, a change, a read after a write):
a use case that only inserts costs one round trip, row, event and audit line included, and is still all or
nothing. Isolation is PostgreSQL's read committed; what must not happen is held by constraints and row locks.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
import orjson
import sqlalchemy as sa

from . import answers, sql, telemetry
from .errors import Conflict, SocleError, TimedOut, Unavailable
from .schema import IDEMPOTENCY

if TYPE_CHECKING:
    from .call import Call, Key

Record = asyncpg.Record
Constraints = Mapping[str, type[SocleError]]
# Asked anew at each connection when it can be.
Password = str | Callable[[], str] | None
# A host that is gone does not refuse: packets to it are lost, and the next try finds who took its place.
CONNECT_SECONDS = 5.0

# Away, stopping, out of connections or disk, a replica that is not promoted yet, a password changed there
# before it reached us.
NOT_NOW = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    OSError,
)
LATE = (asyncpg.QueryCanceledError, TimeoutError)
FASTER = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)


class Answer(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802 (protobuf's name)


M = TypeVar("M", bound=Answer)


class AnsweredBefore(Exception):
    """The same request was answered before: here are the bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        super().__init__("answered before")


class SameKeyInFlight(Conflict):
    """The same request is being handled at this very moment: ask again for its answer."""


class ReadTx:
    """Reads only. Every statement is Core, built at module level, with its parameters by name."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def one(self, statement: sa.Executable, **params: Any) -> Record | None:
        """The first row, or None."""
        text = sql.text(statement)
        with telemetry.statement(text.summary):
            row: Record | None = await self._connection.fetchrow(text.sql, *text.arguments(params))
        return row

    async def all(self, statement: sa.Executable, **params: Any) -> list[Record]:
        """Every row."""
        text = sql.text(statement)
        with telemetry.statement(text.summary):
            rows: list[Record] = await self._connection.fetch(text.sql, *text.arguments(params))
        return rows


class Tx(ReadTx):
    """A unit of work; see the module's text for what is sent when."""

    def __init__(self, connection: Any, call: Call, *, open_already: bool = False) -> None:
        super().__init__(connection)
        self.call = call
        self._transaction: Any = None
        self._open = open_already
        self._writes: list[sql.Waiting] = []
        self._answer: bytes | None = None
        # Set by outbox.emit: the relay is woken once this is committed.
        self.has_events = False

    async def one(self, statement: sa.Executable, **params: Any) -> Record | None:
        if self._writes:
            await self.flush()
        return await super().one(statement, **params)

    async def all(self, statement: sa.Executable, **params: Any) -> list[Record]:
        if self._writes:
            await self.flush()
        return await super().all(statement, **params)

    async def lock(self, statement: sa.Executable, **params: Any) -> Record | None:
        """The first row of a `SELECT ... FOR UPDATE`, held until the end."""
        await self._begin()
        return await self.one(statement, **params)

    async def lock_all(self, statement: sa.Executable, **params: Any) -> list[Record]:
        """Every row of it, held until the end."""
        await self._begin()
        return await self.all(statement, **params)

    async def change(self, statement: sa.Executable, **params: Any) -> int:
        """Runs an UPDATE, a DELETE or an INSERT ... ON CONFLICT at once; the number of rows touched."""
        await self._begin()
        await self.flush()
        text = sql.text(statement)
        with telemetry.statement(text.summary):
            status: str = await self._connection.execute(text.sql, *text.arguments(params))
        return int(status.rsplit(" ", 1)[-1])

    def insert(self, table: sa.Table, **values: Any) -> None:
        """Adds a row, written with the others before the next read or at the end."""
        self._writes.append(sql.Write(table, values))

    def change_later(self, statement: sa.Executable, **params: Any) -> None:
        """An UPDATE that leaves with the inserted rows, without a round trip of its own.

        It sees nothing of them, and how many rows it touched is not told: use it where the row is locked, or
        where a constraint on what is inserted with it holds what must not happen.
        """
        self._writes.append(sql.Later(statement, params))

    def answer(self, message: M) -> M:
        """The answer of a changing RPC: kept with the change, so that a replay gets the same one."""
        key = self.call.idempotency
        if key is not None:
            self.insert(IDEMPOTENCY, **answers.row(key, message.SerializeToString(), self.call.now()))
        self._answer = b"given"
        return message

    async def flush(self) -> None:
        """Sends the waiting rows now, inside an explicit transaction."""
        if self._writes:
            await self._begin()
            await self._send()

    async def _begin(self) -> None:
        if not self._open:
            self._open = True
            self._transaction = self._connection.transaction()
            with telemetry.statement("BEGIN"):
                await self._transaction.start()

    async def _send(self) -> None:
        writes, self._writes = self._writes, []
        batches = sql.batches(writes)
        if len(batches) > 1:
            await self._begin()
        for batch in batches:
            statement, arguments = sql.together(batch)
            with telemetry.statement(sql.told(batch)):
                await self._connection.execute(statement, *arguments)

    async def close(self) -> None:
        """Writes what waits, then commits."""
        if self.call.idempotency is not None and self._answer is None:
            raise RuntimeError("a changing RPC must return tx.answer(response), or its key protects nothing")
        if self._writes:
            await self._send()
        if self._transaction is not None:
            with telemetry.statement("COMMIT"):
                await self._transaction.commit()

    async def abandon(self) -> None:
        """Undoes everything."""
        self._writes.clear()
        if self._transaction is not None and not self._connection.is_closed():
            await self._transaction.rollback()


IN_FLIGHT = {"pk_idempotency": SameKeyInFlight}
FIND_ANSWER = sa.select(IDEMPOTENCY.c.fingerprint, IDEMPOTENCY.c.answer).where(
    IDEMPOTENCY.c.scope == sa.bindparam("scope"), IDEMPOTENCY.c.key == sa.bindparam("key")
)


class Database:
    """The pool. `constraints` tells which error a violated constraint means (from `store.CONSTRAINTS`)."""

    def __init__(self, pool: asyncpg.Pool[Record], constraints: Constraints | None = None) -> None:
        self.pool = pool
        self.constraints: dict[str, type[SocleError]] = {**IN_FLIGHT, **(constraints or {})}

    @asynccontextmanager
    async def begin(self, call: Call) -> AsyncIterator[Tx]:
        """A unit of work: committed when the block ends, undone when it raises."""
        with translated(self.constraints):
            async with self._lent() as connection:
                tx = Tx(connection, call)
                try:
                    await _replay(tx)
                    yield tx
                    await tx.close()
                except BaseException:
                    await tx.abandon()
                    raise
        if tx.has_events:
            call.emitted()

    async def answered(self, key: Key) -> bytes | None:
        """The answer given to this very request before, or None. Raises IdempotencyKeyReused."""
        async with self.read() as tx:
            return await _answer_of(tx, key)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadTx]:
        """Reads that leave no trace: never for patient data (use `begin` and audit)."""
        with translated(self.constraints):
            async with self._lent() as connection:
                yield ReadTx(connection)

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        """A connection of the pool; how long it was waited for is told also when nobody could wait longer."""
        began = time.monotonic()
        try:
            connection = await self.pool.acquire()
        finally:
            telemetry.POOL_WAIT.record(time.monotonic() - began)
        try:
            yield connection
        finally:
            await self.pool.release(connection)

    def measure(self) -> None:
        """How much of the pool is at work."""
        size = self.pool.get_size()
        telemetry.POOL_SIZE.set(size)
        telemetry.POOL_USED.set(size - self.pool.get_idle_size())
        telemetry.POOL_MOST.set(self.pool.get_max_size())


async def _replay(tx: Tx) -> None:
    if tx.call.idempotency is not None:
        answer = await _answer_of(tx, tx.call.idempotency)
        if answer is not None:
            raise AnsweredBefore(answer)


async def _answer_of(tx: ReadTx, key: Key) -> bytes | None:
    row = await tx.one(FIND_ANSWER, scope=key.scope, key=answers.name_of(key))
    return None if row is None else answers.opened(key, dict(row))


class translated:  # noqa: N801 (reads as a statement)
    """Turns what PostgreSQL says into the errors of the house."""

    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, asyncpg.IntegrityConstraintViolationError):
            known = self.constraints.get(error.constraint_name or "")
            if known is not None:
                # The driver's text holds the values of the row: never let it travel.
                raise known() from None
        if isinstance(error, FASTER):
            raise Conflict from None
        if isinstance(error, LATE):
            raise TimedOut from None
        if isinstance(error, NOT_NOW):
            raise Unavailable("The database of this service does not answer.", retry_after=1.0) from error


async def connect(dsn: str, password: Password, size: int, **settings: str) -> asyncpg.Pool[Record]:
    """The pool of a service; connections are opened as they are needed."""
    return await asyncpg.create_pool(
        dsn,
        password=password,
        timeout=CONNECT_SECONDS,
        min_size=1,
        max_size=size,
        init=prepare,
        reset=_reset,
        statement_cache_size=1024,
        server_settings={"application_name": "socle", **settings},
    )


async def prepare(connection: Any) -> None:
    """JSONB in and out through orjson."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
    )


async def _reset(connection: Any) -> None:
    """The default reset costs a round trip per call; nothing here changes the session."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
