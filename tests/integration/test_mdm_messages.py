"""A hospital's software sends MDM messages to the whole platform: a document comes, is shown, and goes."""

import secrets
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from socle_local.journey import ClinicalDocument, Patient, Reach, consultation_report
from socle_local.journey.mdm import message
from tests.ledger import Ledger
from tests.reach import Actors

OTHER = 7
DMP = frozenset({"DESTDMP"})


@pytest.fixture
async def ready(actors: Actors, patient: Patient) -> Patient:
    """The patient, qualifiée at the hospital, with an open record."""
    secretary = actors["secretary"]
    body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    identity = (await secretary.send("POST", "/v1/identities", body)).expect(201).json()["id"]
    (await secretary.send("POST", f"/v1/identities/{identity}/ins-retrieval")).expect(200)
    (await secretary.send("POST", f"/v1/identities/{identity}/paper-check", {"paper": "CN"})).expect(200)
    (await secretary.send("POST", f"/v1/dmp/{patient.person_id}")).expect(200, 201)
    return patient


@pytest.fixture
def send(actors: Actors, reach: Reach, http: httpx.AsyncClient) -> Any:
    """Sends a message as the integration engine of the hospital; MSA-1 and the ERR segments."""

    async def sent(text: str) -> tuple[str, list[str]]:
        token = await actors["integrator"].token()
        headers = {"authorization": f"Bearer {token}", "content-type": "x-application/hl7-v2+er7"}
        answer = await http.post(f"{reach.gateway}/hl7/v2/mdm", content=text.encode(), headers=headers)
        assert answer.status_code == 200, answer.text
        segments = answer.text.strip("\r").split("\r")
        verdict = next(one for one in segments if one.startswith("MSA")).split("|")[1]
        return verdict, [one for one in segments if one.startswith("ERR")]

    return sent


def report(patient: Patient) -> ClinicalDocument:
    return consultation_report(patient, datetime.now(UTC).replace(microsecond=0))


async def seen(actors: Actors, patient: Patient, document: ClinicalDocument) -> list[str]:
    """The codes that the patient reads of a document; empty when it is in no list of theirs."""
    listed = await actors["patient"].send(
        "GET", f"/v1/dmp/{patient.person_id}/documents", params={"size": "100"}
    )
    entries = listed.expect(200).json().get("entries", [])
    return next((one["confidentiality"] for one in entries if one["unique_id"] == document.unique_id), [])


async def test_document_comes_waits_is_shown_and_goes(ready: Patient, actors: Actors, send: Any) -> None:
    document = report(ready)
    hidden = message("T02", document, ready, DMP | {"INVISIBLE_PATIENT"})
    assert await send(hidden) == ("AA", [])
    assert await send(hidden) == ("AA", [])
    assert await seen(actors, ready, document) == []
    parent = document.unique_id.removeprefix("urn:oid:")
    assert await send(message("T10", document, ready, DMP | {"MODIF_CONF_CODE"}, parent)) == ("AA", [])
    assert await seen(actors, ready, document) == ["N"]
    deletion = message("T04", document, ready, DMP)
    assert await send(deletion) == ("AA", [])
    assert await send(deletion) == ("AA", [])
    assert await seen(actors, ready, document) == []


async def test_document_of_another_person_is_904_and_nothing_is_stored(
    ready: Patient, ledger: Ledger, send: Any
) -> None:
    document = report(Patient.seeded(OTHER))
    verdict, (error,) = await send(message("T02", document, ready, DMP))
    assert verdict == "AE"
    assert "|904^" in error
    counted = "SELECT count(*) FROM document WHERE unique_id = $1"
    assert await ledger["dmp"].fetchval(counted, document.unique_id) == 0


async def test_deletion_of_what_is_not_there_is_900(ready: Patient, send: Any) -> None:
    verdict, (error,) = await send(message("T04", report(ready), ready, DMP))
    assert (verdict, "|900^" in error) == ("AE", True)
