"""Replacement, folders and lots through the whole platform, and the polling of PDSm4DMP line by line."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from socle_local.journey import Actor, Deposit, Patient, Reach, bundle, consultation_report
from socle_local.journey.documents import unique_oid
from tests.integration import records
from tests.reach import Actors, code_of

Json = dict[str, Any]
URI = "urn:ietf:rfc:3986"
MHD = "https://profiles.ihe.net/ITI/MHD"


@pytest.fixture(scope="module")
async def ready(actors: Actors, patient: Patient) -> Patient:
    """The patient, qualifiée at the hospital, with an open record that its doctors may read."""
    await records.opened(actors, patient, "patient")
    await records.granted(actors["patient"], patient, "899900000011")
    return patient


def lot_of(patient: Patient, **elements: Any) -> Json:
    """A lot of one report, whose DocumentReference has these elements besides."""
    report = consultation_report(patient, datetime.now(UTC).replace(microsecond=0), text="Texte fictif.")
    made = bundle(Deposit(patient, [report]))
    made["entry"][1]["resource"] |= elements
    return made


def by_identifier(patient: Patient, unique_id: str) -> Json:
    """A lot whose document names what it replaces as its CDA header does."""
    lot = lot_of(patient, relatesTo=replacing({"identifier": {"system": URI, "value": unique_id}}))
    attachment, binary = lot["entry"][1]["resource"]["content"][0]["attachment"], lot["entry"][2]["resource"]
    root = unique_id.removeprefix("urn:oid:")
    parent = f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{root}"/></parentDocument>'
    header = b"<componentOf>"
    content = base64.b64decode(binary["data"])
    assert header in content
    content = content.replace(header, f"{parent}</relatedDocument>".encode() + header)
    binary["data"] = base64.b64encode(content).decode()
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    attachment |= {"size": len(content), "hash": base64.b64encode(digest).decode()}
    return lot


def replacing(target: Json) -> list[Json]:
    return [{"code": "replaces", "target": target}]


def supersede(document: str) -> Json:
    """The PATCH that goes with a replacement, as MHD has it."""
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return {"resource": parameters, "request": {"method": "PATCH", "url": document}}


def folder_of(lot: Json, title: str) -> Json:
    """A folder of the document of a lot, named by the lot."""
    source = lot["entry"][0]["resource"]
    url = "urn:uuid:00000000-0000-4000-8000-0000000000f0"
    kept = {key: source[key] for key in ("resourceType", "status", "mode", "subject", "date", "extension")}
    kept["code"] = {"coding": [{"system": f"{MHD}/CodeSystem/MHDlistTypes", "code": "folder"}]}
    kept["identifier"] = [{"use": "usual", "value": f"urn:oid:{unique_oid()}"}]
    kept |= {"title": title, "entry": [{"item": {"reference": lot["entry"][1]["fullUrl"]}}]}
    source["entry"].append({"item": {"reference": url}})
    return {"fullUrl": url, "resource": kept, "request": {"method": "POST", "url": "List"}}


async def deposited(doctor: Actor, lot: Json) -> list[Json]:
    answer = (await doctor.send("POST", "/fhir", lot)).expect(200).json()
    return [entry["response"] for entry in answer["entry"]]


def document_of(responses: list[Json]) -> str:
    locations: list[str] = [one["location"] for one in responses]
    return next(one for one in locations if one.startswith("DocumentReference/"))


async def read(actor: Actor, location: str) -> Json:
    found: Json = (await actor.send("GET", f"/fhir/{location}")).expect(200).json()
    return found


def about(patient: Patient, **more: str) -> dict[str, str]:
    token = f"urn:oid:{patient.oid}|{patient.matricule}"
    return {"patient.identifier": token, "status": "current", **more}


async def lots_since(actor: Actor, patient: Patient, moment: str, **more: str) -> list[Json]:
    """The page of lots stored after a moment, oldest first, with their documents."""
    asked = about(patient, code="submissionset", _lastUpdated=f"gt{moment}", _sort="_lastUpdated")
    asked |= {"_include": "List:item", **more}
    found = (await actor.send("GET", "/fhir/List", params=asked)).expect(200).json()
    entries: list[Json] = found.get("entry", [])
    return entries


async def latest(actor: Actor, patient: Patient) -> str:
    """When the last lot of the record was stored."""
    asked = about(patient, code="submissionset", _count="1")
    found = (await actor.send("GET", "/fhir/List", params=asked)).expect(200).json()
    moment: str = found["entry"][0]["resource"]["meta"]["lastUpdated"]
    return moment


def documents_in(entries: list[Json]) -> list[Json]:
    return [one["resource"] for one in entries if one["resource"]["resourceType"] == "DocumentReference"]


def items(lot: Json) -> set[str]:
    return {one["item"]["reference"] for one in lot["entry"]}


async def test_replacement_with_its_patch_and_a_folder_is_answered_in_order(
    actors: Actors, ready: Patient
) -> None:
    doctor = actors["doctor"]
    old = document_of(await deposited(doctor, lot_of(ready)))
    lot = lot_of(ready, relatesTo=replacing({"reference": old}))
    lot["entry"] += [supersede(old), folder_of(lot, "Suivi fictif")]
    responses = await deposited(doctor, lot)
    kinds = [one["location"].partition("/")[0] for one in responses]
    assert kinds == ["List", "DocumentReference", "Binary", "DocumentReference", "List"]
    assert [one["status"][:3] for one in responses] == ["201", "201", "201", "200", "201"]
    assert responses[3]["location"] == old
    superseded = await read(doctor, old)
    assert superseded["status"] == "superseded"
    assert superseded["meta"]["versionId"] == responses[3]["etag"].strip('W/"')
    folder = await read(doctor, responses[4]["location"])
    assert (folder["title"], folder["code"]["coding"][0]["code"]) == ("Suivi fictif", "folder")
    assert [one["item"]["reference"] for one in folder["entry"]] == [responses[1]["location"]]
    found = await doctor.send("GET", "/fhir/List", params=about(ready, code="folder"))
    assert folder["id"] in [one["resource"]["id"] for one in found.expect(200).json()["entry"]]


async def test_polling_finds_what_is_new_replaced_and_changed(actors: Actors, ready: Patient) -> None:
    """PDSm4DMP, exemples d'usage: changed since, ignore superseded, climb RPLC, refresh what changed."""
    doctor, holder = actors["doctor"], actors["patient"]
    first = document_of(await deposited(doctor, lot_of(ready)))
    known = await read(doctor, first)
    seen = await latest(doctor, ready)
    assert await lots_since(doctor, ready, seen) == []

    second = document_of(await deposited(doctor, lot_of(ready, relatesTo=replacing({"reference": first}))))
    unique = (await read(doctor, second))["masterIdentifier"]["value"]
    third = document_of(await deposited(doctor, by_identifier(ready, unique)))
    entries = await lots_since(doctor, ready, seen)
    lots = [one["resource"] for one in entries if one["search"]["mode"] == "match"]
    # What a lot supersedes is in it too, beside what it brings: both have other metadata than before.
    assert [items(lot) for lot in lots] == [{first, second}, {second, third}]
    found = {f"DocumentReference/{one['id']}": one for one in documents_in(entries)}
    assert {location: one["status"] for location, one in found.items()} == {
        first: "superseded",
        second: "superseded",
        third: "current",
    }
    chain = [third]
    while relates := found.get(chain[-1], {}).get("relatesTo"):
        chain.append(relates[0]["target"]["reference"])
    assert chain == [third, second, first]

    seen = await latest(doctor, ready)
    identifier = third.partition("/")[2]
    before = found[third]
    (await holder.send("PUT", f"/v1/dmp/documents/{identifier}/mask")).expect(200)
    (changed,) = documents_in(await lots_since(doctor, ready, seen))
    assert changed["id"] == before["id"] != known["id"]
    assert int(changed["meta"]["versionId"]) == int(before["meta"]["versionId"]) + 1
    assert changed["identifier"] != before["identifier"], "a change of metadata has another entryUUID"
    labels = [label["coding"][0]["code"] for label in changed["securityLabel"]]
    assert labels == ["N", "MASQUE_PS"]
    assert changed["content"][0]["attachment"]["url"] == before["content"][0]["attachment"]["url"]


async def test_search_of_current_documents_leaves_replaced_ones_out(actors: Actors, ready: Patient) -> None:
    doctor = actors["doctor"]
    old = document_of(await deposited(doctor, lot_of(ready)))
    new = document_of(await deposited(doctor, lot_of(ready, relatesTo=replacing({"reference": old}))))
    asked = {"relatesto": old, "_include": "DocumentReference:relatesto"}
    found = (await doctor.send("GET", "/fhir/DocumentReference", params=about(ready, **asked))).expect(200)
    modes = {f"DocumentReference/{e['resource']['id']}": e["search"]["mode"] for e in found.json()["entry"]}
    assert modes == {new: "match", old: "include"}


async def test_what_was_replaced_cannot_be_replaced_again(actors: Actors, ready: Patient) -> None:
    doctor = actors["doctor"]
    old = document_of(await deposited(doctor, lot_of(ready)))
    await deposited(doctor, lot_of(ready, relatesTo=replacing({"reference": old})))
    again = lot_of(ready, relatesTo=replacing({"reference": old}))
    refused = (await doctor.send("POST", "/fhir", again)).expect(409, 422)
    assert "XDSReplaceFailed" in refused.content.decode()
    place = refused.json()["issue"][0]["expression"][0]
    assert place.startswith("Bundle.entry[1].resource.relatesTo")
    unique = again["entry"][1]["resource"]["masterIdentifier"]["value"]
    found = await doctor.send("GET", "/fhir/DocumentReference", params=about(ready, identifier=unique))
    assert "entry" not in found.expect(200).json()


@pytest.mark.parametrize("named_by", ["reference", "identifier"])
async def test_replacement_of_an_unknown_document_stores_nothing(
    named_by: str, actors: Actors, ready: Patient
) -> None:
    absent = {"reference": "DocumentReference/01900000-0000-7000-8000-0000000000ff"}
    lot = lot_of(ready, relatesTo=replacing(absent))
    if named_by == "identifier":
        lot = by_identifier(ready, f"urn:oid:{unique_oid()}")
    refused = (await actors["doctor"].send("POST", "/fhir", lot)).expect(409, 422)
    assert "XDSReplaceFailed" in refused.content.decode()
    unique = lot["entry"][1]["resource"]["masterIdentifier"]["value"]
    found = await actors["doctor"].send(
        "GET", "/fhir/DocumentReference", params=about(ready, identifier=unique)
    )
    assert "entry" not in found.expect(200).json()


async def test_simple_deposit_replaces_and_a_retrieved_document_is_where_its_metadata_say(
    actors: Actors, ready: Patient
) -> None:
    doctor = actors["doctor"]
    old = document_of(await deposited(doctor, lot_of(ready)))
    lot = lot_of(ready, relatesTo=replacing({"reference": old}))
    resource = lot["entry"][1]["resource"]
    attachment = resource["content"][0]["attachment"]
    del attachment["url"]
    attachment["data"] = lot["entry"][2]["resource"]["data"]
    made = (await doctor.send("POST", "/fhir/DocumentReference", resource)).expect(201)
    assert made.json()["relatesTo"][0]["target"]["reference"] == old
    assert (await read(doctor, old))["status"] == "superseded"
    path = urlsplit(made.json()["content"][0]["attachment"]["url"]).path
    raw = (await doctor.send("GET", path, headers={"accept": "text/xml"})).expect(200)
    assert raw.content.startswith(b"<?xml")
    tag = {"accept": "text/xml", "if-none-match": raw.headers["etag"]}
    assert (await doctor.send("GET", path, headers=tag)).status == 304
    assert (await doctor.send("GET", path, headers={"accept": "image/png"})).status == 406


async def test_deleted_document_is_gone_and_the_lot_of_its_deletion_names_it(
    actors: Actors, ready: Patient
) -> None:
    doctor = actors["doctor"]
    lot = lot_of(ready)
    location = document_of(await deposited(doctor, lot))
    identifier = location.partition("/")[2]
    seen = await latest(doctor, ready)
    change = {"changes": ["delete"]}
    (await doctor.send("POST", f"/v1/dmp/documents/{identifier}/changes", change)).expect(200)
    for path in (f"/fhir/{location}", f"/fhir/Binary/{identifier}"):
        gone = await doctor.send("GET", path)
        assert (gone.status, code_of(gone)) == (410, "DOCUMENT_DELETED")
    entries = await lots_since(doctor, ready, seen)
    assert [items(one["resource"]) for one in entries] == [{location}]
    asked = about(ready, status="current,superseded,entered-in-error", _id=identifier)
    found = (await doctor.send("GET", "/fhir/DocumentReference", params=asked)).expect(200)
    assert "entry" not in found.json()


async def test_pages_of_lots_follow_one_another_and_a_spoiled_place_is_refused(
    actors: Actors, ready: Patient
) -> None:
    doctor = actors["doctor"]
    for _ in range(3):
        await deposited(doctor, lot_of(ready))
    asked = about(ready, code="submissionset", _count="2", _sort="_lastUpdated")
    page = (await doctor.send("GET", "/fhir/List", params=asked)).expect(200).json()
    moments = [one["resource"]["meta"]["lastUpdated"] for one in page["entry"]]
    following = next(one["url"] for one in page["link"] if one["relation"] == "next")
    address = urlsplit(following)
    rest = (await doctor.send("GET", f"{address.path}?{address.query}")).expect(200).json()
    moments += [one["resource"]["meta"]["lastUpdated"] for one in rest["entry"]]
    assert moments == sorted(set(moments))
    assert len(moments) >= 3
    spoiled = await doctor.send("GET", f"{address.path}?{address.query[:-4]}AAAA")
    assert spoiled.status == 400
    assert code_of(spoiled)
    assert spoiled.json()["issue"][0]["expression"] == ["_page"]


async def test_pages_of_a_posted_search_are_followed_without_the_ins(
    actors: Actors, ready: Patient, reach: Reach, http: httpx.AsyncClient
) -> None:
    for _ in range(2):
        await deposited(actors["doctor"], lot_of(ready))
    headers = {"authorization": f"Bearer {await actors['doctor'].token()}"}
    form = {"patient.identifier": ready.ins_token, "status": "current", "_count": "1"}
    answer = await http.post(f"{reach.gateway}/fhir/DocumentReference/_search", data=form, headers=headers)
    first = answer.json()
    following = next(one["url"] for one in first["link"] if one["relation"] == "next")
    assert ready.matricule not in following
    second = (await http.get(following, headers=headers)).json()
    assert len({one["resource"]["id"] for page in (first, second) for one in page["entry"]}) == 2
    # The link is no key: whoever may read nothing gets nothing by it.
    other = {"authorization": f"Bearer {await actors['other-doctor'].token()}"}
    assert "entry" not in (await http.get(following, headers=other)).json()


async def test_stranger_finds_no_lot_and_no_trace_of_one(actors: Actors, ready: Patient) -> None:
    responses = await deposited(actors["doctor"], lot_of(ready))
    stranger = actors["other-doctor"]
    found = (await stranger.send("GET", "/fhir/List", params=about(ready, code="submissionset"))).expect(200)
    assert "entry" not in found.json()
    for location in (responses[0]["location"], responses[1]["location"]):
        hidden = await stranger.send("GET", f"/fhir/{location}")
        absent = await stranger.send("GET", f"/fhir/{location[:-12]}{'0' * 12}")
        assert (hidden.status, absent.status) == (404, 404)
        assert code_of(hidden) == code_of(absent)


# The act of the reports is a moment, now: a period without end.
PERIODS = {"ge2020": True, "2020": False, "lt2020": False, "le2099": True, "eb2099": True, "sa2099": False}


@pytest.mark.parametrize("bound", PERIODS)
async def test_period_finds_an_act_that_has_no_end(bound: str, actors: Actors, ready: Patient) -> None:
    """Most documents are of such an act: a bound on its end may not lose them."""
    lot = lot_of(ready)
    await deposited(actors["doctor"], lot)
    unique = lot["entry"][1]["resource"]["masterIdentifier"]["value"]
    asked = about(ready, identifier=unique, period=bound)
    found = (await actors["doctor"].send("GET", "/fhir/DocumentReference", params=asked)).expect(200)
    assert ("entry" in found.json()) is PERIODS[bound]


@pytest.mark.parametrize(
    "parameter",
    [
        ("author", "Practitioner/899900000011"),
        ("author:identifier", "urn:oid:1.2.250.1.71.4.2.1|899900000011"),
        ("author.family", "brandi"),
        ("author.given", "hél"),
        ("facility", "SA01"),
        ("setting", "AMBULATOIRE"),
        ("format", "urn:ihe:iti:xds-sd:text:2008"),
        ("security-label", "N"),
        ("type", "http://loinc.org|11488-4"),
        ("category", "10"),
        ("isArchived", "false"),
        ("date", "ge2026"),
        ("period-start", "ge2020"),
        ("_lastUpdated", "ge2020"),
    ],
    ids=str,
)
async def test_parameter_finds_the_document_and_its_opposite_does_not(
    parameter: tuple[str, str], actors: Actors, ready: Patient
) -> None:
    name, value = parameter
    lot = lot_of(ready)
    await deposited(actors["doctor"], lot)
    unique = lot["entry"][1]["resource"]["masterIdentifier"]["value"]
    other = {"isArchived": "true", "security-label": "V"}.get(name)
    other = other or (f"lt{value[2:]}" if value.startswith("ge") else f"{value}9")
    for asked, expected in ((value, True), (other, False)):
        search = about(ready, identifier=unique, **{name: asked})
        found = (await actors["doctor"].send("GET", "/fhir/DocumentReference", params=search)).expect(200)
        assert ("entry" in found.json()) is expected, asked


ODD = {
    "DocumentReference": ("identifier", "_id", "type", "author.family", "related:identifier", "relatesto"),
    "List": ("identifier", "sourceId", "designationType", "title", "source.family", "source"),
}


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "'; --", "%", "\U0010ffff", "x" * 5000])
@pytest.mark.parametrize("kind", ODD)
async def test_odd_value_of_a_search_finds_nothing_or_is_refused(
    kind: str, value: str, actors: Actors, ready: Patient
) -> None:
    for name in ODD[kind]:
        asked = about(ready, **({"code": "folder"} if kind == "List" else {}), **{name: value})
        answer = await actors["doctor"].send("GET", f"/fhir/{kind}", params=asked)
        assert answer.status in (200, 400), (name, answer.answered)
        assert "entry" not in answer.json(), name
