"""Changing, viewing and polling documents as callers do: a real server, PostgreSQL, keys and object store."""

from pathlib import Path
from typing import Any

import pytest

from chassis.db import Database
from chassis.errors import Unavailable
from chassis.testing import Served, callers
from dmp.api import DmpServicer
from dmp.domain import PersonId
from socle.common.v1.common_pb2 import PageRequest
from socle.dmp.v1 import dmp_pb2 as pb

from .cda_given import cda
from .dmp_given import (
    CONTENT,
    document,
    holder,
    lot_message,
    nothing_stored,
    opened,
    refused,
    rows,
    submission,
    urn,
)

READER = callers.other_doctor
HIDDEN = ["N", "INVISIBLE_PATIENT"]


async def deposited(service: Served, person: str, **changes: Any) -> pb.DocumentEntry:
    request = submission(person, document(**changes))
    done: pb.SubmitDocumentsResponse = await service.ask("SubmitDocuments", request, callers.doctor)
    return done.entries[0]


def change(
    entry: pb.DocumentEntry, *changes: pb.DocumentChange.ValueType, **more: Any
) -> pb.ChangeDocumentRequest:
    return pb.ChangeDocumentRequest(document_id=entry.document_id, changes=changes, **more)


async def test_each_change_goes_through_and_comes_back_whole(service: Served) -> None:
    patient = holder()
    entry = await deposited(service, await opened(service, patient), confidentiality=HIDDEN)
    shown = (
        await service.ask(
            "ChangeDocument",
            change(entry, pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT, confirmed=True),
            callers.doctor,
        )
    ).entry
    assert (list(shown.confidentiality), shown.version, shown.title) == (["N"], 2, entry.title)
    assert shown.entry_id != entry.entry_id
    assert shown.changed_at.ToDatetime() > entry.changed_at.ToDatetime()
    both = change(shown, pb.DOCUMENT_CHANGE_MASK, pb.DOCUMENT_CHANGE_ARCHIVE, expected_version=2)
    put_away = (await service.ask("ChangeDocument", both, callers.doctor)).entry
    assert (list(put_away.confidentiality), put_away.archived) == (["N", "MASQUE_PS"], True)
    unmasked = (
        await service.ask("UnmaskDocument", pb.UnmaskDocumentRequest(document_id=entry.document_id), patient)
    ).entry
    assert (list(unmasked.confidentiality), unmasked.version) == (["N"], 4)


@pytest.mark.parametrize(
    ("changes", "more", "reason", "status"),
    [
        ([pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT], {}, "CONFIRMATION_MISSING", 400),
        ([pb.DOCUMENT_CHANGE_ARCHIVE], {"expected_version": 7}, "DOCUMENT_CHANGED_MEANWHILE", 409),
        ([pb.DOCUMENT_CHANGE_UNARCHIVE], {}, "DOCUMENT_NOT_ARCHIVED", 422),
        ([pb.DOCUMENT_CHANGE_DELETE, pb.DOCUMENT_CHANGE_ARCHIVE], {}, "CHANGES_CONTRADICT_EACH_OTHER", 400),
        ([], {}, "MALFORMED_REQUEST", 400),
        ([pb.DOCUMENT_CHANGE_UNSPECIFIED], {}, "UNKNOWN_VALUE", 400),
    ],
)
async def test_change_that_is_refused_says_why_and_changes_nothing(
    service: Served,
    database: Database,
    changes: list[pb.DocumentChange.ValueType],
    more: dict[str, Any],
    reason: str,
    status: int,
) -> None:
    entry = await deposited(service, await opened(service), confidentiality=HIDDEN)
    error = await refused(service.ask("ChangeDocument", change(entry, *changes, **more), callers.doctor))
    assert (error.reason, error.kind.http) == (reason, status)
    found = await rows(database, "SELECT version FROM document WHERE document_id = $1", entry.document_id)
    assert [r["version"] for r in found] == [1]


async def test_deletion_sent_twice_under_one_key_is_answered_twice_the_same(service: Served) -> None:
    entry = await deposited(service, await opened(service))
    request, key = change(entry, pb.DOCUMENT_CHANGE_DELETE), urn()
    first = await service.ask("ChangeDocument", request, callers.doctor, idempotency_key=key)
    again = await service.ask("ChangeDocument", request, callers.doctor, idempotency_key=key)
    assert again == first
    assert first.entry.status == pb.DOCUMENT_STATUS_DELETED
    retrieve = pb.RetrieveDocumentRequest(document_id=entry.document_id)
    error = await refused(service.ask("RetrieveDocument", retrieve, callers.doctor))
    assert error.reason == "DOCUMENT_DELETED"


async def test_polling_finds_deposits_and_changes_in_the_order_of_the_commits(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    entry = await deposited(service, person)
    await service.ask("ChangeDocument", change(entry, pb.DOCUMENT_CHANGE_ARCHIVE), callers.doctor)
    second = await deposited(service, person)
    seen: list[tuple[int, list[str]]] = []
    since, token = None, ""
    while True:
        wanted = pb.ListReadableLotsRequest(
            person_id=person, oldest_first=True, page=PageRequest(size=1, token=token), include_documents=True
        )
        answer = await service.ask("ListReadableLots", wanted, patient)
        for lot in answer.lots:
            seen.append((lot.kind, list(lot.documents)))
            assert since is None or lot.received_at.ToNanoseconds() > since
            since = lot.received_at.ToNanoseconds()
        assert [e.document_id for e in answer.entries] == seen[-1][1]
        token = answer.next_token
        if not token:
            break
    assert seen == [
        (pb.LOT_KIND_DEPOSIT, [entry.document_id]),
        (pb.LOT_KIND_CHANGE, [entry.document_id]),
        (pb.LOT_KIND_DEPOSIT, [second.document_id]),
    ]


async def test_words_are_looked_for_through_their_keyed_hashes(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    author = pb.Author(professional=callers.doctor.subject, family_name="Éluard", given_name="Zoé")
    order = pb.Reference(system="urn:oid:1.2.3", value="2026-0017", kind="order")
    entry = await deposited(service, person, authors=[author], references=[order])
    await deposited(service, person)
    looked_for: list[dict[str, Any]] = [
        {"author_family": "ELU"},
        {"reference": "2026-0017"},
        {"author_given": "zoe"},
    ]
    for criteria in looked_for:
        wanted = pb.ListReadableDocumentsRequest(person_id=person, **criteria)
        found = await service.ask("ListReadableDocuments", wanted, patient)
        assert [e.document_id for e in found.entries] == [entry.document_id], criteria
        assert list(found.entries[0].references) == [order]
    # A record that is not there has no key: the same empty answer.
    nobody = pb.ListReadableDocumentsRequest(person_id=PersonId.new().value, author_family="ELU")
    assert list((await service.ask("ListReadableDocuments", nobody, READER)).entries) == []


async def test_folder_is_made_listed_and_read(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    one = document()
    folder = lot_message(title="Grossesse", documents=[one.entry.unique_id])
    done = await service.ask("SubmitDocuments", submission(person, one, folders=[folder]), callers.doctor)
    read = await service.ask("ReadLot", pb.ReadLotRequest(lot_id=done.folder_ids[0]), patient)
    assert (read.lot.kind, read.lot.title) == (pb.LOT_KIND_FOLDER, "Grossesse")
    assert list(read.lot.documents) == [done.entries[0].document_id]
    error = await refused(service.ask("ReadLot", pb.ReadLotRequest(lot_id=done.folder_ids[0]), READER))
    assert error.reason == "LOT_NOT_FOUND"


async def test_cursor_goes_on_in_its_own_order_only(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    await service.ask("SubmitDocuments", submission(person, document(), document()), callers.doctor)
    first = pb.ListReadableDocumentsRequest(person_id=person, page=PageRequest(size=1))
    token = (await service.ask("ListReadableDocuments", first, patient)).next_token
    other = pb.ListReadableDocumentsRequest(
        person_id=person,
        order=pb.DOCUMENT_ORDER_LATEST_CHANGED,
        page=PageRequest(size=1, token=token),
    )
    error = await refused(service.ask("ListReadableDocuments", other, patient))
    assert error.reason == "UNKNOWN_PAGE_TOKEN"


# -- content


async def test_view_is_a_page_and_is_written_down(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    content = cda("1.2.250.1.999.77")
    sent = document(content, unique_id="urn:oid:1.2.250.1.999.77", mime_type="text/xml", language="fr-FR")
    entry = (await service.ask("SubmitDocuments", submission(person, sent), callers.doctor)).entries[0]
    page = await service.ask("ViewDocument", pb.ViewDocumentRequest(document_id=entry.document_id), patient)
    assert page.mime_type == "text/html"
    assert b"<html" in page.content
    file = pb.ViewDocumentRequest(document_id=entry.document_id, enclosed=True)
    enclosed = await service.ask("ViewDocument", file, patient)
    assert (enclosed.mime_type, enclosed.content) == ("text/plain", b"Tout va bien.")
    journal = await service.ask("ListJournal", pb.ListJournalRequest(person_id=person), patient)
    assert [e.action for e in journal.entries][:2] == ["dmp_document.view", "dmp_document.view"]


async def test_bytes_changed_in_the_store_are_never_given(service: Served, tmp_path: Path) -> None:
    entry = await deposited(service, await opened(service))
    blob = next(path for path in (tmp_path / "blobs").rglob(entry.document_id))
    assert CONTENT not in blob.read_bytes()
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    retrieve = pb.RetrieveDocumentRequest(document_id=entry.document_id)
    error = await refused(service.ask("RetrieveDocument", retrieve, callers.doctor))
    assert error.kind.http == 500


async def test_bytes_of_another_document_are_never_given(service: Served, tmp_path: Path) -> None:
    person = await opened(service)
    one, other = await deposited(service, person), await deposited(service, person)
    blobs = {e.document_id: next((tmp_path / "blobs").rglob(e.document_id)) for e in (one, other)}
    blobs[one.document_id].write_bytes(blobs[other.document_id].read_bytes())
    retrieve = pb.RetrieveDocumentRequest(document_id=one.document_id)
    assert (await refused(service.ask("RetrieveDocument", retrieve, callers.doctor))).kind.http == 500


async def test_key_provider_away_refuses_a_deposit_whole(
    service: Served, servicer: DmpServicer, database: Database, tmp_path: Path
) -> None:
    person = await opened(service)

    class Away:
        async def open(self, *_asked: object) -> None:
            raise Unavailable("The key provider does not answer.")

    servicer.keys = Away()  # type: ignore[assignment]
    error = await refused(service.ask("SubmitDocuments", submission(person), callers.doctor))
    assert error.kind is Unavailable.kind
    await nothing_stored(database, person)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_refused_deposit_puts_no_bytes_in_the_store(service: Served, tmp_path: Path) -> None:
    """Who may not feed the record, or sends what is there already, fills no disk."""
    person = await opened(service)
    request = submission(person)
    await service.ask("SubmitDocuments", request, callers.doctor)
    await service.ask("SubmitDocuments", request, callers.doctor)
    unknown = submission(PersonId.new().value)
    assert (
        await refused(service.ask("SubmitDocuments", unknown, callers.doctor))
    ).reason == "RECORD_NOT_FOUND"
    assert (await refused(service.ask("SubmitDocuments", submission(person), holder()))).kind.http == 404
    assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == 1


# -- what is absent and what may not be known


async def test_absent_and_hidden_document_leave_the_same_line(service: Served, database: Database) -> None:
    entry = await deposited(service, await opened(service))
    absent = PersonId.new().value
    for rpc, request in [
        ("ReadDocument", pb.ReadDocumentRequest),
        ("RetrieveDocument", pb.RetrieveDocumentRequest),
        ("ViewDocument", pb.ViewDocumentRequest),
        ("MaskDocument", pb.MaskDocumentRequest),
    ]:
        told = []
        for target in (entry.document_id, absent):
            who = holder() if rpc == "MaskDocument" else READER
            error = await refused(service.ask(rpc, request(document_id=target), who))
            lines = "SELECT outcome, action, object_id::text FROM audit ORDER BY id DESC LIMIT 1"
            line = (await rows(database, lines))[0]
            assert (line["outcome"], line["object_id"]) == ("refused", target)
            told.append((error.reason, str(error), error.hint, error.rules, line["action"]))
        assert told[0] == told[1]
