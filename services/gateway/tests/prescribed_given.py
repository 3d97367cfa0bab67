"""A prescription as FHIR sends it, and as eprescription answers it; every person is fictitious."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from chassis.testing import callers
from gateway.fhir import structure
from gateway.fhir.device_request import read_device
from gateway.fhir.faults import Faults, FhirInvalid, Reading
from gateway.fhir.medication_request import Author, Read, read_request
from gateway.fhir.names import FHIR_JSON
from socle.eprescription.v1 import eprescription_pb2 as pb

from .conftest import INS, PERSON

Json = dict[str, Any]
ID = "01900000-0000-7000-8000-0000000000d1"
LINE = "aadc9c14-f1ca-4177-b2c8-a5178d5b3ca0"
SECOND = "aadc9c14-f1ca-4177-b2c8-a5178d5b3ca1"
DONE = "01900000-0000-7000-8000-0000000000d3"
NUMBER = "01S2TBPZ2JCNZZYGHZ"
ANSM = "http://data.esante.gouv.fr/ansm/medicament"
EDQM, UCUM = "http://standardterms.edqm.eu", "http://unitsofmeasure.org"
OURS = "urn:x-socle:extension:"
SUBJECT: Json = {"identifier": {"system": f"urn:oid:{INS.oid}", "value": INS.matricule}}
DAY: Json = {"value": 1, "unit": "d", "system": UCUM, "code": "d"}
BOXES: Json = {"value": 2, "unit": "Boîte", "system": EDQM, "code": "30009000"}
TABLET: Json = {"value": 1, "unit": "comprimé", "system": EDQM, "code": "15054000"}
# Paracetamol when it hurts, three a day for five days, four at most: French guide and European elements.
PARACETAMOL: Json = {
    "resourceType": "MedicationRequest",
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{LINE}"}],
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {
        "coding": [
            {"system": f"{ANSM}/SpecialitePharmaceutique", "code": "63107752"},
            {"system": "urn:oid:1.2.250.1.213.2.59", "code": "MV00002306"},
        ],
        "text": "PARACETAMOL 500 mg comprimé",
    },
    "subject": SUBJECT,
    "dosageInstruction": [
        {
            "text": "1 cp 3 fois par jour si douleur, 5 jours",
            "asNeededBoolean": True,
            "timing": {
                "repeat": {
                    "frequency": 3,
                    "period": 1,
                    "periodUnit": "d",
                    "boundsDuration": {**DAY, "value": 5},
                }
            },
            "route": {"coding": [{"system": EDQM, "code": "20053000"}]},
            "doseAndRate": [{"doseQuantity": TABLET}],
            "maxDosePerPeriod": {"numerator": {"value": 4, "unit": "comprimé"}, "denominator": DAY},
        }
    ],
    "dispenseRequest": {"numberOfRepeatsAllowed": 0, "quantity": BOXES},
    "substitution": {
        "allowedCodeableConcept": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution",
                    "code": "N",
                }
            ]
        },
        "reason": {"text": "MTE"},
    },
}
DEVICE: Json = {
    "resourceType": "DeviceRequest",
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{SECOND}"}],
    "status": "draft",
    "intent": "order",
    "codeCodeableConcept": {
        "coding": [{"system": "urn:oid:1.2.250.1.215.200.2.1", "code": "1119257"}],
        "text": "Nébuliseur pneumatique, location",
    },
    "subject": SUBJECT,
    "parameter": [
        {
            "code": {"coding": [{"system": "urn:x-socle:device-parameter", "code": "rental-days"}]},
            "valueQuantity": {**DAY, "value": 28},
        }
    ],
}
CODE, SECRET = "K7Q2-access-code", "4XN7-of-the-hold"
HERE = f"Task/{ID}"
BY_SECRET = {"name": "secret", "valueString": SECRET}
BY_CODE = {"name": "ac", "valueString": CODE}
WARNING = pb.Finding(
    rule="I1",
    severity=pb.SEVERITY_WARNING,
    line_id=LINE,
    sentence="Association déconseillée.",
    hint="Surveiller.",
    code=f"I1/{LINE}/x",
)


def line(**elements: Any) -> Json:
    """The request of paracetamol with some elements in place of its own; None leaves one out."""
    made = {**copy.deepcopy(PARACETAMOL), **elements}
    return {name: value for name, value in made.items() if value is not None}


def dosed(**elements: Any) -> Json:
    """The same with some elements of its one dosage changed; None leaves one out."""
    dosage = {**copy.deepcopy(PARACETAMOL["dosageInstruction"][0]), **elements}
    return line(dosageInstruction=[{name: value for name, value in dosage.items() if value is not None}])


def with_parameters(*given: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(given)}


def create(*requests: Json, **values: Json) -> Json:
    """Parameters of $create: the lines, then `name={"valueCode": ...}`."""
    lines = [{"name": "request", "resource": one} for one in requests]
    return with_parameters(*lines, *({"name": name, **value} for name, value in values.items()))


def dispensed(**elements: Any) -> Json:
    """One box of the line, delivered as prescribed."""
    made: Json = {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "authorizingPrescription": [{"identifier": {"value": f"urn:uuid:{LINE}"}}],
        "medicationCodeableConcept": {
            "coding": [{"system": f"{ANSM}/Presentation", "code": "3400930000016"}]
        },
        "quantity": {**BOXES, "value": 1},
        "daysSupply": {**DAY, "value": 5},
        **elements,
    }
    return {name: value for name, value in made.items() if value is not None}


def prescription(
    state: pb.PrescriptionState.ValueType = pb.PRESCRIPTION_STATE_ACTIVE,
    *lines: pb.PrescribedLine,
    delivered: str = "0",
) -> pb.Prescription:
    """What eprescription would answer of these lines; of the one of paracetamol without any."""
    written = lines or (pb.PrescribedLine(line_id=LINE, kind=pb.LINE_KIND_MEDICINE, product=PRODUCT),)
    made = pb.Prescription(
        prescription_id=ID,
        number=NUMBER,
        person_id=PERSON,
        kind=pb.PRESCRIPTION_KIND_STANDARD,
        state=state,
        version=3,
        prescriber=pb.Prescriber(id="810100000011", name="Anne DOCTEUR"),
        content=pb.PrescriptionContent(lines=written),
        written_on="2026-11-22",
        expires_on="2027-11-22",
    )
    made.created_at.FromJsonString("2026-11-22T09:00:00Z")
    if state == pb.PRESCRIPTION_STATE_DRAFT:
        return made
    made.signed_at.FromJsonString("2026-11-22T09:30:00Z")
    for one in written:
        done = pb.LINE_STATE_PARTIALLY_DELIVERED if delivered != "0" else pb.LINE_STATE_ORDERED
        made.lines.append(pb.LineStatus(line_id=one.line_id, state=done, authorised="2", delivered=delivered))
    return made


PRODUCT = pb.Product(cis="63107752", label="PARACETAMOL 500 mg comprimé")


def intervention(**fields: Any) -> pb.Intervention:
    """One box delivered as prescribed, or what `fields` say."""
    usual: dict[str, Any] = {
        "intervention_id": DONE,
        "line_id": LINE,
        "kind": pb.INTERVENTION_KIND_AS_PRESCRIBED,
        "delivered_on": "2026-11-22",
        "pharmacist": "810100000045",
        "pharmacy": "1750000042",
        "cip13": "3400930000016",
        "product_label": "PARACETAMOL 500 mg comprimé",
        "packs": "1",
        "counted": "1",
        "days_covered": 5,
    }
    return pb.Intervention(**(usual | fields))


async def call(here: Any, path: str, body: Any = None, caller: Any = callers.doctor, **headers: str) -> Any:
    sent = here.as_(caller, **({"Content-Type": FHIR_JSON} if body is not None else {}), **headers)
    content = json.dumps(body) if body is not None else None
    return await here.client.post(f"/fhir/{path}", content=content, headers=sent)


def entries(answer: Any, status: int = 200) -> dict[str, list[Json]]:
    """The resources of an answer by type."""
    assert answer.status_code == status, answer.text
    Bundle.model_validate(answer.json())
    found: dict[str, list[Json]] = {}
    for one in answer.json()["entry"]:
        found.setdefault(one["resource"]["resourceType"], []).append(one["resource"])
    return found


def outputs(answer: Any) -> dict[str, str]:
    task = entries(answer)["Task"][0]
    return {
        one["type"]["coding"][0]["code"]: one.get("valueString") or one["valueDateTime"]
        for one in task["output"]
    }


def issues(answer: Any, status: int) -> list[Json]:
    assert answer.status_code == status, answer.text
    OperationOutcome.model_validate(answer.json())
    found: list[Json] = answer.json()["issue"]
    return found


def codes(issue: Json, system: str) -> list[str]:
    return [one["code"] for one in issue["details"]["coding"] if one["system"] == system]


AUTHOR = Author("810100000011", date(2026, 11, 22))


def read(resource: Json, *, lenient: bool = False) -> tuple[Read, Reading]:
    reading = Reading(lenient=lenient)
    reader = read_device if resource["resourceType"] == "DeviceRequest" else read_request
    found = reader(resource, resource["resourceType"], AUTHOR, reading)
    return found, reading


def taken(resource: Json) -> pb.PrescribedLine:
    """The line, the shape checked as a request's is; raises with every fault."""
    faults = Faults()
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    structure.check_collection(bundle, frozenset({resource["resourceType"]}), faults)
    faults.close()
    found, reading = read(resource)
    reading.close()
    return found.line


def places(resource: Json) -> list[str]:
    with pytest.raises(FhirInvalid) as raised:
        taken(resource)
    fields = [one.field.removeprefix("Bundle.entry[0].resource") for one in raised.value.violations]
    return [field.removeprefix(resource["resourceType"]) for field in fields]
