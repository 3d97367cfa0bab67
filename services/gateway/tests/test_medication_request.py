"""Lines of a prescription to FHIR and back: what is kept is kept whole, what is not is refused or named."""

from typing import Any

import pytest
from fhir.resources.R4B.devicerequest import DeviceRequest
from fhir.resources.R4B.medicationrequest import MedicationRequest

from gateway.fhir.task import write_line
from gateway.fhir.xml_in import from_xml
from gateway.fhir.xml_out import to_xml
from socle.eprescription.v1 import eprescription_pb2 as pb

from .prescribed_given import (
    ANSM,
    DEVICE,
    EDQM,
    NUMBER,
    PARACETAMOL,
    SUBJECT,
    dosed,
    line,
    prescription,
    read,
    taken,
)

Json = dict[str, Any]


def written(
    made: pb.PrescribedLine, state: pb.PrescriptionState.ValueType = pb.PRESCRIPTION_STATE_ACTIVE
) -> Json:
    resource = write_line(prescription(state, made), made, SUBJECT)
    model = DeviceRequest if resource["resourceType"] == "DeviceRequest" else MedicationRequest
    model.model_validate(resource)
    return resource


def again(made: pb.PrescribedLine) -> pb.PrescribedLine:
    """What a line is once written and read; what the platform adds is left aside by name."""
    found, reading = read(written(made, pb.PRESCRIPTION_STATE_DRAFT))
    assert [one.problem for one in reading.found] == []
    return found.line


def test_line_of_the_guide_is_read_element_by_element() -> None:
    found = taken(PARACETAMOL)
    assert (found.line_id[:8], found.product.cis, found.product.mv) == ("aadc9c14", "63107752", "MV00002306")
    dose = found.posology.doses[0]
    assert (dose.quantity, dose.unit_code, dose.frequency, dose.period, dose.days) == (
        "1",
        "15054000",
        3,
        "1",
        5,
    )
    assert (found.posology.as_needed, found.posology.max_per_day, found.posology.route_code) == (
        True,
        "4",
        "20053000",
    )
    assert (found.quantity.value, found.quantity.unit) == ("2", pb.COUNT_UNIT_BOX)
    assert found.non_substitution == pb.NON_SUBSTITUTION_MTE


def test_line_of_the_guide_comes_back_equal() -> None:
    resource = written(taken(PARACETAMOL))
    for name in ("identifier", "medicationCodeableConcept", "dosageInstruction"):
        assert resource[name] == PARACETAMOL[name]
    asked = resource["dispenseRequest"]
    assert {name: asked[name] for name in PARACETAMOL["dispenseRequest"]} == PARACETAMOL["dispenseRequest"]
    assert asked["validityPeriod"] == {"start": "2026-11-22", "end": "2027-11-22"}
    assert resource["substitution"]["reason"]["text"] == "MTE"
    assert resource["groupIdentifier"] == {"system": "urn:oid:1.2.250.1.215.500.1.1", "value": NUMBER}
    assert (resource["status"], resource["authoredOn"]) == ("active", "2026-11-22T09:30:00Z")


def test_xml_says_the_same_as_json() -> None:
    resource = written(taken(PARACETAMOL))
    assert from_xml(to_xml(resource)) == resource


WHOLE = pb.PrescribedLine(
    line_id="aadc9c14-f1ca-4177-b2c8-a5178d5b3ca2",
    kind=pb.LINE_KIND_MEDICINE,
    product=pb.Product(
        cip13="3400930000016",
        label="MORPHINE 10 mg gélule",
        dci="morphine (sulfate) 10 mg gélule LP",
        substances=[
            pb.Substance(code="00123", name="MORPHINE", strength="10 mg"),
            pb.Substance(name="AUTRE"),
        ],
        atc="N02AA01",
        form_code="10215000",
    ),
    posology=pb.Posology(
        text="2 gélules matin et soir\npuis 1 gélule matin et soir",
        doses=[
            pb.Dose(
                sequence=1,
                quantity="2",
                unit_code="15012000",
                unit_label="gélule",
                frequency=1,
                period="12",
                period_unit="h",
                when=["MORN", "EVE"],
                days=7,
            ),
            pb.Dose(
                sequence=2,
                quantity="0.5",
                quantity_high="1",
                unit_code="mg",
                unit_label="mg",
                frequency=1,
                period="1",
                period_unit="wk",
                days_of_week=["mon", "thu"],
                days=21,
            ),
        ],
        as_needed=True,
        condition="douleur",
        route_code="20053000",
        route_label="Voie orale",
    ),
    starts_on="2026-12-01",
    duration_days=28,
    quantity=pb.Quantity(value="28", unit=pb.COUNT_UNIT_DOSE, unit_label="gélule", in_words="vingt-huit"),
    renewals=2,
    renewal_forbidden=True,
    early_renewal_allowed=True,
    ald=True,
    work_accident=True,
    prevention=True,
    non_reimbursable=True,
    off_label=True,
    non_substitution=pb.NON_SUBSTITUTION_CIF,
    non_substitution_text="Intolérance au lactose",
    single_delivery=True,
    overlap_allowed=True,
    exception_indication="Douleur rebelle",
    mentions=["lt_1_year", "booklet"],
    patient_note="Ne pas croquer",
    dispenser_note="Appeler si absent",
    precondition="Après avis",
)


def test_every_field_of_a_medicine_makes_the_round_trip() -> None:
    missing = {field.name for field in WHOLE.DESCRIPTOR.fields} - {
        field.name for field, _ in WHOLE.ListFields()
    }
    assert missing == {"ingredients", "rental_days"}
    assert again(WHOLE) == WHOLE


def test_every_field_survives_xml() -> None:
    found, reading = read(from_xml(to_xml(written(WHOLE, pb.PRESCRIPTION_STATE_DRAFT))))
    assert (reading.found, found.line) == ([], WHOLE)


def test_preparation_makes_the_round_trip() -> None:
    made = pb.PrescribedLine(
        line_id="aadc9c14-f1ca-4177-b2c8-a5178d5b3ca3",
        kind=pb.LINE_KIND_PREPARATION,
        product=pb.Product(label="Crème apaisante"),
        ingredients=[
            pb.Ingredient(name="Vaseline", quantity="q.s.p. 100 g"),
            pb.Ingredient(name="Eau", quantity="2.5 g"),
        ],
        posology=pb.Posology(text="Appliquer le soir"),
        quantity=pb.Quantity(value="1", unit=pb.COUNT_UNIT_BOX),
    )
    assert again(made) == made
    strength = written(made)["contained"][0]["ingredient"][1]["strength"]
    assert strength == {"numerator": {"value": 2.5, "unit": "g"}, "denominator": {"value": 1}}


def test_device_makes_the_round_trip() -> None:
    made = pb.PrescribedLine(
        line_id="aadc9c14-f1ca-4177-b2c8-a5178d5b3ca4",
        kind=pb.LINE_KIND_DEVICE,
        product=pb.Product(emdn="V0380", lpp="1119257", label="Pompe"),
        posology=pb.Posology(text="La nuit"),
        starts_on="2026-12-01",
        duration_days=30,
        quantity=pb.Quantity(value="3", unit=pb.COUNT_UNIT_DOSE, unit_label="pièce"),
        renewals=1,
        ald=True,
        patient_note="Rincer",
        dispenser_note="Livrer",
        rental_days=28,
    )
    assert again(made) == made
    assert taken(DEVICE).rental_days == 28


def test_noncompound_medication_is_read_with_its_form_and_substances() -> None:
    contained = {
        "resourceType": "Medication",
        "id": "m",
        "code": {
            "coding": [{"system": f"{ANSM}/Presentation", "code": "3400930000016"}],
            "text": "Amoxicilline",
        },
        "form": {"coding": [{"system": EDQM, "code": "10219000"}]},
        "ingredient": [
            {
                "itemCodeableConcept": {
                    "coding": [{"system": f"{ANSM}/substance", "code": "1", "display": "AMOX"}]
                },
                "strength": {"numerator": {"value": 500, "unit": "mg"}, "denominator": {"value": 1}},
            }
        ],
    }
    found = taken(
        line(medicationCodeableConcept=None, medicationReference={"reference": "#m"}, contained=[contained])
    )
    assert (found.kind, found.product.cip13, found.product.form_code) == (1, "3400930000016", "10219000")
    assert found.product.substances[0] == pb.Substance(code="1", name="AMOX", strength="500 mg")


def test_rendered_text_of_the_guide_is_the_text_of_the_posology() -> None:
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.renderedDosageInstruction"
    resource = dosed(text=None) | {"extension": [{"url": url, "valueMarkdown": "Un comprimé si douleur"}]}
    assert taken(resource).posology.text == "Un comprimé si douleur"


def test_what_the_platform_gives_is_named_not_kept() -> None:
    _, reading = read(
        line(
            groupIdentifier={"system": "urn:oid:1.2.250.1.215.500.1.1", "value": NUMBER},
            authoredOn="2026-11-22T10:30:00+01:00",
            requester={"reference": "Practitioner/810100000011"},
            dispenseRequest={"validityPeriod": {"start": "2026-11-22", "end": "2027-11-22"}},
        )
    )
    assert reading.found == []
    assert [one.at for one in reading.notices] == [
        "MedicationRequest.groupIdentifier",
        "MedicationRequest.dispenseRequest.validityPeriod.end",
    ]


def test_lenient_reading_leaves_harmless_elements_aside_and_names_them() -> None:
    reading = read(line(category=[{"text": "ville"}], priority="routine"), lenient=True)[1]
    assert reading.found == []
    assert [one.field for one in reading.aside] == [
        "MedicationRequest.category",
        "MedicationRequest.priority",
    ]


STATES = [
    (pb.LINE_STATE_ORDERED, False, "active"),
    (pb.LINE_STATE_PARTIALLY_DELIVERED, False, "active"),
    (pb.LINE_STATE_ORDERED, True, "on-hold"),
    (pb.LINE_STATE_DELIVERED, False, "completed"),
    (pb.LINE_STATE_NOT_DELIVERED, False, "stopped"),
    (pb.LINE_STATE_CANCELLED, False, "cancelled"),
    (pb.LINE_STATE_EXPIRED, False, "stopped"),
]


@pytest.mark.parametrize(("state", "asked_back", "status"), STATES)
def test_state_of_a_line_is_told(state: pb.LineState.ValueType, asked_back: bool, status: str) -> None:
    whole = prescription()
    whole.lines[0].state, whole.lines[0].cancel_requested = state, asked_back
    resource = write_line(whole, whole.content.lines[0], SUBJECT)
    assert resource["status"] == status
    assert ("statusReason" in resource) is (status in ("stopped", "cancelled", "on-hold"))


def test_draft_has_no_date_and_is_a_draft() -> None:
    resource = written(taken(PARACETAMOL), pb.PRESCRIPTION_STATE_DRAFT)
    assert (resource["status"], "authoredOn" in resource) == ("draft", False)
