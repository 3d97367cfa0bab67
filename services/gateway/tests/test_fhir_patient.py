"""FHIR Patient, both ways: create, read, versions, history, search."""

import copy
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.patient import Patient

from chassis.testing import callers
from gateway.fhir import names
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import vigilance_pb2
from tests.same_patient import differences

from .desk import Desk

Json = dict[str, Any]
Edit = Callable[[Json], Any]
SAMPLES = Path(__file__).parent / "samples"
QUALIFIED: Json = json.loads((SAMPLES / "patient.json").read_text())
FHIR_JSON = names.FHIR_JSON


@pytest.fixture
async def desk(house: Any) -> AsyncIterator[Any]:
    """A gateway before an identity-ins that keeps versions and verifies INS."""
    async with house(identities=Desk()) as here:
        yield here


def patient(*edits: Edit) -> Json:
    """The qualified sample, changed."""
    made = copy.deepcopy(QUALIFIED)
    for edit in edits:
        edit(made)
    return made


def provisional(made: Json) -> None:
    """Turns the sample into one that claims nothing."""
    made["meta"]["profile"] = [names.FR_PATIENT]
    del made["identifier"][0], made["extension"][0]["extension"][1:]
    made["extension"][0]["extension"][0]["valueCoding"]["code"] = "PROV"


async def create(here: Any, body: Json, caller: Any = callers.staff, **headers: str) -> Any:
    sent = here.as_(caller, Content_Type=FHIR_JSON, **headers)
    return await here.client.post("/fhir/Patient", content=json.dumps(body), headers=sent)


async def get(here: Any, path: str, caller: Any = callers.staff, **headers: str) -> Any:
    return await here.client.get(f"/fhir/{path}", headers=here.as_(caller, **headers))


def issues(answer: Any, status: int) -> list[Json]:
    assert answer.status_code == status, answer.text
    OperationOutcome.model_validate(answer.json())
    found: list[Json] = answer.json()["issue"]
    return found


@pytest.mark.parametrize("body", [patient(), patient(provisional)], ids=["qualified", "provisional"])
async def test_patient_comes_back_as_it_was_sent(desk: Any, body: Json) -> None:
    made = await create(desk, body)
    assert made.status_code == 201, made.text
    Patient.model_validate(made.json())
    assert differences(body, made.json()) == []
    read = await get(desk, f"Patient/{made.json()['id']}")
    assert read.json() == made.json()
    assert read.headers["etag"] == made.headers["etag"] == 'W/"1"'
    location = made.headers["location"].removeprefix("http://127.0.0.1:8080/fhir/")
    assert location == f"Patient/{made.json()['id']}/_history/1"
    assert (await get(desk, location)).json() == made.json()


async def test_billing_number_method_and_fiction_come_back(desk: Any) -> None:
    def edit(made: Json) -> None:
        provisional(made)
        kind = {"coding": [{"system": names.IDENTIFIER_TYPE, "code": "NH"}]}
        system = f"urn:oid:{names.BILLING_OID}"
        number = {"use": "official", "type": kind, "system": system, "value": "255081416802538"}
        made["identifier"].append(number)
        parts = made["extension"][0]["extension"]
        parts.append(
            {"url": "methodCollection", "valueCoding": {"system": names.FR_COLLECTION, "code": "CV"}}
        )
        parts.append({"url": "comment", "valueCoding": {"system": names.FR_STATUS_COMMENT, "code": "FICT"}})
        made["birthDate"] = "1979-03"

    made = await create(desk, patient(edit))
    assert differences(patient(edit), made.json()) == []
    (asked,) = desk.identities.asked
    assert asked.fictitious
    assert asked.billing_number == "255081416802538"
    assert not asked.HasField("ins")
    assert asked.collection_method == pb.COLLECTION_METHOD_CARTE_VITALE


async def test_body_of_a_creation_is_what_was_preferred(desk: Any) -> None:
    minimal = await create(desk, patient(), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["location"]
    desk.identities.warnings.append(pb.Warning(field="traits.birth_place", code="X", text="unknown code"))
    other = pb.Identity(id="01900000-0000-7000-8000-0000000000aa", traits=pb.Traits(birth_name="SECRET"))
    desk.identities.candidates.append(pb.Candidate(identity=other, score=0.91, grade="probable"))
    told = await create(desk, patient(), Prefer="return=OperationOutcome")
    found = issues(told, 201)
    assert [one["code"] for one in found] == ["business-rule", "duplicate"]
    assert other.id in found[1]["diagnostics"]
    assert "SECRET" not in told.text


async def test_what_is_not_kept_is_refused_or_left_aside_with_a_word(desk: Any) -> None:
    body = patient(lambda made: made.update(telecom=[{"system": "phone", "value": "0102030405"}]))
    (issue,) = issues(await create(desk, body), 400)
    assert issue["expression"] == ["Patient.telecom"]
    assert "handling=lenient" in issue["diagnostics"]
    assert desk.identities.asked == []
    kept = await create(desk, body, Prefer="handling=lenient, return=OperationOutcome")
    assert "Patient.telecom" in issues(kept, 201)[0]["diagnostics"]


async def test_ins_that_insi_does_not_confirm_is_refused_where_it_stands(desk: Any) -> None:
    body = patient(lambda made: made.update(birthDate="1979-03-29"))
    (issue,) = issues(await create(desk, body), 422)
    assert issue["expression"] == ["Patient.identifier[0]"]
    assert issue["code"] == "business-rule"
    body = patient(lambda made: made["name"][0].update(family="ПЕТРОВ"))
    (issue,) = issues(await create(desk, body), 400)
    assert issue["expression"] == ["Patient.name[0].family"]


async def test_patient_of_megabytes_is_refused_before_it_is_read(desk: Any) -> None:
    body = patient(lambda made: made.update(name=[{"use": "official"}] * 100_000))
    assert issues(await create(desk, body), 413)[0]["code"] == "too-long"


async def test_conditional_creation_is_refused_rather_than_ignored(desk: Any) -> None:
    refused = await create(desk, patient(), If_None_Exist="identifier=x|1")
    assert issues(refused, 400)[0]["code"] == "not-supported"
    assert desk.identities.kept == {}


async def test_history_has_every_version_and_pages(desk: Any) -> None:
    made = (await create(desk, patient(provisional))).json()
    await desk.client.post(f"/fhir/Patient/{made['id']}/$search-ins", headers=desk.as_(callers.staff))
    first = await get(desk, f"Patient/{made['id']}/_history?_count=1")
    Bundle.model_validate(first.json())
    (entry,) = first.json()["entry"]
    assert (entry["request"]["method"], entry["response"]["etag"]) == ("PUT", 'W/"2"')
    links = {link["relation"]: link["url"] for link in first.json()["link"]}
    second = await desk.client.get(links["next"], headers=desk.as_(callers.staff))
    (oldest,) = second.json()["entry"]
    assert oldest["request"] == {"method": "POST", "url": "Patient"}
    assert oldest["response"]["status"] == "201 Created"
    assert differences(patient(provisional), oldest["resource"]) == []
    assert [link["relation"] for link in second.json()["link"]] == ["self", "first"]


async def test_ins_leaves_in_no_version_that_is_not_qualified(desk: Any) -> None:
    made = (await create(desk, patient(provisional))).json()
    retrieved = await desk.client.post(
        f"/fhir/Patient/{made['id']}/$search-ins", headers=desk.as_(callers.staff)
    )
    assert retrieved.json()["parameter"][0]["valueCode"] == "00"
    history = await get(desk, f"Patient/{made['id']}/_history")
    assert "279035121518989" not in retrieved.text + history.text


@pytest.mark.parametrize("version", ["0", "9", "x", "99999999999", "²", "4294967296"])
async def test_version_that_is_not_is_not_found(desk: Any, version: str) -> None:
    made = (await create(desk, patient())).json()
    assert issues(await get(desk, f"Patient/{made['id']}/_history/{version}"), 404)


async def test_history_of_another_structure_is_not_there(desk: Any) -> None:
    made = (await create(desk, patient())).json()
    for path in ("_history", "_history/1"):
        assert issues(await get(desk, f"Patient/{made['id']}/{path}", callers.other_doctor), 404)


async def test_merged_patients_point_at_each_other(desk: Any) -> None:
    kept, absorbed, parted = (
        pb.Identity(
            id=f"01900000-0000-7000-8000-0000000000{n}", version=2, domain=callers.staff.organisation, ipp=n
        )
        for n in ("a1", "a2", "a3")
    )
    absorbed.merged_into = kept.id
    desk.identities.kept = {kept.id: kept, absorbed.id: absorbed}
    merges = [vigilance_pb2.Merge(kept_id=kept.id, absorbed_id=one.id) for one in (absorbed, parted)]
    merges[1].unmerged_at.GetCurrentTime()
    desk.vigilance.answers["ListMerges"] = vigilance_pb2.ListMergesResponse(merges=merges)
    read = (await get(desk, f"Patient/{kept.id}")).json()
    other = {"reference": f"Patient/{absorbed.id}", "type": "Patient"}
    assert read["link"] == [{"other": other, "type": "replaces"}]
    await get(desk, f"Patient/{kept.id}")
    assert len(desk.vigilance.asked) == 1
    desk.vigilance.answers["ListMerges"] = vigilance_pb2.ListMergesResponse()
    kept.version = 3
    assert "link" not in (await get(desk, f"Patient/{kept.id}")).json()
    gone = (await get(desk, f"Patient/{absorbed.id}")).json()
    assert gone["active"] is False
    assert [(one["other"]["reference"], one["type"]) for one in gone["link"]] == [
        (f"Patient/{kept.id}", "replaced-by")
    ]


TEST_OID = "urn:oid:1.2.250.1.213.1.4.10"
FR_TYPE, HL7_TYPE = names.FR_IDENTIFIER_TYPE, names.IDENTIFIER_TYPE
SEARCHES: list[tuple[str, Json]] = [
    (
        f"identifier={TEST_OID}|279035121518989",
        {"ins": {"matricule": "279035121518989", "oid": TEST_OID[8:]}},
    ),
    (
        f"identifier:of-type={FR_TYPE}|INS-NIR-TEST|279035121518989",
        {"ins": {"matricule": "279035121518989", "oid": TEST_OID[8:]}},
    ),
    ("identifier=urn:oid:1.2.250.1.999.1.1|IPP-7", {"ipp": "IPP-7"}),
    ("identifier=IPP-7", {"ipp": "IPP-7"}),
    (f"identifier:of-type={HL7_TYPE}|PI|IPP-7", {"ipp": "IPP-7"}),
    ("family=pat&given=dom&gender=female", {"family": "pat", "given": "dom", "sex": "SEX_FEMALE"}),
    ("birthdate=1979-03-28", {"birth_date": "1979-03-28"}),
    ("birthdate=eq1979-02", {"born_from": "1979-02-01", "born_to": "1979-02-28"}),
    ("birthdate=ge1979", {"born_from": "1979-01-01"}),
    ("birthdate=gt1979", {"born_from": "1980-01-01"}),
    ("birthdate=sa1979-03-28", {"born_from": "1979-03-29"}),
    ("birthdate=le1979-12", {"born_to": "1979-12-31"}),
    ("birthdate=lt1979", {"born_to": "1978-12-31"}),
    ("birthdate=eb1979-03-01", {"born_to": "1979-02-28"}),
    ("birthdate=ge1979-03&birthdate=lt1979-05", {"born_from": "1979-03-01", "born_to": "1979-04-30"}),
    ("family=p&_sort=family", {"family": "p", "sort": "IDENTITY_SORT_FAMILY"}),
    ("family=p&_sort=-birthdate", {"family": "p", "sort": "IDENTITY_SORT_BIRTH_DATE", "descending": True}),
    ("family=p&_sort=given", {"family": "p", "sort": "IDENTITY_SORT_GIVEN"}),
    ("family=p&_sort=-_lastUpdated", {"family": "p", "sort": "IDENTITY_SORT_UPDATED", "descending": True}),
]


@pytest.mark.parametrize(("query", "expected"), SEARCHES)
async def test_search_asks_for_what_was_meant(desk: Any, query: str, expected: Json) -> None:
    answer = await get(desk, f"Patient?{query}")
    assert answer.status_code == 200, answer.text
    (asked,) = desk.identities.asked
    asked.ClearField("page")
    told = {descriptor.name: _plain(descriptor, value) for descriptor, value in asked.ListFields()}
    assert told == expected


def _plain(descriptor: Any, value: Any) -> Any:
    if descriptor.name == "ins":
        return {"matricule": value.matricule, "oid": value.oid}
    return descriptor.enum_type.values_by_number[value].name if descriptor.enum_type else value


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("birthdate=ne1979", "birthdate"),
        ("birthdate=ap1979", "birthdate"),
        ("birthdate=1979-13", "birthdate"),
        ("birthdate=1979-03-28T10:00", "birthdate"),
        ("gender=other", "gender"),
        ("family=a,b", "family"),
        ("identifier=a|b,c|d", "identifier"),
        ("identifier=urn:x|", "identifier"),
        (f"identifier:of-type={HL7_TYPE}|NH|255081416802538", "identifier:of-type"),
        ("identifier:of-type=a|b", "identifier:of-type"),
        ("identifier:of-type=a|b|c", "identifier:of-type"),
        ("identifier=x&identifier:of-type=a|b|c", "identifier:of-type"),
        ("family=a&_sort=address", "_sort"),
        ("family=a&_sort=family,given", "_sort"),
        ("family:exact=a", "family:exact"),
        ("identifier=urn:oid:1.2.250.1.213.1.4.8|255081416802538", "identifier"),
    ],
)
async def test_search_that_cannot_be_read_is_told(desk: Any, query: str, where: str) -> None:
    found = issues(await get(desk, f"Patient?{query}"), 400)
    assert where in [issue["expression"][0] for issue in found]


@pytest.mark.parametrize("query", ["birthdate=gt1990&birthdate=lt1980", "birthdate=lt0001"])
async def test_search_that_nothing_can_match_asks_nobody(desk: Any, query: str) -> None:
    answer = await get(desk, f"Patient?{query}")
    assert "entry" not in answer.json()
    assert desk.identities.asked == []


async def test_number_of_another_authority_is_not_found(desk: Any) -> None:
    await create(desk, patient())
    for authority, found in (("1.2.250.1.999.1.1", 1), ("1.2.250.1.999.1.2", 0)):
        answer = await get(desk, f"Patient?identifier=urn:oid:{authority}|IPP-000123")
        assert len(answer.json().get("entry", [])) == found


async def test_citizen_may_search_by_dates_too(desk: Any) -> None:
    for query, found in (("birthdate=ge1979", 1), ("birthdate=lt1979", 0), ("birthdate=1979-03-28", 1)):
        answer = await get(desk, f"Patient?{query}", callers.citizen)
        assert len(answer.json().get("entry", [])) == found, query
