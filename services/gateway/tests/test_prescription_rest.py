"""REST of eprescription: which RPC each address asks, with which message, and how its answer is dressed."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from chassis.caller import Caller, CallerKind
from chassis.errors import RuleViolated, Violation
from chassis.testing import callers
from socle.eprescription.v1 import dispensing_pb2, eprescription_pb2, medicines_pb2, signing_pb2
from socle.options.v1 import options_pb2

from .conftest import PERSON
from .prescription_given import ACT, CONTENT, HERE, ID, JWK, OF_PERSON, SERVICES, THERE

WHOLE = [(service, case) for service, cases in SERVICES.items() for case in cases]
HOLDER = Caller(CallerKind.CITIZEN, "sub", person_id=PERSON)
OF_HOLDERS = {"ListPrescriptionJournal", "SetOpposition", "GetOpposition"}
SECRETS = {"secret", "access_code", "token", "number", "ins"}
SIGNED = eprescription_pb2.Prescription(prescription_id=ID, version=3)


async def sent(here: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return await here.client.request(method, path, json=body, headers=here.as_(callers.doctor, **headers))


@pytest.mark.parametrize(("service", "case"), WHOLE)
async def test_address_asks_its_rpc_with_what_was_sent(here: Any, service: str, case: str) -> None:
    method, path, body, rpc, expected = SERVICES[service][case]
    caller = HOLDER if rpc in OF_HOLDERS else callers.doctor
    answer = await here.client.request(method, path, json=body, headers=here.as_(caller))
    assert answer.status_code in (200, 201, 204), answer.text
    ((name, request, _),) = getattr(here, service).asked
    assert (name, MessageToDict(request)) == (rpc, expected)


def test_every_rpc_for_people_has_an_address() -> None:
    methods = [
        method
        for contract in (eprescription_pb2, dispensing_pb2, medicines_pb2, signing_pb2)
        for service in contract.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    for_people = {
        method.name
        for method in methods
        if list(method.GetOptions().Extensions[options_pb2.rule].allow) != [options_pb2.CALLER_KIND_SERVICE]
    }
    assert {case[3] for cases in SERVICES.values() for case in cases.values()} == for_people


def test_no_code_secret_or_number_of_a_patient_is_in_an_address() -> None:
    """An address is kept by every proxy on the way."""
    for service, case in WHOLE:
        _, path, body, _, _ = SERVICES[service][case]
        kept = [str(value) for name, value in (body or {}).items() if name in SECRETS]
        assert not [value for value in kept if value in path], (service, case)


WRONG: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/prescriptions", {"content": CONTENT}, "$this"),
    ("POST", "/v1/prescriptions", {**OF_PERSON, "person_id": PERSON, "content": CONTENT}, "$this"),
    ("POST", "/v1/prescriptions", {**OF_PERSON, "content": {"lines": []}}, "content.lines"),
    (
        "POST",
        "/v1/prescriptions",
        {**OF_PERSON, "content": {"lines": [{"renewals": -1}]}},
        "content.lines[0].renewals",
    ),
    (
        "POST",
        "/v1/prescriptions",
        {**OF_PERSON, "content": {"lines": [{"product": {"cip13": "34009"}}]}},
        "content.lines[0].product.cip13",
    ),
    ("GET", "/v1/prescriptions", None, "person_id"),
    ("POST", f"{HERE}/cancellation", {"reason": "boredom"}, "reason"),
    ("POST", f"{HERE}/signature", {"signature": "not a signature"}, "signature"),
    ("POST", "/v1/prescription-documents", {"cda": "???"}, "cda"),
    ("POST", f"{THERE}/interventions", {"secret": "s", "acts": []}, "acts"),
    ("POST", f"{THERE}/interventions", {"acts": [ACT]}, "secret"),
    (
        "POST",
        f"{THERE}/interventions",
        {"secret": "s", "acts": [{**ACT, "packs": "-1"}]},
        "acts[0].packs",
    ),
    ("POST", f"{THERE}/release", {"secret": "s"}, "reason"),
    ("POST", "/v1/allergies", OF_PERSON, "substance"),
    ("POST", "/v1/safety/comparisons", {"items": []}, "items"),
    ("POST", "/v1/signing-keys/challenge", {"jwk": {**JWK, "d": "x" * 43}}, "jwk.d"),
]


@pytest.mark.parametrize(("method", "path", "body", "place"), WRONG)
async def test_wrong_field_is_told_and_nobody_is_asked(
    here: Any, method: str, path: str, body: Any, place: str
) -> None:
    answer = await sent(here, method, path, body)
    assert answer.status_code == 400, answer.text
    assert place in [one["field"] for one in answer.json()["violations"]]
    assert [getattr(here, service).asked for service in SERVICES] == [[]] * len(SERVICES)


async def test_private_key_sent_by_mistake_is_never_shown_again(here: Any) -> None:
    secret = "secretpart" * 4
    answer = await sent(here, "POST", "/v1/signing-keys/challenge", {"jwk": {**JWK, "d": secret}})
    assert (answer.status_code, secret in answer.text) == (400, False)


async def test_unknown_ins_is_refused_before_the_service_is_asked(here: Any) -> None:
    unknown = {"ins": {**OF_PERSON["ins"], "matricule": "255081416802538"}}
    answer = await sent(here, "POST", "/v1/prescriptions", {**unknown, "content": CONTENT})
    assert (answer.status_code, answer.json()["field"]) == (404, "ins")
    assert here.prescriptions.asked == []


async def test_created_draft_has_a_place_and_a_version(here: Any) -> None:
    made = eprescription_pb2.CreatePrescriptionResponse(prescription=SIGNED)
    here.prescriptions.answers["CreatePrescription"] = made
    answer = await sent(here, "POST", "/v1/prescriptions", {**OF_PERSON, "content": CONTENT})
    assert answer.status_code == 201
    assert (answer.headers["location"], answer.headers["etag"]) == (HERE, 'W/"3"')


async def test_key_of_the_caller_is_passed_on(here: Any) -> None:
    body = {**OF_PERSON, "content": CONTENT}
    await sent(here, "POST", "/v1/prescriptions", body, Idempotency_Key="one-attempt")
    ((_, _, call),) = here.prescriptions.asked
    assert call.idempotency.key == "one-attempt"


async def test_refused_line_names_every_rule_and_its_place(here: Any) -> None:
    faults = [
        Violation("content.lines[0]", "un stupéfiant ne se renouvelle pas"),
        Violation("content.lines[1]", "..."),
    ]
    here.prescriptions.answers["SignPrescription"] = RuleViolated(rules=["V7", "V8"], violations=faults)
    answer = await sent(here, "POST", f"{HERE}/signature")
    body = answer.json()
    assert (answer.status_code, body["rules"]) == (422, ["V7", "V8"])
    assert [one["field"] for one in body["violations"]] == ["content.lines[0]", "content.lines[1]"]


async def test_state_that_refuses_is_a_conflict_as_in_fhir(here: Any) -> None:
    here.prescriptions.answers["SignPrescription"] = RuleViolated("x", reason="PRESCRIPTION_ACTIVE")
    answer = await sent(here, "POST", f"{HERE}/signature")
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (409, 409, "PRESCRIPTION_ACTIVE")


async def test_paper_is_a_pdf_that_no_cache_keeps(here: Any) -> None:
    here.prescriptions.answers["GetPaper"] = eprescription_pb2.GetPaperResponse(pdf=b"%PDF-1.7")
    answer = await sent(here, "GET", f"{HERE}/paper")
    assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1.7", "application/pdf")
    assert answer.headers["cache-control"] == "no-store"


async def test_token_is_text_and_image_or_the_image_alone(here: Any) -> None:
    token = eprescription_pb2.GetTokenResponse(token="SOCLE1:X", access_code="C", png=b"\x89PNG")
    here.prescriptions.answers["GetToken"] = token
    whole = await sent(here, "GET", f"{HERE}/token")
    image = await sent(here, "GET", f"{HERE}/token", accept="image/png")
    assert whole.json() == {"token": "SOCLE1:X", "access_code": "C", "png": "iVBORw=="}
    assert (image.content, image.headers["content-type"]) == (b"\x89PNG", "image/png")


@pytest.mark.parametrize("kind", ["text/xml", "application/xml"])
async def test_document_comes_as_the_bytes_it_is(here: Any, kind: str) -> None:
    headers = {**here.as_(callers.doctor), "content-type": kind}
    answer = await here.client.post("/v1/prescription-documents", content=b"<a/>", headers=headers)
    assert answer.status_code == 200, answer.text
    assert here.prescriptions.asked[0][1].cda == b"<a/>"


async def test_document_leaves_as_xml(here: Any) -> None:
    here.prescriptions.answers["GetDocument"] = eprescription_pb2.GetDocumentResponse(cda=b"<a/>")
    here.dispensing.answers["GetDispensingDocument"] = dispensing_pb2.GetDispensingDocumentResponse(
        cda=b"<b/>"
    )
    for path, content in ((f"{HERE}/document", b"<a/>"), (f"/v1/dispensing-documents/{ID}", b"<b/>")):
        answer = await sent(here, "GET", path)
        assert answer.content == content
        assert answer.headers["content-type"].startswith("text/xml")


async def test_stranger_verifies_with_the_published_keys(here: Any) -> None:
    here.signing_keys.answers["GetPlatformKeys"] = signing_pb2.GetPlatformKeysResponse(jwks='{"keys":[]}')
    answer = await here.client.get("/.well-known/socle-prescription-keys")
    assert (answer.headers["content-type"], answer.json()) == ("application/jwk-set+json", {"keys": []})


async def test_recorded_decisions_have_a_schema_of_their_own(here: Any) -> None:
    schemas = (await here.client.get("/openapi.json")).json()["components"]["schemas"]
    assert {"permitted", "rules"} <= schemas["Decision"]["properties"].keys()
    assert schemas["RecordedDecision"]["properties"].keys() == {"code", "reason"}
