"""The announcement rule on a real PostgreSQL, with a given clock: two weeks, one month, replicas."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from chassis.db import Database
from chassis.testing import NOW, Served, callers
from dmp.workers.announcements import Announcer
from socle.dmp.v1 import dmp_pb2 as pb

from .dmp_given import PARAMETERS, document, holder, opened, rows, submission

TWO_WEEKS, MONTH = NOW + timedelta(days=14), NOW + timedelta(days=31)
SECOND = timedelta(seconds=1)


class Clock:
    """The clock of the workers, put forward by the tests."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def announcer(database: Database, clock: Clock) -> Announcer:
    # Those of other tests are not waited for.
    await database.pool.execute("UPDATE announcement SET done_at = now()")
    return Announcer(database, PARAMETERS, clock, batch=2)


async def hidden(service: Served, person: str, count: int = 1) -> Sequence[str]:
    """Documents that wait for their announcement."""
    made = [document(confidentiality=["N", "INVISIBLE_PATIENT"]) for _ in range(count)]
    done = await service.ask("SubmitDocuments", submission(person, *made), callers.doctor)
    return [entry.document_id for entry in done.entries]


async def told(database: Database, subject: str, person: str) -> int:
    found = "SELECT 1 FROM outbox WHERE subject LIKE $1 AND convert_from(data, 'UTF8') LIKE $2"
    return len(await rows(database, found, f"%{subject}%", f"%{person}%"))


async def test_patient_is_told_after_two_weeks_and_once(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    person = await opened(service)
    await hidden(service, person, 3)
    clock.now = TWO_WEEKS - SECOND
    assert not await announcer.work()
    clock.now = TWO_WEEKS + SECOND
    while await announcer.work():
        pass
    assert await told(database, "announcement_due", person) == 3
    assert await told(database, "shown_to_patient", person) == 0


async def test_document_is_shown_after_a_month_with_all_that_a_change_entails(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    patient = holder()
    person = await opened(service, patient)
    ids = await hidden(service, person, 3)
    wanted = pb.ListReadableDocumentsRequest(person_id=person)
    clock.now = MONTH - timedelta(days=2)
    await announcer.work()
    assert list((await service.ask("ListReadableDocuments", wanted, patient)).entries) == []
    clock.now = MONTH + SECOND
    await announcer.work()
    entries = (await service.ask("ListReadableDocuments", wanted, patient)).entries
    assert {e.document_id for e in entries} == set(ids)
    assert {(e.version, tuple(e.confidentiality)) for e in entries} == {(2, ("N",))}
    assert await told(database, "shown_to_patient", f'{person}%"automatic":true') == 3
    lines = "SELECT actor_kind, actor, rules FROM audit WHERE subject = $1 AND action LIKE '%show_to_patient'"
    written = [tuple(r) for r in await rows(database, lines, person)]
    assert written == [("service", "dmp", ["R1111-53", "dmp.month_over"])] * 3
    kinds = "SELECT 1 FROM lot WHERE person_id = $1 AND kind = 'change'"
    assert len(await rows(database, kinds, person)) == 3
    assert not await announcer.work()


async def test_two_replicas_warn_and_show_once(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    persons = [await opened(service) for _ in range(3)]
    for person in persons:
        await hidden(service, person, 2)
    replicas = [announcer, Announcer(database, PARAMETERS, clock, batch=3)]
    for moment, subject in [(TWO_WEEKS, "announcement_due"), (MONTH, "shown_to_patient")]:
        clock.now = moment + SECOND
        while any(await asyncio.gather(*(replica.work() for replica in replicas))):
            pass
        # What one passed over since the other had the record in hand.
        await announcer.work()
        assert [await told(database, subject, person) for person in persons] == [2, 2, 2]


async def test_patient_is_not_told_of_what_is_shown_by_now(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    """A service that was down for weeks: the document is there, nothing is left to be announced."""
    person = await opened(service)
    entries = await hidden(service, person)
    clock.now = MONTH + SECOND
    change = pb.ChangeDocumentRequest(
        document_id=entries[0], changes=[pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT], confirmed=True
    )
    await service.ask("ChangeDocument", change, callers.doctor)
    assert not await announcer.work()
    assert await told(database, "announcement_due", person) == 0


async def test_record_somebody_works_on_is_left_for_the_next_pass(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    person = await opened(service)
    await hidden(service, person)
    clock.now = MONTH + SECOND
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM record WHERE person_id = $1 FOR UPDATE", person)
        await announcer.work()
        assert await told(database, "shown_to_patient", person) == 0
    await announcer.work()
    assert await told(database, "shown_to_patient", person) == 1


async def test_closed_record_is_shown_to_nobody_until_it_is_opened_again(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    person = await opened(service)
    await hidden(service, person)
    clock.now = MONTH + SECOND
    await database.pool.execute("UPDATE record SET state = 'closed' WHERE person_id = $1", person)
    assert not await announcer.work()
    await database.pool.execute("UPDATE record SET state = 'open' WHERE person_id = $1", person)
    assert await announcer.work()
    assert await told(database, "shown_to_patient", person) == 1


async def test_document_that_cannot_be_shown_does_not_hold_up_the_others(
    service: Served, database: Database, announcer: Announcer, clock: Clock
) -> None:
    broken, sound = await opened(service), await opened(service)
    stuck = await hidden(service, broken, 2)
    await hidden(service, sound)
    # A version that the history has already: the change of this document is refused by the database.
    await database.pool.execute(
        """INSERT INTO document_version
           SELECT document_id, 2, status, archived, confidentiality, changed_at, changed_by, gen_random_uuid()
           FROM document_version WHERE document_id = ANY($1::uuid[])""",
        stuck,
    )
    clock.now = MONTH + SECOND
    await announcer.work()
    assert await told(database, "shown_to_patient", sound) == 1
    assert await told(database, "shown_to_patient", broken) == 0
