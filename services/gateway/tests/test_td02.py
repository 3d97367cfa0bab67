"""TD0.2 in FHIR: no entry, an open record, a closed one."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from chassis.errors import NotFound
from chassis.testing import callers
from gateway.fhir import names, td02
from socle.dmp.v1 import dmp_pb2 as pb

from .conftest import INS, OTHER_INS, PERSON

ASKED = {"identifier": f"urn:oid:{INS.oid}|{INS.matricule}"}


async def found(here: Any, **more: Any) -> Any:
    record = pb.Record(person_id=PERSON, **{"state": pb.RECORD_STATE_OPEN, "attached": True, **more})
    if record.state == pb.RECORD_STATE_CLOSED:
        record.closed_at.FromJsonString("2026-06-12T10:00:00Z")
    here.records.answers["GetRecord"] = pb.GetRecordResponse(record=record)
    answer = await here.client.get("/fhir/dmp/Patient", params=ASKED, headers=here.as_(callers.doctor))
    assert answer.status_code == 200, answer.text
    return answer.json()


def extensions(patient: Any) -> dict[str, Any]:
    return {one["url"].rpartition("/")[2]: one for one in patient["extension"]}


async def test_open_record_is_one_active_patient_without_traits(before_dmp: Any) -> None:
    bundle = await found(before_dmp)
    patient = bundle["entry"][0]["resource"]
    assert (bundle["total"], patient["active"]) == (1, True)
    assert patient["identifier"][0]["value"] == INS.matricule
    assert extensions(patient)["dmp-rattachement-mes"]["valueBoolean"] is True
    assert extensions(patient)["dmp-medecin-traitant"]["valueBoolean"] is False
    assert not {"name", "gender", "birthDate"} & patient.keys()


async def test_medecin_traitant_is_told_to_themselves(before_dmp: Any) -> None:
    bundle = await found(before_dmp, referring_doctor=callers.doctor.subject)
    assert extensions(bundle["entry"][0]["resource"])["dmp-medecin-traitant"]["valueBoolean"] is True


async def test_closed_record_says_when_and_why(before_dmp: Any) -> None:
    bundle = await found(
        before_dmp, state=pb.RECORD_STATE_CLOSED, close_reason=pb.CLOSE_REASON_PATIENT_REQUEST
    )
    patient = bundle["entry"][0]["resource"]
    assert patient["active"] is False
    parts = {one["url"]: one for one in extensions(patient)["dmp-fermeture"]["extension"]}
    assert parts["dateFermeture"]["valueDateTime"] == "2026-06-12T10:00:00Z"
    assert parts["motifFermeture"]["valueCodeableConcept"]["coding"] == [
        {"system": td02.OFFICIAL, "code": "patient-demande"}
    ]


async def test_destroyed_record_is_no_record(before_dmp: Any) -> None:
    assert (await found(before_dmp, state=pb.RECORD_STATE_DESTROYED))["total"] == 0


async def test_unknown_person_and_person_without_record_are_one_answer(before_dmp: Any) -> None:
    before_dmp.records.answers["GetRecord"] = NotFound("There is no record.", field="person_id")
    bodies = []
    for ins in (INS, OTHER_INS):
        answer = await before_dmp.client.post(
            "/fhir/dmp/Patient/_search",
            data={"identifier": f"urn:oid:{ins.oid}|{ins.matricule}"},
            headers=before_dmp.as_(callers.doctor),
        )
        assert answer.status_code == 200
        bodies.append({name: value for name, value in answer.json().items() if name != "link"})
    assert bodies[0] == bodies[1] == {"resourceType": "Bundle", "type": "searchset", "total": 0}


async def test_xml_answer(before_dmp: Any) -> None:
    await found(before_dmp)
    headers = before_dmp.as_(callers.doctor, Accept=names.FHIR_XML)
    answer = await before_dmp.client.get("/fhir/dmp/Patient", params=ASKED, headers=headers)
    root = etree.fromstring(answer.content)
    active = root.xpath("//f:Patient/f:active/@value", namespaces={"f": "http://hl7.org/fhir"})
    assert active == ["true"]


@pytest.mark.parametrize(
    ("parameters", "place"),
    [({}, "identifier"), ({"identifier": "279035121518989"}, "identifier"), ({**ASKED, "name": "x"}, "name")],
)
async def test_wrong_parameter_is_told(before_dmp: Any, parameters: dict[str, str], place: str) -> None:
    answer = await before_dmp.client.get(
        "/fhir/dmp/Patient", params=parameters, headers=before_dmp.as_(callers.doctor)
    )
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [place]
