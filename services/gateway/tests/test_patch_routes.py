"""PATCH of a document at the gateway: what reaches the service, versions, conditions, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.errors import Conflict, NotFound
from chassis.testing import callers
from gateway.fhir import names
from socle.dmp.v1 import dmp_pb2 as pb

from .conftest import INS, PERSON
from .dmp_given import DOCUMENT, MASKED, entry

PATH = f"/fhir/DocumentReference/{DOCUMENT}"
MASK = [{"op": "add", "path": "/securityLabel/-", "value": MASKED}]
PATIENT = f"urn:oid:{INS.oid}|{INS.matricule}"
JSON_PATCH = "application/json-patch+json"


class DocumentChangedMeanwhile(Conflict):
    """Someone else changed this document meanwhile."""


def given(here: Any, *flags: str, answered: tuple[str, ...] = ("MASQUE_PS",)) -> None:
    here.records.answers |= {
        "ReadDocument": pb.ReadDocumentResponse(entry=entry(*flags)),
        "ListReadableDocuments": pb.ListReadableDocumentsResponse(entries=[entry(*flags)]),
        "ChangeDocument": pb.ChangeDocumentResponse(entry=entry(*answered, version=4)),
    }


async def patched(here: Any, operations: Any, path: str = PATH, **headers: str) -> Any:
    sent = here.as_(callers.doctor, Content_Type=JSON_PATCH, **headers)
    return await here.client.patch(path, content=json.dumps(operations), headers=sent)


def asked(here: Any, rpc: str) -> list[Any]:
    return [request for name, request, _ in here.records.asked if name == rpc]


async def test_patch_asks_for_the_change_and_answers_the_new_version(before_dmp: Any) -> None:
    given(before_dmp)
    answer = await patched(before_dmp, MASK, If_Match='W/"3"')
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"4"'
    assert answer.json()["meta"]["versionId"] == "4"
    (change,) = asked(before_dmp, "ChangeDocument")
    assert (change.document_id, list(change.changes)) == (DOCUMENT, [pb.DOCUMENT_CHANGE_MASK])
    assert (change.expected_version, change.confirmed) == (3, False)


@pytest.mark.parametrize(
    ("tag", "status"), [('"3"', 200), ("*", 200), ('W/"2"', 412), ("3", 400), ('"x"', 400)]
)
async def test_if_match_is_held_to(before_dmp: Any, tag: str, status: int) -> None:
    given(before_dmp)
    answer = await patched(before_dmp, MASK, If_Match=tag)
    assert answer.status_code == status, answer.text
    assert len(asked(before_dmp, "ChangeDocument")) == (status == 200)


async def test_version_changed_between_look_and_change_is_412(before_dmp: Any) -> None:
    given(before_dmp)
    before_dmp.records.answers["ChangeDocument"] = DocumentChangedMeanwhile()
    assert (await patched(before_dmp, MASK, If_Match='W/"3"')).status_code == 412
    assert (await patched(before_dmp, MASK)).status_code == 409


async def test_patch_that_changes_nothing_makes_no_version(before_dmp: Any) -> None:
    given(before_dmp)
    answer = await patched(before_dmp, [{"op": "replace", "path": "/status", "value": "current"}])
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"3"')
    assert asked(before_dmp, "ChangeDocument") == []


async def test_show_needs_the_confirmation_header(before_dmp: Any) -> None:
    given(before_dmp, "INVISIBLE_PATIENT", answered=())
    shown = [{"op": "remove", "path": "/securityLabel/1"}]
    refused = await patched(before_dmp, shown)
    assert refused.status_code == 422
    assert "Socle-Confirm: true" in refused.json()["issue"][0]["diagnostics"]
    assert asked(before_dmp, "ChangeDocument") == []
    assert (await patched(before_dmp, shown, Socle_Confirm="true")).status_code == 200
    assert [one.confirmed for one in asked(before_dmp, "ChangeDocument")] == [True]


async def test_xml_patch_and_xml_answer(before_dmp: Any) -> None:
    given(before_dmp)
    diff = (
        '<diff xmlns:f="http://hl7.org/fhir"><replace '
        'sel="f:DocumentReference/f:status/@value">entered-in-error</replace></diff>'
    )
    headers = before_dmp.as_(callers.doctor, Content_Type="application/xml-patch+xml", Accept=names.FHIR_XML)
    answer = await before_dmp.client.patch(PATH, content=diff, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == names.FHIR_XML
    assert [list(one.changes) for one in asked(before_dmp, "ChangeDocument")] == [[pb.DOCUMENT_CHANGE_DELETE]]


@pytest.mark.parametrize("kind", [names.FHIR_JSON, names.FHIR_XML])
async def test_fhirpath_patch_in_json_and_xml(before_dmp: Any, kind: str) -> None:
    given(before_dmp)
    path = f"DocumentReference.extension('{names.IS_ARCHIVED}').value"
    parts = [("type", "valueCode", "replace"), ("path", "valueString", path), ("value", "valueBoolean", True)]
    body: Any = json.dumps(
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "operation", "part": [{"name": n, k: v} for n, k, v in parts]}],
        }
    )
    if kind == names.FHIR_XML:
        inner = "".join(
            f'<part><name value="{n}"/><{k} value="{str(v).lower() if v is True else v}"/></part>'
            for n, k, v in parts
        )
        body = (
            f'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>{inner}'
            "</parameter></Parameters>"
        )
    answer = await before_dmp.client.patch(
        PATH, content=body, headers=before_dmp.as_(callers.doctor, Content_Type=kind)
    )
    assert answer.status_code == 200, answer.text
    assert [list(one.changes) for one in asked(before_dmp, "ChangeDocument")] == [
        [pb.DOCUMENT_CHANGE_ARCHIVE]
    ]


async def test_other_element_is_405_with_its_place(before_dmp: Any) -> None:
    given(before_dmp)
    answer = await patched(before_dmp, [{"op": "replace", "path": "/description", "value": "x"}])
    assert answer.status_code == 405
    assert "PATCH" in answer.headers["allow"]
    issue = answer.json()["issue"][0]
    assert issue["expression"] == ["DocumentReference.description"]
    assert "relatesTo.code = replaces" in issue["diagnostics"]


async def test_conditional_patch_finds_its_document(before_dmp: Any) -> None:
    given(before_dmp)
    where = {"patient.identifier": PATIENT, "identifier": f"{names.URI}|urn:oid:1.2.250.1.999.2.1001"}
    sent = before_dmp.as_(callers.doctor, Content_Type=JSON_PATCH)
    answer = await before_dmp.client.patch(
        "/fhir/DocumentReference", params=where, content=json.dumps(MASK), headers=sent
    )
    assert answer.status_code == 200, answer.text
    (search,) = asked(before_dmp, "ListReadableDocuments")
    assert (search.person_id, list(search.identifiers)) == (PERSON, ["urn:oid:1.2.250.1.999.2.1001"])


@pytest.mark.parametrize(("found", "status"), [(0, 404), (2, 412)])
async def test_condition_that_names_none_or_several_changes_nothing(
    before_dmp: Any,
    found: int,
    status: int,
) -> None:
    given(before_dmp)
    before_dmp.records.answers["ListReadableDocuments"] = pb.ListReadableDocumentsResponse(
        entries=[entry()] * found
    )
    path = f"/fhir/DocumentReference?patient.identifier={PATIENT}&identifier=urn:oid:1.2"
    answer = await patched(before_dmp, MASK, path)
    assert answer.status_code == status, answer.text
    assert asked(before_dmp, "ChangeDocument") == []


@pytest.mark.parametrize("lacking", ["identifier", "patient.identifier"])
async def test_condition_without_patient_or_identifier_is_told(before_dmp: Any, lacking: str) -> None:
    given(before_dmp)
    where = {"patient.identifier": PATIENT, "identifier": "urn:oid:1.2"}
    del where[lacking]
    path = "/fhir/DocumentReference?" + "&".join(f"{name}={value}" for name, value in where.items())
    answer = await patched(before_dmp, MASK, path)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [lacking]


async def test_document_that_may_not_be_known_is_404(before_dmp: Any) -> None:
    given(before_dmp)
    before_dmp.records.answers["ReadDocument"] = NotFound("There is no such document.", field="document_id")
    assert (await patched(before_dmp, MASK)).status_code == 404


async def test_patch_of_another_type_is_415_and_says_which(before_dmp: Any) -> None:
    given(before_dmp)
    headers = before_dmp.as_(callers.doctor, Content_Type="application/merge-patch+json")
    answer = await before_dmp.client.patch(PATH, content="{}", headers=headers)
    assert answer.status_code == 415
    assert JSON_PATCH in answer.headers["accept-patch"]


async def test_patch_too_large_is_413(before_dmp: Any) -> None:
    given(before_dmp)
    answer = await patched(before_dmp, [{"op": "test", "path": "/status", "value": "x" * 70_000}])
    assert answer.status_code == 413
