"""What time alone changes, done by any number of replicas and beside the pharmacies."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from chassis.db import Database
from chassis.testing import NOW, Server, call_as, callers
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.domain.visits import Visit
from eprescription.store.tables import CLAIM_ATTEMPT
from eprescription.usecases.claims import WINDOW
from eprescription.workers.expiry import Expiry

from .dispensing_given import (
    DAY,
    OTHER,
    TTL,
    counter,
    events,
    gives,
    many_hands,
    prescribed,
    proof,
    states,
    together,
    visit_of,
    wrote,
)

pytestmark = pytest.mark.usefixtures("stocked")


def worker(database: Database, now: datetime = NOW + TTL, batch: int = 2) -> Expiry:
    return Expiry(database, clock=lambda: now, batch=batch)


async def stored(database: Database, of: Prescription) -> tuple[Visit, list[str]]:
    async with database.read() as tx:
        return await visit_of(tx, of), await events(tx, of)


async def claimed(database: Database, *, then_cancelled: bool = False) -> Prescription:
    line = prescribed(renewals=1)
    made = await wrote(database, line)
    async with counter(database) as at:
        await at.record(await at.claim(made), gives(line))
    if then_cancelled:
        async with counter(database) as at:
            await at.cancels(made)
    return made


async def test_a_hold_whose_time_has_passed_is_ended_once_by_two_workers(
    database: Database, postgres: Server
) -> None:
    made = [await claimed(database) for _ in range(5)]
    other = await many_hands(postgres, database)
    try:
        await together(worker(database).work(), worker(other).work())
    finally:
        await other.pool.close()
    for one in made:
        visit, told = await stored(database, one)
        assert visit.claim is None
        assert visit.prescription.state is State.PARTIALLY_DISPENSED
        assert told == ["prescription.locked", "line.intervened", "prescription.released"]


async def test_a_hold_that_still_runs_is_left(database: Database) -> None:
    made = await claimed(database)
    await worker(database, NOW + TTL - timedelta(seconds=1)).work()
    assert (await stored(database, made))[0].claim is not None


async def test_the_end_of_a_hold_makes_a_marked_cancellation_take_effect(database: Database) -> None:
    made = await claimed(database, then_cancelled=True)
    await worker(database).work()
    visit, told = await stored(database, made)
    assert states(visit) == ["cancelled"]
    assert visit.prescription.state is State.COMPLETED
    assert told[-3:] == ["prescription.released", "prescription.cancelled", "prescription.completed"]


async def test_a_hold_taken_by_someone_is_passed_over(database: Database) -> None:
    made = await claimed(database)
    async with counter(database) as at:
        await at.tx.lock(
            sa.text("SELECT 1 FROM prescription WHERE prescription_id = :id FOR UPDATE").bindparams(
                sa.bindparam("id", type_=sa.Uuid)
            ),
            id=made.id.value,
        )
        await worker(database).work()
        assert (await stored(database, made))[0].claim is not None
    await worker(database).work()
    assert (await stored(database, made))[0].claim is None


@pytest.mark.parametrize(
    ("now", "state"),
    [
        # 22:30 UTC in summer is half past midnight in Paris.
        (datetime(2026, 9, 11, 21, 30, tzinfo=UTC), State.ACTIVE),
        (datetime(2026, 9, 11, 22, 30, tzinfo=UTC), State.EXPIRED),
    ],
)
async def test_a_prescription_expires_at_midnight_in_paris(
    database: Database, now: datetime, state: State
) -> None:
    made = await wrote(database, prescribed(), prescribed(OTHER), expires_on=date(2026, 9, 11))
    await worker(database, now).work()
    visit, told = await stored(database, made)
    assert visit.prescription.state is state
    assert told == (["prescription.expired"] if state is State.EXPIRED else [])
    assert set(states(visit)) == ({"expired"} if state is State.EXPIRED else {"ordered"})
    assert {line.treated_until is None for line in visit.lines} == {state is State.EXPIRED}


async def test_what_was_delivered_stays_when_the_rest_expires(database: Database) -> None:
    line, rest = prescribed(), prescribed(OTHER)
    made = await wrote(database, line, rest)
    async with counter(database) as at:
        await at.whole(made, gives(line))
    await worker(database, NOW + 400 * DAY).work()
    visit, _ = await stored(database, made)
    assert states(visit) == ["delivered", "expired"]
    assert visit.prescription.state is State.EXPIRED


async def test_one_that_cannot_be_done_does_not_hold_up_the_others(database: Database) -> None:
    made = sorted([await claimed(database) for _ in range(2)], key=lambda one: one.id.value)
    async with database.pool.acquire() as connection:
        await connection.execute("ALTER TABLE prescription DISABLE TRIGGER prescription_signed_once")
        spoiled = "UPDATE prescription SET body = 'x' WHERE prescription_id = $1"
        await connection.execute(spoiled, made[0].id.value)
        await connection.execute("ALTER TABLE prescription ENABLE TRIGGER prescription_signed_once")
    await worker(database).work()
    assert (await stored(database, made[1]))[0].claim is None
    async with database.pool.acquire() as connection:
        left = "SELECT count(*) FROM claim WHERE ended_at IS NULL AND prescription_id = $1"
        assert await connection.fetchval(left, made[0].id.value) == 1
        await connection.execute("UPDATE claim SET ended_at = now() WHERE ended_at IS NULL")


async def test_refused_attempts_are_forgotten_and_never_those_that_count(database: Database) -> None:
    made = await wrote(database)
    for now in (NOW, NOW + WINDOW):
        async with counter(database, now=now) as at:
            await at.ask(proof(made, born=False))
    await worker(database, NOW + WINDOW + timedelta(seconds=1)).work()
    counted = sa.select(sa.func.count()).where(CLAIM_ATTEMPT.c.number == sa.bindparam("number"))
    async with database.begin(call_as(callers.operator)) as tx:
        row = await tx.one(counted, number=made.number)
    assert row is not None
    assert row[0] == 1
