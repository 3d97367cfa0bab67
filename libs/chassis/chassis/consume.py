"""Events in: a table of `event -> use case`, and one ordered consumer a durable name.

begin; note the event in the inbox (a duplicate is acknowledged and skipped); use case; commit; *then*
acknowledge. One event is under way at a time, over all replicas, so the order holds whatever dies in between.
Failure has three names. *Not now* (anything unexpected, NotFound, Conflict): the same event is tried again
with a back-off, and those behind it wait. *Poison* (undecodable, refused by a rule, or still failing after
the last try): parked in a table, to be replayed by hand; while our own database is away nothing is poison.
*Too many poison in a row*: the consumer stops, because the fault is then most likely ours.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import nats.errors
import orjson
import sqlalchemy as sa
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, NotFoundError
from sqlalchemy.dialects import postgresql

from . import telemetry
from .call import Call, Clock, nothing, utc_now
from .caller import service
from .db import Database, Tx
from .errors import AlreadyExists, Forbidden, InvalidInput, RuleViolated, SocleError, TimedOut, Unavailable
from .outbox import declared
from .relay import stream_of
from .schema import INBOX, PARKED
from .stopping import asked_to_stop
from .telemetry import SpanKind

log = telemetry.logger("consume")

UseCase = Callable[[Tx, Any, datetime], Awaitable[None]]
POISON = (InvalidInput, RuleViolated, Forbidden, AlreadyExists)
# No fault of the event: however long it lasts, it is not parked.
AWAY = (Unavailable, TimedOut)
BACKOFF = (0.05, 0.2, 1.0, 5.0, 15.0, 30.0, 60.0)
# Seconds without a sign of life after which the server delivers again: what a crash delays the next event by.
ACK_WAIT = 10.0
# Seconds a request for the next event waits at the server.
PATIENCE = 5.0
POISON_IN_A_ROW = 10
DONE = ("handled", "duplicate")
# Seconds between two looks at how many events wait.
MEASURED = 5.0

SEEN = (
    postgresql.insert(INBOX)
    .values(durable=sa.bindparam("durable"), event_id=sa.bindparam("event_id"))
    .on_conflict_do_nothing()
)
PARK = (
    postgresql.insert(PARKED)
    .values({name: sa.bindparam(name) for name in "durable event_id subject payload problem".split()})
    .on_conflict_do_nothing()
)
PARKED_OF = (
    sa.select(PARKED.c.event_id, PARKED.c.payload)
    .where(PARKED.c.durable == sa.bindparam("durable"))
    .order_by(PARKED.c.parked_at, PARKED.c.event_id)
)
UNPARK = sa.delete(PARKED).where(
    PARKED.c.durable == sa.bindparam("durable"), PARKED.c.event_id == sa.bindparam("event_id")
)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A line of a service's table."""

    event: type[Message]
    usecase: UseCase
    durable: str

    @property
    def subject(self) -> str:
        return declared(self.event.DESCRIPTOR).subject


def on(event: type[Message], usecase: UseCase, *, durable: str) -> Consumer:
    """`event` goes to `usecase(tx, event, now)`; lines with one durable name share one ordered consumer."""
    return Consumer(event, usecase, durable)


class Undecodable(InvalidInput):
    """This is not an event of the contract."""


class Handler:
    """What a durable name does with an event, whoever brings it: NATS, or a person who replays what was
    parked.

    `owner` is the service's name, under which the journal knows the work.
    """

    def __init__(
        self,
        name: str,
        lines: Iterable[Consumer],
        db: Database,
        *,
        owner: str = "",
        clock: Clock = utc_now,
        emitted: Callable[[], None] = nothing,
    ) -> None:
        self.name = name
        self.lines = {line.subject: line for line in lines}
        self._db, self._clock, self._emitted = db, clock, emitted
        self._caller = service(owner or name.split("-", maxsplit=1)[0])

    def _call(self, what: str, traceparent: str = "") -> Call:
        permission = f"{self.name}.{what}"
        return Call(
            self._caller, permission, traceparent=traceparent, clock=self._clock, emitted=self._emitted
        )

    async def handle(self, payload: bytes) -> str:
        """One event, in one transaction; "handled" or "duplicate"."""
        event_id, message, line, event = self._read(payload)
        under_way = telemetry.here()
        trace = under_way.traceparent if under_way else _trace_of(event)
        call = self._call("consume", trace)
        async with self._db.begin(call) as tx:
            if not await tx.change(SEEN, durable=self.name, event_id=event_id):
                return "duplicate"
            await line.usecase(tx, message, call.now())
        self._measure(event)
        return "handled"

    def _measure(self, event: dict[str, Any]) -> None:
        with suppress(ValueError, KeyError, TypeError):
            lag = self._clock() - datetime.fromisoformat(event["time"])
            telemetry.EVENT_LAG.record(max(lag.total_seconds(), 0.0), {"durable": self.name})

    def _read(self, payload: bytes) -> tuple[str, Message, Consumer, dict[str, Any]]:
        try:
            event = orjson.loads(payload)
            line = self.lines[event["type"]]
            message = ParseDict(event["data"], line.event(), ignore_unknown_fields=True)
            return str(UUID(event["id"])), message, line, event
        except (ValueError, KeyError, TypeError, AttributeError, ParseError):
            raise Undecodable from None

    async def park(self, event_id: str, subject: str, payload: bytes, problem: str) -> None:
        """Puts an event aside, whole, with what was wrong; twice is once."""
        async with self._db.begin(self._call("park")) as tx:
            await tx.change(
                PARK, durable=self.name, event_id=event_id, subject=subject, payload=payload, problem=problem
            )

    async def replay_parked(self) -> int:
        """Handles again what was parked under this name, oldest first; the number of events that went
        through.

        One that fails again stays parked, and the others are tried. Raises Unavailable when the database is
        away.
        """
        async with self._db.read() as tx:
            rows = await tx.all(PARKED_OF, durable=self.name)
        return sum([await self._replayed(row["event_id"], row["payload"]) for row in rows])

    async def _replayed(self, event_id: str, payload: bytes) -> bool:
        try:
            await self.handle(payload)
        except AWAY:
            raise
        except SocleError as error:
            log.warning("consumer.still_parked", durable=self.name, event_id=event_id, problem=error.reason)
            return False
        async with self._db.begin(self._call("unpark")) as tx:
            await tx.change(UNPARK, durable=self.name, event_id=event_id)
        return True


class Durable(Handler):
    """One durable consumer of one stream, run as a task."""

    def __init__(
        self,
        name: str,
        lines: Iterable[Consumer],
        client: Client,
        db: Database,
        clock: Clock = utc_now,
        *,
        owner: str = "",
        emitted: Callable[[], None] = nothing,
        backoff: Sequence[float] = BACKOFF,
    ) -> None:
        super().__init__(name, lines, db, owner=owner, clock=clock, emitted=emitted)
        streams = {stream_of(subject.split(".")[1]) for subject in self.lines}
        if len(streams) != 1:
            raise TypeError(f"durable {name} mixes events of several services, which have no common order")
        self.stream = streams.pop()
        # Set it to let the consumer end after the event under way.
        self.stopped = False
        # An event was fetched and not yet settled.
        self.holding = False
        self._js = client.jetstream(timeout=5)
        self._backoff = backoff
        self._poison = 0

    async def run(self) -> None:
        """Until cancelled or `stopped`, or until too many events in a row were poison."""
        measuring = asyncio.create_task(self._measuring())
        try:
            await self._sessions()
        finally:
            measuring.cancel()

    async def _measuring(self) -> None:
        """How many events wait, those under way included, as the server counts them: also when we stand
        still.
        """
        while True:
            with suppress(OSError, nats.errors.Error, APIError):
                info = await self._js.consumer_info(self.stream, self.name)
                waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
                telemetry.PENDING.set(waiting, {"durable": self.name})
            await asyncio.sleep(MEASURED)

    async def _sessions(self) -> None:
        while not (self.stopped or asked_to_stop()):
            try:
                await self._session()
            except NotFoundError:
                # Not an error: the service that owns the stream has not started yet.
                log.info("consumer.waiting", durable=self.name, stream=self.stream)
                await asyncio.sleep(1.0)
            except (OSError, nats.errors.Error, APIError) as error:
                log.warning("consumer.interrupted", durable=self.name, error_type=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _session(self) -> None:
        config = ConsumerConfig(
            durable_name=self.name,
            filter_subjects=sorted(self.lines),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            # With more, those behind an event would overtake it after a crash, or in another replica.
            max_ack_pending=1,
        )
        await self._js.add_consumer(self.stream, config)
        subscription = await self._js.pull_subscribe_bind(self.name, self.stream)
        try:
            while not (self.stopped or asked_to_stop()):
                await self._fetch(subscription)
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _fetch(self, subscription: Any) -> None:
        try:
            (message,) = await subscription.fetch(1, timeout=PATIENCE)
        except TimeoutError:
            return
        self.holding = True
        try:
            async with _kept(message):
                await self._settle(message)
        finally:
            self.holding = False

    async def _settle(self, message: Msg) -> None:
        for attempt in itertools.count():
            try:
                outcome = await self._tried(message, attempt)
            except AWAY:
                # Not even parking works: the database is away.
                outcome = ""
            if outcome:
                await message.ack()
                telemetry.CONSUMED.add(1, {"durable": self.name, "outcome": outcome})
                return
            telemetry.RETRIED.add(1, {"durable": self.name})
            if self.stopped:
                # Given back at once: another replica need not wait until we are believed dead.
                await message.nak()
                return
            await asyncio.sleep(self._backoff[min(attempt, len(self._backoff) - 1)])

    async def _tried(self, message: Msg, attempt: int) -> str:
        """What became of an event; "" when it is to be tried again."""
        with telemetry.hop(SpanKind.CONSUMER, f"process {message.subject}", _carried(message)) as hop:
            about: dict[str, str | int] = {
                "messaging.system": "nats",
                "messaging.operation.name": "process",
                "messaging.destination.name": message.subject,
                "messaging.consumer.group.name": self.name,
                "messaging.message.id": (message.headers or {}).get("Nats-Msg-Id", ""),
                "socle.attempt": attempt,
            }
            hop.attributes = about
            try:
                outcome = await self._outcome(message, attempt)
            except AWAY as error:
                hop.error = error.reason
                raise
            about["socle.outcome"] = told = outcome or "retry"
            hop.error = "" if told in DONE else told
            return outcome

    async def _outcome(self, message: Msg, attempt: int) -> str:
        try:
            outcome = await self.handle(message.data)
        except POISON as error:
            return await self._aside(message, error.reason)
        except Exception as error:
            log.warning(
                "consumer.retry", durable=self.name, subject=message.subject, attempt=attempt, exc_info=error
            )
            if attempt < len(self._backoff) or isinstance(error, AWAY):
                return ""
            return await self._aside(message, type(error).__name__)
        self._poison = 0
        return outcome

    async def _aside(self, message: Msg, problem: str) -> str:
        event_id = (message.headers or {}).get("Nats-Msg-Id", f"seq-{message.metadata.sequence.stream}")
        await self.park(event_id, message.subject, message.data, problem)
        self._poison += 1
        log.error(
            "consumer.parked", durable=self.name, subject=message.subject, event_id=event_id, problem=problem
        )
        if self._poison >= POISON_IN_A_ROW:
            self.stopped = True
            log.critical("consumer.stopped", durable=self.name, count=self._poison)
        return "parked"


def _trace_of(event: Any) -> str:
    return str(event.get("traceparent", "")) if isinstance(event, dict) else ""


def _carried(message: Msg) -> str:
    """The trace as the relay hands it on; that of the event itself, from a relay of an earlier version."""
    carried = (message.headers or {}).get("traceparent", "")
    if not carried:
        with suppress(ValueError):
            carried = _trace_of(orjson.loads(message.data))
    return carried


@asynccontextmanager
async def _kept(message: Msg) -> AsyncIterator[None]:
    """Tells the server that the event is still being worked on, so that nobody else is given it."""

    async def beat() -> None:
        with suppress(nats.errors.Error):
            while True:
                await asyncio.sleep(ACK_WAIT / 3)
                await message.in_progress()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def grouped(table: Iterable[Consumer]) -> dict[str, list[Consumer]]:
    """The lines of a service's table, by durable name."""
    groups: dict[str, list[Consumer]] = {}
    for line in table:
        groups.setdefault(line.durable, []).append(line)
    return groups


def durables(
    table: Iterable[Consumer],
    client: Client,
    db: Database,
    *,
    owner: str = "",
    emitted: Callable[[], None] = nothing,
) -> list[Durable]:
    """The consumers of a service's table, one a durable name."""
    groups = grouped(table).items()
    return [Durable(name, lines, client, db, owner=owner, emitted=emitted) for name, lines in groups]
