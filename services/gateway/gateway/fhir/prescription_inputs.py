"""What a prescription says beside its lines: parameters of `Task/$create`, inputs of a Task, both ways.

A MedicationRequest is one line; a form in two parts, a secure prescription or the weight of the patient
belong to all of them, so they stand in the Task.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names
from .amounts import read_amount
from .dosage import read_day
from .faults import Reading

Json = dict[str, Any]
# Code of the CDA (TA_ASIP) -> field.
FLAGS = {
    "MED-1096": "bizone",
    "MED-1097": "exception_medicines",
    "MED-1098": "secure",
    "MED-1132": "large_equipment",
    "MED-1094": "at_home",
    "MED-1095": "urgent",
    "MED-1159": "military",
}
# Parameter -> field.
BOOLEANS = {
    "hospital": "hospital",
    "pregnant": "pregnant",
    "restricted": "restricted",
    "initialByHospital": "initial_by_hospital",
}
TEXTS = {"initialReference": "initial_reference", "comment": "comment"}
DATES = {"plannedDischarge": "planned_discharge_on", "initialWrittenOn": "initial_written_on"}
# Parameter -> field, and the system of its identifiers.
IDENTIFIERS = {
    "replacedPrescriber": ("replaced_prescriber", names.PROFESSIONALS),
    "namedPharmacy": ("named_pharmacy", names.STRUCTURES),
}
# Parameter -> field, the unit it is given in, and how many of the contract's units that is.
MEASURES = {"weight": ("weight_grams", "kg", 1000), "height": ("height_millimetres", "cm", 10)}
KNOWN = {
    "flag": "valueCode",
    **dict.fromkeys(BOOLEANS, "valueBoolean"),
    **dict.fromkeys(TEXTS, "valueString"),
    **dict.fromkeys(DATES, "valueDate"),
    **dict.fromkeys(IDENTIFIERS, "valueIdentifier"),
    **dict.fromkeys(MEASURES, "valueQuantity"),
}


def read_inputs(
    values: Json, places: dict[str, str], content: pb.PrescriptionContent, reading: Reading
) -> None:
    """Takes the parameters of a call (`flag` is a list) into the content; `places` says where each stands."""
    _read_flags(values.get("flag", []), places, content, reading)
    for name, field in (BOOLEANS | TEXTS).items():
        if name in values:
            setattr(content, field, values[name])
    for name, field in DATES.items():
        if name in values and (day := read_day(values[name], places[name], reading)):
            setattr(content, field, day.isoformat())
    for name, (field, system) in IDENTIFIERS.items():
        if name in values:
            setattr(content, field, _identified(values[name], system, places[name], reading))
    for name, (field, unit, many) in MEASURES.items():
        if name in values:
            setattr(content, field, _measured(values[name], unit, many, places[name], reading))


def _read_flags(
    codes: list[str], places: dict[str, str], content: pb.PrescriptionContent, reading: Reading
) -> None:
    for code in codes:
        if code in FLAGS:
            setattr(content, FLAGS[code], True)
        else:
            reading.add(places["flag"], f"must be one of {', '.join(FLAGS)}")


def _identified(identifier: Json, system: str, at: str, reading: Reading) -> str:
    reading.only(identifier, {"system", "value", "use", "type"}, at)
    if identifier.get("system") != system or not identifier.get("value"):
        reading.add(at, f"must have the system {system} and a value")
    return str(identifier.get("value", ""))


def _measured(quantity: Json, unit: str, many: int, at: str, reading: Reading) -> int:
    found = read_amount(quantity, at, reading)
    if found is None:
        return 0
    number = Decimal(found.value) * many
    if found.code != unit or number != number.to_integral_value():
        reading.add(at, f"must be in {unit} (UCUM), to a {many}th of it at most")
        return 0
    return int(number)


def write_inputs(content: pb.PrescriptionContent) -> list[Json]:
    """The same as inputs of the Task."""
    written = [_input("flag", "valueCode", code) for code, field in FLAGS.items() if getattr(content, field)]
    for kind, table in (("valueBoolean", BOOLEANS), ("valueString", TEXTS), ("valueDate", DATES)):
        written += [
            _input(name, kind, getattr(content, field))
            for name, field in table.items()
            if getattr(content, field)
        ]
    for name, (field, system) in IDENTIFIERS.items():
        if value := getattr(content, field):
            written.append(_input(name, "valueIdentifier", {"system": system, "value": value}))
    for name, (field, unit, many) in MEASURES.items():
        if number := getattr(content, field):
            value = number // many if number % many == 0 else number / many
            quantity = {"value": value, "unit": unit, "system": names.UCUM, "code": unit}
            written.append(_input(name, "valueQuantity", quantity))
    return written


def _input(code: str, kind: str, value: Any) -> Json:
    return {"type": {"coding": [{"system": names.TASK_INPUT, "code": code}]}, kind: value}
