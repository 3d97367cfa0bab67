"""Lines of prescriptions as the guides have them: read, written again, and the same; on the mapping alone.

The first is the line that mixes the draft guide of the ANS with the European profile (EU-MPD). The others are
the kinds of posology that the examples of the HAS show (tapered, alternate days, as needed with a most, patch
for 72 hours, by weight), retyped here: the drafts themselves are not in the repository.
"""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest

from gateway.fhir import structure
from gateway.fhir.faults import Faults, Reading
from gateway.fhir.medication_request import Author, read_request
from gateway.fhir.task import write_line
from gateway.fhir.xml_in import from_xml
from gateway.fhir.xml_out import to_xml
from socle.eprescription.v1 import eprescription_pb2 as pb

Json = dict[str, Any]
EDQM, UCUM = "http://standardterms.edqm.eu", "http://unitsofmeasure.org"
ANSM = "http://data.esante.gouv.fr/ansm/medicament"
NUMBER = "01S2TBPZ2JCNZZYGHZ"
AUTHOR = Author("899700367909", date(2026, 11, 22))
SUBJECT: Json = {"reference": "Patient/p1"}


def ucum(value: float, code: str) -> Json:
    return {"value": value, "unit": code, "system": UCUM, "code": code}


def edqm(value: float, unit: str, code: str) -> Json:
    return {"value": value, "unit": unit, "system": EDQM, "code": code}


def every(frequency: int, period: float, unit: str, **more: Any) -> Json:
    return {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit, **more}}


TABLET = ("comprimé", "15054000")
LINE: Json = {
    "resourceType": "MedicationRequest",
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:aadc9c14-f1ca-4177-b2c8-a5178d5b3ca0"}],
    "groupIdentifier": {"system": "urn:oid:1.2.250.1.215.500.1.1", "value": NUMBER},
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
    "authoredOn": "2026-11-22T10:30:00+01:00",
    "requester": {"reference": "Practitioner/899700367909"},
    "dosageInstruction": [
        {
            "text": "1 cp 3 fois par jour si douleur, 5 jours",
            "asNeededBoolean": True,
            "timing": every(3, 1, "d", boundsDuration=ucum(5, "d")),
            "route": {"coding": [{"system": EDQM, "code": "20053000"}]},
            "doseAndRate": [{"doseQuantity": edqm(1, *TABLET)}],
            "maxDosePerPeriod": {"numerator": {"value": 4, "unit": "comprimé"}, "denominator": ucum(1, "d")},
        }
    ],
    "dispenseRequest": {
        "validityPeriod": {"start": "2026-11-22", "end": "2027-11-22"},
        "numberOfRepeatsAllowed": 0,
        "quantity": edqm(2, "Boîte", "30009000"),
    },
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
POSOLOGIES: dict[str, list[Json]] = {
    "tapered": [
        {
            "sequence": step,
            "text": f"{dose:g} comprimés le matin pendant {days} jours",
            "timing": every(1, 1, "d", when=["MORN"], boundsDuration=ucum(days, "d")),
            "doseAndRate": [{"doseQuantity": edqm(dose, *TABLET)}],
        }
        for step, (dose, days) in enumerate([(3, 5), (2, 5), (1, 5), (0.5, 7)], start=1)
    ],
    "alternate days": [
        {
            "text": "1 comprimé un jour sur deux",
            "timing": every(1, 2, "d"),
            "doseAndRate": [{"doseQuantity": edqm(1, *TABLET)}],
        }
    ],
    "some days of the week": [
        {
            "text": "1 comprimé le lundi et le jeudi au coucher",
            "timing": {"repeat": {"dayOfWeek": ["mon", "thu"], "when": ["HS"]}},
            "doseAndRate": [{"doseQuantity": edqm(1, *TABLET)}],
        }
    ],
    "as needed, with a most": [
        {
            "text": "1 à 2 comprimés en cas de douleur, 6 au plus par jour, espacés de 4 heures",
            "timing": every(1, 4, "h"),
            "asNeededCodeableConcept": {"text": "douleur"},
            "doseAndRate": [{"doseRange": {"low": edqm(1, *TABLET), "high": edqm(2, *TABLET)}}],
            "maxDosePerPeriod": {"numerator": {"value": 6, "unit": "comprimé"}, "denominator": ucum(1, "d")},
        }
    ],
    "patch for 72 hours": [
        {
            "text": "1 patch toutes les 72 heures",
            "timing": every(1, 72, "h", boundsDuration=ucum(28, "d")),
            "route": {"coding": [{"system": EDQM, "code": "20070000"}], "text": "Voie transdermique"},
            "doseAndRate": [{"doseQuantity": edqm(1, "dispositif", "15022000")}],
        }
    ],
    "by weight": [
        {
            "text": "15 mg/kg (300 mg pour 20 kg) toutes les 6 heures",
            "timing": every(1, 6, "h"),
            "doseAndRate": [{"doseQuantity": ucum(300, "mg")}],
        }
    ],
    "morning, noon and evening": [
        {
            "sequence": 1,
            "text": "2 le matin",
            "timing": {"repeat": {"when": ["MORN"]}},
            "doseAndRate": [{"doseQuantity": edqm(2, *TABLET)}],
        },
        {
            "sequence": 1,
            "text": "1 le soir",
            "timing": {"repeat": {"when": ["EVE"]}},
            "doseAndRate": [{"doseQuantity": edqm(1, *TABLET)}],
        },
    ],
    "text alone": [{"text": "Selon le schéma remis"}],
}


def taken(resource: Json) -> pb.PrescribedLine:
    """The line that a request becomes; its shape and its content without a fault."""
    faults, reading = Faults(), Reading()
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    structure.check_collection(bundle, frozenset({"MedicationRequest"}), faults)
    found = read_request(resource, "MedicationRequest", AUTHOR, reading)
    assert [f"{one.field} {one.problem}" for one in [*faults.found, *reading.found]] == []
    return found.line


def shown(line: pb.PrescribedLine) -> Json:
    """The resource of that line once signed."""
    made = pb.Prescription(
        prescription_id="01900000-0000-7000-8000-0000000000d1",
        number=NUMBER,
        state=pb.PRESCRIPTION_STATE_ACTIVE,
        version=2,
        prescriber=pb.Prescriber(id="899700367909"),
        content=pb.PrescriptionContent(lines=[line]),
        written_on="2026-11-22",
        expires_on="2027-11-22",
        lines=[pb.LineStatus(line_id=line.line_id, state=pb.LINE_STATE_ORDERED)],
    )
    made.signed_at.FromJsonString("2026-11-22T09:30:00Z")
    resource = write_line(made, line, SUBJECT)
    MedicationRequest.model_validate(resource)
    return resource


def test_line_of_the_guides_means_the_same_once_read_and_written() -> None:
    resource = shown(taken(LINE))
    same = {
        "identifier",
        "groupIdentifier",
        "status",
        "intent",
        "medicationCodeableConcept",
        "subject",
        "dosageInstruction",
        "dispenseRequest",
    }
    assert {name: resource[name] for name in same} == {name: LINE[name] for name in same}
    # The same moment, professional and reason, in the form of this server.
    assert resource["authoredOn"] == "2026-11-22T09:30:00Z"
    assert resource["requester"]["identifier"]["value"] == "899700367909"
    assert (
        resource["substitution"]["allowedCodeableConcept"] == LINE["substitution"]["allowedCodeableConcept"]
    )
    assert resource["substitution"]["reason"]["text"] == "MTE"
    assert LINE.keys() - same == {"resourceType", "authoredOn", "requester", "substitution"}


@pytest.mark.parametrize("dosages", POSOLOGIES.values(), ids=POSOLOGIES)
def test_posology_comes_back_equal(dosages: list[Json]) -> None:
    resource = shown(taken({**copy.deepcopy(LINE), "dosageInstruction": dosages}))
    assert resource["dosageInstruction"] == dosages
    assert from_xml(to_xml(resource)) == resource


def test_infusion_whose_rate_no_step_can_hold_is_refused_not_halved() -> None:
    dosage = {
        "text": "1 L en 8 heures",
        "timing": every(1, 1, "d", duration=8, durationUnit="h"),
        "doseAndRate": [{"doseQuantity": ucum(1, "L"), "rateQuantity": ucum(125, "mL/h")}],
    }
    reading = Reading()
    read_request({**LINE, "dosageInstruction": [dosage]}, "MedicationRequest", AUTHOR, reading)
    assert {one.field.rpartition(".")[2] for one in reading.found} == {
        "rateQuantity",
        "duration",
        "durationUnit",
    }
    assert all("text" in one.problem for one in reading.found)
    assert taken({**LINE, "dosageInstruction": [{"text": dosage["text"]}]}).posology.text == dosage["text"]
