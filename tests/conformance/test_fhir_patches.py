"""Patches and TD0.2 as published: the corrected samples are taken, the shape of the answers is theirs."""

from typing import Any

import pytest

from socle_local.journey import Actor, Patient
from tests.conformance.conftest import Reference
from tests.integration import records
from tests.reach import Actors

Json = dict[str, Any]
JSON_PATCH = {"content-type": "application/json-patch+json"}


@pytest.fixture(scope="module")
async def ready(actors: Actors, patient: Patient) -> Patient:
    await records.opened(actors, patient, "patient")
    return patient


async def patched(actor: Actor, document_id: str, body: Any) -> Any:
    return await actor.send("PATCH", f"/fhir/DocumentReference/{document_id}", body, headers=JSON_PATCH)


async def test_sample_that_masks_is_accepted(actors: Actors, ready: Patient, reference: Reference) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    body = reference.json("own/Patch-mask-ps.json")
    reply = (await patched(actors["doctor"], document_id, body)).expect(200)
    codes = [one["coding"][0]["code"] for one in reply.json()["securityLabel"]]
    assert codes == ["N", "MASQUE_PS"]


async def test_sample_that_archives_is_accepted(actors: Actors, ready: Patient, reference: Reference) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    body = reference.json("own/Patch-archive.json")
    reply = (await patched(actors["doctor"], document_id, body)).expect(200)
    assert reply.json()["extension"][0] == {"url": body[0]["value"], "valueBoolean": True}


async def test_deletion_by_another_is_refused_as_in_the_sample(
    actors: Actors, ready: Patient, reference: Reference
) -> None:
    expected = reference.json("own/OperationOutcome-403-not-author.json")["issue"][0]
    document_id = await records.deposited(actors["doctor"], ready)
    body = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
    reply = await patched(actors["patient"], document_id, body)
    issue = reply.json()["issue"][0]
    assert reply.status == 403
    assert {name: issue[name] for name in ("severity", "code")} == {
        name: expected[name] for name in ("severity", "code")
    }
    assert "deposited or wrote the document" in issue["diagnostics"]


async def test_open_record_is_told_as_in_the_sample(
    actors: Actors, ready: Patient, reference: Reference
) -> None:
    """Its traits and its local number are left out: a record knows none."""
    sample = reference.json("own/Bundle-td02-dmp-open.json")
    asked = {"identifier": ready.ins_token}
    answer = (await actors["doctor"].send("GET", "/fhir/dmp/Patient", params=asked)).expect(200).json()
    (expected,), (told,) = ([one["resource"] for one in body["entry"]] for body in (sample, answer))
    assert (answer["type"], answer["total"]) == (sample["type"], sample["total"])
    assert told["extension"] == expected["extension"]
    assert told["active"] is expected["active"]
    assert told["identifier"][0] == {**expected["identifier"][0], "value": ready.matricule}
