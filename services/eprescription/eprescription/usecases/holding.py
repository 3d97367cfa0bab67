"""What every use case of a pharmacy begins and ends with: the prescription locked, the hold proved, the
journal."""

from __future__ import annotations

from datetime import datetime

from chassis.caller import Caller, Decision, require
from chassis.db import Tx
from chassis.errors import Refusal
from eprescription.domain import progress
from eprescription.domain.dispensing import Claim
from eprescription.domain.errors import NotHeldByYou
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.progress import Rested
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import Move
from eprescription.domain.states import require as require_move
from eprescription.domain.visits import Visit
from eprescription.policy import dispensing as policy
from eprescription.store import claims, prescriptions

from . import announcing, products

# Why a hold ended, in its row, when no pharmacist said so.
EXPIRED = "expired"
NOT_HELD = ("erx.not_held",)


def require_dispenser(caller: Caller, object_id: str = "") -> Decision:
    """Before anything is read: a refusal then tells nothing of any prescription."""
    return require(policy.may_dispense(caller), subject="", object_id=object_id)


async def read_visit(tx: Tx, prescription: Prescription) -> Visit:
    """All that hangs on a prescription that is locked; the medicines base is asked nothing more for its
    version."""
    visit = await claims.read_visit(tx, prescription)
    products.told(tx, visit.last_import)
    return visit


async def lock_held(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, secret: str, secrets: Secrets, now: datetime
) -> tuple[Visit, Claim]:
    """The visit under way of this pharmacy, with the hold that the secret proves.

    Raises NotHeldByYou: no such prescription, another pharmacy, another secret, a hold that ended or whose
    time has passed. One answer for all: whoever has no hold learns nothing.
    """
    require_dispenser(caller, prescription_id.value)
    prescription = await prescriptions.lock_prescription(tx, prescription_id)
    if prescription is None:
        raise nothing_held(prescription_id)
    visit = await read_visit(tx, prescription)
    claim = visit.claim
    if claim is None or not holds(claim, caller, secret, secrets) or claim.expires_at <= now:
        raise not_held(prescription)
    return visit, claim


def nothing_held(prescription_id: PrescriptionId) -> NotHeldByYou:
    """There is no such prescription: the same answer as for one that another pharmacy holds."""
    return NotHeldByYou(refusal=Refusal("", prescription_id.value, NOT_HELD))


def not_held(prescription: Prescription) -> NotHeldByYou:
    """The person reads in the journal who tried."""
    return NotHeldByYou(refusal=Refusal(prescription.person.value, prescription.id.value, NOT_HELD))


def holds(claim: Claim, caller: Caller, secret: str, secrets: Secrets) -> bool:
    """Is it the hold of this pharmacy, and this its secret?"""
    return claim.pharmacy == caller.organisation and secrets.opens_claim(claim.id, secret)


def end_hold(tx: Tx, visit: Visit, claim: Claim, reason: str, move: Move, now: datetime) -> Visit:
    """The hold ends, marks of cancellation take effect, the state follows; its events leave with it."""
    rested = progress.rest(visit.prescription, visit.lines, paris_day(now))
    moved = rested_as(visit.prescription, rested, move, now)
    claims.end_claim(tx, progress.ended(claim, reason, now))
    claims.save_lines(tx, rested.changed)
    claims.move_prescription(tx, moved)
    announcing.released(tx, moved, rested.changed, now)
    after = visit.with_lines(rested.changed)
    return Visit(moved, after.lines, after.interventions)


async def without_stale_hold(tx: Tx, visit: Visit, now: datetime) -> Visit:
    """A hold whose time has passed is over for everybody, whether or not the worker that ends it came by: a
    cancellation that waited for its end counts before what comes now.
    """
    if visit.claim is None or visit.claim.expires_at > now:
        return visit
    ended = end_hold(tx, visit, visit.claim, EXPIRED, Move.RELEASE, now)
    # Before anything else is written of these rows: the index sees this hold end, versions follow each other.
    await tx.flush()
    return ended


def rested_as(prescription: Prescription, rested: Rested, move: Move, now: datetime) -> Prescription:
    """One version later, in the state that the table of transitions lets `move` lead to."""
    if rested.state not in require_move(prescription.state, move):
        raise RuntimeError(
            f"{move} leads from {prescription.state} to {rested.state}, which no row of the table says"
        )
    return progress.moved(prescription, rested.state, now)
