"""Documents and lots written as FHIR and read again; a document deposited by itself (ITI-105)."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.list import List
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fhir import names, simplified, transaction
from gateway.fhir.document import read_document, write_document
from gateway.fhir.faults import Faults, FhirInvalid
from gateway.fhir.lot import read_folder, read_lot, write_lot
from socle.dmp.v1 import dmp_pb2

from .deposits import INS, attachment, deposit, put, relates

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BASE = "https://socle.test/fhir"


def stamp(moment: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(moment)
    return result


# What the service gives and a deposit does not: the id and address of a resource, never read back.
GIVEN = {"document_id", "person_id", "version", "status", "entry_id", "submitted_at", "changed_at", "lot_id"}

words = st.text(st.characters(categories=["L", "N"], include_characters="-' "), min_size=1, max_size=20)
# `name.given` is a list of words: what separates them is one space.
first_names = st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=8), max_size=3).map(
    " ".join
)
codes = st.text("ABCDEF0123456789.-", min_size=1, max_size=12)
systems = st.sampled_from(["http://loinc.org", "urn:oid:1.2.250.1.213.2.5"])
numbers = st.from_regex(r"8[0-9]{11}", fullmatch=True)
# Microseconds from 1970: what a column of PostgreSQL can hold.
moments = st.integers(-(10**15), 10**16).map(lambda n: stamp(EPOCH + timedelta(microseconds=n)))
uuids = st.uuids().map(str)
unique_ids = st.integers(1, 2**64).map(lambda number: f"urn:oid:2.25.{number}")
codings = st.builds(dmp_pb2.Coding, system=systems, code=codes, display=st.just("") | words)
professionals = st.builds(
    dmp_pb2.Author,
    professional=numbers,
    family_name=words,
    given_name=first_names,
    role=st.none() | codings,
    specialty=st.none() | codings,
)
structures = st.builds(dmp_pb2.Author, organisation=codes, organisation_name=st.just("") | words)
both = st.builds(
    dmp_pb2.Author, professional=numbers, family_name=words, organisation=codes, organisation_name=words
)
authors = professionals | structures | both
relations = st.builds(
    dmp_pb2.Relation,
    kind=st.just(dmp_pb2.RELATION_KIND_APPENDS),
    document_id=uuids,
)
references = st.builds(dmp_pb2.Reference, system=systems, value=codes, kind=st.just("") | codes)
entries = st.builds(
    dmp_pb2.DocumentEntry,
    document_id=uuids,
    person_id=uuids,
    entry_id=uuids,
    version=st.integers(1, 99),
    status=st.just(dmp_pb2.DOCUMENT_STATUS_CURRENT),
    unique_id=unique_ids,
    type=st.builds(dmp_pb2.Coding, system=st.just(names.LOINC), code=codes),
    format=codings,
    mime_type=st.sampled_from(["text/xml", "application/pdf"]),
    language=st.just("fr-FR"),
    sha1=st.binary(min_size=20, max_size=20),
    size=st.integers(1, 2**31 - 1),
    title=words,
    description=st.just("") | words,
    created_at=moments,
    service_start=moments,
    service_end=st.none() | moments,
    authors=st.lists(authors, min_size=1, max_size=3),
    authenticator=st.none() | professionals,
    custodian=st.none() | structures,
    confidentiality=st.sampled_from([["N"], ["R", "MASQUE_PS"], ["V", "INVISIBLE_PATIENT"]]),
    facility=codings,
    practice_setting=codings,
    events=st.lists(codings, max_size=2),
    relations=st.lists(relations, max_size=2),
    references=st.lists(references, max_size=2),
    archived=st.booleans(),
    submitted_at=moments,
    changed_at=st.none() | moments,
)


@settings(max_examples=60, deadline=None)
@given(entries)
def test_document_written_then_read_is_the_same(entry: dmp_pb2.DocumentEntry) -> None:
    written = write_document(entry, BASE, INS)
    faults = Faults()
    again = read_document(json.loads(json.dumps(written)), "DocumentReference", faults)
    for name in GIVEN:
        entry.ClearField(name)  # type: ignore[arg-type]
    assert again == entry
    assert faults.found == []


@settings(max_examples=20, deadline=None)
@given(entries)
def test_document_is_of_fhir(entry: dmp_pb2.DocumentEntry) -> None:
    DocumentReference.model_validate(write_document(entry, BASE, None))


def sample(**values: Any) -> dmp_pb2.DocumentEntry:
    entry: dmp_pb2.DocumentEntry = transaction.read_submission(deposit()).documents[0].entry
    given_by_the_service = dmp_pb2.DocumentEntry(document_id="d-1", person_id="p-1", version=2, **values)
    entry.MergeFrom(given_by_the_service)
    return entry


def test_document_tells_its_place_its_version_and_what_it_stands_to() -> None:
    old = dmp_pb2.Relation(kind=dmp_pb2.RELATION_KIND_REPLACES, document_id="d-0", unique_id="urn:oid:1.2.9")
    entry = sample(entry_id="e-2", relations=[old])
    entry.submitted_at.FromJsonString("2026-05-20T16:00:00Z")
    entry.changed_at.FromJsonString("2026-05-21T08:00:00Z")
    written = write_document(entry, BASE, INS)
    assert written["content"][0]["attachment"]["url"] == f"{BASE}/Binary/d-1"
    assert written["meta"]["versionId"] == "2"
    # With its microseconds: `_lastUpdated=gt` of it leaves out nothing of the same second.
    assert written["meta"]["lastUpdated"] == "2026-05-21T08:00:00.000000Z"
    assert written["identifier"] == [{"use": "official", "system": names.URI, "value": "urn:uuid:e-2"}]
    (relation,) = written["relatesTo"]
    assert (relation["code"], relation["target"]["reference"]) == ("replaces", "DocumentReference/d-0")
    assert relation["target"]["identifier"] == {"system": names.URI, "value": "urn:oid:1.2.9"}


def test_document_without_known_ins_names_the_opaque_person() -> None:
    written = write_document(sample(), "b", None)
    assert written["subject"] == {"type": "Patient", "identifier": {"system": names.PERSON, "value": "p-1"}}
    assert "279035121518989" not in json.dumps(written)


lots = st.builds(
    dmp_pb2.Lot,
    lot_id=uuids,
    person_id=uuids,
    unique_id=unique_ids,
    source_id=st.just("1.2.250.1.999.9"),
    content_type=codings,
    submitted_at=moments,
    received_at=moments,
    title=st.just("") | words,
    comments=st.just("") | words,
    author=authors,
    intended_recipients=st.lists(numbers | st.just("1750000018") | st.just("a@b.mssante.test"), max_size=3),
    documents=st.lists(uuids, max_size=3),
)
OF_THE_SERVICE = ("lot_id", "person_id", "received_at", "documents", "kind")


@settings(max_examples=60, deadline=None)
@given(lots)
def test_lot_written_then_read_is_the_same(lot: dmp_pb2.Lot) -> None:
    written = json.loads(json.dumps(write_lot(lot, INS)))
    faults = Faults()
    again = read_lot(written, "List", faults, "")
    assert [one["item"]["reference"] for one in written.get("entry", [])] == [
        f"DocumentReference/{one}" for one in lot.documents
    ]
    for name in OF_THE_SERVICE:
        lot.ClearField(name)  # type: ignore[arg-type]
    assert (again, faults.found, faults.notices) == (lot, [], [])


@settings(max_examples=20, deadline=None)
@given(lots, st.sampled_from([dmp_pb2.LOT_KIND_DEPOSIT, dmp_pb2.LOT_KIND_CHANGE, dmp_pb2.LOT_KIND_FOLDER]))
def test_lot_is_of_fhir_and_says_which_kind(lot: dmp_pb2.Lot, kind: Any) -> None:
    lot.kind = kind
    written = write_lot(lot, None)
    List.model_validate(written)
    folder = kind == dmp_pb2.LOT_KIND_FOLDER
    assert written["code"]["coding"][0]["code"] == ("folder" if folder else "submissionset")
    assert written["meta"]["profile"] == [names.PDSM_FOLDER if folder else names.PDSM_LOT]


def test_folder_is_read_without_what_only_a_lot_has() -> None:
    folder = dmp_pb2.Lot(
        lot_id="f", unique_id="urn:oid:1.2", kind=dmp_pb2.LOT_KIND_FOLDER, documents=["d-1"], title="T"
    )
    folder.content_type.code = "07"
    faults = Faults()
    written = write_lot(folder, INS)
    again = read_folder(written, "List", faults, "", {"DocumentReference/d-1": "urn:oid:1.3"}, "9")
    assert (list(again.documents), again.source_id, faults.found) == (["urn:oid:1.3"], "9", [])


def test_simplified_deposit_is_completed_safely() -> None:
    resource = deposit()["entry"][0]["resource"]
    attachment = resource["content"][0]["attachment"]
    for element in ("url", "hash", "size"):
        attachment.pop(element)
    attachment["data"] = "aGVsbG8="
    del resource["securityLabel"], resource["content"][0]["format"], resource["context"]["period"]
    submission = simplified.read_simplified(resource, "lps")
    entry = submission.documents[0].entry
    assert entry.sha1.hex() == "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
    assert entry.size == 5
    assert list(entry.confidentiality) == ["N"]
    assert entry.service_start == entry.created_at
    again = simplified.read_simplified(resource, "lps")
    assert again.lot.unique_id == submission.lot.unique_id


def test_simplified_deposit_may_not_point_elsewhere() -> None:
    with pytest.raises(FhirInvalid) as caught:
        simplified.read_simplified(deposit()["entry"][0]["resource"], "lps")
    assert {one.field for one in caught.value.violations} == {
        "DocumentReference.content[0].attachment.url",
        "DocumentReference.content[0].attachment.data",
    }


def _alone(**values: Any) -> Any:
    """The sample by itself, with its bytes."""
    resource = deposit(attachment(**values))["entry"][0]["resource"]
    given = resource["content"][0]["attachment"]
    given.pop("url", None)
    given["data"] = deposit()["entry"][1]["resource"]["data"]
    return resource


def test_simplified_deposit_may_replace() -> None:
    resource = _alone() | {"relatesTo": relates(("replaces", {"reference": "DocumentReference/d-0"}))}
    (relation,) = simplified.read_simplified(resource, "lps").documents[0].entry.relations
    assert (relation.document_id, relation.kind) == ("d-0", dmp_pb2.RELATION_KIND_REPLACES)


def test_simplified_deposit_has_no_room_for_a_warning() -> None:
    resource = _alone() | {"relatesTo": relates(("signs", {"reference": "DocumentReference/d-0"}))}
    with pytest.raises(FhirInvalid) as caught:
        simplified.read_simplified(resource, "lps")
    assert [one.field for one in caught.value.violations] == ["DocumentReference.relatesTo[0]"]


def test_simplified_deposit_of_fhir_is_refused_by_its_name() -> None:
    with pytest.raises(transaction.FhirDocumentNotSupported):
        simplified.read_simplified(_alone(contentType="application/fhir+json; fhirVersion=4.0"), "lps")


def test_simplified_deposit_of_someone_else_in_contained_is_refused() -> None:
    resource = _alone()
    resource["contained"][3]["identifier"][0]["value"] = "255081416802538"
    with pytest.raises(FhirInvalid) as caught:
        simplified.read_simplified(resource, "lps")
    assert [one.field for one in caught.value.violations] == ["DocumentReference.contained[3].identifier[0]"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "entry",
                    "resource",
                    "contained",
                    "identifier",
                    "coding",
                    "content",
                    "attachment",
                    "url",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    JSON,
    st.sampled_from(["type", "author", "content", "context", "subject", "contained", "extension", "date"]),
)
def test_any_element_is_read_or_refused(value: Any, element: str) -> None:
    """Whatever JSON stands in a resource, the answer is a lot or a refusal, never a crash."""
    with suppress(FhirInvalid):
        transaction.read_submission(deposit(put(0, element, value)))
