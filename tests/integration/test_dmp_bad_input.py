"""Bad input of the DMP that is not a deposit's: places in a list, sizes, hostile XML, strange searches."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from socle_local.journey import Actor, Patient, Reach, Reply
from socle_local.journey.record import resources
from tests.integration import records
from tests.ledger import Ledger
from tests.reach import Actors, code_of, places_of

Json = dict[str, Any]
MEGABYTE = 2**20
FHIR_XML = "application/fhir+xml"


@pytest.fixture(scope="module")
async def ready(actors: Actors, patient: Patient) -> Patient:
    """A record of three documents: enough for a second page."""
    await records.opened(actors, patient, "patient")
    for _ in range(3):
        await records.deposited(actors["doctor"], patient)
    return patient


SEARCHES = {
    "DocumentReference": {"status": "current"},
    "List": {"status": "current", "code": "submissionset"},
    "AuditEvent": {},
}


async def search(actor: Actor, patient: Patient, kind: str, **more: str) -> Reply:
    of = {"patient.identifier": patient.ins_token, "_count": "1", **SEARCHES[kind], **more}
    return await actor.send("GET", f"/fhir/{kind}", params=of)


def next_place(reply: Reply) -> str:
    links = {one["relation"]: one["url"] for one in reply.expect(200).json()["link"]}
    return httpx.QueryParams(httpx.URL(links["next"]).query.decode())["_page"]


def spoilt(place: str) -> dict[str, str]:
    """A place in a search as an attacker or a bad network gives it back."""
    middle = len(place) // 2
    other = "A" if place[middle] != "A" else "B"
    return {
        "one letter": place[:middle] + other + place[middle + 1 :],
        "cut": place[:-4],
        "longer": place + "AAAA",
        "words": "page-2",
        "not base64": "%%%",
        "injection": "' OR 1=1 --",
        "endless": "A" * 513,
        "empty bytes": base64.urlsafe_b64encode(b"\0" * 24).decode(),
    }


@pytest.mark.parametrize("kind", SEARCHES)
async def test_place_that_was_tampered_with_is_a_clear_fault(
    actors: Actors, ready: Patient, kind: str
) -> None:
    """Whatever it becomes, it opens nothing that the search does not: no 500, and nobody else's lines."""
    place = next_place(await search(actors["patient"], ready, kind))
    allowed = [one["id"] for one in resources(await search(actors["patient"], ready, kind, _count="100"))]
    for how, wrong in spoilt(place).items():
        reply = await search(actors["patient"], ready, kind, _page=wrong)
        if reply.status == 200:
            assert {one["id"] for one in resources(reply)} <= set(allowed), how
        else:
            assert reply.status == 400, (how, reply.answered)
            assert places_of(reply) != [""], how


@pytest.mark.parametrize("kind", SEARCHES)
async def test_place_of_one_patient_opens_nothing_of_another(
    actors: Actors, ready: Patient, kind: str
) -> None:
    child = Patient.seeded(2)
    await records.opened(actors, child, "guardian")
    own = await records.deposited(actors["doctor"], child)
    place = next_place(await search(actors["patient"], ready, kind))
    reply = await search(actors["guardian"], child, kind, _page=place)
    assert reply.status in (200, 400), reply.answered
    if reply.status == 200:
        told = reply.content.decode()
        assert ready.person_id not in told
        assert ready.matricule not in told
    assert own


STRANGE = [
    ("DocumentReference", "text"),
    ("DocumentReference", "content"),
    ("DocumentReference", "patient.birthdate"),
    ("DocumentReference", "_has:AuditEvent:entity:agent"),
    ("DocumentReference", "_content"),
    ("List", "notes"),
    ("List", "_filter"),
    ("AuditEvent", "agent.name"),
    ("AuditEvent", "_query"),
]


@pytest.mark.parametrize(("kind", "name"), STRANGE)
async def test_attribute_that_may_not_be_searched_is_refused_by_name(
    actors: Actors, ready: Patient, kind: str, name: str
) -> None:
    reply = await search(actors["patient"], ready, kind, **{name: "x"})
    assert (reply.status, code_of(reply)) == (400, "UNKNOWN_SEARCH_PARAMETER")
    assert name in places_of(reply)


async def test_td02_searches_by_ins_alone(actors: Actors, ready: Patient) -> None:
    for params in ({"family": ready.birth_name}, {"identifier": ready.ins_token, "name": "x"}):
        reply = await actors["doctor"].send("GET", "/fhir/dmp/Patient", params=params)
        assert (reply.status, code_of(reply)) == (400, "UNKNOWN_SEARCH_PARAMETER")


LARGE = [
    ("POST", "/fhir", "application/fhir+json"),
    ("POST", "/fhir/DocumentReference", "application/fhir+json"),
    ("PATCH", "/fhir/DocumentReference/01890000-0000-7000-8000-000000000000", "application/json-patch+json"),
    ("POST", "/v1/dmp/01890000-0000-7000-8000-000000000000/documents", "application/json"),
    ("POST", "/v1/dmp/01890000-0000-7000-8000-000000000000/explanation", "application/json"),
    ("POST", "/hl7/v2/mdm", "x-application/hl7-v2+er7"),
]


@pytest.mark.parametrize(("method", "path", "kind"), LARGE, ids=[f"{one[0]} {one[1][:30]}" for one in LARGE])
async def test_body_of_200_megabytes_is_413_and_leaves_nothing(
    reach: Reach, actors: Actors, ledger: Ledger, method: str, path: str, kind: str
) -> None:
    """Nothing announces its size: the server counts, stops listening, and is there for the next request."""
    headers = {"authorization": f"Bearer {await actors['doctor'].token()}", "content-type": kind}
    async with ledger.no_trace(), httpx.AsyncClient(timeout=30) as http:
        try:
            answer = await http.request(method, reach.gateway + path, content=body_of(200), headers=headers)
        except (httpx.WriteError, httpx.ReadError):
            # The connection was closed while we still sent: the answer is lost, which HTTP allows.
            answer = None
        assert answer is None or answer.status_code == 413, answer.text
        alive = await http.get(f"{reach.gateway}/healthz")
    assert alive.status_code == 200


async def body_of(megabytes: int) -> AsyncIterator[bytes]:
    chunk = b"x" * MEGABYTE
    for _ in range(megabytes):
        yield chunk


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE b [<!ENTITY l0 "ha">{LAUGHS}]><Bundle xmlns="http://hl7.org/fhir">&l9;</Bundle>',
    "file": '<!DOCTYPE b [<!ENTITY f SYSTEM "file:///etc/hostname">]><Bundle xmlns="http://hl7.org/fhir">&f;</Bundle>',
    "network": '<!DOCTYPE b SYSTEM "http://127.0.0.1:9/x.dtd"><Bundle xmlns="http://hl7.org/fhir"/>',
    "depth": '<Bundle xmlns="http://hl7.org/fhir">' + "<entry>" * 5000 + "</entry>" * 5000 + "</Bundle>",
    "attributes": '<Bundle xmlns="http://hl7.org/fhir" '
    + " ".join(f'a{n}="x"' for n in range(20_000))
    + "/>",
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("path", ["/fhir", "/fhir/DocumentReference"])
async def test_xml_bomb_is_refused_before_anything_is_asked(
    reach: Reach, actors: Actors, ledger: Ledger, http: httpx.AsyncClient, bomb: str, path: str
) -> None:
    headers = {"authorization": f"Bearer {await actors['doctor'].token()}", "content-type": FHIR_XML}
    async with ledger.no_trace() as refused:
        answer = await http.post(reach.gateway + path, content=BOMBS[bomb], headers=headers, timeout=10)
    assert answer.status_code == 400, answer.text[:300]
    assert refused == []


async def test_bomb_inside_a_document_is_refused_where_it_is(
    actors: Actors, ready: Patient, ledger: Ledger
) -> None:
    body = records.sent(ready, records.report(ready))
    reference, binary = (one["resource"] for one in body["entry"][1:])
    content = base64.b64decode(binary["data"])
    bomb = content.replace(
        b"<ClinicalDocument", b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">]><ClinicalDocument', 1
    ).replace(b"<title>", b"<title>&a;", 1)
    binary["data"] = base64.b64encode(bomb).decode()
    attachment = reference["content"][0]["attachment"]
    attachment["size"] = len(bomb)
    attachment["hash"] = base64.b64encode(hashlib.sha1(bomb, usedforsecurity=False).digest()).decode()
    async with ledger.no_trace():
        reply = await actors["doctor"].send("POST", "/fhir", body)
    assert 400 <= reply.status < 500, reply.answered
    assert any("Bundle.entry[" in place for place in places_of(reply)), reply.answered


async def test_masked_document_and_absent_one_are_told_alike(actors: Actors, ready: Patient) -> None:
    """On every way to a document: the words may not tell them apart, nor may the headers."""
    hidden = await records.deposited(actors["doctor"], ready)
    (await actors["patient"].send("PUT", f"/v1/dmp/documents/{hidden}/mask")).expect(200)
    await records.granted(actors["patient"], ready, "899900000029")
    for place in ("/fhir/DocumentReference/{}", "/fhir/Binary/{}", "/v1/dmp/documents/{}/view"):
        known, absent = [
            await actors["other-doctor"].send("GET", place.format(one), headers={"accept": "*/*"})
            for one in (hidden, records.unknown())
        ]
        assert (known.status, absent.status) == (404, 404), place
        assert told(known) == told(absent), place
        assert sorted(known.headers) == sorted(absent.headers), place


def told(reply: Reply) -> Any:
    """What a refusal says, but for the trace that is its own."""
    body = reply.json()
    trace = reply.headers["traceparent"][3:35]
    return str(body).replace(trace, "")
