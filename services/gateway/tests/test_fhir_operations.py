"""$match, $search-ins and $verify-ins, and what wrong Parameters get."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.parameters import Parameters
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput, Violation
from chassis.testing import callers
from gateway.fhir import ins_operations, matching, names
from gateway.fhir.faults import FhirInvalid
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import insi_pb2, vigilance_pb2

from .conftest import SAMPLES, TRAITS
from .desk import Desk

Json = dict[str, Any]
PATIENT: Json = json.loads((SAMPLES / "patient.json").read_text())
PROVISIONAL: Json = {
    **PATIENT,
    "meta": {"profile": [names.FR_PATIENT]},
    "identifier": PATIENT["identifier"][1:],
    "extension": PATIENT["extension"][1:],
}
INS: Json = PATIENT["identifier"][0]


@pytest.fixture
async def desk(house: Any) -> AsyncIterator[Any]:
    async with house(identities=Desk()) as here:
        yield here


def given_(**values: Any) -> Json:
    """Parameters: `resource` for resources, `value...` for the others, by the key of a pair."""
    return {"resourceType": "Parameters", "parameter": [{"name": n, k: v} for n, (k, v) in values.items()]}


async def call(here: Any, path: str, body: Json | None = None, caller: Any = callers.staff) -> Any:
    headers = here.as_(caller, **({"Content-Type": names.FHIR_JSON} if body is not None else {}))
    content = json.dumps(body) if body is not None else None
    return await here.client.post(f"/fhir/{path}", content=content, headers=headers)


async def made(here: Any, body: Json = PROVISIONAL) -> str:
    answer = await call(here, "Patient", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def values(answer: Any) -> Json:
    """The parameters of an answer, by name."""
    assert answer.status_code == 200, answer.text
    Parameters.model_validate(answer.json())
    held = (dict(one) for one in answer.json()["parameter"])
    return {one.pop("name"): next(iter(one.values())) for one in held}


def places(answer: Any, status: int = 400) -> list[str]:
    assert answer.status_code == status, answer.text
    OperationOutcome.model_validate(answer.json())
    return [issue["expression"][0] for issue in answer.json()["issue"] if "expression" in issue]


async def test_match_tells_grades_and_reasons(desk: Any) -> None:
    identity = pb.Identity(id="01900000-0000-7000-8000-0000000000a1", ipp="I-1", traits=TRAITS, version=3)
    agreement = pb.FieldAgreement(field="birth_name", agreement="near", similarity=0.91234567, weight=-1.5)
    candidate = pb.Candidate(identity=identity, score=0.87654321, grade="probable", fields=[agreement])
    desk.vigilance.answers["MatchIdentities"] = vigilance_pb2.MatchIdentitiesResponse(candidates=[candidate])
    body = given_(
        resource=("resource", PATIENT), onlyCertainMatches=("valueBoolean", True), count=("valueInteger", 3)
    )
    answer = await call(desk, "Patient/$match", body)
    assert answer.status_code == 200, answer.text
    Bundle.model_validate(answer.json())
    (entry,) = answer.json()["entry"]
    assert (entry["search"]["mode"], entry["search"]["score"]) == ("match", 0.8765)
    grade, reason = entry["search"]["extension"]
    assert grade == {"url": names.MATCH_GRADE, "valueCode": "probable"}
    told = {
        one["url"]: next(value for name, value in one.items() if name != "url") for one in reason["extension"]
    }
    assert told == {"field": "birth-name", "agreement": "near", "similarity": 0.9123, "weight": -1.5}
    ((name, asked, _),) = desk.vigilance.asked
    assert (name, asked.only_certain, asked.count) == ("MatchIdentities", True, 3)
    described = asked.description
    assert (described.birth_name, list(described.birth_first_names)) == (
        "PAT-TROIS",
        ["DOMINIQUE", "MARIE-LOUISE"],
    )
    assert (described.birth_place, described.ins.matricule, described.ipp) == (
        "51215",
        INS["value"],
        "IPP-000123",
    )


async def test_match_takes_a_person_as_far_as_known(desk: Any) -> None:
    known = {"resourceType": "Patient", "name": [{"family": "PAT"}], "telecom": [{"value": "1"}]}
    answer = await call(desk, "Patient/$match", given_(resource=("resource", known)))
    assert answer.json() == {"resourceType": "Bundle", "type": "searchset"}
    asked = desk.vigilance.asked[0][1]
    assert asked.description == vigilance_pb2.Description(birth_name="PAT")


async def test_search_ins_gives_the_person_and_no_former_number(desk: Any) -> None:
    body = given_(
        birthName=("valueString", "PAT-TROIS"),
        birthFirstName=("valueString", "MARIE-LOUISE"),
        gender=("valueCode", "female"),
        birthDate=("valueDate", "1979-03-28"),
        birthPlace=("valueCode", "51215"),
    )
    found = values(await call(desk, "Patient/$search-ins", body))
    assert (found["code"], found["label"]) == ("00", "OK")
    assert found["person"]["identifier"][0]["value"] == INS["value"]
    assert "id" not in found["person"]
    assert len(found["person"]["identifier"]) == 1
    body["parameter"][0]["valueString"] = "NOBODY"
    found = values(await call(desk, "Patient/$search-ins", body))
    assert found == {"code": "01", "label": "Aucune identite trouvee"}
    body["parameter"][4]["valueCode"] = "99999"
    assert places(await call(desk, "Patient/$search-ins", body)) == ["Parameters.parameter[4].value"]


async def test_patient_takes_the_ins_that_insi_finds(desk: Any) -> None:
    patient_id = await made(desk)
    answer = await call(desk, f"Patient/{patient_id}/$search-ins")
    found = values(answer)
    assert found["code"] == "00"
    assert found["patient"]["id"] == patient_id
    assert answer.headers["etag"] == 'W/"2"'
    empty = {"resourceType": "Parameters"}
    assert values(await call(desk, f"Patient/{patient_id}/$search-ins", empty))["code"] == "00"


async def test_verify_ins_confirms_or_takes_away(desk: Any) -> None:
    patient_id = await made(desk, PATIENT)
    assert values(await call(desk, f"Patient/{patient_id}/$verify-ins"))["result"] == "confirmed"
    other = {**INS, "value": "255081416802538"}
    body = given_(identifier=("valueIdentifier", other))
    found = values(await call(desk, f"Patient/{patient_id}/$verify-ins", body))
    assert found["result"] == "not-confirmed"
    assert INS["value"] not in json.dumps(found)
    assert desk.identities.asked[-1].ins.matricule == other["value"]


async def test_number_is_verified_with_the_traits_of_anyone(desk: Any) -> None:
    desk.insi.answers["VerifyInsTraits"] = insi_pb2.VerifyInsTraitsResponse(confirmed=True, person_id="p")
    found = values(await call(desk, "Patient/$verify-ins", given_(resource=("resource", PATIENT))))
    assert found == {"result": "confirmed"}
    line = desk.insi.asked[0][1].line
    assert (line.num_identifiant, line.cle, line.oid) == ("2790351215189", "89", INS["system"][8:])
    assert (line.nom_naissance, line.liste_prenom) == ("PAT-TROIS", "DOMINIQUE MARIE-LOUISE")
    assert (line.sexe, line.date_naissance, line.lieu_naissance) == ("F", "1979-03-28", "51215")
    fault = Violation("line.cle", "is wrong")
    desk.insi.answers["VerifyInsTraits"] = InvalidInput(violations=[fault])
    refused = await call(desk, "Patient/$verify-ins", given_(resource=("resource", PATIENT)))
    assert places(refused) == ["Parameters.parameter[0].resource.identifier[0].value"]


WRONG: list[tuple[str, Any, str]] = [
    ("Patient/$match", PATIENT, "resourceType"),
    ("Patient/$match", {"resourceType": "Parameters"}, "Parameters"),
    ("Patient/$match", {"resourceType": "Parameters", "parameter": []}, "Parameters.parameter"),
    ("Patient/$match", {"resourceType": "Parameters", "parameter": [1]}, "Parameters.parameter[0]"),
    ("Patient/$match", given_(resource=("valueString", "x")), "Parameters.parameter[0]"),
    (
        "Patient/$match",
        given_(resource=("resource", {"resourceType": "Basic"})),
        "Parameters.parameter[0].resource",
    ),
    (
        "Patient/$match",
        given_(resource=("resource", {"resourceType": "Patient"})),
        "Parameters.parameter[0].resource",
    ),
    (
        "Patient/$match",
        given_(resource=("resource", PATIENT), count=("valueInteger", 0)),
        "Parameters.parameter[1].value",
    ),
    (
        "Patient/$match",
        given_(resource=("resource", PATIENT), colour=("valueCode", "x")),
        "Parameters.parameter[1].name",
    ),
    (
        "Patient/$match",
        {"resourceType": "Parameters", "parameter": [{"name": "count", "valueInteger": 1}] * 2},
        "Parameters.parameter[1]",
    ),
    ("Patient/$search-ins", given_(birthName=("valueString", "X")), "Parameters"),
    (
        "Patient/$search-ins",
        given_(
            birthName=("valueString", "X"),
            birthFirstName=("valueString", "A"),
            gender=("valueCode", "unknown"),
            birthDate=("valueDate", "1979"),
        ),
        "Parameters.parameter[2].value",
    ),
    (
        "Patient/$verify-ins",
        given_(resource=("resource", PROVISIONAL)),
        "Parameters.parameter[0].resource.identifier",
    ),
    (
        "Patient/$verify-ins",
        given_(resource=("resource", {**PATIENT, "gender": "unknown"})),
        "Parameters.parameter[0].resource.gender",
    ),
    ("Patient/x/$search-ins", given_(birthName=("valueString", "X")), "Parameters.parameter[0].name"),
    (
        "Patient/x/$verify-ins",
        given_(identifier=("valueIdentifier", {"value": "1"})),
        "Parameters.parameter[0].value.type",
    ),
    (
        "Patient/x/$verify-ins",
        given_(identifier=("valueIdentifier", {**INS, "system": "urn:x"})),
        "Parameters.parameter[0].value.system",
    ),
]


@pytest.mark.parametrize(("path", "body", "where"), WRONG)
async def test_wrong_parameters_are_told_and_nobody_is_asked(
    desk: Any, path: str, body: Any, where: str
) -> None:
    assert where in places(await call(desk, path, body))
    assert desk.identities.asked == desk.vigilance.asked == desk.insi.asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "Patient/$merge"),
        ("POST", "Patient/01900000-0000-7000-8000-0000000000a1/$everything"),
        ("GET", "Patient/01900000-0000-7000-8000-0000000000a1/$everything"),
        ("GET", "Patient/$match"),
        ("POST", "$export"),
    ],
)
async def test_unknown_operation_is_not_found_and_those_known_are_named(
    desk: Any, method: str, path: str
) -> None:
    answer = await desk.client.request(method, f"/fhir/{path}", headers=desk.as_(callers.staff))
    assert places(answer, 404) == []
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "OPERATION_UNKNOWN"


async def test_operation_needs_a_token(desk: Any) -> None:
    for path in ("Patient/$match", "Patient/$search-ins", "Patient/x/$search-ins", "Patient/x/$verify-ins"):
        assert (await desk.client.post(f"/fhir/{path}")).status_code == 401


async def test_definitions_are_served_where_the_statement_says(desk: Any) -> None:
    statement = (await desk.client.get("/fhir/metadata")).json()
    declared = [one for kind in statement["rest"][0]["resource"] for one in kind.get("operation", [])]
    for operation in declared:
        path = operation["definition"].removeprefix("http://127.0.0.1:8080")
        definition = (await desk.client.get(path)).json()
        assert (definition["url"], definition["code"]) == (operation["definition"], operation["name"])
    listed = (await desk.client.get("/fhir/OperationDefinition")).json()
    assert len(listed["entry"]) == len(declared)
    assert places(await desk.client.get("/fhir/OperationDefinition/x"), 404) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["parameter", "name", "resource", "valueString", "valueIdentifier", "resourceType", "type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(["resource", "identifier", "birthName", "count"]))
def test_any_parameters_are_read_or_refused(value: Any, name: str) -> None:
    reads = (
        ins_operations.read_line,
        ins_operations.read_search,
        ins_operations.read_verification,
        ins_operations.read_nothing,
    )
    for body in (value, {"resourceType": "Parameters", "parameter": value}, given_(**{name: (name, value)})):
        for read in reads:
            with suppress(FhirInvalid):
                read(body)
        with suppress(FhirInvalid):
            matching.read_match(body, "1")
