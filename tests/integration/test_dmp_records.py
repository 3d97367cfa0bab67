"""The life of a record: its state, its consents, its roles, its end, as REST and TD0.2 tell them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from socle_local.journey import Actor, Patient
from socle_local.personas import FAMILY_DOCTOR, OTHER_DOCTOR
from tests.integration import records
from tests.reach import Actors, code_of

Json = dict[str, Any]
TEN_YEARS, THREE_MONTHS = 3652, 92


@pytest.fixture
async def ready(actors: Actors, patient: Patient) -> AsyncIterator[Patient]:
    """The patient's record as it is at first, whatever a test did to it."""
    await records.opened(actors, patient, "patient")
    yield patient
    await records.opened(actors, patient, "patient")


async def told(actor: Actor, patient: Patient) -> Json | None:
    """TD0.2: the Patient of the record, or None."""
    reply = await actor.send("GET", "/fhir/dmp/Patient", params={"identifier": patient.ins_token})
    entries = reply.expect(200).json().get("entry", [])
    return entries[0]["resource"] if entries else None


def extension(patient: Json, name: str) -> Json | None:
    return next((one for one in patient["extension"] if one["url"].endswith(name)), None)


def days_until(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime.now(UTC)).days


async def closed(holder: Actor, patient: Patient) -> Json:
    body = {"reason": "patient_request", "comment": "Motif personnel (fictif)"}
    record: Json = (await holder.send("POST", f"{records.path(patient)}/closure", body)).expect(200).json()
    return record


async def test_closing_keeps_ten_years_and_reopening_brings_all_back(actors: Actors, ready: Patient) -> None:
    document_id = await records.deposited(actors["doctor"], ready)
    record = await closed(actors["patient"], ready)
    status = await told(actors["doctor"], ready)
    refused = await actors["doctor"].send("POST", "/fhir", records.sent(ready, records.report(ready)))
    reopened = await actors["patient"].send("DELETE", f"{records.path(ready)}/closure")
    assert (record["state"], record["close_reason"]) == ("closed", "patient_request")
    assert TEN_YEARS - 3 <= days_until(record["destroy_at"]) <= TEN_YEARS + 1
    assert status is not None
    assert status["active"] is False
    assert extension(status, "dmp-fermeture")
    assert refused.status in (403, 422)
    assert reopened.expect(200).json()["state"] == "open"
    assert document_id in await records.seen(actors["doctor"], ready, [document_id])


async def test_closing_twice_is_closing_once(actors: Actors, ready: Patient) -> None:
    first = await closed(actors["patient"], ready)
    again = await closed(actors["patient"], ready)
    assert again["closed_at"] == first["closed_at"]


async def test_early_destruction_is_confirmed_and_given_up_by_reopening(
    actors: Actors, ready: Patient
) -> None:
    place = f"{records.path(ready)}/destruction"
    of_an_open_record = await actors["patient"].send("POST", place, {"confirmed": True})
    await closed(actors["patient"], ready)
    unconfirmed = await actors["patient"].send("POST", place, {"confirmed": False})
    asked = (await actors["patient"].send("POST", place, {"confirmed": True})).expect(202).json()
    receipt = await actors["patient"].send("GET", f"{records.path(ready)}/erasure-receipt")
    reopened = (await actors["patient"].send("DELETE", f"{records.path(ready)}/closure")).expect(200).json()
    assert (of_an_open_record.status, unconfirmed.status) == (422, 400)
    assert 0 < days_until(asked["destroy_at"]) <= THREE_MONTHS
    assert receipt.status == 404, "nothing was destroyed yet"
    assert "destroy_at" not in reopened


async def test_death_is_told_by_the_structure_and_only_the_operator_reopens(
    actors: Actors, ready: Patient
) -> None:
    place = f"{records.path(ready)}/closure"
    by_holder = await actors["patient"].send("POST", place, {"reason": "death"})
    (await actors["secretary"].send("POST", place, {"reason": "death"})).expect(200)
    holder = await actors["patient"].send("DELETE", place)
    operator = await actors["ops"].send("DELETE", place)
    assert (by_holder.status, holder.status, operator.status) == (403, 403, 200)


async def test_switches_of_emergencies_are_the_holder_alone(actors: Actors, ready: Patient) -> None:
    place = f"{records.path(ready)}/consents"
    record = (await actors["patient"].send("PATCH", place, {"masked": True, "btg": False})).expect(200).json()
    by_doctor = await actors["doctor"].send("PATCH", place, {"btg": True})
    oral = await actors["doctor"].send("PATCH", place, {"consultation_allowed": False})
    # proto3 leaves a false switch of `emergency` in: the record says each of the three.
    assert record["emergency"] == {"etreat": True, "btg": False, "masked": True}
    assert (by_doctor.status, oral.status) == (403, 200)


async def test_opposition_to_feeding_needs_a_reason(actors: Actors, ready: Patient) -> None:
    place = f"{records.path(ready)}/consents"
    bare = await actors["patient"].send("PATCH", place, {"feeding_allowed": False})
    assert 400 <= bare.status < 500
    said = await actors["patient"].send(
        "PATCH", place, {"feeding_allowed": False, "reason": "Motif légitime"}
    )
    assert said.expect(200).json()["feeding_allowed"] is False


async def test_medecin_traitant_is_told_to_themselves_and_may_block(actors: Actors, ready: Patient) -> None:
    body = {"professional": FAMILY_DOCTOR.id_nat, "role": "medecin_traitant"}
    role = (
        (await actors["patient"].send("POST", f"{records.path(ready)}/care-roles", body)).expect(201).json()
    )
    own, other = await told(actors["family-doctor"], ready), await told(actors["doctor"], ready)
    listed = (await actors["patient"].send("GET", f"{records.path(ready)}/accesses")).json()["accesses"]
    ended = await actors["patient"].send("DELETE", f"{records.path(ready)}/care-roles/{role['id']}")
    assert own is not None
    assert other is not None
    assert [extension(one, "dmp-medecin-traitant")["valueBoolean"] for one in (own, other)] == [True, False]  # type: ignore[index]
    assert [(one["kind"], one.get("role")) for one in listed] == [("care_role", "medecin_traitant")]
    assert ended.status == 204
    after = await told(actors["family-doctor"], ready)
    assert after is not None
    assert extension(after, "dmp-medecin-traitant") == {
        "url": "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-medecin-traitant",
        "valueBoolean": False,
    }


async def test_default_masking_hides_present_and_new_documents(actors: Actors, ready: Patient) -> None:
    await records.granted(actors["patient"], ready, OTHER_DOCTOR.id_nat)
    present = await records.deposited(actors["doctor"], ready)
    place = f"{records.path(ready)}/default-masking"
    hidden = (await actors["patient"].send("PUT", place, {"masked": True})).expect(200).json()
    new = await records.deposited(actors["doctor"], ready)
    seen = await records.seen(actors["other-doctor"], ready, [present, new])
    shown = (await actors["patient"].send("PUT", place, {"masked": False})).expect(200).json()
    assert (hidden["masked_by_default"], shown["masked_by_default"]) == (True, False)
    assert hidden["changed"] >= 1
    assert seen == set()
    assert present in await records.seen(actors["other-doctor"], ready, [present])


async def test_person_without_record_has_none(actors: Actors) -> None:
    """Person 40 was seeded, and nobody opened a record for them."""
    assert await told(actors["doctor"], Patient.seeded(40)) is None


@pytest.mark.parametrize(
    ("persona", "status", "code"),
    [
        ("other-patient", 404, "RECORD_NOT_FOUND"),
        ("guardian", 404, "RECORD_NOT_FOUND"),
        ("caregiver", 403, "FORBIDDEN"),
    ],
)
async def test_nobody_else_decides(
    actors: Actors, ready: Patient, persona: str, status: int, code: str
) -> None:
    """Whom the holder asked to help is told so; a stranger is told what they would be told of nobody."""
    for method, place, body in (
        ("POST", "closure", {"reason": "patient_request"}),
        ("PATCH", "consents", {"btg": False}),
        ("PUT", "default-masking", {"masked": True}),
        ("POST", "care-roles", {"professional": OTHER_DOCTOR.id_nat, "role": "administrator"}),
    ):
        reply = await actors[persona].send(method, f"{records.path(ready)}/{place}", body)
        assert (reply.status, code_of(reply)) == (status, code), place


async def test_lots_tell_what_changed_since(actors: Actors, ready: Patient) -> None:
    """The polling of real software: deposits and changes of metadata, in the order they were stored."""
    document_id = await records.deposited(actors["doctor"], ready)
    listed = await actors["patient"].send("GET", f"{records.path(ready)}/lots", params={"size": "1"})
    since = listed.expect(200).json()["lots"][0]["received_at"]
    (await actors["patient"].send("PUT", f"/v1/dmp/documents/{document_id}/mask")).expect(200)
    params = {"received_from": since, "oldest_first": "true", "include_documents": "true"}
    polled = (
        (await actors["patient"].send("GET", f"{records.path(ready)}/lots", params=params)).expect(200).json()
    )
    assert [one["kind"] for one in polled["lots"]] == ["deposit", "change"]
    assert polled["lots"][-1]["documents"] == [document_id]
    assert [one["confidentiality"] for one in polled["entries"]] == [["N", "MASQUE_PS"]]
