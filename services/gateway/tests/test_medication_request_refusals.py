"""What a line of a prescription may not say: refused where it stands, or left aside by name."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fhir.faults import FhirInvalid

from .prescribed_given import (
    ANSM,
    DAY,
    EDQM,
    OURS,
    PARACETAMOL,
    TABLET,
    UCUM,
    dosed,
    line,
    places,
    read,
    taken,
)

Json = dict[str, Any]


REPEAT = {"frequency": 1, "period": 1, "periodUnit": "d"}
REFUSED: dict[str, tuple[Json, str]] = {
    "no subject": (line(subject=None), ".subject"),
    "subject of no patient": (line(subject={"display": "x"}), ".subject"),
    "status": (line(status="completed"), ".status"),
    "intent": (line(intent="plan"), ".intent"),
    "another author": (line(requester={"reference": "Practitioner/810100000029"}), ".requester"),
    "yesterday": (line(authoredOn="2026-11-21"), ".authoredOn"),
    "no posology": (line(dosageInstruction=None), ".dosageInstruction"),
    "patient instruction": (dosed(patientInstruction="x"), ".dosageInstruction[0].patientInstruction"),
    "negative dose": (
        dosed(doseAndRate=[{"doseQuantity": {**TABLET, "value": -1}}]),
        ".dosageInstruction[0].doseAndRate[0].doseQuantity.value",
    ),
    "zero boxes": (
        line(dispenseRequest={"quantity": {"value": 0, "unit": "x"}}),
        ".dispenseRequest.quantity.value",
    ),
    "a million boxes": (
        line(dispenseRequest={"quantity": {"value": 1000000, "unit": "x"}}),
        ".dispenseRequest.quantity.value",
    ),
    "quantity as text": (
        line(dispenseRequest={"quantity": {"value": "2", "unit": "x"}}),
        ".dispenseRequest.quantity.value",
    ),
    "comparator": (
        line(dispenseRequest={"quantity": {"value": 2, "unit": "x", "comparator": "<"}}),
        ".dispenseRequest.quantity.comparator",
    ),
    "unit of another system": (
        dosed(doseAndRate=[{"doseQuantity": {"value": 1, "system": "http://snomed.info/sct", "code": "1"}}]),
        ".dosageInstruction[0].doseAndRate[0].doseQuantity.system",
    ),
    "code without system": (
        dosed(doseAndRate=[{"doseQuantity": {"value": 1, "code": "mg"}}]),
        ".dosageInstruction[0].doseAndRate[0].doseQuantity.system",
    ),
    "no code of EDQM": (
        dosed(doseAndRate=[{"doseQuantity": {"value": 1, "system": EDQM, "code": "mg"}}]),
        ".dosageInstruction[0].doseAndRate[0].doseQuantity.code",
    ),
    "rate": (
        dosed(doseAndRate=[{"rateQuantity": {"value": 2, "system": UCUM, "code": "mL/h"}}]),
        ".dosageInstruction[0].doseAndRate[0].rateQuantity",
    ),
    "time of day": (
        dosed(timing={"repeat": {**REPEAT, "timeOfDay": ["08:00:00"]}}),
        ".dosageInstruction[0].timing.repeat.timeOfDay",
    ),
    "unknown event": (
        dosed(timing={"repeat": {"when": ["TEATIME"]}}),
        ".dosageInstruction[0].timing.repeat.when[0]",
    ),
    "unknown day": (
        dosed(timing={"repeat": {"dayOfWeek": ["lundi"]}}),
        ".dosageInstruction[0].timing.repeat.dayOfWeek[0]",
    ),
    "a month of treatment": (
        dosed(timing={"repeat": {**REPEAT, "boundsDuration": {"value": 1, "system": UCUM, "code": "mo"}}}),
        ".dosageInstruction[0].timing.repeat.boundsDuration",
    ),
    "most in a week": (
        dosed(
            maxDosePerPeriod={
                "numerator": {"value": 4, "unit": "comprimé"},
                "denominator": {**DAY, "value": 7},
            }
        ),
        ".dosageInstruction[0].maxDosePerPeriod.denominator",
    ),
    "most of another unit": (
        dosed(maxDosePerPeriod={"numerator": {"value": 4, "unit": "mL"}, "denominator": DAY}),
        ".dosageInstruction[0].maxDosePerPeriod.numerator",
    ),
    "no such CIS": (
        line(
            medicationCodeableConcept={
                "coding": [{"system": f"{ANSM}/SpecialitePharmaceutique", "code": "1"}]
            }
        ),
        ".medicationCodeableConcept.coding[0].code",
    ),
    "codes of another system": (
        line(
            medicationCodeableConcept={
                "coding": [{"system": "http://snomed.info/sct", "code": "1"}],
                "text": "x",
            }
        ),
        ".medicationCodeableConcept.coding[0].system",
    ),
    "reference elsewhere": (
        line(medicationCodeableConcept=None, medicationReference={"reference": "Medication/1"}),
        ".medicationReference",
    ),
    "refusal without reason": (line(substitution={"allowedBoolean": False}), ".substitution.reason"),
    "another's extension": (line(extension=[{"url": "http://x", "valueBoolean": True}]), ".extension[0]"),
    "extension of another type": (
        line(extension=[{"url": f"{OURS}ald", "valueString": "oui"}]),
        ".extension[0]",
    ),
    "modifier": (
        line(modifierExtension=[{"url": "http://x", "valueBoolean": True}]),
        ".modifierExtension",
    ),
    "not to be done": (line(doNotPerform=True), ".doNotPerform"),
    "null": (line() | {"note": None}, ".note"),
}


@pytest.mark.parametrize(("resource", "place"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_or_not_kept_is_refused_where_it_stands(resource: Json, place: str) -> None:
    assert place in places(resource)


def test_patient_instruction_is_told_where_to_go() -> None:
    _, reading = read(dosed(patientInstruction="Avaler"))
    assert "additionalInstruction" in reading.found[0].problem
    found = taken(dosed(additionalInstruction=[{"text": "Avaler"}, {"text": "Debout"}]))
    assert found.patient_note == "Avaler\nDebout"


def test_steps_needed_and_not_needed_are_not_one_line() -> None:
    always = {"text": "1 le matin", "timing": {"repeat": REPEAT}, "doseAndRate": [{"doseQuantity": TABLET}]}
    mixed = line(dosageInstruction=[*PARACETAMOL["dosageInstruction"], always])
    assert places(mixed) == [".dosageInstruction"]


PLACES = ["text", "timing", "route", "doseAndRate", "maxDosePerPeriod", "asNeededCodeableConcept"]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["value", "code", "repeat", "low", "coding", "system"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)


@settings(deadline=None)
@given(name=st.sampled_from(PLACES), junk=JUNK)
def test_any_junk_in_a_dosage_is_a_fault_or_a_line(name: str, junk: Any) -> None:
    resource = copy.deepcopy(PARACETAMOL)
    resource["dosageInstruction"][0][name] = junk
    try:
        made = taken(json.loads(json.dumps(resource)))
    except FhirInvalid:
        return
    assert made.posology.text or made.posology.doses
