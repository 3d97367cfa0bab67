"""Task: a prescription on its way (the German model), and the Bundle that each operation answers.

The id of a Task is that of the prescription. Access codes and secrets are outputs of the answers that hand
them out, never of a Task that is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import instants, names
from .amounts import write_amount
from .device_request import write_device
from .extensions import extension
from .findings import write_outcome
from .keys import pair
from .line_status import TASKS, slug
from .medication_request import write_number, write_prescriber, write_request, write_unit
from .prescription_inputs import write_inputs

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that an operation hands out: `access-code`, `secret`, `receipt`..."""

    code: str
    value: str
    kind: str = "valueString"


def write_task(prescription: pb.Prescription, subject: Json, outputs: Iterable[Output] = ()) -> Json:
    """A prescription as a Task."""
    task: Json = {
        "resourceType": "Task",
        "id": prescription.prescription_id,
        "meta": {"versionId": str(prescription.version or 1)},
        "identifier": [write_number(prescription.number)],
        "groupIdentifier": write_number(prescription.number),
        "status": TASKS.get(prescription.state, "entered-in-error"),
        "businessStatus": {
            "coding": [_coding(names.PRESCRIPTION_STATE, slug(pb.PrescriptionState, prescription.state))]
        },
        "intent": "order",
        "priority": "urgent" if prescription.content.urgent else "routine",
        "code": {"coding": [_coding(names.TASK_CODE, slug(pb.PrescriptionKind, prescription.kind))]},
        "for": subject,
        "requester": write_prescriber(prescription.prescriber),
    }
    if prescription.parent_id:
        task["basedOn"] = [{"reference": f"Task/{prescription.parent_id}"}]
    task |= _dates(prescription)
    if prescription.held_by:
        held = {"system": names.STRUCTURES, "value": prescription.held_by}
        task["owner"] = {"type": "Organization", "identifier": held}
    task["input"] = [*(_focus(prescription, line) for line in prescription.content.lines)]
    task["input"] += write_inputs(prescription.content)
    if written := [_output(one) for one in outputs if one.value]:
        task["output"] = written
    return {name: value for name, value in task.items() if value}


def _dates(prescription: pb.Prescription) -> Json:
    dates: Json = {}
    if prescription.HasField("created_at"):
        dates["authoredOn"] = instants.text(prescription.created_at)
    period = {"start": prescription.written_on, "end": prescription.expires_on}
    if found := {name: day for name, day in period.items() if day}:
        dates["executionPeriod"] = found
    if prescription.HasField("held_until"):
        dates["restriction"] = {"period": {"end": instants.text(prescription.held_until)}}
    return dates


def _focus(prescription: pb.Prescription, line: pb.PrescribedLine) -> Json:
    reference = {"reference": f"{kind_of(line)}/{pair(prescription.prescription_id, line.line_id)}"}
    return {"type": {"coding": [_coding(names.TASK_INPUT, "request")]}, "valueReference": reference}


def _coding(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def _output(output: Output) -> Json:
    return {"type": {"coding": [_coding(names.TASK_OUTPUT, output.code)]}, output.kind: output.value}


def kind_of(line: pb.PrescribedLine) -> str:
    """The type of the resource of a line."""
    return "DeviceRequest" if line.kind == pb.LINE_KIND_DEVICE else "MedicationRequest"


def write_line(prescription: pb.Prescription, line: pb.PrescribedLine, subject: Json) -> Json:
    """The resource of one line."""
    writer = write_device if line.kind == pb.LINE_KIND_DEVICE else write_request
    return writer(prescription, line, subject)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation says: the Task, its requests, other resources, then what the rules say."""

    base: str
    prescription: pb.Prescription
    subject: Json
    outputs: Sequence[Output] = ()
    more: Sequence[Json] = ()
    findings: Sequence[pb.Finding] = ()
    issues: Sequence[Json] = ()
    # What the law lets this pharmacy give today, line by line.
    entitlements: Sequence[db.Entitlement] = ()

    def write(self) -> Json:
        """A Bundle of type collection; the first entry is the Task, then each line in its order."""
        task = write_task(self.prescription, self.subject, self.outputs)
        lines = [self._line(one) for one in self.prescription.content.lines]
        resources = [task, *lines, *self.more]
        entries: list[Json] = [
            {"fullUrl": f"{self.base}/{one['resourceType']}/{one['id']}", "resource": one}
            for one in resources
        ]
        if outcome := write_outcome(self.findings, places(self.prescription), self.issues):
            entries.append({"resource": outcome})
        return {"resourceType": "Bundle", "type": "collection", "entry": entries}

    def _line(self, line: pb.PrescribedLine) -> Json:
        written = write_line(self.prescription, line, self.subject)
        allowed = [_entitlement(one, line) for one in self.entitlements if one.line_id == line.line_id]
        if allowed:
            written.setdefault("extension", []).extend(allowed)
        return written


def _entitlement(one: db.Entitlement, line: pb.PrescribedLine) -> Json:
    unit = write_unit(line)
    parts = [
        extension(name, "valueQuantity", write_amount(value, *unit))
        for name, value in (("quantity", one.quantity), ("forfeited", one.forfeited))
        if value.strip("0.") or name == "quantity"
    ]
    if one.days:
        parts.append(extension("days", "valueUnsignedInt", one.days))
    days = (("next-on", one.next_on), ("until", one.until))
    parts += [extension(name, "valueDate", day) for name, day in days if day]
    return extension("entitlement", "extension", parts)


def places(prescription: pb.Prescription) -> dict[str, str]:
    """Where each line stands in the Bundle of an answer."""
    lines = enumerate(prescription.content.lines, start=1)
    return {line.line_id: f"Bundle.entry[{place}].resource" for place, line in lines}
