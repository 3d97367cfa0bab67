"""What a bad deposit gets: an error that says where in the Bundle, and nothing stored of any entry."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest

from socle_local.journey import Actor, ClinicalDocument, Deposit, Patient, bundle, consultation_report
from socle_local.platform import Platform
from tests.ledger import Ledger, without_audit
from tests.reach import Actors, code_of, places_of

Json = dict[str, Any]
PRODUCTION_OID = "1.2.250.1.213.1.4.8"


@pytest.fixture
async def ready(actors: Actors, patient: Patient) -> Patient:
    """The patient, qualifiée at the hospital, with an open record."""
    await qualified(actors["secretary"], patient)
    return patient


async def qualified(secretary: Actor, patient: Patient) -> None:
    body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    identity = (await secretary.send("POST", "/v1/identities", body)).expect(201).json()["id"]
    (await secretary.send("POST", f"/v1/identities/{identity}/ins-retrieval")).expect(200)
    (await secretary.send("POST", f"/v1/identities/{identity}/paper-check", {"paper": "CN"})).expect(200)
    (await secretary.send("POST", f"/v1/dmp/{patient.person_id}")).expect(200, 201)


def report(patient: Patient, text: str = "Texte fictif.") -> ClinicalDocument:
    return consultation_report(patient, datetime.now(UTC).replace(microsecond=0), text=text)


def sent_for(patient: Patient, count: int = 2) -> Json:
    return bundle(Deposit(patient, [report(patient) for _ in range(count)]))


def entry(body: Json, kind: str, number: int = -1) -> Json:
    """The resource number `number` of a kind in a bundle."""
    found: Json = [one["resource"] for one in body["entry"] if one["resource"]["resourceType"] == kind][
        number
    ]
    return found


def attachment(body: Json) -> Json:
    found: Json = entry(body, "DocumentReference")["content"][0]["attachment"]
    return found


def wrong_hash(body: Json) -> None:
    attachment(body)["hash"] = base64.b64encode(b"\0" * 20).decode()


def wrong_size(body: Json) -> None:
    attachment(body)["size"] += 1


def other_bytes(body: Json) -> None:
    content = base64.b64decode(entry(body, "Binary")["data"])
    entry(body, "Binary")["data"] = base64.b64encode(content.replace(b"<title>", b"<title> ")).decode()


def no_type(body: Json) -> None:
    del entry(body, "DocumentReference")["type"]


def strange_resource(body: Json) -> None:
    body["entry"].append(
        {
            "fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000ff",
            "resource": {"resourceType": "Observation", "status": "final"},
            "request": {"method": "POST", "url": "Observation"},
        }
    )


def wrong_class(body: Json) -> None:
    entry(body, "DocumentReference")["category"][0]["coding"][0]["code"] = "11"


def not_a_cda(body: Json) -> None:
    content = b"<html/>"
    entry(body, "Binary")["data"] = base64.b64encode(content).decode()
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    attachment(body).update(size=len(content), hash=base64.b64encode(digest).decode())


def not_base64(body: Json) -> None:
    entry(body, "Binary")["data"] = "%%%"


def two_patients(body: Json) -> None:
    entry(body, "DocumentReference")["subject"]["identifier"]["value"] = "255081416802538"


def wrong_ins_key(body: Json) -> None:
    right = entry(body, "DocumentReference")["subject"]["identifier"]["value"]
    for identifier in numbers_of(body):
        identifier["value"] = right[:13] + f"{(int(right[13:]) + 1) % 97:02d}"


def production_oid(body: Json) -> None:
    for identifier in numbers_of(body):
        identifier["system"] = f"urn:oid:{PRODUCTION_OID}"


def numbers_of(body: Json) -> list[Json]:
    """The INS wherever a lot has it: as the subject, and in the contained Patient."""
    resources = [one["resource"] for one in body["entry"] if "subject" in one["resource"]]
    inner = [
        one for resource in resources for one in resource["contained"] if one["resourceType"] == "Patient"
    ]
    return [one["subject"]["identifier"] for one in resources] + [one["identifier"][0] for one in inner]


def spoofed_patient(body: Json) -> None:
    inner = entry(body, "DocumentReference")["contained"]
    patient = next(one for one in inner if one["resourceType"] == "Patient")
    patient["identifier"][0]["value"] = "255081416802538"


def size_is_a_text(body: Json) -> None:
    attachment(body)["size"] = str(attachment(body)["size"])


# What is done to the last document of two; the error; where in the Bundle it must be said to be.
SPOILT = {
    "wrong hash": (wrong_hash, "DOCUMENT_HASH_MISMATCH", "Bundle.entry[3]"),
    "wrong size": (wrong_size, "DOCUMENT_SIZE_MISMATCH", "Bundle.entry[3]"),
    "other bytes": (other_bytes, "", "Bundle.entry[3]"),
    "type missing": (no_type, "", "Bundle.entry[3]"),
    "class of another type": (wrong_class, "CLASS_DOES_NOT_MATCH_TYPE", "Bundle.entry[3]"),
    "content is not a CDA": (not_a_cda, "CDA_NOT_READABLE", "Bundle.entry[4]"),
    "content is not base64": (not_base64, "", "Bundle.entry[4]"),
    "size is a text": (size_is_a_text, "", "Bundle.entry[3]"),
    "strange resource": (strange_resource, "", "Bundle.entry[5]"),
    "two patients": (two_patients, "", "Bundle.entry[3]"),
    "patient spoofed in contained": (spoofed_patient, "FHIR_INVALID", "Bundle.entry[3]"),
    "wrong key of the INS": (wrong_ins_key, "INS_KEY_WRONG", "Bundle.entry"),
    "production OID": (production_oid, "INS_OF_ANOTHER_PLATFORM", "Bundle.entry"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
async def test_bundle_with_one_bad_entry_stores_nothing(
    spoilt: str, ready: Patient, actors: Actors, ledger: Ledger
) -> None:
    spoil, code, place = SPOILT[spoilt]
    body = sent_for(ready)
    spoil(body)
    async with ledger.no_trace():
        reply = await actors["doctor"].send("POST", "/fhir", body)
    assert reply.status == 400, reply.answered
    assert not code or code_of(reply) == code, reply.answered
    assert any(where.startswith(place) for where in places_of(reply)), reply.answered
    assert ready.matricule not in reply.content.decode()


async def test_deposit_of_a_structure_without_qualified_identity_is_refused_and_audited(
    ready: Patient, actors: Actors, ledger: Ledger
) -> None:
    """The refusal is a line of the patient's journal, with its rule."""
    async with ledger.no_trace() as refused:
        reply = await actors["emergency-doctor"].send("POST", "/fhir", sent_for(ready))
    assert reply.status == 403, reply.answered
    line = next(one for one in refused if one["service"] == "dmp")
    assert (line["action"], line["subject"]) == ("dmp_document.submit", ready.person_id)
    assert "dmp.identity_qualified" in line["rules"]


async def test_same_document_again_changes_nothing_and_is_answered_alike(
    ready: Patient, actors: Actors, ledger: Ledger
) -> None:
    body = sent_for(ready, 1)
    first = (await actors["doctor"].send("POST", "/fhir", body)).expect(200).json()
    before = await ledger.settled()
    again = (await actors["doctor"].send("POST", "/fhir", body)).expect(200).json()
    after = await ledger.settled()
    assert locations(again) == locations(first)
    assert without_audit(after) == without_audit(before)


def locations(answer: Json) -> list[str]:
    return [one["response"]["location"] for one in answer["entry"]]


async def test_same_unique_id_with_other_bytes_is_refused(
    ready: Patient, actors: Actors, ledger: Ledger
) -> None:
    document = report(ready)
    (await actors["doctor"].send("POST", "/fhir", bundle(Deposit(ready, [document])))).expect(200)
    changed = report(ready, "Un autre texte.")
    own, other = (one.unique_id.removeprefix("urn:oid:").encode() for one in (document, changed))
    content = changed.content.replace(other, own)
    clash = ClinicalDocument(**{**fields(changed), "unique_id": document.unique_id, "content": content})
    async with ledger.no_trace():
        reply = await actors["doctor"].send("POST", "/fhir", bundle(Deposit(ready, [clash])))
    assert reply.status == 409, reply.answered
    assert code_of(reply) == "DUPLICATE_DOCUMENT"
    assert "XDSNonIdenticalHash" in reply.content.decode()


def fields(document: ClinicalDocument) -> dict[str, Any]:
    return {name: getattr(document, name) for name in ClinicalDocument.__slots__}


async def test_no_error_reaches_the_logs_with_what_was_sent(
    ready: Patient, actors: Actors, platform: Platform
) -> None:
    """A refused body may hold a patient: no log of any program repeats a trait or an INS."""
    await actors["secretary"].send("POST", "/v1/identities", {"traits": {**ready.traits, "sex": "other"}})
    await actors["doctor"].send(
        "POST", "/v1/persons/resolve", {"ins": {"matricule": ready.matricule, "oid": "1.2.3.4"}}
    )
    telling = (ready.matricule, ready.matricule[:13], ready.birth_name)
    for log in sorted((platform.home / "logs").glob("*.log")):
        text = log.read_text(errors="replace")
        assert not [word for word in telling if word in text], log.name
