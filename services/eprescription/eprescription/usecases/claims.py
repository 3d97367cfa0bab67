"""A pharmacy takes a prescription, keeps it longer, gives it back.

One pharmacy holds a prescription: the row is locked, the index `uq_claim_one_pharmacy` refuses a second
hold. The secret of a hold is derived from its id: an answer that was lost is asked again and is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.caller import Caller, Decision, require
from chassis.db import ReadTx, Tx
from chassis.errors import TooMany
from eprescription.domain import acting, progress
from eprescription.domain.acting import Recorder, Scales
from eprescription.domain.dispensing import Claim
from eprescription.domain.errors import HeldByAnotherPharmacy, TransitionRefused
from eprescription.domain.findings import Finding
from eprescription.domain.ids import ClaimId, PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.delivering import Entitled
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import Move, State
from eprescription.domain.states import require as require_move
from eprescription.domain.visits import Visit
from eprescription.policy import dispensing as policy
from eprescription.store import claims, prescriptions

from . import announcing, signatures, weighing
from .holding import (
    end_hold,
    holds,
    lock_held,
    not_held,
    nothing_held,
    read_visit,
    require_dispenser,
    without_stale_hold,
)
from .traces import refusals_of, trace

# A birth date is one of thirty thousand: five guesses a quarter of an hour find none in a lifetime.
MOST_ATTEMPTS = 5
WINDOW = timedelta(minutes=15)


class ReleaseReason(StrEnum):
    """Why a hold is given back."""

    PATIENT_LEFT = "patient_left"
    OTHER_PHARMACY_REQUESTED = "other_pharmacy_requested"
    PRODUCT_MISSING = "product_missing"
    PRESCRIPTION_EXPIRED = "prescription_expired"
    ERROR = "error"


class TooManyAttempts(TooMany):
    """Your pharmacy gave too many wrong codes or birth dates for this number."""

    where = "access_code"
    remedy = "Scan the QR code of the paper, or wait, then read the number and the birth date again."


@dataclass(frozen=True, slots=True)
class Proof:
    """What the patient brought: a number, with the access code of the QR code or the birth date.

    `born`: whether identity-ins said that the birth date is the one of the patient; None when a code was
    given.
    """

    number: str
    access_code: str = ""
    born: bool | None = None
    # SHA-256 of what was signed, as the QR code says it; empty when no code was scanned.
    paper: bytes = b""


@dataclass(frozen=True, slots=True)
class Held:
    """A visit under way, with what the law says of it today."""

    visit: Visit
    claim: Claim
    secret: str
    findings: tuple[Finding, ...]
    entitled: dict[str, Entitled]


@dataclass(frozen=True, slots=True)
class Refused:
    """The proof opens nothing; the attempt is counted, so this is committed. `wait`: seconds, when too
    many."""

    wait: float = 0.0


async def find_person(tx: ReadTx, caller: Caller, number: str) -> PersonId | None:
    """Whose birth date is to be compared. Only for who may claim, and never shown."""
    require_dispenser(caller)
    found = await prescriptions.find_by_number(tx, number)
    return found.person if found and found.state is not State.DRAFT else None


async def claim_prescription(
    tx: Tx,
    caller: Caller,
    proof: Proof,
    secrets: Secrets,
    ttl: timedelta,
    parameters: Parameters,
    now: datetime,
) -> Held | Refused:
    """Opens it for this pharmacy; the same pharmacy again gets the same hold and the same secret.

    Raises HeldByAnotherPharmacy, TransitionRefused (with the state and nothing else), SignatureBroken.
    """
    require_dispenser(caller)
    prescription = await prescriptions.lock_by_number(tx, proof.number)
    if prescription is None or not await opens(tx, caller, prescription, proof, secrets, now):
        return await refused(tx, caller, proof.number, now)
    decision = _require_open(caller, prescription)
    with refusals_of(prescription):
        signatures.require_same_paper(prescription, proof.paper)
        visit = await take_hold(tx, caller, await read_visit(tx, prescription), ttl, now)
    trace(tx, caller, "prescription.claim", visit.prescription, decision, now)
    return await held(tx, visit, secrets, parameters, now)


async def opens(
    tx: Tx, caller: Caller, prescription: Prescription, proof: Proof, secrets: Secrets, now: datetime
) -> bool:
    """The code is too long to be guessed; a birth date is not, so that too many attempts shut that way."""
    if prescription.state in (State.DRAFT, State.DISCARDED):
        return False
    if proof.born is None:
        return secrets.opens_prescription(prescription.id, proof.access_code)
    tried, _ = await claims.count_attempts(tx, proof.number, caller.organisation, now - WINDOW)
    return proof.born and tried < MOST_ATTEMPTS


async def refused(tx: Tx, caller: Caller, number: str, now: datetime) -> Refused:
    """The same for a number that nobody wrote as for a wrong code: neither tells which numbers exist.

    The attempt is a row of its own, not the undone part of a refusal: guesses at once are all counted, each
    with the row of the prescription locked.
    """
    tried, first = await claims.count_attempts(tx, number, caller.organisation, now - WINDOW)
    claims.insert_attempt(tx, number, caller.organisation, caller.subject, now)
    if tried < MOST_ATTEMPTS or first is None:
        return Refused()
    return Refused(max(1.0, (first + WINDOW - now).total_seconds()))


def _require_open(caller: Caller, prescription: Prescription) -> Decision:
    return require(
        policy.may_open(caller, prescription.signed.content),
        subject=prescription.person.value,
        object_id=prescription.id.value,
    )


def _is_same(claim: Claim, caller: Caller, now: datetime) -> bool:
    return claim.pharmacy == caller.organisation and claim.expires_at > now


async def take_hold(tx: Tx, caller: Caller, visit: Visit, ttl: timedelta, now: datetime) -> Visit:
    """The hold of this pharmacy that runs, or a new one once the one whose time has passed is ended."""
    if visit.claim is not None and _is_same(visit.claim, caller, now):
        return visit
    visit = await without_stale_hold(tx, visit, now)
    if visit.claim is not None:
        raise HeldByAnotherPharmacy(rules=[f"state.{visit.prescription.state}"])
    if progress.is_over(visit.prescription, paris_day(now)):
        raise TransitionRefused.of(State.EXPIRED.value, Move.CLAIM.value)
    require_move(visit.prescription.state, Move.CLAIM)
    await signatures.verified(tx, visit.prescription, visit.lines)
    return _insert_hold(tx, caller, visit, ttl, now)


def _insert_hold(tx: Tx, caller: Caller, visit: Visit, ttl: timedelta, now: datetime) -> Visit:
    moved = progress.moved(visit.prescription, State.IN_DISPENSE, now)
    claim = new_claim(caller, moved.id, ttl, now)
    claims.insert_claim(tx, claim)
    claims.move_prescription(tx, moved)
    announcing.locked(tx, moved, now)
    return Visit(moved, visit.lines, visit.interventions, claim)


def new_claim(caller: Caller, prescription_id: PrescriptionId, ttl: timedelta, now: datetime) -> Claim:
    return Claim(ClaimId.new(), prescription_id, caller.organisation, caller.subject, now, now + ttl)


async def held(tx: ReadTx, visit: Visit, secrets: Secrets, parameters: Parameters, now: datetime) -> Held:
    """What the pharmacist reads: the lines, what may be given today, and what the law says."""
    claim = visit.claim
    if claim is None:
        raise RuntimeError("a visit without a hold has no secret")
    bases = await weighing.bases(tx, visit, ())
    recorder = Recorder(claim.pharmacist, claim.pharmacy, paris_day(now), now, claim.id)
    scales = Scales(visit, bases, parameters, recorder)
    entitled = acting.entitlements(scales)
    said = acting.presented(visit, entitled)
    return Held(visit, claim, secrets.claim_secret(claim.id), tuple(said), entitled)


async def extend_claim(
    tx: Tx,
    caller: Caller,
    prescription_id: PrescriptionId,
    secret: str,
    secrets: Secrets,
    ttl: timedelta,
    now: datetime,
) -> Claim:
    """As long again, from now. A hold whose time has passed is claimed again instead."""
    visit, claim = await lock_held(tx, caller, prescription_id, secret, secrets, now)
    require_move(visit.prescription.state, Move.EXTEND)
    longer = replace(claim, expires_at=max(claim.expires_at, now + ttl))
    claims.extend_claim(tx, longer)
    trace(tx, caller, "prescription.extend_claim", visit.prescription, policy.may_dispense(caller), now)
    return longer


async def release_prescription(
    tx: Tx,
    caller: Caller,
    prescription_id: PrescriptionId,
    secret: str,
    reason: ReleaseReason,
    secrets: Secrets,
    now: datetime,
) -> Visit:
    """What was recorded stays. Given back already by this hold: answered the same, and nothing changes."""
    require_dispenser(caller, prescription_id.value)
    prescription = await prescriptions.lock_prescription(tx, prescription_id)
    if prescription is None:
        raise nothing_held(prescription_id)
    visit = await claims.read_visit(tx, prescription)
    if visit.claim is not None and holds(visit.claim, caller, secret, secrets):
        visit = end_hold(tx, visit, visit.claim, reason.value, Move.RELEASE, now)
    else:
        await _require_released(tx, caller, visit, secret, secrets)
    trace(tx, caller, "prescription.release", visit.prescription, policy.may_dispense(caller), now)
    return visit


async def _require_released(tx: ReadTx, caller: Caller, visit: Visit, secret: str, secrets: Secrets) -> None:
    last = await claims.find_last_claim(tx, visit.prescription.id, caller.organisation)
    if last is None or not holds(last, caller, secret, secrets):
        raise not_held(visit.prescription)
