"""How long the journal is kept: lines older than `SOCLE_AUDIT_YEARS` go, where PostgreSQL lets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from . import audit, telemetry
from .call import Call
from .caller import service as service_caller
from .db import Database
from .errors import RuleViolated
from .loop import forever
from .schema import AUDIT, LEDGER_LEAF
from .settings import Settings

log = telemetry.logger("expiry")
# Seconds between two looks when nothing is due: what is kept for years may stay for an hour.
IDLE = 3600.0
# Lines of one transaction: it holds their locks, and a replica must find room for the next call.
PORTION = 1000

# The clock of PostgreSQL, since it is the one that its trigger reads.
BEFORE = sa.select(
    (sa.func.now() - sa.func.make_interval(sa.bindparam("years", type_=sa.Integer))).label("before")
)
# Identifiers are in the order of time: the oldest are read first, by the primary key, and nothing after them.
# A line that another replica is deleting is left to it.
OLDEST = (
    sa.select(AUDIT.c.id)
    .where(AUDIT.c.id < sa.bindparam("first", type_=sa.Uuid), AUDIT.c.occurred_at < sa.bindparam("before"))
    .order_by(AUDIT.c.id)
    .limit(sa.bindparam("portion", type_=sa.Integer))
    .with_for_update(skip_locked=True)
    .cte("oldest")
)
EXPIRE = sa.delete(AUDIT).where(AUDIT.c.id.in_(sa.select(OLDEST.c.id)))
LEDGER = sa.select(
    sa.func.to_regclass(sa.literal_column(f"'{LEDGER_LEAF.name}'")).is_not(None).label("there")
)


class JournalKeptWhole(RuleViolated):
    """The journal of this service carries proofs and is kept whole: unset SOCLE_AUDIT_YEARS."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """`run` in every replica; `years` as in the settings, at least `schema.AUDIT_FLOOR_YEARS`."""

    name: str
    db: Database
    years: int

    async def run(self) -> None:
        """Until cancelled."""
        await forever("expiry", self.work, IDLE)

    async def work(self) -> bool:
        """One portion, the oldest lines first, with the line that tells of it; False when none is left."""
        call = Call(service_caller(self.name))
        async with self.db.begin(call) as tx:
            row = await tx.one(BEFORE, years=self.years)
            assert row is not None  # noqa: S101 (a clock has a time)
            before: datetime = row["before"]
            count = await tx.change(EXPIRE, first=first_at(before), before=before, portion=PORTION)
            if count:
                told = replace(call.caller, reason=f"{count} lines from before {before:%Y-%m-%d}")
                audit.record(tx, told, "journal.expire", "", now=call.now())
        if count:
            log.info("journal.expired", count=count, before=before.isoformat())
        return count == PORTION


def first_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of this millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


async def tasks(name: str, settings: Settings, database: Database) -> Sequence[Callable[[], Awaitable[None]]]:
    """The loop of the service, if it is told to forget. Raises JournalKeptWhole where it may not."""
    if settings.audit_years is None:
        return ()
    async with database.read() as tx:
        row = await tx.one(LEDGER)
    if row is not None and row["there"]:
        raise JournalKeptWhole
    return (Expiry(name, database, settings.audit_years).run,)
