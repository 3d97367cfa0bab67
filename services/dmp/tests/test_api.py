"""The service as its callers meet it: a real gRPC server with every door, on a real PostgreSQL."""

import asyncio
import hashlib

import pytest

from chassis.db import Database
from chassis.errors import Unavailable
from chassis.testing import Served, call_as, callers, emergency
from dmp.api import DmpServicer, read
from dmp.domain import PersonId
from dmp.store.keys import find_key
from socle.common.v1.common_pb2 import PageRequest
from socle.dmp.v1 import dmp_pb2 as pb

from .dmp_given import (
    CONTENT,
    PARAMETERS,
    Qualified,
    document,
    holder,
    nothing_stored,
    opened,
    refused,
    rows,
    submission,
    submitted,
    urn,
)

READER = callers.other_doctor
PDF = pb.Coding(code="urn:ihe:iti:xds-sd:pdf:2008")


# -- the journey of a document


async def test_document_travels_from_its_author_to_another_doctor(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    submitted = await service.ask("SubmitDocuments", submission(person), callers.doctor)
    wanted = pb.ListReadableDocumentsRequest(person_id=person)
    before = await service.ask("ListReadableDocuments", wanted, READER)
    grant = pb.GrantAccessRequest(person_id=person, grantee=READER.subject, kind=pb.ACCESS_KIND_PROFESSIONAL)
    granted = await service.ask("GrantAccess", grant, patient)
    after = await service.ask("ListReadableDocuments", wanted, READER)
    assert list(before.entries) == []
    assert list(after.entries) == list(submitted.entries)
    document_id = submitted.entries[0].document_id
    retrieved = await service.ask(
        "RetrieveDocument", pb.RetrieveDocumentRequest(document_id=document_id), READER
    )
    assert retrieved.content == CONTENT
    assert (
        retrieved.sha1 == hashlib.sha1(CONTENT, usedforsecurity=False).digest() == submitted.entries[0].sha1
    )
    masked = await service.ask("MaskDocument", pb.MaskDocumentRequest(document_id=document_id), patient)
    assert list(masked.entry.confidentiality) == ["N", "MASQUE_PS"]
    hidden = await service.ask("ListReadableDocuments", wanted, READER)
    own = await service.ask("ListReadableDocuments", wanted, callers.doctor)
    assert (len(hidden.entries), len(own.entries)) == (0, 1)
    accesses = await service.ask("ListAccesses", pb.ListAccessesRequest(person_id=person), patient)
    assert list(accesses.accesses) == [granted.access]


async def test_holder_reads_the_journal_with_refusals(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    done = await service.ask("SubmitDocuments", submission(person), callers.doctor)
    request = pb.ReadDocumentRequest(document_id=done.entries[0].document_id)
    assert (await refused(service.ask("ReadDocument", request, READER))).kind.http == 404
    journal = await service.ask("ListJournal", pb.ListJournalRequest(person_id=person), patient)
    latest = journal.entries[0]
    assert (latest.action, latest.outcome, list(latest.rules)) == (
        "dmp_document.read",
        "refused",
        ["R1111-46"],
    )
    assert (latest.actor, latest.actor_name, latest.organisation) == (
        READER.subject,
        READER.name,
        READER.organisation,
    )
    assert latest.object_id == done.entries[0].document_id
    assert journal.entries[-1].actor == "self"


async def test_emergency_is_in_the_journal_with_its_reason(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    await service.ask("SubmitDocuments", submission(person), callers.doctor)
    hurried = emergency(READER, "arrêt cardiaque, 70 ans")
    found = await service.ask(
        "ListReadableDocuments", pb.ListReadableDocumentsRequest(person_id=person), hurried
    )
    journal = await service.ask("ListJournal", pb.ListJournalRequest(person_id=person), patient)
    assert len(found.entries) == 1
    assert (journal.entries[0].purpose, journal.entries[0].reason) == ("bris_de_glace", hurried.reason)


async def test_record_says_what_the_caller_may_do(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    request = pb.GetRecordRequest(person_id=person)
    for caller, readable, rules in [
        (patient, True, ["L1111-19"]),
        (READER, False, ["R1111-46"]),
        (emergency(READER), True, ["L1111-17-I", "consent.BTG"]),
        (callers.staff, False, ["dmp.readers_only"]),
    ]:
        record = (await service.ask("GetRecord", request, caller)).record
        assert (record.readable, list(record.rules)) == (readable, rules)


# -- what identity-ins is asked


async def test_deposit_right_after_qualification_asks_identity_ins_and_works(
    service: Served, qualified: Qualified
) -> None:
    person = await opened(service)
    done = await service.ask("SubmitDocuments", submission(person), callers.doctor)
    assert len(done.entries) == 1
    assert qualified.asked[-1] == (PersonId(person), callers.doctor.organisation)


async def test_deposit_once_the_event_came_asks_nobody(
    service: Served, qualified: Qualified, database: Database
) -> None:
    person = await opened(service)
    await database.pool.execute(
        "INSERT INTO qualified_identity VALUES (gen_random_uuid(), $1, $2, 1, true)",
        callers.doctor.organisation,
        person,
    )
    before = len(qualified.asked)
    await service.ask("SubmitDocuments", submission(person), callers.doctor)
    assert len(qualified.asked) == before


async def test_deposit_by_a_structure_that_did_not_qualify_is_forbidden(
    service: Served, qualified: Qualified
) -> None:
    person = await opened(service)
    qualified.nowhere.add(READER.organisation)
    error = await refused(service.ask("SubmitDocuments", submission(person), READER))
    assert (error.kind.http, error.rules) == (403, ("dmp.identity_qualified",))
    assert "qualifi" in error.hint


async def test_deposit_while_identity_ins_is_away_is_told_so_and_stores_nothing(
    service: Served, qualified: Qualified, database: Database
) -> None:
    person = await opened(service)
    qualified.away = True
    error = await refused(service.ask("SubmitDocuments", submission(person), callers.doctor))
    assert error.kind is Unavailable.kind
    await nothing_stored(database, person)


# -- the same again


async def test_lot_sent_many_times_at_once_is_stored_once(service: Served, database: Database) -> None:
    person = await opened(service)
    request = submission(person)
    answers = await asyncio.gather(
        *(service.ask("SubmitDocuments", request, callers.doctor) for _ in range(6))
    )
    assert len({a.lot_id for a in answers}) == 1
    assert sorted(a.replayed for a in answers) == [False] + [True] * 5
    assert len(await rows(database, "SELECT 1 FROM document WHERE person_id = $1", person)) == 1


async def test_lot_whose_twin_is_just_being_committed_gets_the_same_answer(
    service: Served, database: Database, servicer: DmpServicer
) -> None:
    """The twin is not there yet when the lot is looked up, and is there once the record is free."""
    person = await opened(service)
    request = submission(person)
    async with database.begin(call_as(callers.doctor)) as tx:
        sent = read.deposit(request, PARAMETERS)
        wrapped = await find_key(tx, PersonId(person))
        assert wrapped is not None
        key = await servicer.keys.open(PersonId(person), wrapped)
        first = await submitted(tx, callers.doctor, sent, person=PersonId(person), key=key)
        await tx.flush()
        second = asyncio.ensure_future(service.ask("SubmitDocuments", request, callers.doctor))
        await somebody_waits_for_a_lock(database)
    answer = await second
    assert (answer.lot_id, answer.replayed) == (first.lot_id.value, True)


async def somebody_waits_for_a_lock(database: Database) -> None:
    for _ in range(200):
        if await rows(database, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the second deposit never met the first one")


async def test_record_opened_at_the_same_moment_is_one_record(service: Served, database: Database) -> None:
    patient = holder()
    request = pb.OpenRecordRequest(person_id=patient.person_id)
    answers = await asyncio.gather(*(service.ask("OpenRecord", request, patient) for _ in range(5)))
    assert len({a.SerializeToString() for a in answers}) == 1
    told = "SELECT 1 FROM outbox WHERE aggregate = $1"
    assert len(await rows(database, told, f"record/{patient.person_id}")) == 1


async def test_same_key_gives_the_same_answer_and_another_body_is_refused(service: Served) -> None:
    person = await opened(service)
    request = submission(person)
    first = await service.ask("SubmitDocuments", request, callers.doctor, idempotency_key=urn())
    key = urn()
    second = await service.ask("SubmitDocuments", request, callers.doctor, idempotency_key=key)
    third = await service.ask("SubmitDocuments", request, callers.doctor, idempotency_key=key)
    assert (first.replayed, second.replayed) == (False, True)
    assert third == second
    error = await refused(
        service.ask("SubmitDocuments", submission(person), callers.doctor, idempotency_key=key)
    )
    assert error.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_duplicate_document_with_other_bytes_names_the_xds_error(service: Served) -> None:
    person = await opened(service)
    unique = urn()
    await service.ask("SubmitDocuments", submission(person, document(unique_id=unique)), callers.doctor)
    other = document(CONTENT + b"\n", unique_id=unique)
    error = await refused(service.ask("SubmitDocuments", submission(person, other), callers.doctor))
    assert (error.kind.http, error.reason, error.rules) == (
        409,
        "DUPLICATE_DOCUMENT",
        ("XDSNonIdenticalHash",),
    )


# -- large and long


async def test_large_lot_is_stored(service: Served) -> None:
    content = b"%PDF-" + bytes(range(256)) * 8192
    person = await opened(service)
    request = submission(person, document(content, mime_type="application/pdf", format=PDF))
    done = await service.ask("SubmitDocuments", request, callers.doctor)
    retrieve = pb.RetrieveDocumentRequest(document_id=done.entries[0].document_id)
    assert (await service.ask("RetrieveDocument", retrieve, callers.doctor)).content == content


async def test_pages_of_a_search_follow_each_other(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    await service.ask(
        "SubmitDocuments", submission(person, document(), document(), document()), callers.doctor
    )
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListReadableDocumentsRequest(person_id=person, page=PageRequest(size=2, token=token))
        answer = await service.ask("ListReadableDocuments", request, patient)
        found += [e.document_id for e in answer.entries]
        token = answer.next_token
        if not token:
            break
    assert len(found) == len(set(found)) == 3


# -- what the database itself holds


async def test_no_clinical_word_leaves_with_an_event(service: Served, database: Database) -> None:
    person = await opened(service)
    await service.ask("SubmitDocuments", submission(person, document(title="Séropositivité")), callers.doctor)
    told = await rows(database, "SELECT convert_from(data, 'UTF8') AS data FROM outbox")
    assert told
    assert not [t for t in told if "Séro" in t["data"] or callers.doctor.subject in t["data"]]
