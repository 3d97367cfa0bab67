"""A document changed by FHIR PATCH, in three formats: what each may, and what the samples get wrong."""

import json
from typing import Any

import pytest
from lxml import etree

from socle_local.journey import Actor, Patient, Reply
from tests.integration import records
from tests.integration.records import VISIBILITY
from tests.reach import Actors, code_of, places_of

Json = dict[str, Any]
JSON_PATCH, XML_PATCH, FHIR_JSON = (
    "application/json-patch+json",
    "application/xml-patch+xml",
    "application/fhir+json",
)
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
MASK = [{"op": "add", "path": "/securityLabel/-", "value": records.label("MASQUE_PS")}]
ARCHIVE = [
    {"op": "test", "path": "/extension/0/url", "value": ARCHIVED},
    {"op": "replace", "path": "/extension/0/valueBoolean", "value": True},
]
DELETE = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]


@pytest.fixture(scope="module")
async def ready(actors: Actors, patient: Patient) -> Patient:
    await records.opened(actors, patient, "patient")
    return patient


async def patched(actor: Actor, document_id: str, body: Any, kind: str = JSON_PATCH, **more: str) -> Reply:
    headers = {"content-type": kind, **{name.replace("_", "-"): value for name, value in more.items()}}
    return await actor.send("PATCH", f"/fhir/DocumentReference/{document_id}", body, headers=headers)


def labels(document: Json) -> list[str]:
    return [one["coding"][0]["code"] for one in document["securityLabel"]]


def archived(document: Json) -> bool:
    return bool(next(one for one in document["extension"] if one["url"] == ARCHIVED)["valueBoolean"])


async def test_holder_hides_and_shows_again_each_time_in_a_new_version(
    actors: Actors, ready: Patient
) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    masked = (await patched(actors["patient"], document_id, MASK, if_match='W/"1"')).expect(200)
    shown = await patched(
        actors["patient"], document_id, [{"op": "remove", "path": "/securityLabel/1"}], if_match="*"
    )
    assert (masked.headers["etag"], labels(masked.json())) == ('W/"2"', ["N", "MASQUE_PS"])
    assert (shown.expect(200).headers["etag"], labels(shown.json())) == ('W/"3"', ["N"])
    identifiers = {one.json()["identifier"][0]["value"] for one in (masked, shown)}
    assert len(identifiers) == 2, "each version of the metadata has an entryUUID of its own"
    assert masked.json()["id"] == shown.json()["id"] == document_id


async def test_stale_version_is_412_and_changes_nothing(actors: Actors, ready: Patient) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    (await patched(actors["patient"], document_id, MASK)).expect(200)
    stale = await patched(actors["doctor"], document_id, ARCHIVE, if_match='W/"1"')
    after = (await actors["doctor"].send("GET", f"/fhir/DocumentReference/{document_id}")).expect(200)
    assert (stale.status, after.headers["etag"], archived(after.json())) == (412, 'W/"2"', False)


async def test_archive_and_unarchive_by_fhirpath_and_xml(
    actors: Actors, ready: Patient, reach: Any, http: Any
) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    parts = [
        ("type", "valueCode", "replace"),
        ("path", "valueString", f"DocumentReference.extension('{ARCHIVED}').value"),
    ]
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [{"name": n, k: v} for n, k, v in [*parts, ("value", "valueBoolean", True)]],
            }
        ],
    }
    away = (await patched(actors["doctor"], document_id, parameters, FHIR_JSON)).expect(200)
    diff = (
        '<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:DocumentReference/'
        f"f:extension[@url='{ARCHIVED}']/f:valueBoolean/@value\">false</replace></diff>"
    )
    back = await http.patch(
        f"{reach.gateway}/fhir/DocumentReference/{document_id}",
        content=diff,
        headers={
            "authorization": f"Bearer {await actors['doctor'].token()}",
            "content-type": XML_PATCH,
            "accept": "application/fhir+xml",
        },
    )
    assert archived(away.json())
    root = etree.fromstring(back.content)
    assert back.status_code == 200, back.text
    assert root.xpath("//f:valueBoolean/@value", namespaces={"f": "http://hl7.org/fhir"}) == ["false"]


async def test_only_the_author_or_their_structure_deletes(actors: Actors, ready: Patient) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    await records.granted(actors["patient"], ready, "899900000029")
    for persona in ("patient", "other-doctor"):
        refused = await patched(actors[persona], document_id, DELETE)
        assert (refused.status, refused.json()["issue"][0]["code"]) == (403, "forbidden"), persona
    gone = (await patched(actors["doctor"], document_id, DELETE)).expect(200)
    assert gone.json()["status"] == "entered-in-error"
    read = await actors["doctor"].send("GET", f"/fhir/DocumentReference/{document_id}")
    raw = await actors["doctor"].send("GET", f"/fhir/Binary/{document_id}")
    assert (read.status, raw.status) == (410, 410)
    assert document_id not in await records.searched(actors["doctor"], ready)
    assert document_id not in await records.searched(actors["patient"], ready)


async def test_show_is_confirmed_and_irreversible(actors: Actors, ready: Patient) -> None:
    document_id = await records.deposited(actors["doctor"], ready, "INVISIBLE_PATIENT")
    show = [{"op": "remove", "path": "/securityLabel/1"}]
    unasked = await patched(actors["doctor"], document_id, show)
    assert (unasked.status, code_of(unasked)) == (422, "CONFIRMATION_NEEDED")
    assert document_id not in await records.searched(actors["patient"], ready)
    shown = (await patched(actors["doctor"], document_id, show, socle_confirm="true")).expect(200)
    assert labels(shown.json()) == ["N"]
    assert document_id in await records.searched(actors["patient"], ready)
    hidden = [{"op": "add", "path": "/securityLabel/-", "value": records.label("INVISIBLE_PATIENT")}]
    again = await patched(actors["doctor"], document_id, hidden, socle_confirm="true")
    assert (again.status, code_of(again)) == (422, "CHANGE_NOT_OFFERED")


async def test_minor_in_person_hides_and_a_professional_shows(actors: Actors) -> None:
    child = Patient.seeded(2)
    await records.opened(actors, child, "guardian")
    document_id = await records.deposited(actors["doctor"], child)
    hide = [
        {"op": "add", "path": "/securityLabel/-", "value": records.label("INVISIBLE_REPRESENTANTS_LEGAUX")}
    ]
    by_guardian = await patched(actors["guardian"], document_id, hide)
    (await patched(actors["other-patient"], document_id, hide)).expect(200)
    hidden = document_id not in await records.searched(actors["guardian"], child)
    show = [{"op": "remove", "path": "/securityLabel/1"}]
    (await patched(actors["doctor"], document_id, show, socle_confirm="true")).expect(200)
    assert by_guardian.status == 403
    assert hidden
    assert document_id in await records.searched(actors["guardian"], child)


OTHER_ELEMENTS = [
    [{"op": "replace", "path": "/content/0/attachment/title", "value": "Autre titre"}],
    [{"op": "add", "path": "/description", "value": "x"}],
    [{"op": "remove", "path": "/author/0"}],
]


@pytest.mark.parametrize("body", OTHER_ELEMENTS, ids=lambda body: body[0]["path"])
async def test_any_other_element_is_405(actors: Actors, ready: Patient, body: Any) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    reply = await patched(actors["doctor"], document_id, body)
    assert reply.status == 405
    assert "PATCH" in reply.headers["allow"]
    after = await actors["doctor"].send("GET", f"/fhir/DocumentReference/{document_id}")
    assert after.headers["etag"] == 'W/"1"'


SAMPLES: list[tuple[Json, str]] = [
    (
        {"op": "replace", "path": "/securityLabel/0", "value": records.label("MASQUE_PS")},
        "DocumentReference.securityLabel",
    ),
    (
        {"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": True},
        "$this[0].path",
    ),
    (
        {
            "op": "add",
            "path": "/securityLabel/-",
            "value": {"coding": [{"system": VISIBILITY.replace("Status", "Statut"), "code": "MASQUE_PS"}]},
        },
        "DocumentReference.securityLabel[1].coding[0].system",
    ),
    (
        {"op": "replace", "path": "/securityLabel/0", "value": "MASQUE_PS"},
        "DocumentReference.securityLabel[0]",
    ),
]


@pytest.mark.parametrize(("operation", "place"), SAMPLES, ids=lambda value: str(value)[:40])
async def test_faults_of_the_published_samples_are_told_exactly(
    actors: Actors, ready: Patient, operation: Json, place: str
) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    reply = await patched(actors["patient"], document_id, [operation])
    assert reply.status == 400
    assert place in places_of(reply)


async def test_superseded_is_what_a_replacement_does(actors: Actors, ready: Patient) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    reply = await patched(
        actors["doctor"], document_id, [{"op": "replace", "path": "/status", "value": "superseded"}]
    )
    assert (reply.status, code_of(reply)) == (422, "CHANGE_NOT_OFFERED")
    assert "relatesTo.code = replaces" in json.dumps(reply.json())


async def conditional(actor: Actor, **where: str) -> Reply:
    asked = {name.replace("__", "."): value for name, value in where.items()}
    headers = {"content-type": JSON_PATCH}
    return await actor.send("PATCH", "/fhir/DocumentReference", MASK, params=asked, headers=headers)


async def test_conditional_patch_names_one_document_of_one_patient(actors: Actors, ready: Patient) -> None:
    documents = [records.report(ready) for _ in range(2)]
    ids = [await records.deposited(actors["doctor"], ready, document=one) for one in documents]
    first, second = (f"urn:ietf:rfc:3986|{one.unique_id}" for one in documents)
    of = {"patient__identifier": ready.ins_token}
    one = (await conditional(actors["patient"], identifier=first, **of)).expect(200)
    none = await conditional(actors["patient"], identifier="urn:oid:1.2.3.4", **of)
    several = await conditional(actors["patient"], identifier=f"{first},{second}", **of)
    nobody = await conditional(actors["patient"], identifier=first)
    hidden = await conditional(actors["pharmacist"], identifier=second, **of)
    assert (one.json()["id"], labels(one.json())) == (ids[0], ["N", "MASQUE_PS"])
    assert [reply.status for reply in (none, several, nobody, hidden)] == [404, 412, 400, 404]
    assert places_of(nobody) == ["patient.identifier"]


async def test_document_that_may_not_be_known_is_404_as_one_that_is_not_there(
    actors: Actors, ready: Patient
) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    hidden = await patched(actors["pharmacist"], document_id, MASK)
    absent = await patched(actors["pharmacist"], records.unknown(), MASK)
    told = [[(one["code"], one["details"]) for one in reply.json()["issue"]] for reply in (hidden, absent)]
    assert (hidden.status, absent.status) == (404, 404)
    assert told[0] == told[1]


async def test_xml_bomb_is_refused_before_it_is_read(
    actors: Actors, ready: Patient, reach: Any, http: Any
) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><diff><remove sel="&b;"/></diff>'
    headers = {"authorization": f"Bearer {await actors['doctor'].token()}", "content-type": XML_PATCH}
    url = f"{reach.gateway}/fhir/DocumentReference/{document_id}"
    reply = await http.patch(url, content=bomb, headers=headers)
    assert reply.status_code == 400
    assert "document type" in reply.text


async def test_same_changes_by_rest_need_no_reading(actors: Actors, ready: Patient) -> None:
    """The software of the hospital may not read: it withdraws what its hospital deposited all the same."""
    document_id = await records.deposited(actors["doctor"], ready)
    by_patch = await patched(actors["integrator"], document_id, DELETE)
    body = {"changes": ["delete"], "expected_version": 1}
    by_rest = await actors["integrator"].send("POST", f"/v1/dmp/documents/{document_id}/changes", body)
    assert (by_patch.status, code_of(by_patch)) == (403, "READING_NEEDED")
    assert by_rest.expect(200).json()["status"] == "deleted"
