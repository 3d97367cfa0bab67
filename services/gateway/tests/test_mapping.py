"""FHIR to the contracts and back: what is read is what was meant, and nothing is lost on the way."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.patient import Patient
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Violation
from gateway.fhir import (
    authors,
    capability,
    coding,
    instants,
    names,
    patient,
    places,
    simplified,
    transaction,
)
from gateway.fhir.document import read_document, write_document
from gateway.fhir.faults import Faults, FhirInvalid
from socle.dmp.v1 import dmp_pb2
from socle.identity_ins.v1 import identity_ins_pb2

DEPOSIT = json.loads((Path(__file__).parent / "samples" / "deposit.json").read_text())
INS = identity_ins_pb2.Ins(matricule="279035121518989", oid="1.2.250.1.213.1.4.10")
Edit = Callable[[Any, Any, Any], None]


def deposit(edit: Edit | None = None) -> Any:
    """The sample lot, changed by `edit(document, binary, list)`."""
    bundle = json.loads(json.dumps(DEPOSIT))
    if edit:
        edit(*(entry["resource"] for entry in bundle["entry"]))
    return bundle


def test_submission_is_read_whole() -> None:
    submission = transaction.read_submission(deposit())
    (document,) = submission.documents
    entry = document.entry
    assert submission.subject.ins == INS
    assert submission.lot.unique_id == "urn:oid:1.2.250.1.999.7.100"
    assert submission.lot.source_id == "1.2.250.1.999.9"
    assert submission.lot.author.professional == "899900000011"
    assert entry.sha1 == hashlib.sha1(document.content, usedforsecurity=False).digest()
    assert entry.size == len(document.content)
    assert entry.created_at.ToDatetime(UTC) == datetime(2026, 5, 20, 15, 30, tzinfo=UTC)
    assert entry.authors[0].role.code == "10"
    assert entry.authors[0].organisation == "1990000010"
    assert list(entry.confidentiality) == ["N"]
    assert submission.order == [("DocumentReference", 0), ("Binary", 0), ("List", 0)]


def test_document_written_then_read_is_the_same() -> None:
    entry = transaction.read_submission(deposit()).documents[0].entry
    stored = dmp_pb2.DocumentEntry()
    stored.CopyFrom(entry)
    stored.document_id, stored.person_id, stored.version = "d-1", "p-1", 2
    stored.status = dmp_pb2.DOCUMENT_STATUS_CURRENT
    written = write_document(stored, "https://socle.test/fhir", INS)
    DocumentReference.model_validate(written)
    assert written["content"][0]["attachment"]["url"] == "https://socle.test/fhir/Binary/d-1"
    assert written["meta"]["versionId"] == "2"
    faults = Faults()
    assert read_document(written, "DocumentReference", faults) == entry
    assert faults.found == []


def test_document_without_known_ins_names_the_opaque_person() -> None:
    entry = transaction.read_submission(deposit()).documents[0].entry
    entry.person_id = "p-1"
    written = write_document(entry, "b", None)
    assert written["subject"] == {"type": "Patient", "identifier": {"system": names.PERSON, "value": "p-1"}}
    assert "279035121518989" not in json.dumps(written)


def _no(element: str) -> Edit:
    return lambda document, binary, lot: document.pop(element)


def _attachment(**values: Any) -> Edit:
    return lambda document, binary, lot: document["content"][0]["attachment"].update(values)


def _set(which: int, element: str, value: Any) -> Edit:
    return lambda *resources: resources[which].__setitem__(element, value)


FAULTS: list[tuple[Edit, str, str]] = [
    (_no("status"), "Bundle.entry[0].resource.status", "is missing"),
    (_no("masterIdentifier"), "Bundle.entry[0].resource.masterIdentifier", "is missing"),
    (_no("type"), "Bundle.entry[0].resource.type", "is missing"),
    (_no("author"), "Bundle.entry[0].resource.author", "is missing"),
    (_no("date"), "Bundle.entry[0].resource.date", "is missing"),
    (_no("securityLabel"), "Bundle.entry[0].resource.securityLabel", "exactly one of the levels"),
    (_no("subject"), "Bundle.entry[0].resource.subject", "must carry the INS"),
    (_set(0, "status", "superseded"), "Bundle.entry[0].resource.status", "must be current"),
    (_set(0, "author", [{"reference": "#x"}]), "Bundle.entry[0].resource.author[0]", "not in `contained`"),
    (_attachment(hash="YWJj"), "Bundle.entry[0].resource.content[0].attachment.hash", "20 bytes"),
    (_attachment(hash="@@"), "Bundle.entry[0].resource.content[0].attachment.hash", "base64"),
    (_attachment(size="12"), "Bundle.entry[0].resource.content[0].attachment.size", "JSON number"),
    (_attachment(size=True), "Bundle.entry[0].resource.content[0].attachment.size", "JSON boolean"),
    (_attachment(title=""), "Bundle.entry[0].resource.content[0].attachment.title", "is empty"),
    (
        _attachment(url="urn:uuid:0"),
        "Bundle.entry[0].resource.content[0].attachment.url",
        "fullUrl of a Binary",
    ),
    (
        _attachment(creation="2026-02-30T10:00:00Z"),
        "Bundle.entry[0].resource.content[0].attachment.creation",
        "",
    ),
    (_set(0, "status", 3), "Bundle.entry[0].resource.status", "must be a string"),
    (_set(0, "colour", "red"), "Bundle.entry[0].resource.colour", "is not an element"),
    (_set(0, "relatesTo", []), "Bundle.entry[0].resource.relatesTo", "may not be empty"),
    (_set(0, "description", None), "Bundle.entry[0].resource.description", "may not be null"),
    (
        _set(0, "contained", [{"resourceType": "Zed"}]),
        "Bundle.entry[0].resource.contained[0].resourceType",
        "one of",
    ),
    (_set(1, "data", "a b"), "Bundle.entry[1].resource.data", "base64"),
    (_set(1, "contentType", "text/plain"), "Bundle.entry[1].resource.contentType", "must be the contentType"),
    (_set(2, "mode", "snapshot"), "Bundle.entry[2].resource.mode", "must be working"),
    (_set(2, "code", {"coding": [{"code": "folder"}]}), "Bundle.entry[2].resource.code", "submissionset"),
    (
        _set(2, "entry", [{"item": {"reference": "urn:uuid:9"}}]),
        "Bundle.entry[2].resource.entry[0].item",
        "fullUrl",
    ),
    (
        _set(2, "subject", {"identifier": {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "1"}}),
        "Bundle.entry[0].resource.subject",
        "same patient",
    ),
]


@pytest.mark.parametrize(("edit", "where", "what"), FAULTS)
def test_each_fault_is_told_at_its_place(edit: Edit, where: str, what: str) -> None:
    with pytest.raises(FhirInvalid) as caught:
        transaction.read_submission(deposit(edit))
    problems = [one.problem for one in caught.value.violations if one.field == where]
    assert problems, [one.field for one in caught.value.violations]
    assert any(what in problem for problem in problems), problems


def test_all_faults_are_told_at_once() -> None:
    def edit(document: Any, binary: Any, lot: Any) -> None:
        document.pop("type")
        binary["data"] = "@"
        lot.pop("source")

    with pytest.raises(FhirInvalid) as caught:
        transaction.read_submission(deposit(edit))
    assert {one.field.split("]")[0] for one in caught.value.violations} == {
        "Bundle.entry[0",
        "Bundle.entry[1",
        "Bundle.entry[2",
    }


@pytest.mark.parametrize(
    "body", [None, 3, [], {}, {"resourceType": "Patient"}, {"resourceType": "Bundle", "entry": 1}]
)
def test_what_is_not_a_lot_is_refused(body: Any) -> None:
    with pytest.raises(FhirInvalid):
        transaction.read_submission(body)


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


def test_service_faults_are_placed_in_the_bundle() -> None:
    locate = places.in_submission(transaction.read_submission(deposit()))
    assert locate("documents[0].entry.sha1") == "Bundle.entry[0].resource.content[0].attachment.hash"
    assert locate("documents[0].content") == "Bundle.entry[1].resource"
    assert locate("lot.unique_id") == "Bundle.entry[2].resource.identifier"
    assert locate("person_id") == "Bundle.entry[2].resource.subject"
    assert locate("documents[7].entry.sha1") == "documents[7].entry.sha1"
    error = places.relocated(FhirInvalid(violations=[Violation("ins.oid", "x")]), locate)
    assert error.violations[0].field == "Bundle.entry[2].resource.subject"


def _author(reference: Any, **resource: Any) -> tuple[dmp_pb2.Author, list[Any]]:
    faults = Faults()
    return authors.read_author(reference, authors.Contained(resource), "author", faults), faults.found


def test_authors_of_each_kind_are_read() -> None:
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "identifier": [{"system": names.PROFESSIONALS, "value": "8"}],
    }
    author, found = _author({"reference": "#r"}, contained=[role])
    assert (author.professional, found) == ("8", [])
    patient_author, _ = _author(
        {"reference": "#p"},
        contained=[{"resourceType": "Patient", "id": "p", "name": [{"family": "X", "given": ["A", "B"]}]}],
    )
    assert (patient_author.family_name, patient_author.given_name) == ("X", "A B")
    device, _ = _author(
        {"reference": "#d"},
        contained=[{"resourceType": "Device", "id": "d", "deviceName": [{"name": "ECG 3"}]}],
    )
    assert device.family_name == "ECG 3"
    logical, _ = _author(
        {
            "type": "Organization",
            "identifier": {"system": names.STRUCTURES, "value": "1990000010"},
            "display": "CH",
        }
    )
    assert (logical.organisation, logical.organisation_name) == ("1990000010", "CH")
    _, wrong = _author({"reference": "#p"}, contained=[{"resourceType": "Practitioner", "id": "p"}])
    assert "PS_IdNat" in wrong[0].problem


IDENTITY = identity_ins_pb2.Identity(
    id="i-1",
    domain="1990000010",
    ipp="IPP-7",
    traits=identity_ins_pb2.Traits(
        birth_name="PAT-TROIS",
        birth_first_names=["DOMINIQUE", "MARIE-LOUISE"],
        sex=identity_ins_pb2.SEX_FEMALE,
        birth_date="1979-03-28",
        birth_place="51215",
        used_name="MARTIN",
    ),
    ins=INS,
    version=4,
)


@pytest.mark.parametrize(
    ("status", "code", "leaves"),
    [
        ("PROVISOIRE", "PROV", False),
        ("RECUPEREE", "PROV", False),
        ("VALIDEE", "PROV", False),
        ("QUALIFIEE", "VALI", True),
    ],
)
def test_ins_leaves_only_when_qualified(status: str, code: str, leaves: bool) -> None:
    identity = identity_ins_pb2.Identity()
    identity.CopyFrom(IDENTITY)
    identity.status = identity_ins_pb2.IdentityStatus.Value(f"IDENTITY_STATUS_{status}")
    written = patient.write_identity(identity)
    Patient.model_validate(written)
    parts = {one["url"]: one for one in written["extension"][0]["extension"]}
    assert parts["identityStatus"]["valueCoding"]["code"] == code
    assert (INS.matricule in json.dumps(written)) is leaves
    assert (written["meta"]["profile"] == [names.FR_PATIENT_INS]) is leaves
    assert written["name"][0]["given"] == ["DOMINIQUE"]
    assert written["name"][0]["extension"][0]["valueString"] == "DOMINIQUE MARIE-LOUISE"
    assert written["name"][1] == {"use": "usual", "family": "MARTIN"}


def test_attributes_and_paper_are_told() -> None:
    identity = identity_ins_pb2.Identity()
    identity.CopyFrom(IDENTITY)
    identity.status = identity_ins_pb2.IDENTITY_STATUS_QUALIFIEE
    identity.attributes.extend(["homonyme", "homonyme_detectee"])
    identity.paper = "CN"
    identity.paper_checked_at.FromDatetime(datetime(2026, 5, 4, 9, tzinfo=UTC))
    parts = patient.write_identity(identity)["extension"][0]["extension"]
    assert {"url": "validationDate", "valueDate": "2026-05-04"} in parts
    told = [one["valueCoding"]["code"] for one in parts if one["url"] in ("validationMode", "comment")]
    assert told == ["CN", "HOMA", "HOMD"]


def test_person_is_shown_with_the_ins_but_not_as_qualified() -> None:
    written = patient.write_person(identity_ins_pb2.Person(person_id="p", traits=IDENTITY.traits, ins=INS))
    Patient.model_validate(written)
    assert written["identifier"][0]["type"]["coding"][0]["code"] == "INS-NIR-TEST"
    assert written["meta"]["profile"] == [names.FR_PATIENT]


def test_nia_is_temporary() -> None:
    ins = identity_ins_pb2.Ins(matricule="1" * 15, oid="1.2.250.1.213.1.4.9")
    assert coding.write_ins(ins)["use"] == "temp"


def test_capability_statement_is_one() -> None:
    endpoints = capability.oauth_endpoints("https://issuer.test/realms/pro")
    CapabilityStatement.model_validate(capability.capability("https://socle.test/fhir", "1", endpoints))


def test_answer_has_the_order_of_the_request() -> None:
    submission = transaction.read_submission(deposit())
    stored = dmp_pb2.SubmitDocumentsResponse(
        lot_id="l-1", entries=[dmp_pb2.DocumentEntry(document_id="d-1", version=1)]
    )
    answer = transaction.write_answer(submission, stored)
    Bundle.model_validate(answer)
    locations = [entry["response"]["location"] for entry in answer["entry"]]
    assert locations == ["DocumentReference/d-1", "Binary/d-1", "List/l-1"]
    assert {entry["response"]["status"] for entry in answer["entry"]} == {"201 Created"}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-12", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-02-28", "2026-02-28T00:00:00", "2026-03-01T00:00:00"),
        ("2026-06-12T10:00:00+02:00", "2026-06-12T08:00:00", "2026-06-12T08:00:01"),
        ("2026-06-12T10:00Z", "2026-06-12T10:00:00", "2026-06-12T10:01:00"),
        ("2026-06-12T10:00:00.5Z", "2026-06-12T10:00:00.500000", "2026-06-12T10:00:00.500001"),
    ],
)
def test_dates_cover_what_their_precision_says(text: str, start: str, end: str) -> None:
    found = instants.span(text)
    assert found.start.isoformat().removesuffix("+00:00") == start
    assert found.end.isoformat().removesuffix("+00:00") == end


@given(st.one_of(st.text(max_size=40), st.from_regex(instants.SHAPE, fullmatch=True)))
def test_any_date_is_read_or_refused(text: str) -> None:
    try:
        found = instants.span(text)
    except ValueError:
        return
    assert found.start < found.end


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


@given(
    JSON,
    st.sampled_from(["type", "author", "content", "context", "subject", "contained", "extension", "date"]),
)
def test_any_element_is_read_or_refused(value: Any, element: str) -> None:
    """Whatever JSON stands in a resource, the answer is a lot or a refusal, never a crash."""
    with suppress(FhirInvalid):
        transaction.read_submission(deposit(_set(0, element, value)))
