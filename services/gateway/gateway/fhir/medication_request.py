"""MedicationRequest (draft guide of the ANS, EU-MPD) to a line of the contract, and back.

One line is one resource; all lines of a prescription have one `groupIdentifier`. What the platform says of a
line (its number, its last day, how far it is) is written and never believed when it is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import extensions, instants, names
from .amounts import Amount, read_amount, read_days, write_amount, write_days
from .dosage import Posologies, read_day, write_dosages
from .faults import Reading
from .keys import pair
from .line_status import write_status
from .product import read_concept, read_medication, write_concept, write_preparation
from .subject import Subject, read_subject

Json = dict[str, Any]
REQUEST = {
    "resourceType",
    "id",
    "meta",
    "text",
    "language",
    "contained",
    "extension",
    "identifier",
    "groupIdentifier",
    "status",
    "intent",
    "medicationCodeableConcept",
    "medicationReference",
    "subject",
    "authoredOn",
    "requester",
    "dosageInstruction",
    "note",
    "dispenseRequest",
    "substitution",
}
DISPENSE_REQUEST = {"validityPeriod", "numberOfRepeatsAllowed", "quantity", "expectedSupplyDuration"}
STATUSES = ("draft", "active")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNITS = {names.BOX: pb.COUNT_UNIT_BOX, "d": pb.COUNT_UNIT_DAY}
REASONS = {
    "MTE": pb.NON_SUBSTITUTION_MTE,
    "EFG": pb.NON_SUBSTITUTION_EFG,
    "CIF": pb.NON_SUBSTITUTION_CIF,
}
REASON_NAMES = {value: name for name, value in REASONS.items()}
# substanceAdminSubstitution: what the law allows anyway.
ALLOWED = {"G", "E"}
IN_WORDS = "in-words"
COMPUTED = "is given by this server when the prescription is signed; what was sent is not kept"


@dataclass(frozen=True, slots=True)
class Author:
    """Who sends, and when: what a request says of both must be true."""

    # PS_IdNat.
    subject: str
    # Europe/Paris.
    today: date
    # Struct_IdNat.
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """One line, whom it is for, and the group it says to belong to."""

    line: pb.PrescribedLine
    subject: Subject | None
    group: str
    at: str


def read_request(resource: Json, at: str, author: Author, reading: Reading) -> Read:
    """One MedicationRequest, checked for its shape before; every fault goes to `reading`."""
    line = pb.PrescribedLine(kind=pb.LINE_KIND_MEDICINE)
    reading.only(resource, REQUEST, at)
    held = extensions.read_line(resource, line, at, reading, names.RENDERED)
    group = read_frame(resource, at, author, line, reading)
    _read_medication(resource, at, line, reading)
    texts = [one for one in resource.get("extension", []) if one.get("url") == names.RENDERED]
    whole = str(texts[0].get("valueMarkdown", "")) if texts else ""
    posologies = Posologies(f"{at}.dosageInstruction", reading)
    line.posology.CopyFrom(posologies.read(resource.get("dosageInstruction", []), whole))
    line.patient_note = "\n".join(posologies.notes)
    line.dispenser_note = read_notes(resource, at, reading)
    _read_dispensing(resource.get("dispenseRequest", {}), f"{at}.dispenseRequest", author, line, reading)
    line.starts_on = line.starts_on or _later(posologies.starts_on, author)
    _read_substitution(resource.get("substitution"), f"{at}.substitution", line, reading)
    for name in ("usage", "patient-note"):
        if held.one(name):
            reading.leave(f"{at}.extension", f"of {name} is of a DeviceRequest")
    return Read(line, read_subject(resource.get("subject"), resource, f"{at}.subject", reading), group, at)


def read_frame(resource: Json, at: str, author: Author, line: pb.PrescribedLine, reading: Reading) -> str:
    """What every kind of line has: its id, group, status, author and date. Returns the group."""
    for index, identifier in enumerate(resource.get("identifier", [])):
        _read_identifier(identifier, f"{at}.identifier[{index}]", line, reading)
    group = resource.get("groupIdentifier", {})
    if group:
        reading.warn(f"{at}.groupIdentifier", "GroupIdentifierNotKept", COMPUTED)
    if resource.get("status") not in STATUSES:
        reading.add(f"{at}.status", f"must be {' or '.join(STATUSES)}: it becomes active when it is signed")
    if resource.get("intent") != "order":
        reading.add(f"{at}.intent", "must be order")
    _read_author(resource.get("requester"), f"{at}.requester", author, reading)
    _read_date(resource.get("authoredOn"), f"{at}.authoredOn", author, reading)
    return f"{group.get('system', '')}|{group.get('value', '')}" if group else ""


def _read_identifier(identifier: Json, at: str, line: pb.PrescribedLine, reading: Reading) -> None:
    value = str(identifier.get("value", "")).removeprefix("urn:uuid:").lower()
    if identifier.get("system") != names.URI or not UUID.fullmatch(value):
        reading.leave(at, f"is not kept: a line has a UUID, as {names.URI}|urn:uuid:...")
    elif line.line_id:
        reading.add(at, "is a second UUID")
    else:
        line.line_id = value


def _read_author(reference: Json | None, at: str, author: Author, reading: Reading) -> None:
    """Whoever sends is who prescribes: the token proves it, and nobody prescribes for another."""
    if not reference:
        return
    identifier = reference.get("identifier", {})
    named = str(identifier.get("value") or str(reference.get("reference", "")).rpartition("/")[2])
    if identifier and identifier.get("system") != names.PROFESSIONALS:
        reading.add(f"{at}.identifier.system", f"must be {names.PROFESSIONALS}")
    elif named != author.subject:
        reading.add(at, "must be the professional of the token (Practitioner/ and 8 + RPPS), or be left out")


def _read_date(text: str | None, at: str, author: Author, reading: Reading) -> None:
    if text is None:
        return
    day = read_day(text, at, reading)
    if day is not None and day != author.today:
        reading.add(at, "must be today: a prescription has the date of its signature (R.5132-3)")


def _read_medication(resource: Json, at: str, line: pb.PrescribedLine, reading: Reading) -> None:
    if concept := resource.get("medicationCodeableConcept"):
        line.product.CopyFrom(read_concept(concept, f"{at}.medicationCodeableConcept", reading))
        return
    target = str(resource.get("medicationReference", {}).get("reference", ""))
    for index, inner in enumerate(resource.get("contained", [])):
        if inner.get("resourceType") == "Medication" and target == f"#{inner.get('id')}":
            read_medication(inner, f"{at}.contained[{index}]", line, reading)
            return
    reading.add(f"{at}.medicationReference", "must be a contained Medication, or a CodeableConcept")


def read_notes(resource: Json, at: str, reading: Reading) -> str:
    """Notes are for whoever dispenses."""
    texts = []
    for index, note in enumerate(resource.get("note", [])):
        reading.only(note, {"text"}, f"{at}.note[{index}]")
        texts.append(str(note.get("text", "")))
    return "\n".join(texts)


def _later(day: str, author: Author) -> str:
    """The first day of a treatment that does not begin today."""
    return "" if day == author.today.isoformat() else day


def _read_dispensing(
    request: Json, at: str, author: Author, line: pb.PrescribedLine, reading: Reading
) -> None:
    reading.only(request, DISPENSE_REQUEST, at)
    line.renewals = int(request.get("numberOfRepeatsAllowed", 0))
    if "quantity" in request:
        read_quantity(request["quantity"], f"{at}.quantity", line, reading)
    if "expectedSupplyDuration" in request:
        line.duration_days = read_days(
            request["expectedSupplyDuration"], f"{at}.expectedSupplyDuration", reading
        )
    period = request.get("validityPeriod", {})
    if "start" in period and (day := read_day(period["start"], f"{at}.validityPeriod.start", reading)):
        line.starts_on = _later(day.isoformat(), author)
    if "end" in period:
        reading.warn(f"{at}.validityPeriod.end", "ValidityEndNotKept", COMPUTED)


def read_quantity(quantity: Json, at: str, line: pb.PrescribedLine, reading: Reading) -> None:
    """Boxes (EDQM 30009000), days (UCUM d), or units of dose whose name is kept."""
    known = {IN_WORDS: "valueString"}
    found = read_amount(quantity, at, reading, decimals=3, extensions=True)
    words = extensions.Held(quantity, known, at, reading).one(IN_WORDS)
    if found is None:
        return
    unit = UNITS.get(found.code, pb.COUNT_UNIT_DOSE)
    if unit == pb.COUNT_UNIT_DOSE and not found.unit:
        reading.add(f"{at}.unit", "is missing: name the unit of dose (comprimé), or give 30009000 for boxes")
    if unit == pb.COUNT_UNIT_DOSE and found.code and not _dosed(line, found):
        reading.warn(f"{at}.code", "UnitCodeNotKept", "is that of no dose: the name of the unit is kept")
    label = found.unit if unit == pb.COUNT_UNIT_DOSE else ""
    line.quantity.CopyFrom(pb.Quantity(value=found.value, unit=unit, unit_label=label, in_words=words))


def _dosed(line: pb.PrescribedLine, found: Amount) -> bool:
    """A dose has this very unit, so that its code is found again."""
    return any((one.unit_code, one.unit_label) == (found.code, found.unit) for one in line.posology.doses)


def _read_substitution(substitution: Json | None, at: str, line: pb.PrescribedLine, reading: Reading) -> None:
    if substitution is None:
        return
    reading.only(substitution, {"allowedBoolean", "allowedCodeableConcept", "reason"}, at)
    codings = substitution.get("allowedCodeableConcept", {}).get("coding", [])
    codes = {str(one.get("code", "")) for one in codings if one.get("system") == names.SUBSTITUTION}
    refused = "N" in codes or substitution.get("allowedBoolean") is False
    if not refused and not (codes & ALLOWED or substitution.get("allowedBoolean")):
        reading.add(at, f"must allow (allowedBoolean, or {' or '.join(sorted(ALLOWED))}) or refuse (N)")
    reason = substitution.get("reason", {})
    if not refused:
        if reason:
            reading.leave(f"{at}.reason", "is kept of a refusal only")
        return
    coded = [str(one.get("code")) for one in reason.get("coding", [])]
    text = str(reason.get("text", ""))
    code = next((one for one in [*coded, text.strip()] if one in REASONS), "")
    if not code:
        reading.add(f"{at}.reason", "must be MTE, EFG or CIF (arrêté of 12 November 2019), coded or as text")
        return
    line.non_substitution = REASONS[code]
    line.non_substitution_text = "" if text.strip() == code else text


def write_request(prescription: pb.Prescription, line: pb.PrescribedLine, subject: Json) -> Json:
    """The resource of one line, with what became of it."""
    request = write_frame(prescription, line, "MedicationRequest", subject)
    if line.kind == pb.LINE_KIND_PREPARATION:
        request["contained"] = [write_preparation(line, "preparation")]
        request["medicationReference"] = {"reference": "#preparation"}
    else:
        request["medicationCodeableConcept"] = write_concept(line.product)
    if dosages := write_dosages(line):
        request["dosageInstruction"] = dosages
    request["dispenseRequest"] = _write_dispensing(prescription, line)
    request["substitution"] = _write_substitution(line)
    return request


def write_frame(prescription: pb.Prescription, line: pb.PrescribedLine, kind: str, subject: Json) -> Json:
    """What every kind of line has, in the order of the standard."""
    status = next((one for one in prescription.lines if one.line_id == line.line_id), None)
    frame: Json = {
        "resourceType": kind,
        "id": pair(prescription.prescription_id, line.line_id),
        "meta": {"versionId": str(prescription.version or 1)},
        "identifier": [{"system": names.URI, "value": f"urn:uuid:{line.line_id}"}],
        "groupIdentifier": write_number(prescription.number),
        **write_status(prescription, status, device=kind == "DeviceRequest"),
        "intent": "order",
        "subject": subject,
        "requester": write_prescriber(prescription.prescriber),
    }
    if prescription.HasField("signed_at"):
        frame["authoredOn"] = instants.text(prescription.signed_at)
    held = extensions.write_line(line)
    if status is not None:
        held.append(_write_progress(status, line))
    if held:
        frame["extension"] = held
    if line.dispenser_note:
        frame["note"] = [{"text": line.dispenser_note}]
    return frame


def write_number(number: str) -> Json:
    """The number of a prescription."""
    return {"system": names.PRESCRIPTION_NUMBER, "value": number}


def write_prescriber(prescriber: pb.Prescriber) -> Json:
    """Who prescribed, by national number."""
    identifier = {"system": names.PROFESSIONALS, "value": prescriber.id}
    named: Json = {"type": "Practitioner", "identifier": identifier}
    return named | ({"display": prescriber.name} if prescriber.name else {})


def _write_progress(status: pb.LineStatus, line: pb.PrescribedLine) -> Json:
    unit = write_unit(line)
    parts = [
        extensions.extension(name, "valueQuantity", write_amount(value, *unit))
        for name, value in (
            ("authorised", status.authorised),
            ("delivered", status.delivered),
            ("forfeited", status.forfeited),
        )
        if value and (Decimal(value) or name != "forfeited")
    ]
    parts.append(extensions.extension("deliveries", "valueUnsignedInt", status.deliveries))
    if status.next_on:
        parts.append(extensions.extension("next-on", "valueDate", status.next_on))
    return extensions.extension(extensions.PROGRESS, "extension", parts)


def write_unit(line: pb.PrescribedLine) -> tuple[str, str]:
    """Name and code of what a line is counted in."""
    if line.quantity.unit == pb.COUNT_UNIT_BOX:
        return "Boîte", names.BOX
    if line.quantity.unit == pb.COUNT_UNIT_DAY:
        return "d", "d"
    label = line.quantity.unit_label
    codes = [one.unit_code for one in line.posology.doses if one.unit_label == label]
    return label, next((one for one in codes if one), "")


def write_quantity(line: pb.PrescribedLine) -> Json:
    """The quantity of one delivery."""
    quantity = write_amount(line.quantity.value, *write_unit(line))
    if line.quantity.in_words:
        quantity["extension"] = [extensions.extension(IN_WORDS, "valueString", line.quantity.in_words)]
    return quantity


def _write_dispensing(prescription: pb.Prescription, line: pb.PrescribedLine) -> Json:
    status = next((one for one in prescription.lines if one.line_id == line.line_id), None)
    start = line.starts_on or prescription.written_on
    end = (status.until if status is not None else "") or prescription.expires_on
    period = {name: day for name, day in (("start", start), ("end", end)) if day}
    request: Json = {"validityPeriod": period} if period else {}
    request["numberOfRepeatsAllowed"] = line.renewals
    if line.HasField("quantity"):
        request["quantity"] = write_quantity(line)
    if line.duration_days:
        request["expectedSupplyDuration"] = write_days(line.duration_days)
    return request


def _write_substitution(line: pb.PrescribedLine) -> Json:
    if not line.non_substitution:
        return {"allowedBoolean": True}
    name = REASON_NAMES[line.non_substitution]
    reason = {
        "coding": [{"system": names.NON_SUBSTITUTION, "code": name}],
        "text": line.non_substitution_text or name,
    }
    coding = [{"system": names.SUBSTITUTION, "code": "N"}]
    return {"allowedCodeableConcept": {"coding": coding}, "reason": reason}
