"""Deposits as published: the corrected samples are taken, the official ones are refused for their faults."""

import base64
import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from socle_local.journey import Patient, consultation_report
from socle_local.personas import DOCTOR, Structure
from tests.conformance.conftest import Reference
from tests.reach import Actors, code_of, places_of

Json = dict[str, Any]
GOOD = "own/Bundle-iti65-new.json"
REPLACEMENT = "own/Bundle-iti65-replace.json"
OFFICIAL = "fhir-json/pdsm4dmp"
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument"
)
CUSTODIAN = {
    "type": "Organization",
    "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750512345"},
}
EMPTY_SHA1 = base64.b64encode(hashlib.sha1(b"", usedforsecurity=False).digest()).decode()


@pytest.fixture(scope="module")
async def qualified(actors: Actors, patient: Patient) -> Patient:
    """The seeded person, qualifiée at the hospital of the doctor who deposits, with an open record."""
    secretary = actors["secretary"]
    body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    identity = (await secretary.send("POST", "/v1/identities", body)).expect(201).json()["id"]
    (await secretary.send("POST", f"/v1/identities/{identity}/ins-retrieval")).expect(200)
    (await secretary.send("POST", f"/v1/identities/{identity}/paper-check", {"paper": "CN"})).expect(200)
    (await secretary.send("POST", f"/v1/dmp/{patient.person_id}")).expect(200, 201)
    return patient


def about(bundle: Json, patient: Patient) -> Json:
    """The sample, adapted: its INS becomes that of the seeded person, its unique ids become new ones.

    Everything else, the codes, the authors and the bytes, stays as published.
    """
    text = json.dumps(bundle)
    for number, oid in (("279035121518989", patient.oid), ("123456789012345", "1.2.250.1.213.1.4.8")):
        text = text.replace(number, patient.matricule).replace(f"urn:oid:{oid}", f"urn:oid:{patient.oid}")
    for known in (f"urn:oid:1.2.250.1.999.2.{one}" for one in (1001, 1002, 1003, 2001)):
        text = text.replace(known, f"urn:oid:2.25.{uuid.uuid4().int}")
    adapted: Json = json.loads(text)
    return adapted


# Their format is that of a PDF in a CDA of level 1.
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
ENCLOSED = re.compile(rb'mediaType="text/plain"([^>]*)>[^<]*<')
# The author of the hand-made samples, as their metadata have her.
LECLERC = replace(
    DOCTOR,
    id_nat="810101201234",
    given_name="SOPHIE",
    family_name="LECLERC",
    structure=Structure("1750512345", "CABINET DES LILAS", "SA07", "75005"),
)


def filled(bundle: Json, patient: Patient) -> Json:
    """The sample about a known person, with a CDA in place of the one whose body its makers removed; the
    metadata stay as they are, but for the size and the hash of those bytes.
    """
    sent = about(bundle, patient)
    resource = document(sent)
    binary = next(one["resource"] for one in sent["entry"] if one["resource"]["resourceType"] == "Binary")
    binary["data"], known = cda_of(resource, patient)
    resource["content"][0]["attachment"] |= known
    return sent


def cda_of(resource: Json, patient: Patient) -> tuple[str, Json]:
    """A CDA of these metadata in base64, and its size and hash."""
    report = consultation_report(patient, datetime.fromisoformat(resource["date"]), LECLERC)
    own = resource["masterIdentifier"]["value"].removeprefix("urn:oid:").encode()
    content = ENCLOSED.sub(rb'mediaType="application/pdf"\1>' + base64.b64encode(PDF) + b"<", report.content)
    content = content.replace(report.unique_id.removeprefix("urn:oid:").encode(), own)
    content = content.replace(b"11488-4", resource["type"]["coding"][0]["code"].encode())
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    known = {"size": len(content), "hash": base64.b64encode(digest).decode()}
    return base64.b64encode(content).decode(), known


def document(bundle: Json) -> Json:
    found: Json = next(
        one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "DocumentReference"
    )
    return found


async def test_sample_without_the_header_of_its_cda_is_refused_for_that_alone(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    reply = await actors["doctor"].send("POST", "/fhir", about(reference.json(GOOD), qualified))
    assert reply.status == 400, reply.answered
    assert code_of(reply) == "CDA_HEADER_INCOMPLETE"
    assert set(places_of(reply)) == {"Bundle.entry[2].resource"}


async def test_corrected_sample_is_accepted_and_found_again(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    sent = filled(reference.json(GOOD), qualified)
    answer = (await actors["doctor"].send("POST", "/fhir", sent)).expect(200).json()
    location = answer["entry"][1]["response"]["location"]
    found = (await actors["doctor"].send("GET", f"/fhir/{location}")).expect(200).json()
    given = document(sent)
    for element in ("masterIdentifier", "status", "type", "category", "securityLabel"):
        assert found[element] == given[element], element
    for element in ("facilityType", "practiceSetting"):
        assert found["context"][element] == given["context"][element], element
    for element in ("contentType", "language", "size", "hash", "title"):
        assert found["content"][0]["attachment"][element] == given["content"][0]["attachment"][element], (
            element
        )
    assert found["content"][0]["format"] == given["content"][0]["format"]


def _empty_hash(bundle: Json) -> None:
    document(bundle)["content"][0]["attachment"]["hash"] = EMPTY_SHA1


def _wrong_label_system(bundle: Json) -> None:
    document(bundle)["securityLabel"][0]["coding"][0]["system"] = VISIBILITY


def _class(code: str) -> Callable[[Json], None]:
    def change(bundle: Json) -> None:
        document(bundle)["category"][0]["coding"][0]["code"] = code

    return change


def _sample_patient(number: str) -> Callable[[Json], None]:
    """Another INS in the contained Patient, the one the producer says it knew."""

    def change(bundle: Json) -> None:
        inner = next(one for one in document(bundle)["contained"] if one["resourceType"] == "Patient")
        inner["identifier"][0]["value"] = number

    return change


def _attachment(**values: Any) -> Callable[[Json], None]:
    return lambda bundle: document(bundle)["content"][0]["attachment"].update(values)


def _without(element: str) -> Callable[[Json], None]:
    def change(bundle: Json) -> None:
        del document(bundle)[element]

    return change


def _author_outside(bundle: Json) -> None:
    document(bundle)["author"] = [{"reference": "#nobody"}]


def _two_replacements(bundle: Json) -> None:
    target = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.2.1000"}}
    document(bundle)["relatesTo"] = [{"code": "replaces", "target": target}] * 2


def _delayed(bundle: Json) -> None:
    document(bundle)["content"][0]["attachment"] |= {"hash": EMPTY_SHA1, "size": 0}


def _no_document(bundle: Json) -> None:
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["resourceType"] != "Binary"]


def _subject(oid: str, number: str) -> Callable[[Json], None]:
    def change(bundle: Json) -> None:
        for one in bundle["entry"]:
            if subject := one["resource"].get("subject"):
                subject["identifier"] = {"system": f"urn:oid:{oid}", "value": number}

    return change


# Faults of the official samples, one at a time in the good one: what it is, what it must be refused for.
TRAPS: dict[str, tuple[Callable[[Json], None], str]] = {
    "hash of an empty file with a size": (_empty_hash, "delayed assembly of MHD"),
    "delayed assembly": (_delayed, "delayed assembly of MHD"),
    "wrong hash": (_attachment(hash="A/hMRrv6Y15BjSM8kMLidrz+mHc="), "XDSNonIdenticalHash"),
    "size 0": (_attachment(size=0), "may not be empty"),
    "wrong size": (_attachment(size=128), "DOCUMENT_SIZE_MISMATCH"),
    "a document that is not there": (_no_document, "XDSMissingDocument"),
    "two replacements": (_two_replacements, "XDSReplaceFailed"),
    "no custodian": (_without("custodian"), "entry[1].resource.custodian is missing"),
    "author outside of contained": (_author_outside, "which is not in `contained`"),
    "level N under the visibility system": (_wrong_label_system, "must be http://terminology.hl7.org"),
    "class 11 for a consultation": (_class("11"), "CLASS_DOES_NOT_MATCH_TYPE"),
    "class 03, which is not in J57": (_class("03"), "CLASS_DOES_NOT_MATCH_TYPE"),
    "INS with a wrong key": (_subject("1.2.250.1.213.1.4.10", "123456789012345"), "XDSPatientIdDoesNotMatch"),
    "INS of production": (_subject("1.2.250.1.213.1.4.8", "279035121518989"), "XDSPatientIdDoesNotMatch"),
    "patient spoofed in a contained resource": (_sample_patient("255081416802538"), "another patient"),
    "FHIR document as content": (
        _attachment(contentType="application/fhir+json"),
        "FHIRDocumentNotSupported",
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
async def test_known_trap_is_refused_for_what_is_wrong(
    trap: str, reference: Reference, actors: Actors, qualified: Patient
) -> None:
    spoil, reason = TRAPS[trap]
    sent = filled(reference.json(GOOD), qualified)
    spoil(sent)
    reply = await actors["doctor"].send("POST", "/fhir", sent)
    assert reply.status == 400, reply.answered
    assert reason in reply.content.decode(), reply.answered


# The whole sample is about that INS: it is the INS itself that is refused.
OF_NOBODY = {"123456789012345": "INS_", "255081416802538": "PERSON_UNKNOWN"}


@pytest.mark.parametrize("number", OF_NOBODY)
async def test_ins_that_is_nobodys_refuses_the_lot(
    number: str, reference: Reference, actors: Actors, qualified: Patient
) -> None:
    sent = json.loads(
        json.dumps(filled(reference.json(GOOD), qualified)).replace(qualified.matricule, number)
    )
    reply = await actors["doctor"].send("POST", "/fhir", sent)
    assert reply.status in (400, 404), reply.answered
    assert OF_NOBODY[number] in reply.content.decode(), reply.answered
    assert places_of(reply) == ["Bundle.entry[0].resource.subject"]


# Official samples: the address; what the refusal says of them as published, then about a known person, then
# with the custodian that their own profile asks for.
LOT, ALONE = "/fhir", "/fhir/DocumentReference"
NO_CONTEXT = ["DocumentReference.context.facilityType", "DocumentReference.context.practiceSetting"]
SAMPLES: dict[str, tuple[str, list[list[str]]]] = {
    "Bundle-example-td2-iti65-lot-soumission.json": (
        LOT,
        [
            ["Bundle.entry[1].resource.custodian is missing"],
            ["Bundle.entry[1].resource.custodian is missing"],
            ["11488-4 belongs to class 10", "MIME type"],
        ],
    ),
    "Bundle-example-annexe-fhir-document.json": (LOT, [["FHIRDocumentNotSupported"]] * 3),
    "Bundle-example-annexe-searchset-documentreferences.json": (
        LOT,
        [["Bundle.type must be transaction"]] * 3,
    ),
    "DocumentReference-example-td2-iti105-publication-simplifiee.json": (ALONE, [NO_CONTEXT] * 3),
    "DocumentReference-doc-x-id.json": (
        ALONE,
        [["DocumentReference.status must be current", "attachment.url is not allowed here"]] * 3,
    ),
}
STEPS = ["as-published", "for-a-known-person", "with-a-custodian"]


@pytest.mark.parametrize("step", range(3), ids=STEPS)
@pytest.mark.parametrize("name", SAMPLES)
async def test_official_sample_with_its_faults_is_refused_and_explained(
    name: str, step: int, reference: Reference, actors: Actors, qualified: Patient
) -> None:
    path, expected = SAMPLES[name]
    sample = reference.json(f"{OFFICIAL}/{name}")
    if step:
        sample = about(sample, qualified)
    if step == 2 and path == LOT:
        for entry in sample["entry"]:
            entry["resource"] |= {"custodian": CUSTODIAN} if "masterIdentifier" in entry["resource"] else {}
    reply = await actors["doctor"].send("POST", path, sample)
    assert reply.status == 400, reply.answered
    for words in expected[step]:
        assert words in reply.content.decode(), reply.answered


async def test_every_official_sample_is_replayed(reference: Reference) -> None:
    published = {path.name for path in (reference.folder / OFFICIAL).glob("*.json")}
    assert published == SAMPLES.keys()


async def test_corrected_replacement_is_accepted_and_answered_in_order(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    doctor = actors["doctor"]
    first = filled(reference.json(GOOD), qualified)
    old = (await doctor.send("POST", "/fhir", first)).expect(200).json()["entry"][1]["response"]["location"]
    text = json.dumps(filled(reference.json(REPLACEMENT), qualified))
    sent = json.loads(text.replace("DocumentReference/OLD-ENTRY-ID", old))
    answer = (await doctor.send("POST", "/fhir", sent)).expect(200).json()
    responses = [one["response"] for one in answer["entry"]]
    assert [one["status"][:3] for one in responses] == ["201", "201", "201", "200"]
    assert [one["location"].partition("/")[0] for one in responses] == [
        "List",
        "DocumentReference",
        "Binary",
        "DocumentReference",
    ]
    assert responses[3]["location"] == old
    replaced = (await doctor.send("GET", f"/fhir/{old}")).expect(200).json()
    assert replaced["status"] == "superseded"


async def test_corrected_simple_deposit_is_accepted_and_answered_with_what_it_became(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    sent = about(reference.json("own/DocumentReference-iti105.json"), qualified)
    attachment = sent["content"][0]["attachment"]
    attachment["data"], known = cda_of(sent, qualified)
    attachment |= known
    reply = (await actors["doctor"].send("POST", "/fhir/DocumentReference", sent)).expect(201)
    made = reply.json()
    assert reply.headers["location"].endswith(f"/fhir/DocumentReference/{made['id']}")
    assert reply.headers["etag"] == f'W/"{made["meta"]["versionId"]}"'
    for element in ("masterIdentifier", "type", "category", "securityLabel"):
        assert made[element] == sent[element], element
    assert "data" not in made["content"][0]["attachment"]


async def test_search_answers_in_the_shape_of_the_published_one(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    """Every element of the annex that a document of ours can have, with the same type of value."""
    doctor = actors["doctor"]
    sent = filled(reference.json(GOOD), qualified)
    (await doctor.send("POST", "/fhir", sent)).expect(200)
    asked = {
        "patient.identifier": f"urn:oid:{qualified.oid}|{qualified.matricule}",
        "status": "current",
        "identifier": document(sent)["masterIdentifier"]["value"],
    }
    found = (await doctor.send("GET", f"/fhir/DocumentReference?{urlencode(asked)}")).expect(200).json()
    published = reference.json(f"{OFFICIAL}/Bundle-example-annexe-searchset-documentreferences.json")
    assert found["type"] == published["type"]
    ours, theirs = found["entry"][0], published["entry"][0]
    assert lacking(theirs, ours, "entry") == LEFT_OUT
    assert ours["search"] == theirs["search"]


# A Patient is named by identifier, not by the text of a search; a period needs no end; a contained resource
# has no profile; a display is given back when it was sent.
LEFT_OUT = {
    "entry.resource.subject.reference",
    "entry.resource.context.period.end",
    "entry.resource.contained[].meta",
    "entry.resource.content[].format.display",
}


def lacking(theirs: Any, ours: Any, at: str) -> set[str]:
    """Paths of `theirs` that have no value, or one of another type, in `ours`; lists by their elements."""
    if type(theirs) is not type(ours):
        return {at}
    if isinstance(theirs, dict):
        return {
            path for key, value in theirs.items() for path in lacking(value, ours.get(key), f"{at}.{key}")
        }
    if isinstance(theirs, list):
        return {path for one in theirs for path in lacking(one, ours[0], f"{at}[]")} if ours else {at}
    return set()
