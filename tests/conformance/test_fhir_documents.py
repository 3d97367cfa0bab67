"""Deposits as published: the corrected sample is taken, the official ones are refused for their faults."""

import base64
import hashlib
import json
import secrets
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from socle_local.journey import Patient
from tests.conformance.conftest import Reference
from tests.reach import Actors

Json = dict[str, Any]
GOOD = "own/Bundle-iti65-new.json"
OFFICIAL = "fhir-json/pdsm4dmp"
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument"
)
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
    for known in ("urn:oid:1.2.250.1.999.2.1001", "urn:oid:1.2.250.1.999.2.2001"):
        text = text.replace(known, f"urn:oid:2.25.{uuid.uuid4().int}")
    adapted: Json = json.loads(text)
    return adapted


def document(bundle: Json) -> Json:
    found: Json = next(
        one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "DocumentReference"
    )
    return found


async def test_corrected_sample_is_accepted_and_found_again(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    sent = about(reference.json(GOOD), qualified)
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


def _subject(oid: str, number: str) -> Callable[[Json], None]:
    def change(bundle: Json) -> None:
        for one in bundle["entry"]:
            if subject := one["resource"].get("subject"):
                subject["identifier"] = {"system": f"urn:oid:{oid}", "value": number}

    return change


# Faults of the official samples, one at a time in the good one: what it is, what it must be refused for.
TRAPS: dict[str, tuple[Callable[[Json], None], str]] = {
    "hash of an empty file with a size": (_empty_hash, "DOCUMENT_HASH_MISMATCH"),
    "level N under the visibility system": (_wrong_label_system, "must be http://terminology.hl7.org"),
    "class 11 for a consultation": (_class("11"), "CLASS_DOES_NOT_MATCH_TYPE"),
    "class 03, which is not in J57": (_class("03"), "CLASS_DOES_NOT_MATCH_TYPE"),
    "INS with a wrong key": (_subject("1.2.250.1.213.1.4.10", "123456789012345"), "INS_"),
    "INS of production": (_subject("1.2.250.1.213.1.4.8", "279035121518989"), "INS_OF_ANOTHER_PLATFORM"),
}


@pytest.mark.parametrize("trap", TRAPS)
async def test_known_trap_is_refused_for_what_is_wrong(
    trap: str, reference: Reference, actors: Actors, qualified: Patient
) -> None:
    spoil, reason = TRAPS[trap]
    sent = about(reference.json(GOOD), qualified)
    spoil(sent)
    reply = await actors["doctor"].send("POST", "/fhir", sent)
    assert reply.status == 400, reply.answered
    assert reason in reply.content.decode(), reply.answered


# Official samples: the address, what the refusal says of them as published, then about a known person.
SAMPLES = {
    "Bundle-example-td2-iti65-lot-soumission.json": (
        "/fhir",
        ["INS_OF_ANOTHER_PLATFORM"],
        ["11488-4 belongs to class 10", "content of this MIME type"],
    ),
    "Bundle-example-annexe-fhir-document.json": (
        "/fhir",
        ["Bundle.entry[0].resource.resourceType"],
        ["Bundle.entry[0].resource.resourceType"],
    ),
    "DocumentReference-example-td2-iti105-publication-simplifiee.json": (
        "/fhir/DocumentReference",
        ["DocumentReference.context.facilityType", "DocumentReference.context.practiceSetting"],
        ["DocumentReference.context.facilityType", "DocumentReference.context.practiceSetting"],
    ),
}


@pytest.mark.parametrize("adapted", [False, True], ids=["as-published", "for-a-known-person"])
@pytest.mark.parametrize("name", SAMPLES)
async def test_official_sample_with_its_faults_is_refused_and_explained(
    name: str, adapted: bool, reference: Reference, actors: Actors, qualified: Patient
) -> None:
    path, as_published, for_a_person = SAMPLES[name]
    sample = reference.json(f"{OFFICIAL}/{name}")
    reply = await actors["doctor"].send("POST", path, about(sample, qualified) if adapted else sample)
    assert reply.status == 400, reply.answered
    for words in for_a_person if adapted else as_published:
        assert words in reply.content.decode(), reply.answered


async def test_official_replacement_is_refused_as_not_supported(
    reference: Reference, actors: Actors, qualified: Patient
) -> None:
    """A client that asks for a replacement must not believe that it took place."""
    sent = about(reference.json("own/Bundle-iti65-replace.json"), qualified)
    reply = await actors["doctor"].send("POST", "/fhir", sent)
    assert reply.status == 400, reply.answered
    assert "patches are not supported" in reply.content.decode()
