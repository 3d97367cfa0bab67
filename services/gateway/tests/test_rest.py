"""The REST interface: what goes through, and what bad input gets."""

from typing import Any

import pytest

from chassis.testing import callers

NEW = {
    "traits": {
        "birth_name": "PAT-TROIS",
        "birth_first_names": ["DOMINIQUE", "MARIE-LOUISE"],
        "sex": "female",
        "birth_date": "1979-03-28",
        "birth_place": "51215",
    }
}


async def test_create_identity_answers_its_address_and_version(here: Any) -> None:
    answer = await here.client.post("/v1/identities", json=NEW, headers=here.as_(callers.doctor))
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["location"] == f"/v1/identities/{body['id']}"
    assert answer.headers["etag"] == 'W/"1"'
    assert body["status"] == "provisoire"
    assert body["traits"]["sex"] == "female"
    assert "ins" not in body
    read = await here.client.get(answer.headers["location"], headers=here.as_(callers.doctor))
    assert {**read.json(), "warnings": [], "candidates": []} == body


async def test_headers_reach_the_service_as_metadata(here: Any) -> None:
    headers = here.as_(
        callers.doctor,
        Idempotency_Key="k-1",
        Socle_Purpose="bris_de_glace",
        Socle_Reason="coma%20%C3%A0%20domicile",
        Socle_Timeout="3",
    )
    answer = await here.client.post("/v1/identities", json=NEW, headers=headers)
    assert answer.status_code == 201
    ((_, call),) = here.identities.calls
    assert call.idempotency.key == "k-1"
    assert call.caller.purpose == "bris_de_glace"
    assert call.caller.reason == "coma à domicile"
    assert call.remaining < 3
    assert call.trace_id == answer.headers["traceparent"][3:35]


async def test_trace_and_request_id_are_echoed(here: Any) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    answer = await here.client.get("/healthz", headers={"traceparent": trace, "x-request-id": "r-1"})
    # The same trace, and our own part of it; whether it is kept, the caller does not say.
    assert answer.headers["traceparent"][:36] == trace[:36]
    assert answer.headers["traceparent"][36:52] != trace[36:52]
    assert answer.headers["traceparent"].endswith("-00")
    assert answer.headers["x-request-id"] == "r-1"
    wrong = await here.client.get("/healthz", headers={"traceparent": "00-zz", "x-request-id": "a b\\"})
    assert wrong.headers["traceparent"] != "00-zz"
    assert wrong.headers["x-request-id"] != "a b\\"


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ('{"traits": ', "line 1, column 12", "expecting value"),
        ('{"traits": {"sex": NaN}}', "$this", "holds NaN, which is not JSON"),
        ('{"ipp": "1", "ipp": "2"}', "$this", "has the member 'ipp' twice in one object"),
        ('{"ipp": "\\ud800"}', "$this", "holds half of a surrogate pair (\\ud800 to \\udfff)"),
        ('{"ipp": ' + "9" * 5000 + "}", "$this", "holds a number of more than 40 digits"),
        ("[" * 5000 + "]" * 5000, "$this", "has more than 64 levels"),
        ("[" * 70 + "]" * 70, "$this", "has more than 64 levels"),
        (b'{"ipp": "\xff"}', "byte 9", "is not UTF-8"),
    ],
)
async def test_malformed_json_is_told_with_its_place(here: Any, body: str, where: str, what: str) -> None:
    headers = here.as_(callers.doctor, Content_Type="application/json")
    answer = await here.client.post("/v1/identities", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "MALFORMED_JSON"
    assert problem["violations"] == [{"field": where, "problem": what}]


async def test_wrong_types_are_told_all_at_once(here: Any) -> None:
    body = {
        "traits": {"birth_name": 3, "birth_first_names": "X", "sex": "F", "birth_date": "28/03/1979"},
        "x": 1,
    }
    answer = await here.client.post("/v1/identities", json=body, headers=here.as_(callers.doctor))
    assert answer.status_code == 400
    assert {one["field"] for one in answer.json()["violations"]} == {
        "traits.birth_name",
        "traits.birth_first_names",
        "traits.sex",
        "traits.birth_date",
        "x",
    }


async def test_service_violations_keep_their_paths(here: Any) -> None:
    body = {**NEW, "paper_checked_on": "1979-02-30"}
    answer = await here.client.post("/v1/identities", json=body, headers=here.as_(callers.doctor))
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["violations"]] == ["paper_checked_on"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/identities", {"content-type": "text/plain"}, 415),
        ("POST", "/v1/identities", {}, 415),
        ("GET", "/v1/nothing", {}, 404),
        ("PATCH", "/v1/identities", {}, 405),
        ("GET", "/v1/identities/not-a-uuid", {}, 400),
        ("GET", "/v1/identities/01900000-0000-7000-8000-0000000000ff", {}, 404),
        ("GET", "/v1/identities/x", {"socle-timeout": "1000"}, 400),
        ("GET", "/v1/identities/x", {"socle-timeout": "soon"}, 400),
        ("GET", "/v1/identities/x", {"socle-reason": "d\xe9cès".encode("latin-1")}, 400),
        ("GET", "/v1/identities/01900000-0000-7000-8000-0000000000ff", {"socle-purpose": "curiosity"}, 400),
        ("GET", f"/v1/dmp/{callers.citizen.person_id}/journal?size=900", {}, 400),
        ("GET", f"/v1/dmp/{callers.citizen.person_id}/journal?siez=9", {}, 400),
        ("POST", "/v1/dmp/documents/x/mask", {}, 405),
    ],
)
async def test_each_refusal_is_a_problem(
    here: Any, method: str, path: str, headers: Any, status: int
) -> None:
    content = b"{}" if method == "POST" else None
    sent = {**here.as_(callers.doctor), **headers}
    answer = await here.client.request(method, path, content=content, headers=sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["trace_id"] == answer.headers["traceparent"][3:35]


async def test_options_tells_every_method(here: Any) -> None:
    answer = await here.client.options("/v1/dmp/documents/01900000-0000-7000-8000-0000000000ff/mask")
    assert answer.status_code == 204
    assert answer.headers["allow"] == "DELETE, OPTIONS, PUT"
    refused = await here.client.put("/fhir/Binary/x")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "GET, HEAD, OPTIONS" in refused.json()["issue"][0]["diagnostics"]
    assert (await here.client.delete("/v1/status")).json()["hint"] == "Send one of GET, HEAD, OPTIONS."
    assert refused.json()["resourceType"] == "OperationOutcome"


async def test_head_is_a_get_without_its_body(here: Any) -> None:
    made = await here.client.post("/v1/identities", json=NEW, headers=here.as_(callers.doctor))
    answer = await here.client.head(made.headers["location"], headers=here.as_(callers.doctor))
    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.content == b""


async def test_submission_in_rest_is_the_message_of_the_contract(here: Any) -> None:
    code = {"code": "11488-4", "system": "http://loinc.org"}
    entry = {
        "unique_id": "urn:oid:1.2.250.1.999.2.1001",
        "class": {"code": "10"},
        "type": code,
        "format": code,
        "mime_type": "text/plain",
        "sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "size": 5,
        "title": "Note",
        "created_at": "2026-06-12T10:00:00+02:00",
        "service_start": "2026-06-12T09:30:00Z",
        "authors": [{"professional": "899900000011"}],
        "confidentiality": ["N"],
        "facility": code,
        "practice_setting": code,
    }
    lot = {
        "unique_id": "urn:oid:1.2.250.1.999.2.2001",
        "source_id": "1.2.250.1.999.3",
        "content_type": code,
        "submitted_at": "2026-06-12T10:05:00+02:00",
    }
    path = f"/v1/dmp/{callers.citizen.person_id}/documents"
    body = {"lot": lot, "documents": [{"entry": entry, "content": "aGVsbG8="}]}
    answer = await here.client.post(path, json=body, headers=here.as_(callers.doctor))
    assert answer.status_code == 201, answer.text
    made = answer.json()["entries"][0]
    assert made["created_at"] == "2026-06-12T08:00:00Z"
    assert made["class"] == {"code": "10"}
    content = await here.client.get(
        f"/v1/dmp/documents/{made['document_id']}/content", headers=here.as_(callers.doctor)
    )
    assert content.content == b"hello"
