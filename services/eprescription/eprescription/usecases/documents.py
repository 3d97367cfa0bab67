"""Documents of prescriptions and dispensings: allowed and traced before who the patient is is asked."""

from __future__ import annotations

from datetime import datetime

from chassis import audit, outbox
from chassis.caller import Caller, require
from chassis.db import ReadTx, Tx
from chassis.errors import NotFound, Refusal
from eprescription.domain.cda.errors import NothingToTell
from eprescription.domain.cda.write_dispensation import Delivery
from eprescription.domain.ids import DispensingId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.visits import ClosedVisit, Visit
from eprescription.policy import documents as policy
from eprescription.policy import prescriptions as reading
from eprescription.store import claims, lines, listing
from eprescription.store import prescriptions as store
from socle.eprescription.v1 import events_pb2 as ev

from . import signatures
from .prescriptions import not_there, readable
from .traces import trace

NO_DISPENSING = "erx.no_dispensing"


class DispensingNotFound(NotFound):
    """There is no closed dispensing that you may see under this id."""

    where = "dispensing_id"
    remedy = "CloseDispensing gives the id; a visit that was not closed has none."


async def get_document(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime
) -> Prescription:
    """The prescription to write as a document, as whoever may read it sees it."""
    seen = await listing.find_seen(tx, prescription_id, caller.organisation)
    if seen is None:
        raise not_there(prescription_id.value)
    decision = readable(caller, seen)
    prescription = seen.prescription
    if prescription.state in reading.UNSIGNED:
        raise NothingToTell(field="prescription_id")
    await signatures.verified(tx, prescription, await lines.list_lines(tx, prescription_id))
    trace(tx, caller, "prescription.read_document", prescription, decision, now)
    event = ev.PrescriptionAccessed(
        prescription_id=prescription.id.value, person_id=prescription.person.value
    )
    outbox.emit(tx, event, now=now)
    return prescription


async def get_dispensing_document(
    tx: Tx, caller: Caller, dispensing_id: DispensingId, now: datetime
) -> Delivery:
    """The visit to write as a document; DispensingNotFound to who may not know what pharmacies did."""
    closed = await claims.find_dispensing(tx, dispensing_id)
    seen = await listing.find_seen(tx, closed.prescription_id, caller.organisation) if closed else None
    if closed is None or seen is None:
        raise DispensingNotFound(refusal=Refusal("", dispensing_id.value, (NO_DISPENSING,)))
    decision = require(
        policy.may_read_dispensing(caller, seen.prescription, seen.standing),
        subject=closed.person.value,
        object_id=closed.id.value,
        unseen=DispensingNotFound,
    )
    audit.record(
        tx,
        caller,
        "dispensing.read_document",
        closed.person.value,
        object_id=closed.id.value,
        rules=decision.rules,
        now=now,
    )
    return await _delivery(tx, closed, seen.prescription)


async def find_signed(tx: ReadTx, prescription_id: PrescriptionId) -> Prescription | None:
    """The prescription, for the service itself; raises SignatureBroken when it is not what was signed."""
    prescription = await store.find_prescription(tx, prescription_id)
    if prescription is not None:
        await signatures.verified(tx, prescription, await lines.list_lines(tx, prescription_id))
    return prescription


async def find_delivery(tx: ReadTx, dispensing_id: DispensingId) -> Delivery | None:
    """The visit, for the service itself: what it sends is traced where it arrives."""
    closed = await claims.find_dispensing(tx, dispensing_id)
    prescription = await store.find_prescription(tx, closed.prescription_id) if closed else None
    return await _delivery(tx, closed, prescription) if closed and prescription else None


async def _delivery(tx: ReadTx, closed: ClosedVisit, prescription: Prescription) -> Delivery:
    visit: Visit = await claims.read_visit(tx, prescription)
    written = {status.line_id.value: line for status, line in visit.written()}
    return Delivery(closed, prescription, written, visit.of_claim(closed.claim_id))
