"""What bad input gets: an error of its own that says where, and no trace but the audit of the refusal."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from socle_local.journey import Reach, Reply
from tests.ledger import Ledger
from tests.reach import Actors, code_of, places_of

Json = dict[str, Any]
TEST_OID, PRODUCTION_OID = "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8"
UNKNOWN = "01890000-0000-7000-8000-000000000000"
TRAITS = {
    "birth_name": "PERSONNE-FICTIVE",
    "birth_first_names": ["UNE"],
    "sex": "female",
    "birth_date": "1990-01-01",
    "birth_place": "75056",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong request, and the error it must get. `place` must be among the places the error names."""

    name: str
    persona: str
    method: str
    path: str
    body: Any
    status: int
    code: str
    place: str = ""


WRONG = (
    Wrong(
        "name is a number",
        "secretary",
        "POST",
        "/v1/identities",
        {"traits": {**TRAITS, "birth_name": 7}},
        400,
        "UNREADABLE_REQUEST",
        "traits.birth_name",
    ),
    Wrong(
        "list is a text",
        "secretary",
        "POST",
        "/v1/identities",
        {"traits": {**TRAITS, "birth_first_names": "UNE"}},
        400,
        "UNREADABLE_REQUEST",
        "traits.birth_first_names",
    ),
    Wrong(
        "body is a list", "secretary", "POST", "/v1/identities", [TRAITS], 400, "UNREADABLE_REQUEST", "$this"
    ),
    Wrong(
        "unknown field",
        "secretary",
        "POST",
        "/v1/identities",
        {"traits": TRAITS, "status": "qualifiee"},
        400,
        "UNREADABLE_REQUEST",
        "status",
    ),
    Wrong(
        "missing field",
        "secretary",
        "POST",
        "/v1/identities",
        {"traits": {}},
        400,
        "UNREADABLE_REQUEST",
        "traits.birth_name",
    ),
    Wrong(
        "day that does not exist",
        "secretary",
        "POST",
        "/v1/identities",
        {"traits": {**TRAITS, "birth_date": "1990-02-30"}},
        400,
        "",
        "traits.birth_date",
    ),
    Wrong("identifier is no uuid", "secretary", "GET", "/v1/identities/42", None, 400, "", "identity_id"),
    Wrong(
        "unknown identity", "secretary", "GET", f"/v1/identities/{UNKNOWN}", None, 404, "IDENTITY_NOT_FOUND"
    ),
    Wrong("unknown address", "secretary", "GET", "/v1/nothing-here", None, 404, "NOTHING_HERE"),
    Wrong("unknown FHIR resource", "doctor", "GET", f"/fhir/Observation/{UNKNOWN}", None, 404, ""),
    Wrong("unknown FHIR Patient", "doctor", "GET", f"/fhir/Patient/{UNKNOWN}", None, 404, ""),
    Wrong(
        "unknown document",
        "doctor",
        "GET",
        f"/fhir/DocumentReference/{UNKNOWN}",
        None,
        404,
        "DOCUMENT_NOT_FOUND",
    ),
    Wrong(
        "wrong key of an INS",
        "doctor",
        "POST",
        "/v1/persons/resolve",
        {"ins": {"matricule": "255081416802500", "oid": TEST_OID}},
        400,
        "INS_KEY_WRONG",
        "ins.matricule",
    ),
    Wrong(
        "production OID",
        "doctor",
        "POST",
        "/v1/persons/resolve",
        {"ins": {"matricule": "255081416802538", "oid": PRODUCTION_OID}},
        400,
        "INS_OF_ANOTHER_PLATFORM",
        "ins.oid",
    ),
    Wrong(
        "unknown authority",
        "doctor",
        "POST",
        "/v1/persons/resolve",
        {"ins": {"matricule": "255081416802538", "oid": "1.2.3.4.5"}},
        400,
        "INS_AUTHORITY_UNKNOWN",
        "ins.oid",
    ),
    Wrong(
        "INS of nobody",
        "doctor",
        "POST",
        "/v1/persons/resolve",
        {"ins": {"matricule": "255081416802538", "oid": TEST_OID}},
        404,
        "PERSON_UNKNOWN",
    ),
    Wrong(
        "unknown search parameter",
        "secretary",
        "GET",
        "/fhir/Patient?identifier=IPP-1&favourite-colour=blue",
        None,
        400,
        "UNKNOWN_SEARCH_PARAMETER",
        "favourite-colour",
    ),
    Wrong(
        "search without status",
        "doctor",
        "GET",
        f"/fhir/DocumentReference?patient.identifier=urn:oid:{TEST_OID}|255081416802538",
        None,
        400,
        "MISSING_SEARCH_PARAMETER",
        "status",
    ),
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
async def test_wrong_request_has_its_own_error_and_leaves_no_trace(
    wrong: Wrong, actors: Actors, ledger: Ledger
) -> None:
    async with ledger.no_trace():
        reply = await actors[wrong.persona].send(wrong.method, wrong.path, wrong.body)
    assert reply.status == wrong.status, reply.answered
    assert not wrong.code or code_of(reply) == wrong.code
    assert not wrong.place or any(place.startswith(wrong.place) for place in places_of(reply)), reply.answered
    check_form(reply)


def check_form(reply: Reply) -> None:
    """problem+json, or OperationOutcome on FHIR addresses; and nothing of what was sent is repeated."""
    body = reply.json()
    if reply.path.startswith("/fhir"):
        assert reply.headers["content-type"].startswith("application/fhir+json")
        assert body["resourceType"] == "OperationOutcome"
        assert all(issue["severity"] in ("error", "fatal") for issue in body["issue"])
    else:
        assert reply.headers["content-type"] == "application/problem+json"
        assert (body["status"], bool(body["title"]), bool(body["type"])) == (reply.status, True, True)
    for told in ("PERSONNE-FICTIVE", "255081416802538", "255081416802500"):
        assert told not in reply.content.decode()


BROKEN = {
    "cut short": b'{"traits": {"birth_name": ',
    "not JSON": b"birth_name=PERSONNE",
    "not UTF-8": b'{"traits": "\xff\xfe"}',
    "member twice": b'{"traits": {}, "traits": {}}',
    "NaN": b'{"traits": NaN}',
    "half a surrogate": b'{"traits": "\\ud800"}',
    "too deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "empty": b"",
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("path", ["/v1/identities", "/fhir"])
async def test_malformed_json_is_told_where(
    broken: str, path: str, reach: Reach, actors: Actors, http: httpx.AsyncClient, ledger: Ledger
) -> None:
    sent = {"authorization": f"Bearer {await actors['doctor'].token()}", "content-type": media_type(path)}
    async with ledger.no_trace() as refused:
        answer = await http.post(reach.gateway + path, content=BROKEN[broken], headers=sent)
    assert answer.status_code == 400, answer.text
    assert "MALFORMED_JSON" in answer.text
    assert refused == [], "nobody's data was asked for"


LIMITS = [("/v1/identities", 2**20), ("/fhir", 30 * 2**20)]


@pytest.mark.parametrize(("path", "limit"), LIMITS)
async def test_body_announced_over_the_limit_is_refused_before_it_is_sent(
    path: str, limit: int, reach: Reach, actors: Actors, ledger: Ledger
) -> None:
    """A client that asks first (Expect: 100-continue) does not send thirty megabytes for nothing."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"host: {reach.gateway.removeprefix('http://')}",
        f"authorization: Bearer {await actors['doctor'].token()}",
        f"content-type: {media_type(path)}",
        f"content-length: {limit + 1}",
        "expect: 100-continue",
    ]
    async with ledger.no_trace():
        answer = await asyncio.wait_for(answered(reach, lines), 10)
    assert answer.startswith("HTTP/1.1 413 ")
    assert f"{limit} bytes" in answer, "the limit is told"


async def answered(reach: Reach, lines: list[str]) -> str:
    """What the server says to a request that stops after its header."""
    host, port = reach.gateway.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()
    answer = (await reader.read()).decode()
    writer.close()
    return answer


def media_type(path: str) -> str:
    return "application/fhir+json" if path.startswith("/fhir") else "application/json"


@pytest.mark.parametrize(("path", "limit"), LIMITS)
async def test_body_over_the_limit_without_a_length_is_413(
    path: str, limit: int, reach: Reach, actors: Actors, ledger: Ledger
) -> None:
    """A length that was not announced is counted as it comes."""
    sent = {"authorization": f"Bearer {await actors['doctor'].token()}", "content-type": media_type(path)}
    async with ledger.no_trace(), httpx.AsyncClient() as http:
        answer = await http.post(reach.gateway + path, content=streamed(limit + 1), headers=sent, timeout=30)
    assert answer.status_code == 413
    assert f"{limit} bytes" in answer.text


async def streamed(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    chunk = b"x" * 65536
    for _ in range(size // len(chunk) + 1):
        yield chunk


async def test_replayed_key_with_the_same_body_is_answered_alike_once(actors: Actors, ledger: Ledger) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    body = {"traits": TRAITS, "ipp": f"IPP-{secrets.token_hex(6)}"}
    first = (await actors["secretary"].send("POST", "/v1/identities", body, headers=key)).expect(201)
    before = await ledger.settled()
    again = (await actors["secretary"].send("POST", "/v1/identities", body, headers=key)).expect(201)
    assert again.json() == first.json()
    assert await ledger.settled() == before


async def test_replayed_key_with_another_body_is_refused(actors: Actors, ledger: Ledger) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    body = {"traits": TRAITS, "ipp": f"IPP-{secrets.token_hex(6)}"}
    (await actors["secretary"].send("POST", "/v1/identities", body, headers=key)).expect(201)
    other = body | {"ipp": f"IPP-{secrets.token_hex(6)}"}
    async with ledger.no_trace():
        reply = await actors["secretary"].send("POST", "/v1/identities", other, headers=key)
    assert reply.status == 422, reply.answered
    assert code_of(reply) == "IDEMPOTENCY_KEY_REUSED"


async def test_same_ipp_twice_in_a_structure_is_refused(actors: Actors, ledger: Ledger) -> None:
    body = {"traits": TRAITS, "ipp": f"IPP-{secrets.token_hex(6)}"}
    (await actors["secretary"].send("POST", "/v1/identities", body)).expect(201)
    async with ledger.no_trace():
        reply = await actors["secretary"].send("POST", "/v1/identities", body)
    assert reply.status == 409, reply.answered


@pytest.mark.parametrize("path", ["/fhir/metadata", "/v1/insi/calls", f"/v1/identities/{UNKNOWN}"])
async def test_head_answers_as_get_and_keeps_the_connection(reach: Reach, actors: Actors, path: str) -> None:
    """The server was once told that it was a GET: it broke the connection for want of a body."""
    token = {"authorization": f"Bearer {await actors['secretary'].token()}"}
    async with httpx.AsyncClient(base_url=reach.gateway, headers=token) as client:
        answers = [await client.request(method, path) for method in ("GET", "HEAD", "HEAD", "GET")]
    assert len({answer.status_code for answer in answers}) == 1
    assert [bool(answer.content) for answer in answers] == [True, False, False, True]
