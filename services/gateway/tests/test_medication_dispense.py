"""What was done about a line to FHIR and back: the act, the record, the history."""

from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B.medicationdispense import MedicationDispense

from gateway.fhir.dispense import ReadDispense, read_dispense, read_dispenses
from gateway.fhir.dispense_out import write_dispense, write_past
from gateway.fhir.faults import FhirInvalid, Reading
from gateway.fhir.medication_request import Author
from gateway.fhir.xml_in import from_xml
from gateway.fhir.xml_out import to_xml
from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from .prescribed_given import (
    ANSM,
    BOXES,
    DAY,
    DONE,
    EDQM,
    ID,
    LINE,
    OURS,
    PARACETAMOL,
    SUBJECT,
    Json,
    dispensed,
    intervention,
    prescription,
    with_parameters,
)

AUTHOR = Author("810100000045", date(2026, 11, 22), "1750000042")
BOX = {"coding": [{"system": f"{ANSM}/Presentation", "code": "3400930000016"}]}
KIND = pb.INTERVENTION_KIND_AS_PRESCRIBED
REASON = "urn:x-socle:not-delivered-reason"


def read(resource: Json) -> tuple[ReadDispense, Reading]:
    reading = Reading()
    return read_dispense(resource, "MedicationDispense", ID, AUTHOR, reading), reading


def act(resource: Json) -> db.Act:
    found, reading = read(resource)
    assert [f"{one.field} {one.problem}" for one in reading.found] == []
    return found.act


def test_delivered_as_prescribed() -> None:
    contained = {
        "resourceType": "Medication",
        "id": "m",
        "code": BOX,
        "batch": {"lotNumber": "L42", "expirationDate": "2027-06-30"},
    }
    made = act(
        dispensed(
            medicationCodeableConcept=None,
            medicationReference={"reference": "#m"},
            contained=[contained],
            extension=[
                {"url": f"{OURS}check", "valueString": "consent"},
                {"url": f"{OURS}check", "valueString": "booklet"},
                {"url": f"{OURS}serial", "valueString": "SN1"},
            ],
            note=[{"text": "Remis à sa fille"}],
            performer=[{"actor": {"reference": "Practitioner/810100000045"}}],
        )
    )
    assert made == db.Act(
        line_id=LINE,
        kind=pb.INTERVENTION_KIND_AS_PRESCRIBED,
        cip13="3400930000016",
        packs="1",
        lot="L42",
        expires="2027-06-30",
        days_covered=5,
        checks=["consent", "booklet"],
        serial="SN1",
        note="Remis à sa fille",
    )


def test_units_of_an_opened_box_are_exact() -> None:
    made = act(dispensed(quantity={"value": 14, "unit": "gélule", "system": EDQM, "code": "15012000"}))
    assert (made.units, made.packs) == ("14", "")


def test_substituted_and_refused_by_the_pharmacist() -> None:
    kind = {"coding": [{"code": "G"}]}
    made = act(dispensed(substitution={"wasSubstituted": True, "type": kind}))
    assert made.kind == pb.INTERVENTION_KIND_SUBSTITUTED
    kept = act(dispensed(substitution={"wasSubstituted": False, "reason": [{"text": "MTE-PH"}]}))
    assert (kept.kind, kept.mte_by_pharmacist) == (pb.INTERVENTION_KIND_AS_PRESCRIBED, True)


def test_changed_with_the_agreement_of_the_prescriber() -> None:
    agreement = [
        {"url": f"{OURS}obtained", "valueBoolean": True},
        {"url": f"{OURS}obtained-at", "valueDateTime": "2026-11-22T10:00:00+01:00"},
        {"url": f"{OURS}means", "valueString": "téléphone"},
    ]
    made = act(
        dispensed(
            extension=[
                {"url": f"{OURS}change-reason", "valueString": "Rupture"},
                {"url": f"{OURS}prescriber-agreement", "extension": agreement},
            ]
        )
    )
    assert (made.kind, made.reason) == (pb.INTERVENTION_KIND_CHANGED, "Rupture")
    assert made.agreement.obtained_at.ToJsonString() == "2026-11-22T09:00:00Z"
    assert (made.agreement.obtained, made.agreement.means) == (True, "téléphone")


@pytest.mark.parametrize(
    ("code", "reason"),
    [("owing", db.NOT_DELIVERED_REASON_OWING), ("0010", db.NOT_DELIVERED_REASON_NOT_COLLECTED)],
)
def test_declined_has_a_reason(code: str, reason: db.NotDeliveredReason.ValueType) -> None:
    concept = {"coding": [{"system": REASON, "code": code}]}
    made = act(
        dispensed(status="declined", statusReasonCodeableConcept=concept, quantity=None, daysSupply=None)
    )
    assert made == db.Act(line_id=LINE, kind=pb.INTERVENTION_KIND_NOT_DELIVERED, not_delivered=reason)


def test_line_added_by_hand_comes_with_its_request() -> None:
    request = {name: value for name, value in PARACETAMOL.items() if name not in ("subject", "identifier")}
    made = act(
        dispensed(
            contained=[
                {**request, "id": "hand", "authoredOn": "2026-11-20", "requester": {"display": "Dr X"}}
            ],
            authorizingPrescription=[{"reference": "#hand"}],
            subject=SUBJECT,
        )
    )
    assert (made.kind, made.line_id) == (pb.INTERVENTION_KIND_ADDITIONAL_LINE, "")
    assert made.additional.product.cis == "63107752"


WRONG: dict[str, tuple[Json, str]] = {
    "no line": (dispensed(authorizingPrescription=None), "authorizingPrescription"),
    "line of another prescription": (
        dispensed(authorizingPrescription=[{"reference": f"MedicationRequest/{'0' * 64}"}]),
        "authorizingPrescription",
    ),
    "status": (dispensed(status="in-progress"), "status"),
    "declined without reason": (
        dispensed(status="declined", quantity=None, daysSupply=None),
        "statusReasonCodeableConcept",
    ),
    "declined and delivered": (
        dispensed(
            status="declined",
            statusReasonCodeableConcept={"coding": [{"system": REASON, "code": "owing"}]},
            daysSupply=None,
        ),
        "quantity",
    ),
    "no quantity": (dispensed(quantity=None), "quantity"),
    "days": (
        dispensed(quantity={"value": 7, "system": "http://unitsofmeasure.org", "code": "d"}),
        "quantity",
    ),
    "negative": (dispensed(quantity={**BOXES, "value": -1}), "quantity.value"),
    "no whole day": (dispensed(daysSupply={**DAY, "value": 1.5}), "daysSupply"),
    "tomorrow": (dispensed(whenHandedOver="2026-11-23"), "whenHandedOver"),
    "another pharmacist": (
        dispensed(performer=[{"actor": {"reference": "Practitioner/1"}}]),
        "performer[0].actor",
    ),
    "changed dosage": (dispensed(dosageInstruction=[{"text": "2"}]), "dosageInstruction"),
    "no product": (
        dispensed(medicationCodeableConcept=None, medicationReference={"reference": "Medication/1"}),
        "medicationReference",
    ),
    "modifier": (dispensed(modifierExtension=[{"url": "x"}]), "modifierExtension"),
}


@pytest.mark.parametrize(("resource", "place"), WRONG.values(), ids=WRONG)
def test_wrong_dispense_is_refused_where_it_stands(resource: Json, place: str) -> None:
    assert f"MedicationDispense.{place}" in [one.field for one in read(resource)[1].found]


def test_dispenses_of_two_days_are_two_calls() -> None:
    body = with_parameters(
        {"name": "secret", "valueString": "s"},
        {"name": "dispense", "resource": dispensed(whenHandedOver="2026-11-22")},
        {"name": "dispense", "resource": dispensed(whenHandedOver="2026-11-21")},
    )
    with pytest.raises(FhirInvalid) as raised:
        read_dispenses(body, ID, AUTHOR)
    assert raised.value.violations[0].field == "Parameters.parameter[2].resource.whenHandedOver"


def written(done: pb.Intervention) -> Json:
    resource = write_dispense(prescription(), done, SUBJECT)
    MedicationDispense.model_validate(resource)
    assert from_xml(to_xml(resource)) == resource
    return resource


def test_record_is_written_with_its_line_lot_and_count() -> None:
    resource = written(intervention(lot="L42", expires="2027-06-30"))
    assert resource["id"] == (ID + DONE).replace("-", "")
    assert resource["contained"][0]["batch"] == {"lotNumber": "L42", "expirationDate": "2027-06-30"}
    assert (resource["quantity"]["value"], resource["daysSupply"]["value"]) == (1, 5)
    assert resource["authorizingPrescription"][0]["reference"].endswith((ID + LINE).replace("-", ""))
    sent = {name: value for name, value in resource.items() if name not in ("extension", "identifier")}
    assert act(sent).lot == "L42"


RECORDS: list[tuple[dict[str, Any], str]] = [
    ({}, "completed"),
    ({"kind": pb.INTERVENTION_KIND_SUBSTITUTED}, "completed"),
    ({"kind": pb.INTERVENTION_KIND_NOT_DELIVERED, "reason": "not_collected", "packs": "0"}, "declined"),
    ({"undone_by": LINE}, "entered-in-error"),
    ({"offline": True, "excess": "1", "decisions": [pb.Decision(code="I1", reason="x")]}, "completed"),
    ({"kind": pb.INTERVENTION_KIND_CHANGED, "reason": "Rupture"}, "completed"),
    ({"line_id": DONE, "kind": pb.INTERVENTION_KIND_ADDITIONAL_LINE}, "completed"),
]


@pytest.mark.parametrize(("fields", "status"), RECORDS)
def test_status_of_a_record(fields: dict[str, Any], status: str) -> None:
    assert written(intervention(**fields))["status"] == status


def test_reason_of_what_was_not_delivered_is_coded() -> None:
    fields = {
        "kind": pb.INTERVENTION_KIND_NOT_DELIVERED,
        "reason": "not_collected",
        "packs": "",
        "counted": "",
    }
    resource = written(intervention(**fields))
    assert resource["statusReasonCodeableConcept"]["coding"] == [{"system": REASON, "code": "not-collected"}]
    assert "quantity" not in resource


def test_history_without_the_prescription_gives_no_way_to_it() -> None:
    past = db.Dispensing(intervention_id=DONE, delivered_on="2026-11-22", label="X", kind=KIND, packs="1")
    resource = write_past(past, SUBJECT)
    MedicationDispense.model_validate(resource)
    assert "authorizingPrescription" not in resource
    assert resource["id"] == DONE
