"""The end of a visit: a receipt signed by the platform, the hold given back, the document sent to the DMP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import RuleViolated
from eprescription.domain.dispensing import Claim, Intervention
from eprescription.domain.ids import DispensingId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import Move
from eprescription.domain.visits import ClosedVisit, Visit
from eprescription.policy import dispensing as policy
from eprescription.store import claims, prescriptions, sendings

from . import announcing
from .holding import end_hold, holds, not_held, nothing_held, require_dispenser
from .traces import trace

# What tells a receipt from whatever else the key of the platform signs.
RECEIPT = "socle-dispensing-receipt"
CLOSED = "closed"
Sign = Callable[[dict[str, Any]], str]


class NothingRecorded(RuleViolated):
    """Nothing was recorded in this visit: there is nothing to give a receipt for."""

    remedy = "Record what was done about the lines first, or release the prescription."


@dataclass(frozen=True, slots=True)
class Closed:
    visit: Visit
    closed: ClosedVisit


async def close_dispensing(
    tx: Tx,
    caller: Caller,
    prescription_id: PrescriptionId,
    secret: str,
    secrets: Secrets,
    sign: Sign,
    now: datetime,
) -> Closed:
    """Closed already by this hold: the same receipt. Lines without an intervention are left for another
    visit."""
    require_dispenser(caller, prescription_id.value)
    prescription = await prescriptions.lock_prescription(tx, prescription_id)
    if prescription is None:
        raise nothing_held(prescription_id)
    visit = await claims.read_visit(tx, prescription)
    claim = visit.claim
    if claim is not None and holds(claim, caller, secret, secrets):
        done = _ended(tx, caller, visit, claim, sign, now)
    else:
        done = await _later(tx, caller, visit, secret, secrets, sign, now)
    trace(tx, caller, "prescription.close", done.visit.prescription, policy.may_dispense(caller), now)
    return done


def _ended(tx: Tx, caller: Caller, visit: Visit, claim: Claim, sign: Sign, now: datetime) -> Closed:
    """Also when the time of the hold has passed, as long as nobody ended it: nothing is delivered by
    closing."""
    closed = _receipted(tx, caller, visit, claim, sign, now)
    after = end_hold(tx, visit, claim, CLOSED, Move.CLOSE, now)
    announcing.closed(tx, after.prescription, closed, now)
    return Closed(after, closed)


async def _later(
    tx: Tx, caller: Caller, visit: Visit, secret: str, secrets: Secrets, sign: Sign, now: datetime
) -> Closed:
    """Of a hold that ended: the receipt it was closed with, or else one for what was recorded before it
    ended.

    A pharmacy whose machine was away for longer than its hold must still be paid for what it delivered.
    """
    last = await claims.find_last_claim(tx, visit.prescription.id, caller.organisation)
    if last is None or not holds(last, caller, secret, secrets):
        raise not_held(visit.prescription)
    closed = await claims.find_closed(tx, last.id)
    if closed is None:
        closed = _receipted(tx, caller, visit, last, sign, now)
        announcing.closed(tx, visit.prescription, closed, now)
    return Closed(visit, closed)


def _receipted(tx: Tx, caller: Caller, visit: Visit, claim: Claim, sign: Sign, now: datetime) -> ClosedVisit:
    here = visit.of_claim(claim.id)
    if not here:
        raise NothingRecorded
    closed_id, prescription = DispensingId.new(), visit.prescription
    receipt = sign(receipt_of(closed_id, prescription, claim, here, now))
    closed = ClosedVisit(
        closed_id,
        prescription.id,
        prescription.person,
        claim.id,
        claim.pharmacy,
        caller.subject,
        now,
        receipt,
    )
    claims.insert_closed(tx, closed)
    sendings.insert_sending(tx, "dispensing", closed.id, closed.person, now)
    return closed


def receipt_of(
    closed_id: DispensingId,
    prescription: Prescription,
    claim: Claim,
    here: Sequence[Intervention],
    now: datetime,
) -> dict[str, Any]:
    """What the platform vouches for; it names no patient."""
    return {
        "typ": RECEIPT,
        "dispensing_id": closed_id.value,
        "prescription_id": prescription.id.value,
        "number": prescription.number,
        "pharmacy": claim.pharmacy,
        "closed_at": now.isoformat(),
        "interventions": [_told(one) for one in here],
    }


def _told(one: Intervention) -> dict[str, Any]:
    return {
        "intervention_id": one.id.value,
        "line_id": one.line_id.value,
        "kind": one.kind.value,
        "cip13": one.cip13,
        "packs": f"{one.packs.normalize():f}",
        "delivered_on": one.delivered_on.isoformat(),
        "pharmacist": one.pharmacist,
    }
