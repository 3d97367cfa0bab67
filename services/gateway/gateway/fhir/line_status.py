"""Where a line stands, in the words of MedicationRequest and DeviceRequest; where a prescription stands, in
those of Task (the German model).
"""

from __future__ import annotations

from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names

Json = dict[str, Any]
# State of a line -> status of its resource.
LINES = {
    pb.LINE_STATE_ORDERED: "active",
    pb.LINE_STATE_PARTIALLY_DELIVERED: "active",
    pb.LINE_STATE_DELIVERED: "completed",
    pb.LINE_STATE_NOT_DELIVERED: "stopped",
    pb.LINE_STATE_CANCELLED: "cancelled",
    pb.LINE_STATE_EXPIRED: "stopped",
}
# Before a line has a state of its own: that of its prescription.
UNSIGNED = {pb.PRESCRIPTION_STATE_DRAFT: "draft", pb.PRESCRIPTION_STATE_DISCARDED: "cancelled"}
TASKS = {
    pb.PRESCRIPTION_STATE_DRAFT: "draft",
    pb.PRESCRIPTION_STATE_ACTIVE: "ready",
    pb.PRESCRIPTION_STATE_IN_DISPENSE: "in-progress",
    pb.PRESCRIPTION_STATE_PARTIALLY_DISPENSED: "ready",
    pb.PRESCRIPTION_STATE_COMPLETED: "completed",
    pb.PRESCRIPTION_STATE_CANCELLED: "cancelled",
    pb.PRESCRIPTION_STATE_EXPIRED: "failed",
    pb.PRESCRIPTION_STATE_DISCARDED: "cancelled",
}
# DeviceRequest has the statuses of any request: `revoked` where a medicine is cancelled or stopped.
OF_DEVICES = {"cancelled": "revoked", "stopped": "revoked"}


def slug(enum: Any, value: int) -> str:
    """`LINE_STATE_NOT_DELIVERED` -> `not-delivered`; empty for the value that says nothing."""
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    return enum.Name(value).removeprefix(prefix).lower().replace("_", "-") if value else ""


def slugs(enum: Any) -> dict[str, int]:
    """Every code of an enumeration, and its value."""
    return {slug(enum, value): value for value in enum.values() if value}


def status_of(prescription: pb.Prescription, status: pb.LineStatus | None) -> str:
    """The status of a line; one that the prescriber wants back while a pharmacy holds it is on hold."""
    if status is None or not status.state:
        return UNSIGNED.get(prescription.state, "unknown")
    if status.cancel_requested and LINES[status.state] == "active":
        return "on-hold"
    return LINES.get(status.state, "unknown")


def write_status(
    prescription: pb.Prescription, status: pb.LineStatus | None, *, device: bool = False
) -> Json:
    """`status`, and why where it says little; a DeviceRequest has no element for the reason."""
    name = status_of(prescription, status)
    if device:
        return {"status": OF_DEVICES.get(name, name)}
    reason: list[Json] = []
    if status is not None and name in ("stopped", "cancelled", "on-hold"):
        reason.append({"system": names.STATUS_REASON, "code": slug(pb.LineState, status.state)})
    if status is not None and status.cancel_reason:
        reason.append({"system": names.CANCEL_REASON, "code": slug(pb.CancelReason, status.cancel_reason)})
    return {"status": name} | ({"statusReason": {"coding": reason}} if reason else {})
