"""What a service watches beside its calls: database, outbox, idempotency keys gone stale."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
from grpc_health.v1 import health, health_pb2

from . import telemetry
from .call import Call, utc_now
from .caller import service as service_caller
from .db import Database
from .errors import SocleError
from .relay import BACKLOG
from .schema import IDEMPOTENCY, PARKED

log = telemetry.logger("housekeeping")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
KEYS_KEPT = timedelta(hours=24)
PARKED_COUNT = sa.select(PARKED.c.durable, sa.func.count().label("count")).group_by(PARKED.c.durable)
OLD_KEYS = sa.delete(IDEMPOTENCY).where(IDEMPOTENCY.c.answered_at < sa.bindparam("before"))


async def watch(database: Database, healthy: health.aio.HealthServicer) -> None:
    """Every two seconds: does the database answer, how old is the outbox, how much was parked. Hourly: old
    idempotency keys go.
    """
    seen: set[str] = set()
    for turn in count():
        # First: a pool with nothing left to lend answers none of the questions below.
        database.measure()
        state: Any = SERVING
        try:
            async with asyncio.timeout(2):
                await _look(database, seen)
                if turn % 1800 == 0:
                    await _forget_keys(database)
        except (SocleError, OSError) as error:
            state = NOT_SERVING
            log.warning("database.unreachable", error_type=type(error).__name__)
        await healthy.set("", state)
        await asyncio.sleep(2)


async def _look(database: Database, seen: set[str]) -> None:
    async with database.read() as tx:
        row = await tx.one(BACKLOG)
        parked = {of["durable"]: of["count"] for of in await tx.all(PARKED_COUNT)}
    # A durable whose last parked event was dealt with is told as 0, not left at what it was.
    seen.update(parked)
    for durable in seen:
        telemetry.PARKED.set(parked.get(durable, 0), {"durable": durable})
    if row is not None:
        telemetry.OUTBOX_WAITING.set(row["waiting"])
        telemetry.OUTBOX_AGE.set(float(row["age"]))


async def _forget_keys(database: Database) -> None:
    call = Call(service_caller("housekeeping"))
    async with database.begin(call) as tx:
        await tx.change(OLD_KEYS, before=utc_now() - KEYS_KEPT)
