"""Decisions that explain themselves: what one sees, and what a professional would see."""

from typing import Any

import pytest

from socle_local.journey import Patient
from socle_local.personas import EMERGENCY_DOCTOR, FAMILY_DOCTOR, NURSE, OTHER_DOCTOR, Professional
from tests.integration import records
from tests.integration.records import BREAK_GLASS
from tests.reach import Actors

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def shelf(actors: Actors, patient: Patient) -> dict[str, str]:
    """A plain, a hidden and a waiting document; the other doctor is authorised."""
    await records.opened(actors, patient, "patient")
    await records.granted(actors["patient"], patient, OTHER_DOCTOR.id_nat)
    plain = await records.deposited(actors["doctor"], patient)
    masked = await records.deposited(actors["doctor"], patient)
    (await actors["patient"].send("PUT", f"/v1/dmp/documents/{masked}/mask")).expect(200)
    waiting = await records.deposited(actors["doctor"], patient, "INVISIBLE_PATIENT")
    return {"plain": plain, "masked": masked, "waiting": waiting}


async def would_see(actors: Actors, patient: Patient, who: Professional, **more: Any) -> Json:
    reader = {"professional": who.id_nat, "profession": who.profession, "organisation": who.structure.id_nat}
    body = {"reader": {**reader, **more}, "size": 200}
    reply = await actors["patient"].send("POST", f"{records.path(patient)}/explanation", body)
    told: Json = reply.expect(200).json()
    return told


def decisions(told: Json) -> dict[str, Json]:
    return {one["document_id"]: one["decision"] for one in told["documents"]}


async def test_holder_asks_what_a_professional_would_see(
    actors: Actors, patient: Patient, shelf: dict[str, str]
) -> None:
    told = await would_see(actors, patient, OTHER_DOCTOR)
    found = decisions(told)
    assert told["record"]["permitted"]
    assert "R1111-46" in told["record"]["rules"]
    assert found[shelf["plain"]]["permitted"]
    assert "matrix.10.11488-4" in found[shelf["plain"]]["rules"]
    masked = found[shelf["masked"]]
    assert (masked["permitted"], masked["rules"]) == (False, ["dmp.masked"])
    assert "UnmaskDocument" in masked["hint"]


async def test_explanation_says_what_the_search_says(
    actors: Actors, patient: Patient, shelf: dict[str, str]
) -> None:
    """For each reader the holder may imagine, and who does read."""
    for who, persona, mode, more in (
        (OTHER_DOCTOR, "other-doctor", records.NORMAL, {}),
        (FAMILY_DOCTOR, "family-doctor", records.NORMAL, {}),
        (NURSE, "nurse", records.NORMAL, {}),
        (EMERGENCY_DOCTOR, "emergency-doctor", BREAK_GLASS, {"purpose": "bris_de_glace"}),
        (
            EMERGENCY_DOCTOR,
            "emergency-doctor",
            records.REGULATION,
            {"purpose": "centre_15", "regulation": True},
        ),
    ):
        explained = decisions(await would_see(actors, patient, who, **more))
        known = {one for one in shelf.values() if one in explained}
        allowed = {one for one in known if explained[one]["permitted"]}
        seen = await records.seen(actors[persona], patient, known, mode)
        assert allowed == seen, (persona, more)


async def test_holder_learns_nothing_of_what_waits_for_its_announcement(
    actors: Actors, patient: Patient, shelf: dict[str, str]
) -> None:
    told = await would_see(actors, patient, OTHER_DOCTOR)
    assert shelf["waiting"] not in decisions(told)


async def test_professional_asks_about_themselves_only(
    actors: Actors, patient: Patient, shelf: dict[str, str]
) -> None:
    place = f"{records.path(patient)}/explanation"
    own = (await actors["other-doctor"].send("GET", place)).expect(200).json()
    reader = {"professional": NURSE.id_nat, "profession": "60"}
    other = await actors["other-doctor"].send("POST", place, {"reader": reader})
    found = decisions(own)
    assert found[shelf["plain"]]["permitted"]
    assert shelf["masked"] not in found
    assert other.status == 403
    assert "dmp.oneself_only" in other.json()["rules"]


async def test_refusal_says_what_would_change_it(
    actors: Actors, patient: Patient, shelf: dict[str, str]
) -> None:
    place = f"{records.path(patient)}/explanation"
    told = (await actors["emergency-doctor"].send("GET", place)).expect(200).json()
    assert told["record"]["permitted"] is False
    assert "authorisation" in told["record"]["hint"]
    assert told["feeding"].keys() >= {"permitted", "rules"}
    opened = (await actors["emergency-doctor"].send("GET", place, headers=BREAK_GLASS)).expect(200).json()
    assert opened["record"]["permitted"]
    assert shelf["plain"] in decisions(opened)


async def test_explanation_is_in_the_journal(actors: Actors, patient: Patient, shelf: dict[str, str]) -> None:
    (await actors["nurse"].send("GET", f"{records.path(patient)}/explanation")).expect(200)
    params = {"action": "dmp_policy.explain", "actor": NURSE.id_nat}
    lines = (await actors["patient"].send("GET", f"{records.path(patient)}/journal", params=params)).expect(
        200
    )
    assert lines.json()["entries"]


async def test_matrix_and_parameters_are_told(actors: Actors) -> None:
    params = {"profession": "60"}
    matrix = (
        (await actors["nurse"].send("GET", "/v1/dmp/policy/habilitations", params=params)).expect(200).json()
    )
    cells = {one["type"]: one["allowed"] for one in matrix["habilitations"]}
    parameters = (await actors["integrator"].send("GET", "/v1/dmp/policy/parameters")).expect(200).json()
    assert cells["89601-9"] is False
    assert {one["profession"] for one in matrix["habilitations"]} == {"60"}
    assert parameters["majority_age"] == 18
    assert "text/xml" in parameters["mime_types"]
