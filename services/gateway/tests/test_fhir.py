"""The FHIR server: the four transactions of a document, Patients, searches, and what bad requests get."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from chassis.testing import callers
from gateway.fhir.names import FHIR_JSON

DEPOSIT = (Path(__file__).parent / "samples" / "deposit.json").read_text()
INS = "urn:oid:1.2.250.1.213.1.4.10|279035121518989"
SEARCH = {"patient.identifier": INS, "status": "current"}
ABSENT = "01900000-0000-7000-8000-0000000000ff"


async def deposit(here: Any, body: str = DEPOSIT) -> Any:
    headers = here.as_(callers.doctor, Content_Type=FHIR_JSON)
    return await here.client.post("/fhir", content=body, headers=headers)


async def search(here: Any, **parameters: str) -> Any:
    asked = {name.replace("__", "."): value for name, value in parameters.items()}
    return await here.client.get("/fhir/DocumentReference", params=asked, headers=here.as_(callers.doctor))


def issues(answer: Any) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == FHIR_JSON
    OperationOutcome.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["issue"]
    return found


async def test_a_document_goes_in_is_found_and_comes_out_the_same(here: Any) -> None:
    stored = await deposit(here)
    assert stored.status_code == 200, stored.text
    Bundle.model_validate(stored.json())
    found = await here.client.get("/fhir/DocumentReference", params=SEARCH, headers=here.as_(callers.doctor))
    (entry,) = found.json()["entry"]
    assert stored.json()["entry"][0]["response"]["location"] == f"DocumentReference/{entry['resource']['id']}"
    assert entry["resource"]["subject"]["identifier"]["value"] == "279035121518989"
    attachment = entry["resource"]["content"][0]["attachment"]
    path = attachment["url"].removeprefix("http://127.0.0.1:8080")
    raw = await here.client.get(path, headers=here.as_(callers.doctor))
    assert raw.headers["content-type"] == "text/xml; charset=utf-8"
    assert raw.headers["etag"] == f'"{hashlib.sha1(raw.content, usedforsecurity=False).hexdigest()}"'
    assert (
        base64.b64encode(hashlib.sha1(raw.content, usedforsecurity=False).digest()).decode()
        == attachment["hash"]
    )
    read = await here.client.get(
        f"/fhir/DocumentReference/{entry['resource']['id']}", headers=here.as_(callers.doctor)
    )
    assert read.headers["etag"] == 'W/"1"'
    assert read.json()["masterIdentifier"] == entry["resource"]["masterIdentifier"]


async def test_binary_is_given_as_asked(here: Any) -> None:
    await deposit(here)
    (document_id,) = here.records.entries
    path = f"/fhir/Binary/{document_id}"
    resource = await here.client.get(path, headers=here.as_(callers.doctor, Accept=FHIR_JSON))
    assert resource.json()["contentType"] == "text/xml"
    assert base64.b64decode(resource.json()["data"]) == here.records.contents[document_id]
    exact = await here.client.get(path, headers=here.as_(callers.doctor, Accept="text/xml"))
    assert exact.content == here.records.contents[document_id]
    assert exact.headers["content-disposition"] == "attachment"
    refused = await here.client.get(path, headers=here.as_(callers.doctor, Accept="image/png"))
    assert refused.status_code == 406
    assert issues(refused)[0]["code"] == "not-supported"
    absent = await here.client.get(f"/fhir/Binary/{ABSENT}", headers=here.as_(callers.doctor))
    assert absent.status_code == 404


async def test_one_bad_entry_sends_nothing(here: Any) -> None:
    bundle = json.loads(DEPOSIT)
    bundle["entry"][0]["resource"].pop("type")
    refused = await deposit(here, json.dumps(bundle))
    assert refused.status_code == 400
    (issue,) = issues(refused)
    assert issue["expression"] == ["Bundle.entry[0].resource.type"]
    assert "XDSRegistryMetadataError" in [one["code"] for one in issue["details"]["coding"]]
    assert here.records.calls == []
    assert here.identities.calls == []


async def test_service_refusal_is_told_in_fhir_words(here: Any) -> None:
    bundle = json.loads(DEPOSIT)
    bundle["entry"][0]["resource"]["content"][0]["attachment"]["hash"] = base64.b64encode(b"x" * 20).decode()
    refused = await deposit(here, json.dumps(bundle))
    assert refused.status_code == 400
    (issue,) = issues(refused)
    assert issue["expression"] == ["Bundle.entry[0].resource.content[0].attachment.hash"]
    assert [one["code"] for one in issue["details"]["coding"]] == [
        "DOCUMENT_HASH_MISMATCH",
        "XDSNonIdenticalHash",
    ]


async def test_duplicate_is_a_conflict_with_its_xds_code(here: Any) -> None:
    await deposit(here)
    refused = await deposit(here)
    assert refused.status_code == 409
    assert issues(refused)[0]["details"]["coding"][1]["code"] == "XDSNonIdenticalHash"


async def test_production_ins_is_refused_where_it_stands(here: Any) -> None:
    refused = await deposit(here, DEPOSIT.replace("213.1.4.10", "213.1.4.8"))
    assert refused.status_code == 400
    assert issues(refused)[0]["expression"] == ["Bundle.entry[2].resource.subject"]


async def test_unknown_patient_refuses_a_deposit_and_empties_a_search(here: Any) -> None:
    refused = await deposit(here, DEPOSIT.replace("279035121518989", "255081416802538"))
    assert refused.status_code == 404
    assert issues(refused)[0]["details"]["coding"][1]["code"] == "XDSUnknownPatientId"
    found = await search(
        here, patient__identifier=INS.replace("279035121518989", "255081416802538"), status="current"
    )
    assert found.status_code == 200
    assert "entry" not in found.json()


async def test_simple_publish_answers_the_document(here: Any) -> None:
    resource = json.loads(DEPOSIT)["entry"][0]["resource"]
    attachment = resource["content"][0]["attachment"]
    attachment.pop("url")
    attachment["data"] = json.loads(DEPOSIT)["entry"][1]["resource"]["data"]
    headers = here.as_(callers.doctor, Content_Type=FHIR_JSON)
    made = await here.client.post("/fhir/DocumentReference", json=resource, headers=headers)
    assert made.status_code == 201, made.text
    assert made.headers["location"].endswith(f"/fhir/DocumentReference/{made.json()['id']}")
    assert "data" not in made.json()["content"][0]["attachment"]


async def test_search_parameters_reach_the_service(here: Any) -> None:
    answer = await here.client.get(
        "/fhir/DocumentReference",
        params=[
            ("patient.identifier", INS),
            ("status", "current,superseded"),
            ("type", "http://loinc.org|11488-4,34112-3,http://other|1"),
            ("category", "10"),
            ("identifier", "urn:ietf:rfc:3986|urn:oid:1.2.3"),
            ("date", "ge2026-01"),
            ("date", "lt2026-06-12"),
            ("_count", "7"),
        ],
        headers=here.as_(callers.doctor),
    )
    assert answer.status_code == 200
    (asked,) = here.records.asked
    assert len(asked.statuses) == 2
    assert list(asked.types) == ["11488-4", "34112-3"]
    assert list(asked.classes) == ["10"]
    assert list(asked.identifiers) == ["urn:oid:1.2.3"]
    assert asked.created_from.ToJsonString() == "2026-01-01T00:00:00Z"
    assert asked.created_to.ToJsonString() == "2026-06-12T00:00:00Z"
    assert asked.page.size == 7


@pytest.mark.parametrize(
    "impossible",
    [
        {"type": "http://other|1"},
        {"category": "http://loinc.org|10"},
        {"identifier": "http://other|urn:oid:1.2.3"},
        {"status": "entered-in-error"},
    ],
)
async def test_what_cannot_match_asks_nobody(here: Any, impossible: dict[str, str]) -> None:
    answer = await search(here, **{**SEARCH, **impossible})
    assert answer.status_code == 200
    assert "entry" not in answer.json()
    assert here.records.asked == []


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"status": "current"}, "patient.identifier"),
        ({"patient.identifier": INS}, "status"),
        ({**SEARCH, "status": "final"}, "status"),
        ({**SEARCH, "date": "yesterday"}, "date"),
        ({**SEARCH, "date": "ap2026"}, "date"),
        ({**SEARCH, "_count": "0"}, "_count"),
        ({**SEARCH, "_count": "many"}, "_count"),
        ({**SEARCH, "type": "|"}, "type"),
        ({"patient.identifier": "1|2", "status": "current"}, "patient.identifier"),
        ({**SEARCH, "colour": "red"}, "colour"),
    ],
)
async def test_wrong_parameters_are_named(here: Any, parameters: dict[str, str], where: str) -> None:
    answer = await search(here, **parameters)
    assert answer.status_code == 400
    assert where in [issue["expression"][0] for issue in issues(answer)]
    assert here.records.asked == []


async def test_unknown_parameters_are_ignored_only_when_asked(here: Any) -> None:
    headers = here.as_(callers.doctor, Prefer="handling=lenient")
    answer = await here.client.get(
        "/fhir/DocumentReference", params={**SEARCH, "colour": "red"}, headers=headers
    )
    assert answer.status_code == 200
    link = answer.json()["link"][0]
    assert link["relation"] == "self"
    assert "colour" not in link["url"]
    assert "status=current" in link["url"]


async def test_search_by_post_keeps_the_address_clean(here: Any) -> None:
    await deposit(here)
    answer = await here.client.post(
        "/fhir/DocumentReference/_search", data=SEARCH, headers=here.as_(callers.doctor)
    )
    assert len(answer.json()["entry"]) == 1
    wrong = await here.client.post(
        "/fhir/DocumentReference/_search", json=SEARCH, headers=here.as_(callers.doctor)
    )
    assert wrong.status_code == 415


async def test_patients_are_paged(here: Any) -> None:
    traits = {"birth_first_names": ["A"], "sex": "male", "birth_date": "2000-01-01"}
    for name in ("ROUX-A", "ROUX-B", "ROUX-C"):
        body = {"traits": {**traits, "birth_name": name}, "ipp": name}
        await here.client.post("/v1/identities", json=body, headers=here.as_(callers.doctor))
    first = await here.client.get("/fhir/Patient?family=roux&_count=2", headers=here.as_(callers.doctor))
    Bundle.model_validate(first.json())
    assert [link["relation"] for link in first.json()["link"]] == ["self", "first", "next"]
    following = first.json()["link"][2]
    second = await here.client.get(following["url"], headers=here.as_(callers.doctor))
    names = [
        one["resource"]["name"][0]["family"] for one in [*first.json()["entry"], *second.json()["entry"]]
    ]
    assert names == ["ROUX-A", "ROUX-B", "ROUX-C"]
    assert [link["relation"] for link in second.json()["link"]] == ["self", "first"]
    assert second.json()["link"][1]["url"] == first.json()["link"][0]["url"]


async def test_patient_is_read_with_its_version(here: Any) -> None:
    traits = {"birth_name": "X", "birth_first_names": ["A"], "sex": "male", "birth_date": "2000-01-01"}
    made = await here.client.post("/v1/identities", json={"traits": traits}, headers=here.as_(callers.doctor))
    read = await here.client.get(f"/fhir/Patient/{made.json()['id']}", headers=here.as_(callers.doctor))
    assert read.headers["etag"] == 'W/"1"'
    other = await here.client.get(
        f"/fhir/Patient/{made.json()['id']}", headers=here.as_(callers.other_doctor)
    )
    assert other.status_code == 404
    assert issues(other)[0]["code"] == "not-found"


async def test_citizen_finds_only_their_own(here: Any) -> None:
    headers = here.as_(callers.citizen)
    mine = await here.client.get(f"/fhir/Patient/{callers.citizen.person_id}", headers=headers)
    assert mine.json()["identifier"][0]["value"] == "279035121518989"
    found = await here.client.get("/fhir/Patient", headers=headers)
    assert [one["resource"]["id"] for one in found.json()["entry"]] == [callers.citizen.person_id]
    other = await here.client.get(f"/fhir/Patient?_id={callers.other_citizen.person_id}", headers=headers)
    assert "entry" not in other.json()
    guarded = await here.client.get("/fhir/Patient?gender=female", headers=here.as_(callers.guardian))
    assert len(guarded.json()["entry"]) == 2
    none = await here.client.get("/fhir/Patient?family=zz", headers=headers)
    assert "entry" not in none.json()


async def test_metadata_and_smart_need_no_token(here: Any) -> None:
    metadata = await here.client.get("/fhir/metadata")
    assert metadata.json()["fhirVersion"] == "4.0.1"
    smart = await here.client.get("/fhir/.well-known/smart-configuration")
    assert smart.json()["token_endpoint"].endswith("/realms/pro/protocol/openid-connect/token")
    assert smart.json() == (await here.client.get("/.well-known/smart-configuration")).json()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/Patient/x", 401),
        ("GET", "/fhir/Observation", 404),
        ("DELETE", "/fhir/Patient/x", 405),
        ("POST", "/fhir", 401),
    ],
)
async def test_refusals_are_outcomes(here: Any, method: str, path: str, status: int) -> None:
    answer = await here.client.request(method, path)
    assert answer.status_code == status
    assert issues(answer)
