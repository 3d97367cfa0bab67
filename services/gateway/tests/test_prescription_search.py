"""Reading and searching Tasks, requests, dispenses and medicines: patient, prescriber, pharmacist."""

from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.medication import Medication

from chassis.errors import NotFound
from chassis.testing import callers
from gateway.fhir.names import FHIR_XML
from gateway.fhir.xml_in import from_xml
from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb
from socle.eprescription.v1 import medicines_pb2 as mb

from .conftest import INS, PERSON
from .prescribed_given import DONE, ID, LINE, NUMBER, SECOND, Json, intervention, issues, prescription

OF_PATIENT = {"patient.identifier": f"urn:oid:{INS.oid}|{INS.matricule}"}
MEDICINE = pb.PrescribedLine(line_id=LINE, kind=pb.LINE_KIND_MEDICINE, product=pb.Product(cis="63107752"))
DEVICE = pb.PrescribedLine(line_id=SECOND, kind=pb.LINE_KIND_DEVICE, product=pb.Product(lpp="1119257"))
KIND = pb.INTERVENTION_KIND_AS_PRESCRIBED
KEY = (ID + LINE).replace("-", "")


async def get(here: Any, path: str, caller: Any = callers.doctor, **asked: str) -> Any:
    parameters = {name.replace("__", "-"): value for name, value in asked.items()}
    return await here.client.get(f"/fhir/{path}", params=parameters, headers=here.as_(caller))


async def found(here: Any, path: str, parameters: dict[str, str], caller: Any = callers.doctor) -> list[Json]:
    answer = await here.client.get(f"/fhir/{path}", params=parameters, headers=here.as_(caller))
    assert answer.status_code == 200, answer.text
    Bundle.model_validate(answer.json())
    return [one["resource"] for one in answer.json().get("entry", [])]


def given(here: Any, *prescriptions: pb.Prescription, more: str = "") -> None:
    """What eprescription knows: by number or id the first, in lists all of them."""
    answers = here.prescriptions.answers
    answers["GetPrescription"] = pb.GetPrescriptionResponse(prescription=prescriptions[0])
    answers["ListPrescriptions"] = pb.ListPrescriptionsResponse(prescriptions=prescriptions, next_token=more)
    answers["ListMyPrescriptions"] = pb.ListMyPrescriptionsResponse(prescriptions=prescriptions)


@pytest.mark.parametrize("path", [f"Task/{ID}", f"Task/{NUMBER}", f"MedicationRequest/{KEY}"])
async def test_read_in_json_and_in_xml(here: Any, path: str) -> None:
    given(here, prescription(pb.PRESCRIPTION_STATE_ACTIVE, MEDICINE, DEVICE))
    answer = await get(here, path)
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"3"')
    xml = await here.client.get(f"/fhir/{path}", headers=here.as_(callers.doctor, Accept=FHIR_XML))
    assert from_xml(xml.content) == answer.json()


async def test_task_never_tells_what_opens_it(here: Any) -> None:
    given(here, prescription())
    assert "output" not in (await get(here, f"Task/{ID}")).json()


@pytest.mark.parametrize(
    "path",
    [
        "MedicationRequest/nothing",
        f"MedicationRequest/{'0' * 64}",
        f"DeviceRequest/{KEY}",
        f"MedicationDispense/{DONE}",
        f"MedicationDispense/{'0' * 64}",
    ],
)
async def test_what_is_not_there_is_not_found(here: Any, path: str) -> None:
    given(here, prescription())
    issues(await get(here, path), 404)


async def test_patient_view_has_the_lines_of_each_type(here: Any) -> None:
    given(here, prescription(pb.PRESCRIPTION_STATE_ACTIVE, MEDICINE, DEVICE), more="next-page")
    (request,) = await found(here, "MedicationRequest", OF_PATIENT)
    (device,) = await found(here, "DeviceRequest", OF_PATIENT)
    assert (request["id"], device["resourceType"]) == (KEY, "DeviceRequest")
    assert request["subject"]["identifier"]["value"] == INS.matricule
    assert here.prescriptions.asked[0][1].person_id == PERSON


async def test_next_link_names_nobody(here: Any) -> None:
    given(here, prescription(), more="next-page")
    answer = await here.client.post(
        "/fhir/MedicationRequest/_search", data=OF_PATIENT, headers=here.as_(callers.doctor)
    )
    links = {one["relation"]: one["url"] for one in answer.json()["link"]}
    assert "_page=next-page" in links["next"]
    assert INS.matricule not in links["next"]


async def test_prescriber_view_is_of_the_caller(here: Any) -> None:
    other = prescription()
    other.prescriber.id = "810100000029"
    given(here, prescription(), other)
    assert len(await found(here, "Task", {"requester": "me"})) == 1
    assert here.prescriptions.asked[0][0] == "ListMyPrescriptions"


async def test_pharmacist_view_is_what_the_pharmacy_holds(here: Any) -> None:
    held = prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE)
    held.held_by = callers.pharmacist.organisation
    given(here, held, prescription())
    (task,) = await found(here, "Task", {"owner": "me"}, callers.pharmacist)
    assert task["owner"]["identifier"]["value"] == callers.pharmacist.organisation
    assert task["status"] == "in-progress"


async def test_number_finds_one_prescription_and_of_nobody_else(here: Any) -> None:
    given(here, prescription())
    assert len(await found(here, "MedicationRequest", {"group-identifier": NUMBER})) == 1
    other = prescription()
    other.person_id = "01900000-0000-7000-8000-000000000002"
    given(here, other)
    assert await found(here, "Task", {"identifier": NUMBER, **OF_PATIENT}) == []


STATUSES = [
    ("Task", "ready", [pb.PRESCRIPTION_STATE_ACTIVE, pb.PRESCRIPTION_STATE_PARTIALLY_DISPENSED]),
    ("Task", "draft,completed", [pb.PRESCRIPTION_STATE_DRAFT, pb.PRESCRIPTION_STATE_COMPLETED]),
    ("MedicationRequest", "draft", [pb.PRESCRIPTION_STATE_DRAFT]),
    ("MedicationRequest", "on-hold", [pb.PRESCRIPTION_STATE_IN_DISPENSE]),
]


@pytest.mark.parametrize(("kind", "status", "states"), STATUSES)
async def test_status_narrows_the_states(here: Any, kind: str, status: str, states: list[int]) -> None:
    given(here, prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE))
    assert await found(here, kind, {**OF_PATIENT, "status": status}) == []
    assert list(here.prescriptions.asked[0][1].states) == states


async def test_status_of_lines_is_that_of_each_line(here: Any) -> None:
    whole = prescription(pb.PRESCRIPTION_STATE_PARTIALLY_DISPENSED, MEDICINE)
    whole.lines[0].state = pb.LINE_STATE_DELIVERED
    given(here, whole)
    assert await found(here, "MedicationRequest", {**OF_PATIENT, "status": "active"}) == []
    assert len(await found(here, "MedicationRequest", {**OF_PATIENT, "status": "completed"})) == 1


@pytest.mark.parametrize(("bound", "count"), [("ge2026-11-22", 1), ("lt2026-11-22", 0), ("2026-11", 1)])
async def test_authored_on_narrows(here: Any, bound: str, count: int) -> None:
    given(here, prescription())
    assert len(await found(here, "MedicationRequest", {**OF_PATIENT, "authoredon": bound})) == count


async def test_unknown_patient_and_number_are_empty(here: Any) -> None:
    here.prescriptions.answers["GetPrescription"] = NotFound()
    unknown = {"patient.identifier": f"urn:oid:{INS.oid}|255081416802538"}
    assert await found(here, "MedicationRequest", unknown) == []
    assert await found(here, "Task", {"group-identifier": NUMBER}) == []
    assert await found(here, "MedicationDispense", unknown) == []


BAD = [
    ("MedicationRequest", {}, "patient.identifier"),
    ("Task", {"status": "ready"}, "patient.identifier"),
    ("Task", {"requester": "810100000029"}, "patient.identifier"),
    ("MedicationRequest", {**OF_PATIENT, "status": "ready"}, "status"),
    ("Task", {**OF_PATIENT, "business-status": "lost"}, "business-status"),
    ("MedicationRequest", {**OF_PATIENT, "authoredon": "hier"}, "authoredon"),
    ("MedicationRequest", {**OF_PATIENT, "code": "1"}, "code"),
    ("Task", {**OF_PATIENT, "_count": "0"}, "_count"),
    ("MedicationDispense", {"status": "completed"}, "patient.identifier"),
    ("MedicationDispense", {**OF_PATIENT, "status": "lost"}, "status"),
    ("MedicationDispense", {"prescription": "1"}, "prescription"),
    ("Medication", {}, "code"),
    ("Medication", {"code": "12"}, "code"),
    ("Medication", {"name": "abc", "lot-number": "1"}, "lot-number"),
]


@pytest.mark.parametrize(("kind", "asked", "place"), BAD)
async def test_wrong_search_is_refused_by_name(
    here: Any, kind: str, asked: dict[str, str], place: str
) -> None:
    answer = await here.client.get(f"/fhir/{kind}", params=asked, headers=here.as_(callers.doctor))
    assert issues(answer, 400)[0]["expression"] == [place]
    assert here.prescriptions.asked + here.dispensing.asked + here.medicines.asked == []


async def test_history_of_a_patient_is_searched_by_day(here: Any) -> None:
    past = [
        db.Dispensing(intervention_id=DONE, prescription_id=ID, line_id=LINE, delivered_on=day, kind=KIND)
        for day in ("2026-11-22", "2026-10-01")
    ]
    here.dispensing.answers["ListDispensings"] = db.ListDispensingsResponse(dispensings=past)
    asked = {**OF_PATIENT, "whenhandedover": "ge2026-11"}
    (dispense,) = await found(here, "MedicationDispense", asked, callers.pharmacist)
    assert dispense["authorizingPrescription"][0]["reference"] == f"MedicationRequest/{KEY}"
    assert here.dispensing.asked[0][1].person_id == PERSON


async def test_records_of_a_line_are_searched_and_read(here: Any) -> None:
    whole = prescription()
    whole.interventions.extend(
        [
            intervention(),
            intervention(intervention_id=SECOND, line_id=SECOND),
            intervention(intervention_id=ID, kind=pb.INTERVENTION_KIND_UNDONE),
        ]
    )
    given(here, whole)
    (one,) = await found(here, "MedicationDispense", {"prescription": f"MedicationRequest/{KEY}"})
    assert len(await found(here, "MedicationDispense", {"group-identifier": NUMBER})) == 2
    assert (await get(here, f"MedicationDispense/{one['id']}")).json() == one
    declined = {"group-identifier": NUMBER, "status": "declined"}
    assert await found(here, "MedicationDispense", declined) == []


async def test_medicines_are_searched_and_read(here: Any) -> None:
    substance = pb.Substance(code="02202", name="PARACÉTAMOL", strength="500 mg")
    hit = mb.MedicineHit(cis="63107752", label="PARACETAMOL X", cip13=["3400930000016"], marketed=True)
    hit.substances.append(substance)
    here.medicines.answers["SearchMedicines"] = mb.SearchMedicinesResponse(hits=[hit])
    (medication,) = await found(here, "Medication", {"name": "parac", "_count": "5"})
    Medication.model_validate(medication)
    assert here.medicines.asked[0][1] == mb.SearchMedicinesRequest(text="parac", limit=5)
    assert await found(here, "Medication", {"code": "http://snomed.info/sct|63107752"}) == []
    one = mb.Medicine(cis="63107752", label="PARACETAMOL X", holder="LABO", substances=[substance])
    one.conditions.append(mb.Condition(text="liste II"))
    here.medicines.answers["GetMedicine"] = mb.GetMedicineResponse(medicine=one)
    read = (await get(here, "Medication/63107752")).json()
    Medication.model_validate(read)
    assert (read["status"], read["manufacturer"]["display"]) == ("inactive", "LABO")
    assert {"url": "urn:x-socle:extension:condition", "valueString": "liste II"} in read["extension"]
