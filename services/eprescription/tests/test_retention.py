"""Five years after the writing nothing is left of a prescription but the journal of who read it (R.4073)."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.db import Database
from chassis.testing import NOW
from eprescription.domain.prescriptions import Prescription
from eprescription.workers.retention import Retention

from .dispensing_given import LISTED, counter, gives, prescribed, wrote
from .given import SeedLaw

TABLES = ("duplicate", "dispensing", "intervention", "claim", "line", "prescription")
# Written on 12 June 2026 in Paris.
LAST = datetime(2031, 6, 12, 21, 59, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("stocked")


async def rows(database: Database, of: Prescription) -> dict[str, int]:
    async with database.pool.acquire() as connection:
        count = "SELECT count(*) FROM {} WHERE prescription_id = $1"
        return {table: await connection.fetchval(count.format(table), of.id.value) for table in TABLES}


async def full_life(database: Database) -> tuple[Prescription, Prescription]:
    """Dispensed, undone, delivered twice from the paper, renewed exceptionally: something in every table."""
    line = prescribed(LISTED, renewals=3)
    made = await wrote(database, line)
    for month in range(4):
        async with counter(database, now=NOW + timedelta(days=30 * month)) as at:
            await at.whole(made, gives(line, product=LISTED))
    async with counter(database, now=NOW + timedelta(days=121)) as at:
        wrong = (await at.paper(made, gives(line, product=LISTED))).interventions[0]
        await at.undo(made, wrong)
        child = (await at.renew(made)).visit.prescription
        await at.record(await at.claim(child), gives(child.signed.content.lines[0], product=LISTED))
    return made, child


async def test_after_five_years_every_row_is_erased_with_those_of_its_renewal(database: Database) -> None:
    made, child = await full_life(database)
    young = await wrote(database, now=NOW + timedelta(days=2))
    before = await rows(database, made)
    assert all(before.values()), before
    await Retention(database, SeedLaw(), clock=lambda: LAST).work()
    assert await rows(database, made) == before
    assert await Retention(database, SeedLaw(), clock=lambda: LAST + timedelta(minutes=2), batch=1).work()
    assert not any((await rows(database, made)).values())
    assert not any((await rows(database, child)).values())
    assert (await rows(database, young))["prescription"] == 1
    async with database.pool.acquire() as connection:
        sendings = await connection.fetchval("SELECT count(*) FROM sending")
        journal = "SELECT action FROM audit WHERE object_id = $1 ORDER BY id DESC LIMIT 1"
        assert await connection.fetchval(journal, made.id.value) == "prescription.erase"
    assert sendings == 0
    assert not await Retention(database, SeedLaw(), clock=lambda: LAST + timedelta(minutes=2)).work()
