"""Where a fault that eprescription found stands in the FHIR that was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .places import Locate
from .task_operations import Draft

LINE = re.compile(r"content\.lines\[(\d+)\]\.?(\w+)?")
ACT = re.compile(r"acts\[(\d+)\]\.?(\w+)?")
# Field of the contract -> element of the request of a line.
ELEMENTS = {
    "line_id": "identifier",
    "product": "medicationCodeableConcept",
    "ingredients": "contained[0].ingredient",
    "posology": "dosageInstruction",
    "starts_on": "dispenseRequest.validityPeriod.start",
    "duration_days": "dispenseRequest.expectedSupplyDuration",
    "quantity": "dispenseRequest.quantity",
    "renewals": "dispenseRequest.numberOfRepeatsAllowed",
    "non_substitution": "substitution",
    "non_substitution_text": "substitution.reason",
    "patient_note": "dosageInstruction[0].additionalInstruction",
    "dispenser_note": "note",
}
# Field of an act -> element of MedicationDispense.
OF_DISPENSE = {
    "line_id": "authorizingPrescription",
    "kind": "status",
    "cip13": "medicationCodeableConcept",
    "product_label": "medicationCodeableConcept.text",
    "packs": "quantity",
    "units": "quantity",
    "lot": "contained[0].batch.lotNumber",
    "expires": "contained[0].batch.expirationDate",
    "days_covered": "daysSupply",
    "not_delivered": "statusReasonCodeableConcept",
    "note": "note",
}
# Field of a request -> parameter of the operation.
PARAMETERS = {
    "access_code": "ac",
    "birth_date": "birthDate",
    "line_ids": "line",
    "decisions": "decision",
    "prescription_id": "Task.id",
    "state": "Task.status",
}


def in_draft(draft: Draft) -> Locate:
    """Turns `content.lines[0].product.cip13` into the FHIRPath of that product as it was sent."""

    def locate(field: str) -> str:
        if field.startswith(("person_id", "ins")):
            return draft.subject.at
        found = LINE.match(field)
        if found is None or int(found[1]) >= len(draft.places):
            return field.removeprefix("content.")
        return _joined(draft.places[int(found[1])], ELEMENTS.get(found[2] or "", ""))

    return locate


def in_answer(field: str) -> str:
    """Faults of a prescription that was not sent with the request: where its lines stand in the Bundles that
    the operations of Task answer; a parameter by its name.
    """
    if found := LINE.match(field):
        return _joined(f"Bundle.entry[{int(found[1]) + 1}].resource", ELEMENTS.get(found[2] or "", ""))
    return PARAMETERS.get(field, field)


def in_acts(places: Sequence[str]) -> Locate:
    """Turns `acts[0].cip13` into the FHIRPath of the product of that MedicationDispense."""

    def locate(field: str) -> str:
        found = ACT.match(field)
        if found is None or int(found[1]) >= len(places):
            return in_answer(field)
        return _joined(places[int(found[1])], OF_DISPENSE.get(found[2] or "", ""))

    return locate


def _joined(place: str, element: str) -> str:
    return f"{place}.{element}" if element else place
