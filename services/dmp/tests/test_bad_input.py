"""One fault, one clear error with its place and what to do; nothing stored but the trace of a refusal."""

from dataclasses import replace

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import page
from chassis.caller import Purpose
from chassis.db import Database
from chassis.testing import Served, callers
from socle.common.v1.common_pb2 import PageRequest
from socle.dmp.v1 import dmp_pb2 as pb

from .dmp_given import document, holder, nothing_stored, opened, refused, submission, urn

READER = callers.other_doctor

PDF = pb.Coding(code="urn:ihe:iti:xds-sd:pdf:2008")
RPLC = pb.Relation(kind=pb.RELATION_KIND_REPLACES, unique_id=urn())
OTHER_RPLC = pb.Relation(kind=pb.RELATION_KIND_REPLACES, unique_id=urn())

FAULTS = [
    ("hash", document(sha1=b"\0" * 20), "DOCUMENT_HASH_MISMATCH"),
    ("size", document(size=3), "DOCUMENT_SIZE_MISMATCH"),
    ("type", document(type=pb.Coding(code="0-0")), "UNKNOWN_DOCUMENT_TYPE"),
    ("class", document(class_=pb.Coding(code="42")), "CLASS_DOES_NOT_MATCH_TYPE"),
    ("no level", document(confidentiality=["MASQUE_PS"]), "CONFIDENTIALITY_NOT_ALLOWED"),
    ("two levels", document(confidentiality=["N", "V"]), "CONFIDENTIALITY_NOT_ALLOWED"),
    (
        "hidden from all",
        document(confidentiality=["N", "MASQUE_PS", "INVISIBLE_PATIENT"]),
        "CONFIDENTIALITY_NOT_ALLOWED",
    ),
    ("mime", document(mime_type="text/html", format=pb.Coding(code="x")), "MIME_TYPE_NOT_ACCEPTED"),
    ("format", document(b"%PDF-1.7", mime_type="application/pdf"), "FORMAT_DOES_NOT_MATCH_MIME_TYPE"),
    ("not a pdf", document(b"GIF89a", mime_type="application/pdf", format=PDF), "CONTENT_NOT_AS_DECLARED"),
    ("not a CDA", document(b"<html/>", mime_type="text/xml"), "CDA_NOT_READABLE"),
    ("bomb", document(b'<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>', mime_type="text/xml"), "CDA_NOT_READABLE"),
    ("two replacements", document(relations=[RPLC, OTHER_RPLC]), "SEVERAL_REPLACEMENTS"),
    ("relation to nothing", document(relations=[pb.Relation(kind=RPLC.kind)]), "RELATION_WITHOUT_TARGET"),
    ("future", document(created_at=Timestamp(seconds=4102444800)), "DATES_IN_DISORDER"),
    ("end before start", document(service_end=Timestamp(seconds=1)), "DATES_IN_DISORDER"),
    ("no title", document(title=""), "MALFORMED_REQUEST"),
    ("no author", document(authors=[]), "MALFORMED_REQUEST"),
    ("identifier", document(unique_id="1.2.3"), "MALFORMED_REQUEST"),
    ("empty", document(b""), "MALFORMED_REQUEST"),
    ("21 MB", document(b"%PDF-" + b"0" * 21_000_000, mime_type="application/pdf"), "MALFORMED_REQUEST"),
]


@pytest.mark.parametrize(("name", "bad", "reason"), FAULTS, ids=[f[0] for f in FAULTS])
async def test_lot_with_one_bad_document_is_refused_whole(
    service: Served, database: Database, name: str, bad: pb.Document, reason: str
) -> None:
    person = await opened(service)
    request = submission(person, document(), bad)
    error = await refused(service.ask("SubmitDocuments", request, callers.doctor))
    assert (error.kind.http, error.reason) == (400, reason)
    assert error.hint
    places = error.field + " ".join(v.field for v in error.violations)
    assert places.startswith("documents[1]")
    await nothing_stored(database, person)


async def test_every_missing_field_is_told_at_once(service: Served) -> None:
    request = pb.SubmitDocumentsRequest(person_id="x", documents=[pb.Document()])
    error = await refused(service.ask("SubmitDocuments", request, callers.doctor))
    fields = {v.field for v in error.violations}
    assert {"person_id", "lot", "documents[0].entry", "documents[0].content"} <= fields


async def test_moment_outside_the_calendar_is_refused(service: Served) -> None:
    bad = document(service_start=Timestamp(seconds=10**15))
    error = await refused(
        service.ask("SubmitDocuments", submission(await opened(service), bad), callers.doctor)
    )
    assert (error.reason, error.violations[0].field) == (
        "MALFORMED_REQUEST",
        "documents[0].entry.service_start",
    )


@pytest.mark.parametrize(
    "token",
    [
        "%%%",
        "bm9wZQ",
        page.token(at="yesterday", id="x"),
        page.token(at="2026-01-01T00:00:00+00:00"),
        page.token(at="2026-01-01T00:00:00", id=urn()[9:]),
        page.token(at="0001-01-01T00:00:00+14:00", id=urn()[9:]),
        page.token(at=1, id=2),
        page.token(before=1),
    ],
)
async def test_page_token_of_ones_own_making_is_refused(service: Served, token: str) -> None:
    patient = holder()
    person = await opened(service, patient)
    request = pb.ListReadableDocumentsRequest(person_id=person, page=PageRequest(token=token))
    assert (
        await refused(service.ask("ListReadableDocuments", request, patient))
    ).reason == "UNKNOWN_PAGE_TOKEN"


@pytest.mark.parametrize("token", ["%%%", page.token(before="x"), page.token(before=7)])
async def test_page_token_of_the_journal_of_ones_own_making_is_refused(service: Served, token: str) -> None:
    patient = holder()
    person = await opened(service, patient)
    request = pb.ListJournalRequest(person_id=person, page=PageRequest(token=token))
    assert (await refused(service.ask("ListJournal", request, patient))).reason == "UNKNOWN_PAGE_TOKEN"


async def test_person_written_in_capitals_is_refused(service: Served) -> None:
    """The journal of a person is found by the text of the id: one spelling only."""
    patient = holder()
    person = await opened(service, patient)
    error = await refused(service.ask("GetRecord", pb.GetRecordRequest(person_id=person.upper()), patient))
    assert [v.field for v in error.violations] == ["person_id"]


async def test_authorisation_of_kind_blocked_is_refused(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    request = pb.GrantAccessRequest(person_id=person, grantee=READER.subject, kind=pb.ACCESS_KIND_BLOCKED)
    error = await refused(service.ask("GrantAccess", request, patient))
    assert (error.reason, error.field) == ("GRANTEE_KIND_NOT_ALLOWED", "kind")


async def test_authorisation_that_is_over_is_refused(service: Served) -> None:
    patient = holder()
    person = await opened(service, patient)
    request = pb.GrantAccessRequest(
        person_id=person, grantee=READER.subject, kind=pb.ACCESS_KIND_PROFESSIONAL, until=Timestamp(seconds=1)
    )
    assert (
        await refused(service.ask("GrantAccess", request, patient))
    ).reason == "AUTHORISATION_ALREADY_OVER"


async def test_glass_without_a_reason_is_refused(service: Served) -> None:
    person = await opened(service)
    hurried = replace(READER, purpose=Purpose.BREAK_GLASS)
    request = pb.ListReadableDocumentsRequest(person_id=person)
    error = await refused(service.ask("ListReadableDocuments", request, hurried))
    assert (error.reason, error.field) == ("REASON_MISSING", "Socle-Reason")
