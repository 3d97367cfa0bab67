"""The Patient resources of the platform have the shape of the hand-checked FR Core samples."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from socle_local.journey import Patient
from tests.conformance.conftest import Reference
from tests.reach import Actors

Json = dict[str, Any]
# Elements of the samples that our resources lack, and why.
KNOWN_GAPS = {
    "ins-qualifiee": {
        # The registry holds the code of the commune; its name changes over time and is not a trait.
        "extension[patient-birthPlace].valueAddress.city",
    },
    "ins-provisoire": {"extension[patient-birthPlace].valueAddress.city"},
}
NAMING = ("url", "use", "system", "code")


def shape(value: Any, at: str = "") -> Iterator[str]:
    """Every place that holds something; list items by what they are: `extension[birthPlace].value...`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from shape(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for item in value:
            yield from shape(item, f"{at}[{kind(item)}]")
    else:
        yield at


def kind(item: Any) -> str:
    """What tells an item of a list from its neighbours."""
    if not isinstance(item, dict):
        return ""
    return next((str(item[name]).rsplit("/", 1)[-1] for name in NAMING if name in item), "")


def codes(value: Any) -> Iterator[tuple[str, str]]:
    """Every coding: system and code."""
    if isinstance(value, dict):
        if {"system", "code"} <= value.keys():
            yield value["system"], value["code"]
        for inner in value.values():
            yield from codes(inner)
    elif isinstance(value, list):
        for item in value:
            yield from codes(item)


@pytest.fixture(scope="module")
async def resources(actors: Actors, patient: Patient) -> dict[str, Json]:
    """One identity at two moments of its life."""
    secretary = actors["secretary"]
    traits = {**patient.traits, "used_name": "MARTIN", "used_first_name": patient.first_names[0]}
    body = {"traits": traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    identity = (await secretary.send("POST", "/v1/identities", body)).expect(201).json()["id"]
    before = (await secretary.send("GET", f"/fhir/Patient/{identity}")).expect(200).json()
    (await secretary.send("POST", f"/v1/identities/{identity}/ins-retrieval")).expect(200)
    (await secretary.send("POST", f"/v1/identities/{identity}/paper-check", {"paper": "CN"})).expect(200)
    after = (await secretary.send("GET", f"/fhir/Patient/{identity}")).expect(200).json()
    return {"ins-provisoire": before, "ins-qualifiee": after}


@pytest.mark.parametrize("sample", KNOWN_GAPS)
async def test_patient_has_every_element_of_the_sample(
    sample: str, reference: Reference, resources: dict[str, Json]
) -> None:
    published, ours = set(shape(reference.json(f"own/Patient-{sample}.json"))), set(shape(resources[sample]))
    assert published - ours <= KNOWN_GAPS[sample]


@pytest.mark.parametrize("sample", KNOWN_GAPS)
async def test_patient_uses_the_profile_and_the_systems_of_the_sample(
    sample: str, reference: Reference, resources: dict[str, Json]
) -> None:
    published, ours = reference.json(f"own/Patient-{sample}.json"), resources[sample]
    assert published["meta"]["profile"] == ours["meta"]["profile"]
    assert {system for system, _ in codes(published)} <= {system for system, _ in codes(ours)}


async def test_ins_leaves_with_a_qualified_identity_only(
    resources: dict[str, Json], patient: Patient
) -> None:
    """The status of French table 0445: VALI when qualifiée, PROV for all else, and no INS with PROV."""
    told = {name: dict(codes(resource)) for name, resource in resources.items()}
    statuses = {
        name: one["https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445"] for name, one in told.items()
    }
    assert statuses == {"ins-provisoire": "PROV", "ins-qualifiee": "VALI"}
    assert patient.matricule not in str(resources["ins-provisoire"])
    assert patient.matricule in [one["value"] for one in resources["ins-qualifiee"]["identifier"]]
