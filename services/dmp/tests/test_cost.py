"""What a call costs the database, in round trips: the dearest part of a request after the hop itself."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chassis.call import Call, Key
from chassis.db import Database, prepare
from chassis.testing import Server, call_as, callers
from dmp import store
from dmp.api import DmpServicer
from socle.dmp.v1 import dmp_pb2 as pb

from .dmp_given import Qualified, document, holder, submission

trips: list[str] = []


class Counted(asyncpg.Connection):
    """A connection that notes each statement sent, BEGIN and COMMIT included."""

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        trips.append(query)
        return await super().execute(query, *args, **options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        trips.append(query)
        return await super().fetch(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        trips.append(query)
        return await super().fetchrow(query, *args, **options)


async def quiet(_connection: Any) -> None:
    """No reset between calls, as in the chassis."""


@pytest.fixture
async def servicer(database: Database, postgres: Server) -> AsyncIterator[DmpServicer]:
    name = await database.pool.fetchval("SELECT current_database()")
    pool = await asyncpg.create_pool(
        postgres.url(name),
        password=postgres.password,
        connection_class=Counted,
        init=prepare,
        reset=quiet,
        min_size=1,
        max_size=1,
    )
    yield DmpServicer(Database(pool, store.CONSTRAINTS), Qualified())
    await pool.close()


@pytest.fixture
async def person(servicer: DmpServicer) -> str:
    patient = holder()
    await servicer.OpenRecord(pb.OpenRecordRequest(person_id=patient.person_id), call_as(patient))
    return patient.person_id


def keyed() -> Call:
    call = call_as(callers.doctor)
    call.idempotency = Key("scope", "key", b"fingerprint")
    return call


@pytest.mark.parametrize("documents", [1, 20])
async def test_deposit_takes_three_round_trips(servicer: DmpServicer, person: str, documents: int) -> None:
    request = submission(person, *(document() for _ in range(documents)))
    trips.clear()
    await servicer.SubmitDocuments(request, call_as(callers.doctor))
    assert len(trips) == 3, trips


async def test_deposit_under_a_key_takes_four_round_trips(servicer: DmpServicer, person: str) -> None:
    trips.clear()
    await servicer.SubmitDocuments(submission(person), keyed())
    assert len(trips) == 4, trips


async def test_search_and_retrieval_take_three_round_trips_the_journal_included(
    servicer: DmpServicer, person: str
) -> None:
    done = await servicer.SubmitDocuments(submission(person, document(), document()), call_as(callers.doctor))
    trips.clear()
    wanted = pb.ListReadableDocumentsRequest(person_id=person)
    found = await servicer.ListReadableDocuments(wanted, call_as(callers.doctor))
    assert len(found.entries) == 2
    assert len(trips) == 3, trips
    trips.clear()
    retrieve = pb.RetrieveDocumentRequest(document_id=done.entries[0].document_id)
    await servicer.RetrieveDocument(retrieve, call_as(callers.doctor))
    assert len(trips) == 3, trips
