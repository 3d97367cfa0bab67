"""MedicationDispense to an act of the contract: what a pharmacist did about one line.

Delivered is `completed`; finally not delivered is `declined` with its reason (EU-MPD). A line that the
prescriber added by hand on the paper has no request here: the dispense contains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import instants, names
from .amounts import read_amount, read_days
from .dosage import read_day
from .extensions import Held
from .faults import Reading
from .line_status import slugs
from .medication_request import Author, read_notes, read_request
from .parameters import Given
from .product import read_concept
from .subject import Subject, read_subject
from .task_operations import DECISION, read_decisions, read_line_id

Json = dict[str, Any]
# Lengths of time (UCUM): taken for units of dose, seven days would be seven tablets.
TIMES = {"s", "min", "h", "d", "wk", "mo", "a"}
DISPENSE = {
    "resourceType",
    "id",
    "meta",
    "text",
    "language",
    "contained",
    "extension",
    "status",
    "statusReasonCodeableConcept",
    "medicationCodeableConcept",
    "medicationReference",
    "subject",
    "performer",
    "authorizingPrescription",
    "quantity",
    "daysSupply",
    "whenHandedOver",
    "note",
    "substitution",
}
KINDS = frozenset({"MedicationDispense"})
MEDICATION = {"resourceType", "id", "meta", "text", "code", "batch"}
AGREEMENT, CHANGE, CHECK, SERIAL = "prescriber-agreement", "change-reason", "check", "serial"
EXTENSIONS = {AGREEMENT: "extension", CHANGE: "valueString", CHECK: "valueString", SERIAL: "valueString"}
AGREED = {"obtained": "valueBoolean", "obtained-at": "valueDateTime", "means": "valueString"}
REASONS = slugs(db.NotDeliveredReason)
# The pharmacist's own refusal to substitute for a narrow therapeutic margin.
MTE_PH = "MTE-PH"


@dataclass(frozen=True, slots=True)
class ReadDispense:
    """One act, the day it was done on, the patient it names if it does, and where it stands."""

    act: db.Act
    day: str
    subject: Subject | None
    at: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What one call of $dispense records: the acts of one day, under the secret of the hold."""

    secret: str
    dispenses: list[ReadDispense]
    decisions: list[pb.Decision]
    day: str


def read_dispenses(body: Any, prescription_id: str, author: Author) -> Visit:
    """The Parameters of $dispense; raises FhirInvalid with every fault."""
    reading = Reading()
    known = {"secret": "valueString", "dispense": "resource", DECISION: "part"}
    given = Given(body, known, reading, many=frozenset({"dispense", DECISION}), kinds=KINDS)
    given.need("secret", "dispense")
    decisions = read_decisions(given)
    reading.close()
    read = [
        read_dispense(one, at, prescription_id, author, reading)
        for one, at in zip(given.values["dispense"], given.each["dispense"], strict=True)
    ]
    for one in read[1:]:
        if one.day != read[0].day:
            reading.add(f"{one.at}.whenHandedOver", "is another day: record each day by a call of its own")
    reading.close()
    return Visit(given.text("secret"), read, decisions, read[0].day)


def read_dispense(
    resource: Json, at: str, prescription_id: str, author: Author, reading: Reading
) -> ReadDispense:
    """One MedicationDispense, checked for its shape before; every fault goes to `reading`."""
    act = db.Act()
    reading.only(resource, DISPENSE, at)
    held = Held(resource, EXTENSIONS, at, reading, repeated=(CHECK,))
    act.reason, act.serial = held.one(CHANGE), held.one(SERIAL)
    act.checks.extend(held.values.get(CHECK, []))
    if AGREEMENT in held.values:
        _read_agreement({"extension": held.one(AGREEMENT)}, f"{at}.extension", act, reading)
    _read_line(resource, at, prescription_id, act, author, reading)
    _read_status(resource, at, act, reading)
    _read_substitution(resource.get("substitution"), f"{at}.substitution", act, reading)
    if act.kind != pb.INTERVENTION_KIND_NOT_DELIVERED:
        _read_given(resource, at, act, reading)
    act.note = read_notes(resource, at, reading)
    _read_performer(resource.get("performer", []), f"{at}.performer", author, reading)
    subject = None
    if "subject" in resource:
        subject = read_subject(resource["subject"], resource, f"{at}.subject", reading)
    return ReadDispense(act, _read_day(resource, at, author, reading), subject, at)


def _read_line(
    resource: Json, at: str, prescription_id: str, act: db.Act, author: Author, reading: Reading
) -> None:
    given, at_request = resource.get("authorizingPrescription", []), f"{at}.authorizingPrescription"
    if len(given) != 1:
        reading.add(at_request, "must hold one reference: the MedicationRequest of the line")
        return
    target = str(given[0].get("reference") or given[0].get("identifier", {}).get("value", ""))
    if target.startswith("#"):
        _read_additional(resource, target, at, act, author, reading)
        return
    act.line_id = read_line_id(target, prescription_id)
    if not act.line_id:
        problem = "must be a line of this prescription: its MedicationRequest, or its UUID as identifier"
        reading.add(at_request, problem)


def _read_additional(
    resource: Json, target: str, at: str, act: db.Act, author: Author, reading: Reading
) -> None:
    """What the prescriber wrote by hand: a request like any other, whose author and date are on the paper."""
    for index, inner in enumerate(resource.get("contained", [])):
        if inner.get("resourceType") == "MedicationRequest" and target == f"#{inner.get('id')}":
            own = {name: value for name, value in inner.items() if name not in ("requester", "authoredOn")}
            own.setdefault("subject", resource.get("subject", {}))
            where = f"{at}.contained[{index}]"
            act.additional.CopyFrom(read_request(own, where, author, reading).line)
            act.kind = pb.INTERVENTION_KIND_ADDITIONAL_LINE
            return
    reading.add(f"{at}.authorizingPrescription[0]", "must point to a contained MedicationRequest")


def _read_status(resource: Json, at: str, act: db.Act, reading: Reading) -> None:
    status, reason = resource.get("status"), resource.get("statusReasonCodeableConcept", {})
    if status == "declined":
        act.kind = pb.INTERVENTION_KIND_NOT_DELIVERED
        act.not_delivered = _read_reason(reason, f"{at}.statusReasonCodeableConcept", reading)
        for name in sorted({"quantity", "daysSupply", "substitution"} & resource.keys()):
            reading.add(f"{at}.{name}", "is of something delivered, and this is declined")
        return
    if status != "completed":
        reading.add(f"{at}.status", "must be completed (delivered) or declined (not delivered)")
    if reason:
        reading.leave(f"{at}.statusReasonCodeableConcept", "is kept of what is declined only")
    if not act.kind:
        changed = act.reason or act.HasField("agreement")
        act.kind = pb.INTERVENTION_KIND_CHANGED if changed else pb.INTERVENTION_KIND_AS_PRESCRIBED


def _read_reason(concept: Json, at: str, reading: Reading) -> Any:
    """By our code, or by the number that NHS EPS gives it (0001 to 0011)."""
    numbers = {f"{value:04d}": value for value in REASONS.values()}
    for coding in concept.get("coding", []):
        if coding.get("system") == names.NOT_DELIVERED and coding.get("code") in REASONS | numbers:
            return (REASONS | numbers)[coding["code"]]
    reading.add(at, f"must have a code of {names.NOT_DELIVERED}: {', '.join(REASONS)}")
    return 0


def _read_substitution(substitution: Json | None, at: str, act: db.Act, reading: Reading) -> None:
    if substitution is None:
        return
    reading.only(substitution, {"wasSubstituted", "type", "reason"}, at)
    codes = {
        str(coding.get("code") or "")
        for one in substitution.get("reason", [])
        for coding in one.get("coding", [])
    } | {str(one.get("text", "")) for one in substitution.get("reason", [])}
    if substitution.get("wasSubstituted"):
        act.kind = pb.INTERVENTION_KIND_SUBSTITUTED
        kinds = {str(one.get("code")) for one in substitution.get("type", {}).get("coding", [])}
        if kinds - {"G"}:
            reading.leave(f"{at}.type", "is not kept: the law substitutes inside the generic group (G)")
    if MTE_PH in codes:
        act.mte_by_pharmacist = True
    elif codes - {""}:
        reading.leave(f"{at}.reason", f"is not kept: {MTE_PH} is the one reason here")


def _read_given(resource: Json, at: str, act: db.Act, reading: Reading) -> None:
    """The product, its pack and lot, how much of it and for how long."""
    product = _read_product(resource, at, act, reading)
    act.cip13 = product.cip13
    act.product_label = "" if product.cip13 else product.label
    quantity = resource.get("quantity")
    found = read_amount(quantity, f"{at}.quantity", reading, decimals=3) if quantity else None
    if quantity is None:
        reading.add(f"{at}.quantity", f"is missing: boxes ({names.BOX} of {names.EDQM}), or units of dose")
    elif found is not None and (found.code or found.unit) in TIMES:
        reading.add(f"{at}.quantity", "counts boxes or units of dose: the days it lasts are `daysSupply`")
    elif found is not None and found.code == names.BOX:
        act.packs = found.value
    elif found is not None:
        act.units = found.value
    if "daysSupply" in resource:
        act.days_covered = read_days(resource["daysSupply"], f"{at}.daysSupply", reading)


def _read_product(resource: Json, at: str, act: db.Act, reading: Reading) -> pb.Product:
    if concept := resource.get("medicationCodeableConcept"):
        return read_concept(concept, f"{at}.medicationCodeableConcept", reading)
    target = str(resource.get("medicationReference", {}).get("reference", ""))
    for index, inner in enumerate(resource.get("contained", [])):
        if inner.get("resourceType") == "Medication" and target == f"#{inner.get('id')}":
            where = f"{at}.contained[{index}]"
            reading.only(inner, MEDICATION, where)
            _read_batch(inner.get("batch", {}), f"{where}.batch", act, reading)
            return read_concept(inner.get("code", {}), f"{where}.code", reading)
    reading.add(f"{at}.medicationReference", "must be a contained Medication, or a CodeableConcept")
    return pb.Product()


def _read_batch(batch: Json, at: str, act: db.Act, reading: Reading) -> None:
    reading.only(batch, {"lotNumber", "expirationDate"}, at)
    act.lot = str(batch.get("lotNumber", ""))
    if "expirationDate" in batch and (
        day := read_day(batch["expirationDate"], f"{at}.expirationDate", reading)
    ):
        act.expires = day.isoformat()


def _read_agreement(held: Json, at: str, act: db.Act, reading: Reading) -> None:
    """The prescriber agreed to a change (L.5125-23): when, and by what means."""
    said = Held(held, AGREED, at, reading)
    act.agreement.obtained = bool(said.one("obtained", False))
    act.agreement.means = said.one("means")
    if moment := said.one("obtained-at"):
        try:
            act.agreement.obtained_at.FromDatetime(instants.span(moment).start)
        except ValueError as error:
            reading.add(at, f"{error} (obtained-at)")


def _read_performer(performers: list[Json], at: str, author: Author, reading: Reading) -> None:
    for index, one in enumerate(performers):
        reading.only(one, {"actor"}, f"{at}[{index}]")
        actor = one.get("actor", {})
        identifier = actor.get("identifier", {})
        named = identifier.get("value") or str(actor.get("reference", "")).rpartition("/")[2]
        if named not in (author.subject, author.organisation) or not named:
            problem = "must be the pharmacist of the token, or the pharmacy, or be left out"
            reading.add(f"{at}[{index}].actor", problem)


def _read_day(resource: Json, at: str, author: Author, reading: Reading) -> str:
    """The calendar day it was handed over; without one, the day it is recorded."""
    if "whenHandedOver" not in resource:
        return ""
    day = read_day(resource["whenHandedOver"], f"{at}.whenHandedOver", reading)
    if day is not None and day > author.today:
        reading.add(f"{at}.whenHandedOver", "is in the future")
    return day.isoformat() if day else ""
