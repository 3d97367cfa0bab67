"""The seed: records made by COPY are records like any other, to the last seal and constraint."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import puremagic
import pytest

from chassis import testing
from chassis.db import Database
from chassis.testing import NOW, Server, call_as, callers, copied
from dmp.api import DmpServicer
from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from dmp.domain import PersonId
from dmp.seed import contents, load, people, rows
from dmp.seed.fill import put_contents
from dmp.store import tables
from socle.dmp.v1 import dmp_pb2 as pb

PERSONS = [PersonId.new().value for _ in range(12)]
USUAL = people.Usual(callers.doctor.subject, callers.doctor.organisation)
Loaded = Callable[..., Awaitable[int]]
FOREIGN_KEYS = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND convalidated ORDER BY conname"
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'document' ORDER BY indexname"
CONSULTED = """
SELECT person_id FROM record JOIN known_reader USING (person_id) LEFT JOIN block USING (person_id)
WHERE state = 'open' AND consultation_allowed AND block_id IS NULL LIMIT 1
"""


@pytest.fixture
async def database(postgres: Server, template: str, tested: testing.Tested) -> AsyncIterator[Database]:
    """Of each test: a load begins in an empty one."""
    async with copied(postgres, template, tested.constraints) as made:
        yield made


@pytest.fixture
def loaded(database: Database, keys: RecordKeys) -> Loaded:
    """Loads the records of these persons; how many were added."""

    async def work(persons: Sequence[str], **options: Any) -> int:
        add = partial(load.add_records, database.pool, keys, USUAL, NOW)
        async with database.pool.acquire() as connection:
            return await load.load(connection, persons, add, **options)

    return work


async def counted(database: Database) -> dict[str, int]:
    """The rows of each table that the seed fills."""
    names = [table.name for table in rows.TABLES]
    return {name: await database.pool.fetchval(f"SELECT count(*) FROM {name}") for name in names}  # noqa: S608


async def test_each_person_gets_a_record_of_twenty_documents(database: Database, loaded: Loaded) -> None:
    told: list[int] = []
    assert await loaded(PERSONS, progress=told.append) == len(PERSONS)
    found = await counted(database)
    assert found["record"] == found["record_key"] == len(PERSONS)
    assert found["document"] == 20 * len(PERSONS)
    assert found["lot_member"] == found["document"] <= found["document_version"]
    assert told == [len(PERSONS)]


async def test_a_load_that_was_stopped_goes_on_where_it_was(database: Database, loaded: Loaded) -> None:
    assert await loaded(PERSONS[:4], batch=4) == 4
    assert await loaded(PERSONS, batch=4) == len(PERSONS) - 4
    assert await loaded(PERSONS, batch=4) == 0
    assert (await counted(database))["document"] == 20 * len(PERSONS)


async def test_a_large_load_puts_every_constraint_back(database: Database, loaded: Loaded) -> None:
    before = [await database.pool.fetch(query) for query in (FOREIGN_KEYS, INDEXES)]
    await loaded(PERSONS, large=1)
    assert [await database.pool.fetch(query) for query in (FOREIGN_KEYS, INDEXES)] == before


async def test_its_reader_finds_opens_and_retrieves_what_was_loaded(
    database: Database, loaded: Loaded, keys: RecordKeys, blobs: Blobs, servicer: DmpServicer
) -> None:
    await loaded(PERSONS)
    person = str(await database.pool.fetchval(CONSULTED))
    wanted = pb.ListReadableDocumentsRequest(person_id=person)
    found = await servicer.ListReadableDocuments(wanted, call_as(callers.doctor))
    assert len(found.entries) >= 10
    entry = found.entries[0]
    assert entry.title.endswith(f"{entry.created_at.ToDatetime():%d/%m/%Y}")
    assert entry.authors[0].family_name
    assert await put_contents(database.pool, keys, blobs, [entry.document_id]) == 1
    assert await put_contents(database.pool, keys, blobs, [entry.document_id]) == 0
    asked = pb.RetrieveDocumentRequest(document_id=entry.document_id)
    got = await servicer.RetrieveDocument(asked, call_as(callers.doctor))
    assert got.content == contents.content_of(entry.document_id, entry.mime_type)
    assert (got.sha1, len(got.content)) == (entry.sha1, entry.size)


def test_nobody_is_authorised_twice_by_a_record_even_when_the_stranger_is_the_usual_reader() -> None:
    usual = people.Usual(people.someone(Random(1)).professional, callers.doctor.organisation)
    met = 0
    for seed in range(20_000):
        made = people.relations(Random(seed), PERSONS[0], usual, NOW)
        running = [
            row["grantee"] for table, row in made if table is tables.AUTHORISATION and not row["ended_at"]
        ]
        assert len(set(running)) == len(running)
        met += usual.structure not in running and usual.professional not in running and not running
    assert met, "no draw met the usual reader: the test shows nothing"


async def test_every_rule_of_access_is_met_somewhere(keys: RecordKeys) -> None:
    span = rows.Span(1, [PersonId.new().value for _ in range(150)])
    made = await rows.gathered(keys, USUAL, NOW, span)
    documents = made["document"]
    assert {document["status"].value for document in documents} == {"current", "superseded", "deleted"}
    flags = {code.value for document in documents for code in document["confidentiality"]}
    assert flags == {"N", "R", "V", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}
    assert {record["state"] for record in made["record"]} == {"open", "closed"}
    assert {one["kind"] for one in made["authorisation"]} == {"professional", "structure"}
    filled = ("block", "care_role", "known_reader", "association", "announcement", "qualified_identity")
    assert all(made[name] for name in filled)


@pytest.mark.parametrize("mime_type", [contents.PDF, contents.TEXT])
def test_contents_are_what_they_say_and_the_same_each_time(mime_type: str) -> None:
    id = PersonId.new().value
    content = contents.content_of(id, mime_type)
    assert content == contents.content_of(id, mime_type)
    assert 3_000 < len(content) < 6_000
    if mime_type == contents.PDF:
        assert puremagic.from_string(content, mime=True) == "application/pdf"
