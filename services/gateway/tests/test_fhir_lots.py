"""The FHIR server before a record with lots: replacement, folders, ITI-66, inclusion, pages, deletion."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from chassis.testing import callers
from gateway.fhir.names import FHIR_JSON, FHIR_XML

from .archive import Archive
from .conftest import INS as PERSON_INS
from .deposits import OTHER_INS, deposit, folder, patch, put, relates

INS = f"urn:oid:{PERSON_INS.oid}|{PERSON_INS.matricule}"
SEARCH = {"patient.identifier": INS, "status": "current"}
LOTS = {**SEARCH, "code": "submissionset"}
FIRST = "urn:uuid:6f9a3c52-0000-4000-8000-000000000002"


@pytest.fixture
async def here(house: Any) -> AsyncIterator[Any]:
    async with house(records=Archive()) as made:
        yield made


async def send(here: Any, bundle: Any, **headers: str) -> Any:
    usual = here.as_(callers.doctor, Content_Type=FHIR_JSON, **headers)
    return await here.client.post("/fhir", content=json.dumps(bundle), headers=usual)


async def get(here: Any, path: str, parameters: Any = None, **headers: str) -> Any:
    return await here.client.get(path, params=parameters, headers=here.as_(callers.doctor, **headers))


def second(target: Any, *entries: Any) -> Any:
    """Another lot, whose document replaces `target`."""
    bundle = deposit(put(0, "relatesTo", relates(("replaces", target))))
    text = json.dumps(bundle).replace("1.2.250.1.999.7.1", "1.2.250.1.999.7.5")
    again = json.loads(text)
    again["entry"] += entries
    return again


def codes(answer: Any) -> list[str]:
    return [one["code"] for issue in answer.json()["issue"] for one in issue["details"]["coding"]]


async def test_replacement_supersedes_and_is_found_from_both_sides(here: Any) -> None:
    (old,) = [(await send(here, deposit())).json()["entry"][0]["response"]["location"]]
    answer = await send(here, second({"reference": old}, patch(old)))
    assert answer.status_code == 200, answer.text
    patched = answer.json()["entry"][3]["response"]
    assert (patched["status"], patched["location"], patched["etag"]) == ("200 OK", old, 'W/"2"')
    found = await get(here, "/fhir/DocumentReference", {**SEARCH, "_include": "DocumentReference:relatesto"})
    Bundle.model_validate(found.json())
    new, included = found.json()["entry"]
    assert (new["search"]["mode"], included["search"]["mode"]) == ("match", "include")
    assert new["resource"]["relatesTo"][0]["target"]["reference"] == old
    assert included["fullUrl"].endswith(old)
    assert included["resource"]["status"] == "superseded"


async def test_replacement_without_its_patch_supersedes_all_the_same(here: Any) -> None:
    await send(here, deposit())
    named = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.7.1"}}
    assert (await send(here, second(named))).status_code == 200
    found = await get(here, "/fhir/DocumentReference", {**SEARCH, "status": "superseded"})
    assert len(found.json()["entry"]) == 1


async def test_lots_and_folders_are_found_read_and_included(here: Any) -> None:
    bundle = deposit()
    bundle["entry"].append(folder({"reference": FIRST}))
    await send(here, bundle)
    found = await get(here, "/fhir/List", {**LOTS, "_include": "List:item"})
    Bundle.model_validate(found.json())
    lot, document = found.json()["entry"]
    assert [one["item"]["reference"] for one in lot["resource"]["entry"]] == [
        f"DocumentReference/{document['resource']['id']}"
    ]
    assert document["resource"]["resourceType"] == "DocumentReference"
    assert document["search"]["mode"] == "include"
    read = await get(here, f"/fhir/List/{lot['resource']['id']}")
    assert read.json()["identifier"] == lot["resource"]["identifier"]
    folders = await get(here, "/fhir/List", {**LOTS, "code": "folder"})
    assert [one["resource"]["title"] for one in folders.json()["entry"]] == ["Suivi"]
    absent = await get(here, "/fhir/List/01900000-0000-7000-8000-0000000000ff")
    assert absent.status_code == 404


@pytest.mark.parametrize("path", ["/fhir/List/_search", "/fhir/List", "/fhir/DocumentReference"])
async def test_form_is_a_search_wherever_it_is_posted(path: str, here: Any) -> None:
    await send(here, deposit())
    form = LOTS if "List" in path else SEARCH
    answer = await here.client.post(path, data=form, headers=here.as_(callers.doctor))
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["entry"]) == 1
    in_address = await here.client.post(path, params=form, headers=here.as_(callers.doctor))
    assert len(in_address.json()["entry"]) == 1


async def test_list_is_not_created_by_itself(here: Any) -> None:
    headers = here.as_(callers.doctor, Content_Type=FHIR_JSON)
    answer = await here.client.post("/fhir/List", json=deposit()["entry"][2]["resource"], headers=headers)
    assert answer.status_code == 405
    assert "transaction" in answer.json()["issue"][0]["diagnostics"]


async def test_unknown_patient_has_no_lots_and_a_production_number_is_refused(
    here: Any,
) -> None:
    other = INS.replace(PERSON_INS.matricule, OTHER_INS)
    unknown = await get(here, "/fhir/List", {**LOTS, "patient.identifier": other})
    assert unknown.status_code == 200
    assert "entry" not in unknown.json()
    wrong = await get(here, "/fhir/List", {**LOTS, "patient.identifier": INS.replace("4.10|", "4.8|")})
    assert (wrong.status_code, wrong.json()["issue"][0]["expression"]) == (400, ["patient.identifier"])


async def test_missing_parameter_has_the_code_of_xds(here: Any) -> None:
    answer = await get(here, "/fhir/List", {"patient.identifier": INS, "code": "folder"})
    assert codes(answer) == ["MISSING_SEARCH_PARAMETER", "XDSStoredQueryMissingParam"]


async def test_pages_follow_one_another_and_a_spoiled_place_is_refused(here: Any) -> None:
    old = (await send(here, deposit())).json()["entry"][0]["response"]["location"]
    await send(here, second({"reference": old}))
    both = {**SEARCH, "status": "current,superseded", "_count": "1"}
    first = (await get(here, "/fhir/DocumentReference", both)).json()
    following = next(one["url"] for one in first["link"] if one["relation"] == "next")
    rest = (await get(here, following)).json()
    ids = [one["resource"]["id"] for page in (first, rest) for one in page["entry"]]
    assert len(set(ids)) == 2
    assert [one["relation"] for one in rest["link"]] == ["self", "first"]
    spoiled = await get(here, f"{following}x")
    assert (spoiled.status_code, spoiled.json()["issue"][0]["expression"]) == (400, ["_page"])


async def test_deleted_document_is_gone(here: Any) -> None:
    document = (await send(here, deposit())).json()["entry"][0]["response"]["location"].partition("/")[2]
    here.records.gone.add(document)
    for kind in ("DocumentReference", "Binary"):
        answer = await get(here, f"/fhir/{kind}/{document}")
        assert answer.status_code == 410
        assert codes(answer) == ["DOCUMENT_DELETED"]
    rest = await get(here, f"/v1/dmp/documents/{document}")
    assert (rest.status_code, rest.json()["status"]) == (410, 410)


async def test_version_that_the_caller_holds_is_not_sent_again(here: Any) -> None:
    document = (await send(here, deposit())).json()["entry"][0]["response"]["location"].partition("/")[2]
    for kind in ("DocumentReference", "Binary"):
        path = f"/fhir/{kind}/{document}"
        tag = (await get(here, path)).headers["etag"]
        same = await get(here, path, If_None_Match=f'"other", {tag}')
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert (await get(here, path, If_None_Match='W/"other"')).status_code == 200


async def test_condition_of_time_is_refused_and_the_bytes_never_run(here: Any) -> None:
    document = (await send(here, deposit())).json()["entry"][0]["response"]["location"].partition("/")[2]
    path = f"/fhir/Binary/{document}"
    refused = await get(here, path, If_Unmodified_Since="Sat, 01 Jan 2000 00:00:00 GMT")
    assert refused.status_code == 400
    assert "If-Unmodified-Since" in refused.text
    raw = await get(here, path)
    assert raw.headers["content-disposition"] == "attachment"
    assert raw.headers["x-content-type-options"] == "nosniff"


async def test_contained_ins_of_someone_else_is_refused_behind_a_patient_of_the_server(here: Any) -> None:
    """The subject is Patient/id: only the service knows the INS of that one."""
    headers = here.as_(callers.doctor)
    traits = {"birth_name": "X", "birth_first_names": ["A"], "sex": "male", "birth_date": "2000-01-01"}
    made = (await here.client.post("/v1/identities", json={"traits": traits}, headers=headers)).json()
    identity = here.identities.kept[made["id"]]

    def edit(document: Any, binary: Any, lot: Any) -> None:
        document["subject"] = lot["subject"] = {"reference": f"Patient/{made['id']}"}

    identity.person_id = "01900000-0000-7000-8000-0000000000aa"
    refused = await send(here, deposit(edit))
    assert refused.status_code == 400
    assert codes(refused) == ["FHIR_INVALID", "XDSPatientIdDoesNotMatch"]
    assert here.records.sent == []
    identity.person_id = "01900000-0000-7000-8000-000000000001"
    assert (await send(here, deposit(edit))).status_code == 200


async def test_fault_has_its_own_code_beside_the_code_of_the_error(here: Any) -> None:
    def edit(document: Any, binary: Any, lot: Any) -> None:
        document["content"][0]["attachment"]["url"] = "urn:uuid:nowhere"
        document["contained"][3]["identifier"][0]["value"] = OTHER_INS

    answer = await send(here, deposit(edit))
    by_place = {
        issue["expression"][0]: [one["code"] for one in issue["details"]["coding"]]
        for issue in answer.json()["issue"]
    }
    assert by_place["Bundle.entry[0].resource.content[0].attachment.url"][1] == "XDSMissingDocument"
    assert by_place["Bundle.entry[0].resource.contained[3].identifier[0]"][1] == "XDSPatientIdDoesNotMatch"
    assert by_place["Bundle.entry[1].resource"][1] == "XDSMissingDocumentMetadata"


async def test_fhir_document_has_the_error_of_mhd(here: Any) -> None:
    answer = await send(here, {"resourceType": "Bundle", "type": "document"})
    assert answer.status_code == 400
    assert codes(answer) == ["FHIR_DOCUMENT_NOT_SUPPORTED", "FHIRDocumentNotSupported"]


async def test_lots_and_warnings_are_written_in_xml_too(here: Any) -> None:
    gone = {"reference": "DocumentReference/01900000-0000-7000-8000-00000000000a"}
    answer = await send(here, deposit(put(0, "relatesTo", relates(("signs", gone)))), Accept=FHIR_XML)
    assert b"PartialTransformContentNotProcessed" in answer.content
    found = await get(here, "/fhir/List", LOTS, Accept=FHIR_XML)
    assert found.headers["content-type"] == FHIR_XML
    assert b"submissionset" in found.content
