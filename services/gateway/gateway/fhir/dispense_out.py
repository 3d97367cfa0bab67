"""Interventions, and the lines of the history, as MedicationDispense."""

from __future__ import annotations

from typing import Any

from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import instants, names
from .amounts import write_amount, write_days
from .dispense import AGREEMENT, CHANGE, REASONS
from .extensions import extension
from .keys import pair
from .line_status import slug
from .medication_request import write_unit
from .product import write_concept

Json = dict[str, Any]
NOT_DELIVERED = pb.INTERVENTION_KIND_NOT_DELIVERED
SUBSTITUTED = pb.INTERVENTION_KIND_SUBSTITUTED
# Beside the statuses: what each record says it is.
KIND = "intervention-kind"


def write_dispense(prescription: pb.Prescription, done: pb.Intervention, subject: Json) -> Json:
    """What was done about one line; a record that was undone is entered-in-error."""
    line = next(
        (one for one in prescription.content.lines if one.line_id == done.line_id), pb.PrescribedLine()
    )
    declined = done.kind == NOT_DELIVERED
    status = "declined" if declined else "completed"
    dispense: Json = {
        "resourceType": "MedicationDispense",
        "id": pair(prescription.prescription_id, done.intervention_id),
        "extension": _extensions(done, line),
        "identifier": [{"system": names.URI, "value": f"urn:uuid:{done.intervention_id}"}],
        "status": "entered-in-error" if done.undone_by else status,
        "subject": subject,
        "performer": _performers(done.pharmacist, done.pharmacy),
        "authorizingPrescription": [_line(prescription, done.line_id)],
        "whenHandedOver": done.delivered_on,
    }
    if declined:
        code = done.reason.replace("_", "-")
        coding = [{"system": names.NOT_DELIVERED, "code": code}] if code in REASONS else []
        concept: Json = {"coding": coding} if coding else {"text": done.reason}
        dispense["statusReasonCodeableConcept"] = concept
    dispense |= _product(done, line)
    dispense |= _amounts(done, line)
    if done.kind == SUBSTITUTED:
        generic = {"system": names.SUBSTITUTION, "code": "G"}
        dispense["substitution"] = {"wasSubstituted": True, "type": {"coding": [generic]}}
    if done.note:
        dispense["note"] = [{"text": done.note}]
    return {name: value for name, value in dispense.items() if value}


def _line(prescription: pb.Prescription, line_id: str) -> Json:
    identifier = {"system": names.URI, "value": f"urn:uuid:{line_id}"}
    known = any(one.line_id == line_id for one in prescription.content.lines)
    if not known:
        return {"type": "MedicationRequest", "identifier": identifier}
    return {
        "reference": f"MedicationRequest/{pair(prescription.prescription_id, line_id)}",
        "identifier": identifier,
    }


def _performers(pharmacist: str, pharmacy: str) -> list[Json]:
    return [
        {"actor": {"type": kind, "identifier": {"system": system, "value": value}}}
        for kind, system, value in (
            ("Practitioner", names.PROFESSIONALS, pharmacist),
            ("Organization", names.STRUCTURES, pharmacy),
        )
        if value
    ]


def _product(done: pb.Intervention, line: pb.PrescribedLine) -> Json:
    """What was given, with its lot; of what was not delivered, what was prescribed."""
    given = pb.Product(cip13=done.cip13, label=done.product_label)
    concept = write_concept(given if given != pb.Product() else line.product)
    batch = {"lotNumber": done.lot, "expirationDate": done.expires}
    held = {name: value for name, value in batch.items() if value}
    if not held:
        return {"medicationCodeableConcept": concept}
    medication = {"resourceType": "Medication", "id": "given", "code": concept, "batch": held}
    return {"contained": [medication], "medicationReference": {"reference": "#given"}}


def _amounts(done: pb.Intervention, line: pb.PrescribedLine) -> Json:
    found: Json = {}
    if _positive(done.packs):
        found["quantity"] = write_amount(done.packs, "Boîte", names.BOX)
    elif _positive(done.counted):
        found["quantity"] = write_amount(done.counted, *write_unit(line))
    if done.days_covered:
        found["daysSupply"] = write_days(done.days_covered)
    return found


def _positive(text: str) -> bool:
    return bool(text.strip("0."))


def _extensions(done: pb.Intervention, line: pb.PrescribedLine) -> list[Json]:
    found = [extension(KIND, "valueCode", slug(pb.InterventionKind, done.kind))]
    for name, value in (("counted", done.counted), ("excess", done.excess)):
        if _positive(value):
            found.append(extension(name, "valueQuantity", write_amount(value, *write_unit(line))))
    if done.offline:
        found.append(extension("offline", "valueBoolean", True))
    if done.kind != NOT_DELIVERED and done.reason:
        found.append(extension(CHANGE, "valueString", done.reason))
    if done.HasField("agreement") and done.agreement != pb.PrescriberAgreement():
        found.append(extension(AGREEMENT, "extension", _agreement(done.agreement)))
    found += [
        extension("decision", "extension", [_text("code", one.code), _text("reason", one.reason)])
        for one in done.decisions
    ]
    if done.undone_by:
        found.append(extension("undone-by", "valueUuid", f"urn:uuid:{done.undone_by}"))
    return found


def _text(name: str, value: str) -> Json:
    return extension(name, "valueString", value)


def _agreement(agreement: pb.PrescriberAgreement) -> list[Json]:
    parts = [extension("obtained", "valueBoolean", agreement.obtained)]
    if agreement.HasField("obtained_at"):
        parts.append(extension("obtained-at", "valueDateTime", instants.text(agreement.obtained_at)))
    return parts + ([_text("means", agreement.means)] if agreement.means else [])


def is_shown(done: pb.Intervention) -> bool:
    """A record that undoes another one is told by the one that it undoes."""
    return done.kind != pb.INTERVENTION_KIND_UNDONE


def write_past(done: db.Dispensing, subject: Json) -> Json:
    """One line of the history of a person. Whoever may not see the prescription gets no way to it."""
    product = pb.Product(cis=done.cis, cip13=done.cip13, label=done.label, substances=done.substances)
    dispense: Json = {
        "resourceType": "MedicationDispense",
        "id": pair(done.prescription_id, done.intervention_id)
        if done.prescription_id
        else done.intervention_id,
        "extension": [extension(KIND, "valueCode", slug(pb.InterventionKind, done.kind))],
        "identifier": [{"system": names.URI, "value": f"urn:uuid:{done.intervention_id}"}],
        "status": "declined" if done.kind == NOT_DELIVERED else "completed",
        "medicationCodeableConcept": write_concept(product),
        "subject": subject,
        "performer": _performers("", done.pharmacy),
        "whenHandedOver": done.delivered_on,
    }
    if done.prescription_id:
        target = f"MedicationRequest/{pair(done.prescription_id, done.line_id)}"
        dispense["authorizingPrescription"] = [{"reference": target}]
    if _positive(done.packs):
        dispense["quantity"] = write_amount(done.packs, "Boîte", names.BOX)
    if done.days_covered:
        dispense["daysSupply"] = write_days(done.days_covered)
    return {name: value for name, value in dispense.items() if value}
