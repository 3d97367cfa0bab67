"""A transaction of documents to one message, or its faults, all of them and each at its place (ITI-65)."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from chassis.errors import Violation
from gateway.fhir import places, transaction
from gateway.fhir.answer import write_answer
from gateway.fhir.faults import Fault, FhirInvalid
from gateway.fhir.replacement import Target
from socle.dmp.v1 import dmp_pb2

from .deposits import INS, OTHER_INS, Edit, attachment, deposit, folder, patch, put, relates, without

EMPTY_SHA1 = base64.b64encode(hashlib.sha1(b"", usedforsecurity=False).digest()).decode()
OLD_ID = "01900000-0000-7000-8000-00000000000a"
OLD = {"reference": f"DocumentReference/{OLD_ID}"}
OLD_UNIQUE = "urn:oid:1.2.250.1.999.7.9"
FIRST = "urn:uuid:6f9a3c52-0000-4000-8000-000000000002"


def another_patient(document: Any, binary: Any, lot: Any) -> None:
    document["contained"][3]["identifier"][0]["value"] = OTHER_INS


def no_source_patient(document: Any, binary: Any, lot: Any) -> None:
    del document["context"]["sourcePatientInfo"]


def author_as_patient(document: Any, binary: Any, lot: Any) -> None:
    document["context"]["sourcePatientInfo"] = {"reference": "#p1"}


def order_without_number(document: Any, binary: Any, lot: Any) -> None:
    document["context"]["related"] = [{"reference": "ServiceRequest/1"}]


def refused(bundle: Any) -> list[Violation]:
    with pytest.raises(FhirInvalid) as caught:
        transaction.read_submission(bundle)
    return list(caught.value.violations)


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
    assert [(one.kind, one.index) for one in submission.order] == [
        ("DocumentReference", 0),
        ("Binary", 0),
        ("List", 0),
    ]
    assert submission.notices == []


FAULTS: list[tuple[Edit, str, str]] = [
    (without("status"), "Bundle.entry[0].resource.status", "is missing"),
    (without("masterIdentifier"), "Bundle.entry[0].resource.masterIdentifier", "is missing"),
    (without("type"), "Bundle.entry[0].resource.type", "is missing"),
    (without("author"), "Bundle.entry[0].resource.author", "is missing"),
    (without("date"), "Bundle.entry[0].resource.date", "is missing"),
    (without("custodian"), "Bundle.entry[0].resource.custodian", "is missing"),
    (attachment(size=0), "Bundle.entry[0].resource.content[0].attachment.size", "may not be empty"),
    (
        attachment(hash=EMPTY_SHA1),
        "Bundle.entry[0].resource.content[0].attachment.hash",
        "delayed assembly of MHD",
    ),
    (
        put(0, "modifierExtension", [{"url": "urn:x", "valueBoolean": True}]),
        "Bundle.entry[0].resource.modifierExtension",
        "not understood",
    ),
    (
        put(0, "relatesTo", relates(("replaces", {"reference": "DocumentReference/a"}), ("replaces", OLD))),
        "Bundle.entry[0].resource.relatesTo",
        "replaces 2 documents",
    ),
    (put(0, "relatesTo", relates(("updates", OLD))), "Bundle.entry[0].resource.relatesTo[0].code", "one of"),
    (
        put(0, "relatesTo", relates(("replaces", {"reference": "Binary/a"}))),
        "Bundle.entry[0].resource.relatesTo[0].target",
        "must name a document",
    ),
    (another_patient, "Bundle.entry[0].resource.contained[3].identifier[0]", "another patient"),
    (no_source_patient, "Bundle.entry[0].resource.context.sourcePatientInfo", "is missing"),
    (author_as_patient, "Bundle.entry[0].resource.context.sourcePatientInfo", "contained Patient"),
    (order_without_number, "Bundle.entry[0].resource.context.related[0].identifier", "is missing"),
    (without("securityLabel"), "Bundle.entry[0].resource.securityLabel", "exactly one of the levels"),
    (without("subject"), "Bundle.entry[0].resource.subject", "must carry the INS"),
    (put(0, "status", "superseded"), "Bundle.entry[0].resource.status", "must be current"),
    (put(0, "author", [{"reference": "#x"}]), "Bundle.entry[0].resource.author[0]", "not in `contained`"),
    (attachment(hash="YWJj"), "Bundle.entry[0].resource.content[0].attachment.hash", "20 bytes"),
    (attachment(hash="@@"), "Bundle.entry[0].resource.content[0].attachment.hash", "base64"),
    (attachment(size="12"), "Bundle.entry[0].resource.content[0].attachment.size", "JSON number"),
    (attachment(size=True), "Bundle.entry[0].resource.content[0].attachment.size", "JSON boolean"),
    (attachment(title=""), "Bundle.entry[0].resource.content[0].attachment.title", "is empty"),
    (
        attachment(url="urn:uuid:0"),
        "Bundle.entry[0].resource.content[0].attachment.url",
        "fullUrl of a Binary",
    ),
    (
        attachment(creation="2026-02-30T10:00:00Z"),
        "Bundle.entry[0].resource.content[0].attachment.creation",
        "",
    ),
    (put(0, "status", 3), "Bundle.entry[0].resource.status", "must be a string"),
    (put(0, "colour", "red"), "Bundle.entry[0].resource.colour", "is not an element"),
    (put(0, "relatesTo", []), "Bundle.entry[0].resource.relatesTo", "may not be empty"),
    (put(0, "description", None), "Bundle.entry[0].resource.description", "may not be null"),
    (
        put(0, "contained", [{"resourceType": "Zed"}]),
        "Bundle.entry[0].resource.contained[0].resourceType",
        "one of",
    ),
    (put(1, "data", "a b"), "Bundle.entry[1].resource.data", "base64"),
    (put(1, "contentType", "text/plain"), "Bundle.entry[1].resource.contentType", "must be the contentType"),
    (put(2, "mode", "snapshot"), "Bundle.entry[2].resource.mode", "must be working"),
    (put(2, "code", {"coding": [{"code": "worklist"}]}), "Bundle.entry[2].resource.code", "submissionset"),
    (put(2, "code", {"coding": [{"code": "folder"}]}), "Bundle.entry", "one List of code submissionset"),
    (
        put(2, "entry", [{"item": {"reference": "urn:uuid:9"}}]),
        "Bundle.entry[2].resource.entry[0].item",
        "fullUrl",
    ),
    (
        put(2, "subject", {"identifier": {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "1"}}),
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


TARGETS = [
    (OLD, Target(OLD_ID)),
    ({"reference": f"https://elsewhere.test/fhir/DocumentReference/{OLD_ID}/_history/3"}, Target(OLD_ID)),
    ({"identifier": {"system": "urn:ietf:rfc:3986", "value": OLD_UNIQUE}}, Target("", OLD_UNIQUE)),
    (
        {"reference": f"DocumentReference?identifier=urn:ietf:rfc:3986%7C{OLD_UNIQUE}"},
        Target("", OLD_UNIQUE),
    ),
]


@pytest.mark.parametrize(("target", "meant"), TARGETS)
@pytest.mark.parametrize("code", ["replaces", "appends"])
def test_other_document_is_named_by_reference_or_by_identifier(code: str, target: Any, meant: Target) -> None:
    submission = transaction.read_submission(deposit(put(0, "relatesTo", relates((code, target)))))
    (relation,) = submission.documents[0].entry.relations
    assert Target(relation.document_id, relation.unique_id) == meant
    assert dmp_pb2.RelationKind.Name(relation.kind) == f"RELATION_KIND_{code.upper()}"


@pytest.mark.parametrize("code", ["transforms", "signs"])
def test_relation_that_is_not_kept_is_a_warning_of_its_entry(code: str) -> None:
    submission = transaction.read_submission(deposit(put(0, "relatesTo", relates((code, OLD)))))
    assert not submission.documents[0].entry.relations
    answer = write_answer(submission, stored())
    outcome = answer["entry"][0]["response"]["outcome"]
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "PartialTransformContentNotProcessed"
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[0].resource.relatesTo[0]"]
    assert "outcome" not in answer["entry"][1]["response"]
    Bundle.model_validate(answer)


def stored(**values: Any) -> dmp_pb2.SubmitDocumentsResponse:
    entry = dmp_pb2.DocumentEntry(document_id="d-1", version=1)
    entry.submitted_at.FromJsonString("2026-05-20T16:00:00Z")
    return dmp_pb2.SubmitDocumentsResponse(lot_id="l-1", entries=[entry], **values)


def replacing(*entries: Any) -> Any:
    bundle = deposit(put(0, "relatesTo", relates(("replaces", OLD))))
    bundle["entry"] = [*entries, *bundle["entry"]]
    return bundle


def test_patch_of_a_replacement_is_answered_in_its_place() -> None:
    submission = transaction.read_submission(replacing(patch(f"DocumentReference/{OLD_ID}")))
    old = dmp_pb2.DocumentEntry(document_id=OLD_ID, version=3)
    answer = write_answer(submission, stored(replaced=[old]))
    first = answer["entry"][0]["response"]
    assert (first["status"], first["location"], first["etag"]) == (
        "200 OK",
        f"DocumentReference/{OLD_ID}",
        'W/"3"',
    )
    assert [one["response"]["status"] for one in answer["entry"][1:]] == ["201 Created"] * 3
    Bundle.model_validate(answer)


PATCHES = [
    (patch("DocumentReference/another"), "Bundle.entry[0].request.url", "must be what a DocumentReference"),
    (patch(f"List/{OLD_ID}"), "Bundle.entry[0].request.url", "must name a document"),
    (
        patch(f"DocumentReference/{OLD_ID}", path="DocumentReference.type"),
        "Bundle.entry[0].resource.parameter[0].part.where(name='path')",
        "must be DocumentReference.status",
    ),
    (
        patch(f"DocumentReference/{OLD_ID}", value="entered-in-error"),
        "Bundle.entry[0].resource.parameter[0].part.where(name='value')",
        "must be superseded",
    ),
]


@pytest.mark.parametrize(("entry", "where", "what"), PATCHES)
def test_patch_that_is_not_of_a_replacement_is_refused(entry: Any, where: str, what: str) -> None:
    assert any(one.field == where and what in one.problem for one in refused(replacing(entry)))


def test_two_documents_may_not_replace_the_same_one() -> None:
    bundle = replacing()
    document, binary = json.loads(json.dumps(bundle["entry"][:2]))
    document["fullUrl"], binary["fullUrl"] = f"{FIRST[:-1]}8", f"{FIRST[:-1]}9"
    document["resource"]["masterIdentifier"]["value"] = "urn:oid:1.2.250.1.999.7.2"
    document["resource"]["content"][0]["attachment"]["url"] = binary["fullUrl"]
    bundle["entry"] += [document, binary]
    bundle["entry"][2]["resource"]["entry"].append({"item": {"reference": document["fullUrl"]}})
    (fault,) = refused(bundle)
    assert isinstance(fault, Fault)
    assert fault.code == "XDSReplaceFailed"


def test_folder_goes_with_its_lot_and_is_answered_in_its_place() -> None:
    bundle = deposit()
    known = {"identifier": {"system": "urn:ietf:rfc:3986", "value": OLD_UNIQUE}}
    bundle["entry"].insert(1, folder({"reference": FIRST}, known))
    bundle["entry"][3]["resource"]["entry"].append({"item": {"reference": bundle["entry"][1]["fullUrl"]}})
    submission = transaction.read_submission(bundle)
    (box,) = submission.folders
    assert list(box.documents) == ["urn:oid:1.2.250.1.999.7.1", OLD_UNIQUE]
    assert (box.kind, box.source_id, box.title) == (dmp_pb2.LOT_KIND_FOLDER, "1.2.250.1.999.9", "Suivi")
    answer = write_answer(submission, stored(folder_ids=["f-1"]))
    assert [one["response"]["location"] for one in answer["entry"]] == [
        "DocumentReference/d-1",
        "List/f-1",
        "Binary/d-1",
        "List/l-1",
    ]
    locate = places.in_submission(submission)
    assert locate("folders[0].documents[1]") == "Bundle.entry[1].resource.entry[1].item"


@pytest.mark.parametrize("item", [{"reference": "urn:uuid:0"}, {"display": "a document"}])
def test_folder_of_an_unknown_document_is_refused_at_its_item(item: Any) -> None:
    bundle = deposit()
    bundle["entry"].append(folder(item))
    assert "Bundle.entry[3].resource.entry[0].item" in {one.field for one in refused(bundle)}


def test_recipients_are_numbers_or_a_warning() -> None:
    def edit(document: Any, binary: Any, lot: Any) -> None:
        url = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-intended-recipient"
        address = [{"system": "email", "value": "anne@hopital.mssante.test"}]
        lot["contained"].append({"resourceType": "Practitioner", "id": "to", "telecom": address})
        references = ("#r1", "#o1", "#to", "Practitioner/77")
        lot["extension"] += [{"url": url, "valueReference": {"reference": one}} for one in references]

    submission = transaction.read_submission(deposit(edit))
    assert list(submission.lot.intended_recipients) == [
        "899900000011",
        "1990000010",
        "anne@hopital.mssante.test",
    ]
    (notice,) = submission.notices
    assert (notice.code, notice.at) == ("UnknownRecipient", "Bundle.entry[2].resource.extension[5].value")


def test_extension_that_is_not_kept_is_said() -> None:
    extra = [{"url": "urn:x-other", "valueString": "x"}]
    submission = transaction.read_submission(deposit(put(0, "extension", extra)))
    assert [one.code for one in submission.notices] == ["ExtensionNotKept"]


def _fhir_content(document: Any, binary: Any, lot: Any) -> None:
    document["content"][0]["attachment"]["contentType"] = binary["contentType"] = "application/fhir+json"


def test_fhir_document_is_refused_by_its_name() -> None:
    inside = deposit()
    inside["entry"][1]["resource"] = {"resourceType": "Bundle", "type": "document"}
    for bundle in ({"resourceType": "Bundle", "type": "document"}, inside, deposit(_fhir_content)):
        with pytest.raises(transaction.FhirDocumentNotSupported):
            transaction.read_submission(bundle)


def test_billing_number_of_a_parent_is_not_the_ins_of_someone_else() -> None:
    """The authority of the NIR is that of billing numbers too: only the type tells them apart."""

    def edit(document: Any, binary: Any, lot: Any) -> None:
        kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NH"}]}
        number = {"type": kind, "system": "urn:oid:1.2.250.1.213.1.4.8", "value": OTHER_INS}
        document["contained"][3]["identifier"].append(number)

    assert transaction.read_submission(deposit(edit)).subject.ins == INS


def test_contained_ins_waits_for_the_ins_of_a_patient_of_this_server() -> None:
    def edit(document: Any, binary: Any, lot: Any) -> None:
        document["subject"] = lot["subject"] = {"reference": "Patient/i-1"}

    submission = transaction.read_submission(deposit(edit))
    assert submission.subject.patient_id == "i-1"
    assert [one.ins for one in submission.contained] == [INS]


def test_answer_has_the_order_of_the_request() -> None:
    answer = write_answer(transaction.read_submission(deposit()), stored())
    Bundle.model_validate(answer)
    locations = [entry["response"]["location"] for entry in answer["entry"]]
    assert locations == ["DocumentReference/d-1", "Binary/d-1", "List/l-1"]
    assert {entry["response"]["status"] for entry in answer["entry"]} == {"201 Created"}
    assert answer["entry"][0]["response"]["lastModified"] == "2026-05-20T16:00:00.000000Z"


def test_service_faults_are_placed_in_the_bundle() -> None:
    locate = places.in_submission(transaction.read_submission(deposit()))
    assert locate("documents[0].entry.sha1") == "Bundle.entry[0].resource.content[0].attachment.hash"
    assert locate("documents[0].entry.authors[1].role.code") == "Bundle.entry[0].resource.author[1]"
    assert locate("documents[0].entry.relations[0].document_id") == "Bundle.entry[0].resource.relatesTo"
    assert locate("documents[0].content") == "Bundle.entry[1].resource"
    assert locate("lot.unique_id") == "Bundle.entry[2].resource.identifier"
    assert locate("lot.intended_recipients[0]").startswith("Bundle.entry[2].resource.extension")
    assert locate("person_id") == "Bundle.entry[2].resource.subject"
    assert locate("documents[7].entry.sha1") == "documents[7].entry.sha1"
    assert locate("folders[0].title") == "folders[0].title"
    error = places.relocated(FhirInvalid(violations=[Violation("ins.oid", "x")]), locate)
    assert error.violations[0].field == "Bundle.entry[2].resource.subject"
