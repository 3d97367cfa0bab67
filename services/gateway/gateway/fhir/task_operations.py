"""What the operations of Task take: Parameters to the messages of the contract.

Access codes and secrets come in the body alone: an address is kept by proxies, histories and logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chassis.errors import InvalidInput, Violation
from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import prescription_inputs
from .device_request import read_device
from .dosage import read_day
from .faults import Notice, Reading
from .keys import read_pair
from .line_status import slugs
from .medication_request import UUID, Author, Read, read_request
from .parameters import Given
from .structure import check_collection
from .subject import Subject, same

Json = dict[str, Any]
REQUESTS = frozenset({"MedicationRequest", "DeviceRequest"})
DECISION = "decision"
RELEASE_REASONS = slugs(db.ReleaseReason)
CANCEL_REASONS = slugs(pb.CancelReason)
# NHS EPS numbers the same reasons.
CANCEL_NUMBERS = {f"{value:04d}": value for value in CANCEL_REASONS.values()}
SECRETS = {"ac", "accesscode", "access-code", "access_code", "secret", "token"}


class SecretInAddress(InvalidInput):
    """An access code or a secret came in the address of the request."""

    remedy = (
        "Send it in the body, as a parameter of Parameters: addresses are kept in logs and histories."
        " Treat the one that was sent as read by others."
    )


def refuse_secrets(pairs: Iterable[tuple[str, str]]) -> None:
    """Raises SecretInAddress, without its value."""
    if found := [name for name, _ in pairs if name.lower() in SECRETS]:
        raise SecretInAddress(violations=[Violation(name, "may not stand in an address") for name in found])


@dataclass(frozen=True, slots=True)
class Draft:
    """A prescription to open, once its patient is known as a person."""

    subject: Subject
    content: pb.PrescriptionContent
    # FHIRPath of the resource of each line.
    places: list[str]
    notices: list[Notice]


def read_create(body: Any, author: Author, *, lenient: bool) -> Draft:
    """Parameters (`request` each line, and what stands beside), or a Bundle of the lines alone; raises
    FhirInvalid with every fault.
    """
    reading = Reading(lenient=lenient)
    content = pb.PrescriptionContent()
    if isinstance(body, dict) and body.get("resourceType") == "Bundle":
        lines = _of_bundle(body, reading)
    else:
        lines = _of_parameters(body, content, reading)
    reading.close()
    readers = {"MedicationRequest": read_request, "DeviceRequest": read_device}
    read = [readers[one["resourceType"]](one, at, author, reading) for one, at in lines]
    subject = _one_subject(read, reading)
    _one_group(read, reading)
    reading.close()
    content.lines.extend(one.line for one in read)
    return Draft(subject, content, [one.at for one in read], reading.notices + _aside(reading))


def _of_bundle(body: Json, reading: Reading) -> list[tuple[Json, str]]:
    check_collection(body, REQUESTS, reading)
    reading.close()
    if body.get("type") != "collection":
        reading.add("Bundle.type", "must be collection")
    return [(one["resource"], f"Bundle.entry[{n}].resource") for n, one in enumerate(body["entry"])]


def _of_parameters(body: Any, content: pb.PrescriptionContent, reading: Reading) -> list[tuple[Json, str]]:
    known = {"request": "resource", **prescription_inputs.KNOWN}
    given = Given(body, known, reading, many=frozenset({"request", "flag"}), kinds=REQUESTS)
    given.need("request")
    prescription_inputs.read_inputs(given.values, given.places, content, reading)
    return list(zip(given.values.get("request", []), given.each.get("request", []), strict=True))


def _aside(reading: Reading) -> list[Notice]:
    return [Notice(one.field, "ElementNotKept", one.problem) for one in reading.aside]


def _one_subject(read: list[Read], reading: Reading) -> Subject:
    subjects = [one.subject for one in read if one.subject is not None]
    for other in subjects[1:]:
        if not same(other, subjects[0]):
            reading.add(other.at, f"is not the patient of {subjects[0].at}: a prescription is for one")
    return subjects[0] if subjects else Subject("")


def _one_group(read: list[Read], reading: Reading) -> None:
    for one in read[1:]:
        if one.group != read[0].group:
            reading.add(f"{one.at}.groupIdentifier", "is not that of the first line: send one prescription")


def read_decisions(given: Given) -> list[pb.Decision]:
    """`decision` with its parts `code` and `reason`."""
    decisions = []
    places = given.each.get(DECISION, [])
    for parts, at in zip(given.values.get(DECISION, []), places, strict=True):
        held = {str(one.get("name")): one.get("valueString") for one in parts}
        if set(held) != {"code", "reason"} or not all(held.values()) or len(parts) != 2:
            given.faults.add(at, "must be the parts code and reason, each a valueString")
        else:
            decisions.append(pb.Decision(code=held["code"], reason=held["reason"]))
    return decisions


def _given(body: Any, known: dict[str, str], many: frozenset[str] = frozenset()) -> tuple[Given, Reading]:
    reading = Reading()
    return Given(body if body != {} else {"resourceType": "Parameters"}, known, reading, many=many), reading


def read_activate(body: Any, prescription_id: str) -> pb.SignPrescriptionRequest:
    """The signature, when the caller's own key made one, and the decisions about warnings."""
    known = {"signature": "valueString", DECISION: "part"}
    given, reading = _given(body, known, frozenset({DECISION}))
    decisions = read_decisions(given)
    reading.close()
    return pb.SignPrescriptionRequest(
        prescription_id=prescription_id, decisions=decisions, signature=given.text("signature")
    )


def read_accept(body: Any, number: str) -> db.ClaimPrescriptionRequest:
    """By number and access code, by number and birth date, or by the text of the QR code; `number` is that of
    the address, when it named one.
    """
    known = {"number": "valueString", "ac": "valueString", "birthDate": "valueDate", "token": "valueString"}
    given, reading = _given(body, known)
    asked = db.ClaimPrescriptionRequest(
        number=number or given.text("number"), access_code=given.text("ac"), token=given.text("token")
    )
    if number and given.text("number") not in ("", number):
        reading.add(given.places["number"], "is not the number of the address")
    if "birthDate" in given.values:
        day = read_day(given.values["birthDate"], given.places["birthDate"], reading)
        asked.birth_date = day.isoformat() if day else ""
    if not asked.token and not (asked.number and (asked.access_code or given.text("birthDate"))):
        problem = "must hold ac (access code) or birthDate with the number, or token (text of the QR code)"
        reading.add("Parameters", problem)
    reading.close()
    return asked


def read_reject(body: Any, prescription_id: str) -> db.ReleasePrescriptionRequest:
    """The secret of the hold, and why it is given back."""
    given, reading = _given(body, {"secret": "valueString", "reason": "valueCode"})
    given.need("secret", "reason")
    reason = _code(given, "reason", RELEASE_REASONS)
    reading.close()
    return db.ReleasePrescriptionRequest(
        prescription_id=prescription_id, secret=given.text("secret"), reason=reason
    )


def _code(given: Given, name: str, codes: dict[str, int]) -> Any:
    text = given.text(name)
    if text and text not in codes:
        given.faults.add(given.places[name], f"must be one of {', '.join(codes)}")
    return codes.get(text, 0)


def read_close(body: Any, prescription_id: str) -> db.CloseDispensingRequest:
    """The secret of the hold."""
    given, reading = _given(body, {"secret": "valueString"})
    given.need("secret")
    reading.close()
    return db.CloseDispensingRequest(prescription_id=prescription_id, secret=given.text("secret"))


def read_abort(body: Any, prescription_id: str) -> pb.CancelPrescriptionRequest:
    """The reason, and the lines when not all are cancelled, by UUID or by `MedicationRequest/id`."""
    known = {"reason": "valueCode", "line": "valueString", "comment": "valueString"}
    given, reading = _given(body, known, frozenset({"line"}))
    given.need("reason")
    asked = pb.CancelPrescriptionRequest(
        prescription_id=prescription_id,
        reason=_code(given, "reason", CANCEL_REASONS | CANCEL_NUMBERS),
        comment=given.text("comment"),
    )
    for text, at in zip(given.values.get("line", []), given.each.get("line", []), strict=True):
        line = read_line_id(text, prescription_id)
        if not line:
            reading.add(at, "must be the UUID of a line, or MedicationRequest/ and its id")
        else:
            asked.line_ids.append(line)
    reading.close()
    return asked


def read_line_id(text: str, prescription_id: str) -> str:
    """The UUID of a line, from itself, a URN, or the address of its resource; empty when it is none of these,
    or of another prescription.
    """
    bare = text.removeprefix("urn:uuid:").lower()
    if UUID.fullmatch(bare):
        return bare
    found = read_pair(text.rpartition("/")[2])
    return found[1] if found and found[0] == prescription_id else ""
