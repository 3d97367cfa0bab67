"""The examples of PDSm, of the draft of the DMP and of MHD that exist in FHIR Shorthand only: what is read of
them as published, and each fault for which one is refused.

Valid for MHD is not valid for PDSm: the examples of IHE have no French identifier, and mostly no author and
no custodian. What they carry beside that is read: replacements, folders, notes, orders.
"""

from typing import Any

import pytest

from dmp.domain.terminology import class_of
from gateway.fhir import lot, names, simplified, transaction
from gateway.fhir.document import read_document
from gateway.fhir.faults import Faults, FhirInvalid
from gateway.fhir.relations import KIND_NAMES
from tests.conformance.conftest import Reference
from tests.conformance.fsh import Examples

FOLDERS = ("mhd", "pdsm", "pdsm4dmp")
ATTACHMENT = "content[0].attachment"
# What PDSm asks of a document and IHE does not.
FRENCH = {"author", "custodian", "context.period.start"}


@pytest.fixture(scope="module")
def examples(reference: Reference) -> dict[str, Examples]:
    root = reference.folder / "fhir-fsh"
    return {name: Examples(*sorted((root / name).glob("*.fsh"))) for name in FOLDERS}


def of_document(number: int, *elements: str) -> set[str]:
    return {f"Bundle.entry[{number}].resource.{element}" for element in elements}


SOURCE = {"Bundle.entry[0].resource.source"}
# A Bundle of IHE -> where it is refused, whole.
BUNDLES: dict[str, set[str]] = {
    "ex-comprehensiveProvideDocumentBundleSimple": of_document(1, *FRENCH) | SOURCE,
    "ex-comprehensiveProvideDocumentBundleMultiple": of_document(1, *FRENCH)
    | of_document(3, *FRENCH)
    | SOURCE,
    "ex-comprehensiveProvideDocumentBundleReplace": of_document(2, *FRENCH) | SOURCE,
    "ex-comprehensiveProvideDocumentBundleComplete": SOURCE
    | of_document(2, "author[0]", "author[1]", "authenticator", "custodian"),
    "ex-unContainedComprehensiveProvideDocumentBundleComplete": SOURCE
    | of_document(1, "author[0]", "author[1]", "authenticator", "custodian"),
    "ex-minimalProvideDocumentBundleSimple": {"Bundle.entry[3].resource.resourceType"},
    "ex-minimalProvideDocumentBundleSimpleContained": SOURCE
    | of_document(0, "subject", f"extension('{names.DESIGNATION_TYPE}').value")
    | of_document(1, *FRENCH, "type", "securityLabel", "subject", "date")
    | of_document(1, "context.facilityType", "context.practiceSetting")
    | of_document(1, *(f"{ATTACHMENT}.{one}" for one in ("title", "creation", "language"))),
    "ex-ProvideDocumentBundle-addToFolder": {"Bundle.entry[1].request.method"},
}


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_of_ihe_is_refused_at_each_place_where_it_is_not_pdsm(
    name: str, examples: dict[str, Examples]
) -> None:
    with pytest.raises(FhirInvalid) as caught:
        transaction.read_submission(examples["mhd"].json(name))
    assert {one.field for one in caught.value.violations} == BUNDLES[name]


def test_every_bundle_of_ihe_is_replayed(examples: dict[str, Examples]) -> None:
    known = examples["mhd"]
    published = {
        name for name in known.instances if "ProvideDocumentBundle" in name and "response" not in name
    }
    assert published == BUNDLES.keys()


def _completed(bundle: Any) -> Any:
    """The Bundle with what is French: an author, a custodian, a period."""
    practitioner = {
        "type": "Practitioner",
        "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810101201234"},
    }
    structure = {
        "type": "Organization",
        "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750512345"},
    }
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "DocumentReference":
            resource |= {"author": [practitioner], "authenticator": practitioner, "custodian": structure}
            resource["context"].setdefault("period", {"start": resource["date"]})
        elif resource["resourceType"] == "List":
            resource["source"] = practitioner
    return bundle


UNKNOWN = ["UnknownRecipient"]
# A Bundle once it is French -> documents, folders, replaced documents, relations, orders, warnings.
READ: dict[str, tuple[int, int, int, list[str], int, list[str]]] = {
    "ex-comprehensiveProvideDocumentBundleSimple": (1, 0, 0, [], 0, []),
    "ex-comprehensiveProvideDocumentBundleMultiple": (2, 0, 0, [], 0, []),
    "ex-comprehensiveProvideDocumentBundleReplace": (1, 0, 1, ["replaces"], 0, []),
    "ex-comprehensiveProvideDocumentBundleComplete": (1, 1, 0, ["appends"], 1, []),
    "ex-unContainedComprehensiveProvideDocumentBundleComplete": (
        1,
        0,
        0,
        ["appends"],
        1,
        ["UnknownRecipient"],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_bundle_of_ihe_is_read_whole_once_it_is_french(name: str, examples: dict[str, Examples]) -> None:
    read = transaction.read_submission(_completed(examples["mhd"].json(name)))
    entries = [one.entry for one in read.documents]
    relations = [KIND_NAMES[relation.kind] for entry in entries for relation in entry.relations]
    orders = sum(len(entry.references) for entry in entries)
    notices = [one.code for one in read.notices]
    found = (len(read.documents), len(read.folders), len(read.targets), relations, orders, notices)
    assert found == READ[name]
    assert all(len(one.content) == one.entry.size for one in read.documents if one.entry.size == 11)


def faults_of(resource: Any) -> set[str]:
    faults = Faults()
    read_document(resource, "", faults)
    return {one.field.removeprefix(".") for one in faults.found}


# As published: the level under the system of the flags, the author outside of `contained`, the SHA-1 of an
# empty file beside a size.
LOST = {"author[0]", "authenticator", "custodian", f"{ATTACHMENT}.hash"}
COMPREHENSIVE = {"securityLabel[0].coding[0].system", *LOST}
STORED = {
    "example-annexe-docref-cda": "10",
    "example-annexe-docref-fhir": "11",
    "example-td3-1a-cr-consultation": "10",
    "example-td3-1a-fhir-document": "11",
    "example-td3-1a-ordonnance": "42",
}


def test_document_of_pdsm_is_refused_for_its_label_and_its_lost_authors(
    examples: dict[str, Examples],
) -> None:
    assert faults_of(examples["pdsm"].json("exemple-pdsm-documentreference")) == COMPREHENSIVE


def test_simplified_document_of_pdsm_is_refused_for_its_lost_authors(examples: dict[str, Examples]) -> None:
    """Its masterIdentifier (`urn:uuid:abcd-efgh-...`) and its size are left to the service."""
    with pytest.raises(FhirInvalid) as caught:
        simplified.read_simplified(examples["pdsm"].json("PDSmSimplifiedExample"), "lps")
    fields = {one.field.removeprefix("DocumentReference.") for one in caught.value.violations}
    assert fields == LOST


def test_submission_set_of_pdsm_is_read_with_its_note(examples: dict[str, Examples]) -> None:
    """Its author is contained, whom the role is of is not: it has no national number of its own."""
    faults = Faults()
    read = lot.read_lot(examples["pdsm"].json("ExampleSubmissionSet"), "List", faults, "")
    assert read.unique_id == "urn:uuid:11111111-aaaa-bbbb-cccc-222222222222"
    assert read.comments == "Suivi post-chirurgical – documents cliniques regroupés."
    assert (read.source_id, read.content_type.code) == ("SRC-01", "SA05")
    lost = {f"List.source.resolve().{one}" for one in ("practitioner", "organization")}
    assert {one.field for one in faults.found} == {"List.source", *lost}


def test_folder_of_pdsm_is_read_and_refused_for_a_document_that_is_not_in_its_bundle(
    examples: dict[str, Examples],
) -> None:
    faults = Faults()
    read = lot.read_folder(examples["pdsm"].json("ExampleFolder"), "List", faults, "", {}, "1.2")
    assert (read.title, read.content_type.code) == ("Classeur de suivi diabète", "80146002")
    assert [one.field for one in faults.found] == ["List.entry[0].item"]


@pytest.mark.parametrize("name", STORED)
def test_document_of_the_draft_is_read_and_its_class_is_judged(
    name: str, examples: dict[str, Examples]
) -> None:
    """Class 11 of a consultation and class 03 of a prescription are the faults of three of them."""
    resource = examples["pdsm4dmp"].json(name)
    assert faults_of(resource) == set()
    given = resource["category"][0]["coding"][0]["code"]
    assert class_of(resource["type"]["coding"][0]["code"]) == STORED[name]
    assert (given == STORED[name]) is (STORED[name] == "11")
