"""What a call costs the database, in round trips: the dearest part of a request after the hop itself."""

from collections.abc import AsyncIterator, Awaitable

import pytest

from chassis.call import Call, Key
from chassis.db import Database
from chassis.errors import NotFound
from chassis.testing import Server, call_as, callers
from chassis.testing_trips import counting
from dmp.api import DmpServicer
from dmp.api.examination import Examiner
from dmp.clients.blobs import Blobs
from dmp.clients.keys import RecordKeys
from dmp.clients.scanner import Scanner
from socle.dmp.v1 import dmp_pb2 as pb

from .dmp_given import Qualified, SamePatient, document, holder, submission

trips: list[str] = []


@pytest.fixture
async def counted(
    database: Database, postgres: Server, keys: RecordKeys, blobs: Blobs
) -> AsyncIterator[DmpServicer]:
    async with counting(database, postgres, trips) as one:
        examiner = Examiner(Scanner(""), SamePatient())
        yield DmpServicer(one, Qualified(), keys, blobs, examiner)


@pytest.fixture
async def person(counted: DmpServicer) -> str:
    patient = holder()
    await counted.OpenRecord(pb.OpenRecordRequest(person_id=patient.person_id), call_as(patient))
    return patient.person_id


def keyed() -> Call:
    call = call_as(callers.doctor)
    call.idempotency = Key("scope", "key", b"fingerprint")
    return call


@pytest.mark.parametrize("documents", [1, 20])
async def test_deposit_takes_five_round_trips(counted: DmpServicer, person: str, documents: int) -> None:
    request = submission(person, *(document() for _ in range(documents)))
    trips.clear()
    await counted.SubmitDocuments(request, call_as(callers.doctor))
    assert len(trips) == 5, trips


async def test_deposit_under_a_key_that_replaces_a_document_takes_six_round_trips(
    counted: DmpServicer, person: str
) -> None:
    old = document()
    await counted.SubmitDocuments(submission(person, old), call_as(callers.doctor))
    replaces = pb.Relation(kind=pb.RELATION_KIND_REPLACES, unique_id=old.entry.unique_id)
    trips.clear()
    done = await counted.SubmitDocuments(submission(person, document(relations=[replaces])), keyed())
    assert len(done.replaced) == 1
    assert len(trips) == 6, trips


async def test_search_takes_three_round_trips_and_retrieval_two_the_journal_included(
    counted: DmpServicer, person: str
) -> None:
    done = await counted.SubmitDocuments(submission(person, document(), document()), call_as(callers.doctor))
    wanted = pb.ListReadableDocumentsRequest(person_id=person)
    retrieve = pb.RetrieveDocumentRequest(document_id=done.entries[0].document_id)
    # The first access of a professional is told to the holder, once.
    await counted.RetrieveDocument(retrieve, call_as(callers.doctor))
    trips.clear()
    found = await counted.ListReadableDocuments(wanted, call_as(callers.doctor))
    assert len(found.entries) == 2
    assert len(trips) == 3, trips
    trips.clear()
    await counted.RetrieveDocument(retrieve, call_as(callers.doctor))
    assert len(trips) == 2, trips


async def refused_trips(counted: DmpServicer, asked: Awaitable[object]) -> list[str]:
    """The statements of a call that is refused; the line of the journal is the same insert for all."""
    trips.clear()
    with pytest.raises(NotFound) as refusal:
        await asked
    assert refusal.value.refusal is not None
    return [statement.split("$")[0] for statement in trips]


async def test_hidden_and_absent_cost_the_same_statements(counted: DmpServicer, person: str) -> None:
    done = await counted.SubmitDocuments(submission(person), call_as(callers.doctor))
    there, absent = done.entries[0].document_id, holder().person_id
    stranger = call_as(callers.other_doctor)
    archive = [pb.DOCUMENT_CHANGE_ARCHIVE]
    for ask in (
        lambda i: counted.ReadDocument(pb.ReadDocumentRequest(document_id=i), stranger),
        lambda i: counted.RetrieveDocument(pb.RetrieveDocumentRequest(document_id=i), stranger),
        lambda i: counted.ViewDocument(pb.ViewDocumentRequest(document_id=i), stranger),
        lambda i: counted.ChangeDocument(pb.ChangeDocumentRequest(document_id=i, changes=archive), stranger),
    ):
        hidden, missing = [await refused_trips(counted, ask(i)) for i in (there, absent)]
        assert hidden == missing
        assert hidden
    lots = [
        await refused_trips(counted, counted.ReadLot(pb.ReadLotRequest(lot_id=i), stranger))
        for i in (done.lot_id, absent)
    ]
    assert lots[0] == lots[1]
    assert len(lots[0]) == 2
