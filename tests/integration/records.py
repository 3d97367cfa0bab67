"""Records and their documents, as people and software use them through the gateway."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from socle_local.journey import (
    Actor,
    ClinicalDocument,
    Deposit,
    Patient,
    bundle,
    consultation_report,
    purpose,
)
from socle_local.journey.record import resources
from tests.integration import identities
from tests.reach import Actors

Json = dict[str, Any]
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument"
)
TYPES = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
LOINC_OID, TYPES_OID = b"2.16.840.1.113883.6.1", b"1.2.250.1.213.1.1.4.12"
REASON = "Patiente inconsciente, antécédents inconnus"
NORMAL: dict[str, str] = {}
BREAK_GLASS, REGULATION, SECRET = (
    purpose("bris_de_glace", REASON),
    purpose("centre_15", REASON),
    purpose("secret"),
)
# What the holder allows when nobody says anything else (EX_1.1-1050).
USUAL_CONSENTS = {
    "feeding_allowed": True,
    "consultation_allowed": True,
    "etreat": True,
    "btg": True,
    "masked": False,
}


async def opened(actors: Actors, patient: Patient, holder: str) -> str:
    """A record that is open, with the usual consents and nobody authorised, blocked or in a role; its person.

    The tests share a platform and its few people: each says what it starts from.
    """
    await identities.qualified(actors["secretary"], patient)
    # The operator reopens what anyone closed; before the first opening there is nothing to reopen.
    (await actors["ops"].send("DELETE", f"{path(patient)}/closure")).expect(200, 404)
    (await actors["secretary"].send("POST", path(patient))).expect(200, 201)
    (await actors[holder].send("PATCH", f"{path(patient)}/consents", USUAL_CONSENTS)).expect(200)
    await cleared(actors[holder], patient)
    return patient.person_id


async def cleared(holder: Actor, patient: Patient) -> None:
    """Ends every authorisation, block and role."""
    places = {"blocked": "blocks", "care_role": "care-roles"}
    listed = (await holder.send("GET", f"{path(patient)}/accesses")).expect(200).json()["accesses"]
    for one in listed:
        kind = places.get(one["kind"], "accesses")
        name = one["grantee"] if kind == "blocks" else one["id"]
        (await holder.send("DELETE", f"{path(patient)}/{kind}/{name}")).expect(204)


def path(patient: Patient) -> str:
    """The address of a record."""
    return f"/v1/dmp/{patient.person_id}"


def report(patient: Patient, text: str = "Texte fictif.") -> ClinicalDocument:
    """A consultation report nobody deposited yet."""
    return consultation_report(patient, datetime.now(UTC).replace(microsecond=0), text=text)


def of_type(document: ClinicalDocument, code: str, class_code: str) -> ClinicalDocument:
    """The same document under another type of the national list, in its header too."""
    content = document.content.replace(b"11488-4", code.encode()).replace(LOINC_OID, TYPES_OID)
    return replace(document, content=content, type_code=code, class_code=class_code)


def sent(patient: Patient, document: ClinicalDocument, *flags: str) -> Json:
    """The transaction that deposits it, with these flags beside its level."""
    body = bundle(Deposit(patient, [document]))
    reference = next(
        one["resource"] for one in body["entry"] if one["resource"]["resourceType"] == "DocumentReference"
    )
    if not document.type_code[0].isdigit():
        reference["type"]["coding"][0]["system"] = TYPES
    reference["securityLabel"] += [label(flag) for flag in flags]
    return body


def label(flag: str) -> Json:
    """A security label of PDSm."""
    return {"coding": [{"system": VISIBILITY, "code": flag}]}


async def deposited(
    actor: Actor, patient: Patient, *flags: str, document: ClinicalDocument | None = None, **more: Any
) -> str:
    """The id of a document once it is in the record."""
    answer = await actor.send("POST", "/fhir", sent(patient, document or report(patient), *flags), **more)
    entries = answer.expect(200).json()["entry"]
    places = [one["response"]["location"].split("/") for one in entries]
    return next(str(place[1]) for place in places if place[0] == "DocumentReference")


async def searched(
    actor: Actor, patient: Patient, mode: Mapping[str, str] = NORMAL, **more: str
) -> list[str]:
    """The documents that a search (ITI-67) shows, on every page of it."""
    asked = {"patient.identifier": patient.ins_token, "status": "current,superseded", "_count": "100", **more}
    found: list[str] = []
    place, params = "/fhir/DocumentReference", dict(asked)
    while True:
        reply = (await actor.send("GET", place, params=params, headers=mode)).expect(200)
        found += [one["id"] for one in resources(reply)]
        links = {one["relation"]: one["url"] for one in reply.json()["link"]}
        if "next" not in links:
            return found
        params["_page"] = links["next"].rpartition("_page=")[2]


async def seen(
    actor: Actor, patient: Patient, documents: Collection[str], mode: Mapping[str, str] = NORMAL
) -> set[str]:
    """Which of the documents this reader has; the search, the read and the retrieval must say the same.

    What may not be known is 404 both ways, never 403: a refusal would tell that something is there.
    """
    listed = set(await searched(actor, patient, mode)) & set(documents)
    accept = {"accept": "text/xml, application/fhir+json;q=0.5", **mode}
    for document_id in documents:
        expected = 200 if document_id in listed else 404
        reply = await actor.send("GET", f"/fhir/DocumentReference/{document_id}", headers=mode)
        reply.expect(expected)
        (await actor.send("GET", f"/fhir/Binary/{document_id}", headers=accept)).expect(expected)
    return listed


async def granted(holder: Actor, patient: Patient, grantee: str, kind: str = "professional") -> Json:
    """An authorisation without an end."""
    body = {"grantee": grantee, "kind": kind}
    access: Json = (await holder.send("POST", f"{path(patient)}/accesses", body)).expect(201).json()
    return access


async def consented(holder: Actor, patient: Patient, **switches: bool) -> Json:
    """The record once the holder changed these consents."""
    body = (
        dict(switches)
        if switches.get("feeding_allowed") is not False
        else {**switches, "reason": "Motif légitime"}
    )
    reply = await holder.send("PATCH", f"{path(patient)}/consents", body)
    record: Json = reply.expect(200).json()
    return record


def unknown() -> str:
    """An id that no document has."""
    return f"01890000-0000-7000-8000-{secrets.token_hex(6)}"
