"""Patients as published: the right ones are accepted and come back equal, the wrong ones refused for their
faults.
"""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.fhir.xml_in import from_xml
from gateway.fhir.xml_out import to_xml
from socle_local.journey import Patient
from tests.conformance.conftest import Reference
from tests.reach import Actors
from tests.same_patient import differences

Json = dict[str, Any]
XML = {"accept": "application/fhir+xml"}
GOOD = ("own/Patient-ins-provisoire.json", "own/Patient-ins-qualifiee.json")
STATUS = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445"
RELIABILITY = "fr-core-identity-reliability"

# Where each Patient that was published goes wrong, and a word of the reason. Nothing: it is accepted.
# The samples of the DMP guide know a patient by a number alone: its type is missing, so that it may be a
# billing number, and there is nobody to create.
NUMBER_ALONE = {
    "Patient.identifier[0].type": "tells an INS from a billing number",
    "Patient.name": "must hold one name of use official",
    "Patient.gender": "is missing",
    "Patient.birthDate": "is missing",
}
# In a document the INS is enough; to create an identity something must vouch for it.
UNVOUCHED = {"Patient.identifier[0]": RELIABILITY}
EXPECTED: dict[str, dict[str, str]] = {
    **{name: {} for name in GOOD},
    "own/Bundle-iti65-new.json": UNVOUCHED,
    "own/Bundle-iti65-replace.json": UNVOUCHED,
    "own/DocumentReference-iti105.json": UNVOUCHED,
    # It claims fr-core-patient-ins without its two extensions, and carries two of the DMP.
    "own/Bundle-td02-dmp-open.json": {
        "Patient.extension": "must hold",
        "Patient.extension[0]": "not kept",
        "Patient.extension[1]": "not kept",
        **UNVOUCHED,
    },
    "fhir-json/pdsm4dmp/Bundle-example-annexe-fhir-document.json": NUMBER_ALONE,
    "fhir-json/pdsm4dmp/Bundle-example-annexe-searchset-documentreferences.json": NUMBER_ALONE,
    "fhir-json/pdsm4dmp/Bundle-example-td2-iti65-lot-soumission.json": NUMBER_ALONE,
    "fhir-json/pdsm4dmp/DocumentReference-doc-x-id.json": NUMBER_ALONE,
}


def patients(value: Any) -> Iterator[Json]:
    """Every Patient of a resource, itself, in an entry or contained."""
    if isinstance(value, dict):
        if value.get("resourceType") == "Patient":
            yield value
        for inner in value.values():
            yield from patients(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from patients(inner)


def published(folder: Path) -> dict[str, list[Json]]:
    """Every Patient of the reference data, by file."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        text = path.read_text(errors="replace")
        # Some official files are not JSON at all; none of those speaks of a Patient.
        if '"Patient"' in text and (inside := list(patients(json.loads(text)))):
            found[str(path.relative_to(folder))] = inside
    return found


def of_its_own(patient: Json) -> Json:
    """The Patient under a number that no other test has given; everything else stays as published."""
    adapted: Json = json.loads(json.dumps(patient))
    for identifier in adapted["identifier"]:
        if identifier.get("use") == "usual":
            identifier["value"] = f"IPP-{secrets.token_hex(6)}"
    return adapted


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


def test_every_published_patient_has_an_expected_outcome(reference: Reference) -> None:
    assert published(reference.folder).keys() == EXPECTED.keys()
    others = [one for one in reference.folder.parent.iterdir() if one != reference.folder and one.is_dir()]
    assert [name for folder in others for name in published(folder)] == []


@pytest.mark.parametrize("name", EXPECTED)
async def test_published_patient_is_accepted_or_refused_for_its_faults(
    name: str, reference: Reference, actors: Actors
) -> None:
    for patient in patients(reference.json(name)):
        reply = await actors["secretary"].send("POST", "/fhir/Patient", of_its_own(patient))
        reply.expect(400 if EXPECTED[name] else 201)
        if EXPECTED[name]:
            told = {one["expression"][0]: one["diagnostics"] for one in reply.json()["issue"]}
            assert told.keys() == EXPECTED[name].keys()
            assert [at for at, word in EXPECTED[name].items() if word not in told[at]] == []


@pytest.mark.parametrize("sample", GOOD)
async def test_right_patient_comes_back_equal(sample: str, reference: Reference, actors: Actors) -> None:
    """By the creation, by a read, by its version, in JSON and in XML."""
    sent, secretary = of_its_own(reference.json(sample)), actors["secretary"]
    made = (await secretary.send("POST", "/fhir/Patient", sent)).expect(201)
    assert differences(sent, made.json()) == []
    assert made.json()["meta"]["profile"] == sent["meta"]["profile"]
    path = f"/fhir/Patient/{made.json()['id']}"
    for place in (path, f"{path}/_history/1"):
        assert (await secretary.send("GET", place)).expect(200).json() == made.json()
        as_xml = (await secretary.send("GET", place, headers=XML)).expect(200)
        assert from_xml(as_xml.content) == made.json()


@pytest.mark.parametrize("sample", GOOD)
def test_right_patient_is_the_same_in_xml(sample: str, reference: Reference) -> None:
    patient = reference.json(sample)
    assert from_xml(to_xml(patient)) == patient


async def test_qualified_sample_is_found_by_its_ins_and_by_nobody_else(
    reference: Reference, actors: Actors
) -> None:
    sent = of_its_own(reference.json("own/Patient-ins-qualifiee.json"))
    made = (await actors["secretary"].send("POST", "/fhir/Patient", sent)).expect(201).json()
    ins = next(one for one in sent["identifier"] if one["use"] == "official")
    search = {"identifier": f"{ins['system']}|{ins['value']}", "_sort": "-_lastUpdated"}
    found = (await actors["secretary"].send("GET", "/fhir/Patient", params=search)).expect(200).json()
    assert made["id"] in [entry["resource"]["id"] for entry in found["entry"]]
    elsewhere = (await actors["other-doctor"].send("GET", "/fhir/Patient", params=search)).expect(200).json()
    assert made["id"] not in [entry["resource"]["id"] for entry in elsewhere.get("entry", [])]


async def test_ins_that_insi_does_not_confirm_is_refused(reference: Reference, actors: Actors) -> None:
    """The sample's number with another date of birth: whoever claims it is not believed."""
    sent = of_its_own(reference.json("own/Patient-ins-qualifiee.json")) | {"birthDate": "1979-03-29"}
    reply = (await actors["secretary"].send("POST", "/fhir/Patient", sent)).expect(422)
    assert reply.json()["issue"][0]["expression"] == ["Patient.identifier[0]"]


async def test_number_that_names_another_patient_is_refused_where_it_stands(
    reference: Reference, actors: Actors
) -> None:
    sent = of_its_own(reference.json(GOOD[0]))
    (await actors["secretary"].send("POST", "/fhir/Patient", sent)).expect(201)
    reply = (await actors["secretary"].send("POST", "/fhir/Patient", sent)).expect(409)
    (issue,) = reply.json()["issue"]
    assert (issue["code"], issue["expression"]) == ("duplicate", ["Patient.identifier[0].value"])


async def test_ins_leaves_with_a_qualified_identity_only(actors: Actors, patient: Patient) -> None:
    """The status of French table 0445: VALI when qualifiée, PROV for all else, and no INS with PROV."""
    secretary = actors["secretary"]
    body = {"traits": patient.traits, "ipp": f"IPP-{secrets.token_hex(6)}"}
    identity = (await secretary.send("POST", "/v1/identities", body)).expect(201).json()["id"]
    path = f"/fhir/Patient/{identity}"
    told = []
    for step, sent in (("", None), ("ins-retrieval", None), ("paper-check", {"paper": "CN"})):
        if step:
            (await secretary.send("POST", f"/v1/identities/{identity}/{step}", sent)).expect(200)
        resource = (await secretary.send("GET", path)).expect(200).json()
        told.append((dict(codes(resource))[STATUS], patient.matricule in json.dumps(resource)))
    assert told == [("PROV", False), ("PROV", False), ("VALI", True)]
    history = (await secretary.send("GET", f"{path}/_history")).expect(200).json()
    assert [one["response"]["etag"] for one in history["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']


def parameters(**given: tuple[str, Any]) -> Json:
    """Parameters of an operation: `name=("valueString", "x")`."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, kind: value} for name, (kind, value) in given.items()],
    }


async def created(actors: Actors, sample: Json, **changes: Any) -> Json:
    """The sample under a number of its own, changed, as a Patient of the secretary's hospital."""
    sent = {**of_its_own(sample), **changes}
    made: Json = (await actors["secretary"].send("POST", "/fhir/Patient", sent)).expect(201).json()
    return made


async def test_match_finds_the_sample_under_a_misspelt_name(reference: Reference, actors: Actors) -> None:
    sample = reference.json(GOOD[0])
    made = await created(actors, sample)
    misspelt = [{"use": "official", "family": "PAT-TROI", "given": ["DOMINIQE"]}]
    asked = parameters(resource=("resource", {**sample, "name": misspelt, "identifier": made["identifier"]}))
    answer = (await actors["secretary"].send("POST", "/fhir/Patient/$match", asked)).expect(200).json()
    found = {entry["resource"]["id"]: entry["search"] for entry in answer["entry"]}
    grade, *reasons = found[made["id"]]["extension"]
    assert grade["valueCode"] in ("certain", "probable")
    assert {one["extension"][0]["valueCode"] for one in reasons} >= {"birth-name", "birth-date"}
    scores = [entry["search"]["score"] for entry in answer["entry"]]
    assert scores == sorted(scores, reverse=True)


async def test_ins_read_elsewhere_is_verified_and_taken(reference: Reference, actors: Actors) -> None:
    """The provisional sample becomes the holder of the qualified one's INS; its value stays inside."""
    made = await created(actors, reference.json(GOOD[0]))
    ins = next(one for one in reference.json(GOOD[1])["identifier"] if one["use"] == "official")
    path = f"/fhir/Patient/{made['id']}"
    asked = parameters(identifier=("valueIdentifier", ins))
    verified = (await actors["secretary"].send("POST", f"{path}/$verify-ins", asked)).expect(200).json()
    assert verified["parameter"][0] == {"name": "result", "valueCode": "confirmed"}
    assert ins["value"] not in json.dumps(verified)
    identity = (await actors["secretary"].send("GET", f"/v1/identities/{made['id']}")).expect(200).json()
    assert (identity["status"], identity["ins"]["matricule"]) == ("recuperee", ins["value"])


async def test_insi_answers_the_traits_of_the_sample(reference: Reference, actors: Actors) -> None:
    sample = reference.json(GOOD[1])
    asked = parameters(
        birthName=("valueString", sample["name"][0]["family"]),
        birthFirstName=("valueString", "MARIE-LOUISE"),
        gender=("valueCode", sample["gender"]),
        birthDate=("valueDate", sample["birthDate"]),
    )
    reply = (await actors["secretary"].send("POST", "/fhir/Patient/$search-ins", asked)).expect(200)
    told = {one["name"]: one for one in reply.json()["parameter"]}
    assert told["code"]["valueCode"] == "00"
    assert told["person"]["resource"]["identifier"][0]["value"] == sample["identifier"][0]["value"]


async def test_insi_confirms_the_sample_and_not_another_birth(reference: Reference, actors: Actors) -> None:
    sample = reference.json(GOOD[1])
    for changes, result in (({}, "confirmed"), ({"birthDate": "1979-03-29"}, "not-confirmed")):
        asked = parameters(resource=("resource", {**sample, **changes}))
        reply = await actors["secretary"].send("POST", "/fhir/Patient/$verify-ins", asked)
        assert reply.expect(200).json()["parameter"] == [{"name": "result", "valueCode": result}]


async def test_merged_patients_point_at_each_other(reference: Reference, actors: Actors) -> None:
    sample, secretary = reference.json(GOOD[0]), actors["secretary"]
    kept, absorbed = await created(actors, sample), await created(actors, sample)
    wanted = {"kept_id": kept["id"], "absorbed_id": absorbed["id"], "reason": "Doublon (fictif)"}
    (await secretary.send("POST", "/v1/merges", wanted)).expect(201)
    for one, other, kind in ((kept, absorbed, "replaces"), (absorbed, kept, "replaced-by")):
        read = (await secretary.send("GET", f"/fhir/Patient/{one['id']}")).expect(200).json()
        links = [(link["other"]["reference"], link["type"]) for link in read["link"]]
        assert links == [(f"Patient/{other['id']}", kind)]
        assert read["active"] is (one is kept)


BAD: list[tuple[str, list[Any], Any, str]] = [
    ("300 characters", ["name", 0, "family"], "A" * 300, "Patient.name[0].family"),
    ("control character", ["name", 0, "family"], "PAT\u0007TROIS", "Patient.name[0].family"),
    ("two scripts", ["name", 0, "family"], "PAT-TR\u041eIS", "Patient.name[0].family"),
    ("not yet born", ["birthDate"], "2099-01-01", "Patient.birthDate"),
    ("day that is not", ["birthDate"], "1979-02-30", "Patient.birthDate"),
    ("born in 1800", ["birthDate"], "1800-01-01", "Patient.birthDate"),
    ("wrong key", ["identifier", 0, "value"], "279035121518988", "Patient.identifier[0].value"),
    ("number without key", ["identifier", 0, "value"], "2790351215189", "Patient.identifier[0].value"),
    (
        "driving licence",
        ["extension", 0, "extension", 2, "valueCoding", "code"],
        "PC",
        "Patient.extension[0].extension[2].value",
    ),
    (
        "paper seen tomorrow",
        ["extension", 0, "extension", 1, "valueDate"],
        "2099-01-01",
        "Patient.extension[0].extension[1].value",
    ),
]


@pytest.mark.parametrize(("steps", "value", "where"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_spoiled_sample_is_refused_where_it_was_spoiled(
    steps: list[Any], value: Any, where: str, reference: Reference, actors: Actors
) -> None:
    sent: Any = of_its_own(reference.json(GOOD[1]))
    holder = sent
    for step in steps[:-1]:
        holder = holder[step]
    holder[steps[-1]] = value
    reply = (await actors["secretary"].send("POST", "/fhir/Patient", sent)).expect(400)
    assert [issue["expression"] for issue in reply.json()["issue"]] == [[where]]
