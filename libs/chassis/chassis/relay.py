"""The relay: rows of the outbox, in order, to JetStream, as CloudEvents 1.0 (structured JSON).

One relay a service, elected by an advisory lock, so the order holds. It takes rows that are *not yet
published*, never `seq > last`: sequences are handed out before commit, so a cursor loses rows. A crash at any
point publishes again at worst, under the same message id. JetStream acknowledges before it fsyncs, so the
table stays the source of truth: a stream found missing is rebuilt from it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import nats.errors
import orjson
import sqlalchemy as sa
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from . import leader, sql, telemetry
from .db import Password, Record
from .schema import OUTBOX
from .stopping import asked_to_stop
from .telemetry import SpanKind

log = telemetry.logger("relay")

BATCH = 500
# Seconds between two looks: while rows keep coming; when idle (a commit here or a NOTIFY wakes it before).
BUSY, IDLE = 0.02, 0.5
# A NATS that comes back empty is noticed within ten idle seconds, even when nothing happens in this service.
LOOKS_PER_STREAM_CHECK = 20
CHANNEL = "socle_outbox"
ACKED_WITHIN = 10.0
# A message published twice within this time is stored once; past it, the inbox of consumers does the same.
DUPLICATES = 600.0
# Marking a whole log again takes its time.
AGAIN_WITHIN = 3600.0
# JetStream's "wrong last msg ID".
OUT_OF_ORDER = 10070

PLACED = sa.select(sa.func.coalesce(sa.func.max(OUTBOX.c.position), 0)).scalar_subquery()
DUE = (
    sa.select(OUTBOX.c.id, OUTBOX.c.seq, OUTBOX.c.aggregate)
    .where(OUTBOX.c.position.is_(None))
    .order_by(OUTBOX.c.seq)
    .limit(BATCH)
    .cte("due")
)
EARLIER = OUTBOX.alias("earlier")
# The last event placed on the same aggregate, when none stands before it in this very batch.
LAST_PLACED = (
    sa.select(EARLIER.c.id)
    .where(EARLIER.c.aggregate == DUE.c.aggregate, EARLIER.c.position.is_not(None))
    .order_by(EARLIER.c.position.desc())
    .limit(1)
    .scalar_subquery()
)
BEFORE = sa.func.lag(DUE.c.id).over(partition_by=DUE.c.aggregate, order_by=DUE.c.seq)
PLACES = sa.select(
    DUE.c.id,
    sa.func.row_number().over(order_by=DUE.c.seq).label("n"),
    sa.func.coalesce(BEFORE, LAST_PLACED).label("previous"),
).cte("places")
PLACE = sql.text(
    sa.update(OUTBOX)
    .where(OUTBOX.c.id == PLACES.c.id)
    .values(position=PLACED + PLACES.c.n, previous=PLACES.c.previous)
)
WAITING = sql.text(
    sa.select(
        OUTBOX.c.id,
        OUTBOX.c.subject,
        OUTBOX.c.aggregate,
        OUTBOX.c.previous,
        OUTBOX.c.data,
        OUTBOX.c.traceparent,
        OUTBOX.c.occurred_at,
        OUTBOX.c.position,
    )
    .where(OUTBOX.c.position.is_not(None), OUTBOX.c.published_at.is_(None))
    .order_by(OUTBOX.c.position)
    .limit(BATCH)
)
MARK = sql.text(
    sa.update(OUTBOX)
    .where(OUTBOX.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid))))
    .values(published_at=sa.func.now())
)
AGAIN = sql.text(
    sa.update(OUTBOX)
    .where(
        OUTBOX.c.published_at.is_not(None), OUTBOX.c.position >= sa.bindparam("since", type_=sa.BigInteger)
    )
    .values(published_at=None)
)
BACKLOG = sa.select(
    sa.func.count().label("waiting"),
    sa.func.coalesce(sa.extract("epoch", sa.func.now() - sa.func.min(OUTBOX.c.occurred_at)), 0).label("age"),
).where(OUTBOX.c.published_at.is_(None))


Parts = dict[Any, telemetry.Hop]


def stream_of(service: str) -> str:
    """The stream a service owns: `dmp` -> `SOCLE_DMP`."""
    return f"SOCLE_{service.replace('-', '_').upper()}"


def cloud_event(row: Record, service: str) -> bytes:
    """A row as a subscriber gets it (CloudEvents 1.0 JSON)."""
    event = {
        "specversion": "1.0",
        "id": str(row["id"]),
        "type": row["subject"],
        "source": f"/socle/{service}",
        "subject": row["aggregate"],
        "time": row["occurred_at"],
        "datacontenttype": "application/json",
        # Place in the service's order, without gaps; and the event before on the same subject.
        "position": row["position"],
        "previous": str(row["previous"]) if row["previous"] else None,
        "traceparent": row["traceparent"] or None,
        "data": orjson.Fragment(row["data"]),
    }
    return orjson.dumps({k: v for k, v in event.items() if v is not None})


class Relay:
    """Run it as a task; `wake()` after a commit."""

    def __init__(
        self, service: str, dsn: str, password: Password, client: Client, *, replicas: int = 1
    ) -> None:
        """`replicas` (1 to 5) is how many servers of a cluster of NATS keep the stream."""
        self.service = service
        self.stream = stream_of(service)
        self.replicas = replicas
        self._dsn, self._password = dsn, password
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._due = asyncio.Event()
        self.leading = False
        self._idle = 0

    def wake(self) -> None:
        """Rows were committed by this process."""
        self._due.set()

    async def run(self) -> None:
        """Until cancelled; a lost database or NATS is tried again for ever."""
        telemetry.RELAY_LEADER.set(0)
        while not asked_to_stop():
            try:
                await self._session()
            except (*leader.INTERRUPTIONS, nats.errors.Error, APIError) as error:
                log.warning("relay.interrupted", error_type=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _session(self) -> None:
        async with leader.leading(self._dsn, self._password, CHANNEL, "socle-relay") as connection:
            await connection.add_listener(CHANNEL, lambda *_: self._due.set())
            self._leads(True)
            try:
                log.info("relay.leading", stream=self.stream)
                await self._ensure_stream(connection)
                while not asked_to_stop():
                    await self._look(connection)
            finally:
                self._leads(False)

    def _leads(self, leading: bool) -> None:
        self.leading = leading
        telemetry.RELAY_LEADER.set(int(leading))

    async def _ensure_stream(self, connection: Any) -> None:
        subjects = [f"socle.{self.service.replace('-', '_')}.>"]
        config = StreamConfig(
            name=self.stream, subjects=subjects, duplicate_window=DUPLICATES, num_replicas=self.replicas
        )
        try:
            found = (await self._js.stream_info(self.stream)).config
            if (found.num_replicas or 1) < self.replicas:
                await self._replicated(found)
        except NotFoundError:
            # Marked before the stream exists: a crash in between finds it still missing, and marks again.
            count = await _unmarked(connection, since=0)
            await self._js.add_stream(config)
            log.info("relay.stream_created", stream=self.stream, count=count)

    async def _replicated(self, found: StreamConfig) -> None:
        """More copies of a stream that is there. Fewer is left to people: it is a step towards losing it."""
        try:
            await self._js.update_stream(found, num_replicas=self.replicas)
            log.info("relay.stream_replicated", stream=self.stream, replicas=self.replicas)
        except APIError as error:
            # The events still flow; the cluster may have its servers back at the next look.
            log.warning("relay.stream_not_replicated", stream=self.stream, code=error.err_code)

    async def _look(self, connection: Any) -> None:
        self._due.clear()
        count = await self.step(connection)
        if count:
            await asyncio.sleep(BUSY)
            return
        self._idle += 1
        if self._idle % LOOKS_PER_STREAM_CHECK == 0:
            await self._ensure_stream(connection)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE):
                await self._due.wait()

    async def step(self, connection: Any) -> int:
        """Places, publishes and marks one batch; the number of rows published."""
        await connection.execute(PLACE.sql, *PLACE.arguments({}))
        rows = await connection.fetch(WAITING.sql, *WAITING.arguments({}))
        if rows:
            parts = _parts(rows)
            try:
                async with asyncio.timeout(ACKED_WITHIN):
                    await self._publish(rows, parts)
            except NoStreamResponseError:
                await self._ensure_stream(connection)
                return 0
            for part in parts.values():
                part.finish()
            await connection.execute(MARK.sql, *MARK.arguments({"ids": [r["id"] for r in rows]}))
            telemetry.PUBLISHED.add(len(rows))
        return len(rows)

    async def _publish(self, rows: list[Record], parts: Parts) -> None:
        try:
            await self._all_at_once(rows, parts)
        except APIError as error:
            if error.err_code != OUT_OF_ORDER:
                raise
            # Some of these rows were stored long before others (a part published again): one by one, then.
            for row in rows:
                event, headers = cloud_event(row, self.service), _headers(row, parts)
                await self._js.publish(row["subject"], event, headers=headers)

    async def _all_at_once(self, rows: list[Record], parts: Parts) -> None:
        # Not with `publish_async`: in nats-py it raises a refusal where nobody hears it, and the answer never
        # comes.
        inbox = self._client.new_inbox()
        answers = await self._client.subscribe(f"{inbox}.*")
        try:
            expected: dict[str, str] = {}
            for row in rows:
                event, headers = cloud_event(row, self.service), _headers(row, parts) | expected
                await self._client.publish(row["subject"], event, f"{inbox}.{row['position']}", headers)
                # If one is lost on the way, those behind it are refused: the batch is sent again in order.
                expected = {"Nats-Expected-Last-Msg-Id": str(row["id"])}
            for _ in rows:
                _accepted(await answers.next_msg(ACKED_WITHIN))
        finally:
            with contextlib.suppress(nats.errors.Error):
                await answers.unsubscribe()


def _parts(rows: list[Record]) -> Parts:
    """What the relay itself adds to the traces that were drawn: the way from the table to the stream."""
    parts: Parts = {}
    for row in rows:
        if telemetry.is_sampled(row["traceparent"]):
            part = telemetry.hop(SpanKind.PRODUCER, f"publish {row['subject']}", row["traceparent"])
            part.attributes = {
                "messaging.system": "nats",
                "messaging.operation.name": "publish",
                "messaging.destination.name": row["subject"],
                "messaging.message.id": str(row["id"]),
            }
            parts[row["id"]] = part
    return parts


def _headers(row: Record, parts: Parts) -> dict[str, str]:
    """The event itself keeps the trace of its emitter, as CloudEvents want it; the header says who sends."""
    part = parts.get(row["id"])
    trace = part.traceparent if part else row["traceparent"]
    return {
        "Nats-Msg-Id": str(row["id"]),
        "Content-Type": "application/cloudevents+json",
        **({"traceparent": trace} if trace else {}),
    }


def _accepted(answer: Msg) -> None:
    if (answer.headers or {}).get("Status") == "503":
        raise NoStreamResponseError
    refused = orjson.loads(answer.data).get("error")
    if refused:
        raise APIError(**refused)


async def republish(connection: Any, since: int) -> int:
    """Has the relay publish again every event from a position on (same ids, same order); how many."""
    count = await _unmarked(connection, since)
    await connection.execute(f"NOTIFY {CHANNEL}")
    return count


async def _unmarked(connection: Any, since: int) -> int:
    arguments = AGAIN.arguments({"since": since})
    status: str = await connection.execute(AGAIN.sql, *arguments, timeout=AGAIN_WITHIN)
    return int(status.rsplit(" ", 1)[-1])
