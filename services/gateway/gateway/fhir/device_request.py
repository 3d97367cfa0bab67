"""DeviceRequest: a medical device (EMDN, LPP) as a line of a prescription, both ways.

R4 has no element for how many, how often and for how long: they are its `parameter`s, under codes of ours.
"""

from __future__ import annotations

from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import extensions, names
from .amounts import read_amount, write_amount, write_days
from .dosage import read_day
from .faults import Reading
from .medication_request import (
    Author,
    Read,
    read_frame,
    read_notes,
    read_quantity,
    write_frame,
    write_quantity,
)
from .product import read_concept, write_concept
from .subject import read_subject

Json = dict[str, Any]
REQUEST = {
    "resourceType",
    "id",
    "meta",
    "text",
    "language",
    "extension",
    "identifier",
    "groupIdentifier",
    "status",
    "intent",
    "codeCodeableConcept",
    "parameter",
    "subject",
    "occurrencePeriod",
    "authoredOn",
    "requester",
    "note",
}
COUNTS = {"renewals": "renewals", "rental-days": "rental_days", "duration-days": "duration_days"}
USAGE, PATIENT_NOTE = "usage", "patient-note"


def read_device(resource: Json, at: str, author: Author, reading: Reading) -> Read:
    """One DeviceRequest, checked for its shape before; every fault goes to `reading`."""
    line = pb.PrescribedLine(kind=pb.LINE_KIND_DEVICE)
    reading.only(resource, REQUEST, at)
    held = extensions.read_line(resource, line, at, reading)
    line.posology.text, line.patient_note = held.one(USAGE), held.one(PATIENT_NOTE)
    group = read_frame(resource, at, author, line, reading)
    concept = resource.get("codeCodeableConcept")
    if concept is None:
        reading.add(f"{at}.codeCodeableConcept", f"is missing: give {names.LPP}, {names.EMDN} or a text")
    else:
        line.product.CopyFrom(read_concept(concept, f"{at}.codeCodeableConcept", reading))
    for index, one in enumerate(resource.get("parameter", [])):
        _read_parameter(one, f"{at}.parameter[{index}]", line, reading)
    _read_period(resource.get("occurrencePeriod", {}), f"{at}.occurrencePeriod", author, line, reading)
    line.dispenser_note = read_notes(resource, at, reading)
    return Read(line, read_subject(resource.get("subject"), resource, f"{at}.subject", reading), group, at)


def _read_parameter(parameter: Json, at: str, line: pb.PrescribedLine, reading: Reading) -> None:
    reading.only(parameter, {"code", "valueQuantity"}, at)
    codings = parameter.get("code", {}).get("coding", [])
    code = next((str(one.get("code")) for one in codings if one.get("system") == names.PARAMETER), "")
    value = parameter.get("valueQuantity", {})
    if code == "quantity":
        read_quantity(value, f"{at}.valueQuantity", line, reading)
    elif code in COUNTS:
        found = read_amount(value, f"{at}.valueQuantity", reading, decimals=0)
        setattr(line, COUNTS[code], int(found.value) if found else 0)
    else:
        reading.leave(at, f"must be one of quantity, {', '.join(COUNTS)} of {names.PARAMETER} to be kept")


def _read_period(period: Json, at: str, author: Author, line: pb.PrescribedLine, reading: Reading) -> None:
    reading.only(period, {"start"}, at)
    if "start" in period and (day := read_day(period["start"], f"{at}.start", reading)):
        line.starts_on = "" if day == author.today else day.isoformat()


def write_device(prescription: pb.Prescription, line: pb.PrescribedLine, subject: Json) -> Json:
    """The resource of one line that is a device."""
    request = write_frame(prescription, line, "DeviceRequest", subject)
    request["codeCodeableConcept"] = write_concept(line.product)
    parameters = [_parameter("quantity", write_quantity(line))] if line.HasField("quantity") else []
    if line.renewals:
        parameters.append(_parameter("renewals", write_amount(str(line.renewals))))
    parameters += [
        _parameter(code, write_days(getattr(line, COUNTS[code])))
        for code in ("rental-days", "duration-days")
        if getattr(line, COUNTS[code])
    ]
    if parameters:
        request["parameter"] = parameters
    if line.starts_on:
        request["occurrencePeriod"] = {"start": line.starts_on}
    texts = [(USAGE, line.posology.text), (PATIENT_NOTE, line.patient_note)]
    if held := [extensions.extension(name, "valueString", text) for name, text in texts if text]:
        request.setdefault("extension", []).extend(held)
    return request


def _parameter(code: str, quantity: Json) -> Json:
    return {"code": {"coding": [{"system": names.PARAMETER, "code": code}]}, "valueQuantity": quantity}
