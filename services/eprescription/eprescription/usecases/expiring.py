"""What time alone changes: holds that nobody ended, prescriptions whose last day has passed, refused
attempts.

Each is a transaction of its own, of a row that nobody else has in hand: any number of replicas may do it,
and a claim at the same moment either comes first or finds it done.
"""

from __future__ import annotations

from datetime import datetime

from chassis.caller import Caller, permit
from chassis.db import Tx
from eprescription.domain import progress
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.states import Move, State
from eprescription.store import claims, due

from . import announcing
from .claims import WINDOW
from .holding import EXPIRED, end_hold, rested_as
from .traces import trace

BY_TIME = permit("erx.time")


async def end_expired_hold(tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime) -> bool:
    """Whether it was ended: not when someone has the row in hand, nor when it was extended or ended
    meanwhile."""
    prescription = await due.take(tx, prescription_id)
    if prescription is None:
        return False
    visit = await claims.read_visit(tx, prescription)
    if visit.claim is None or visit.claim.expires_at > now:
        return False
    after = end_hold(tx, visit, visit.claim, EXPIRED, Move.RELEASE, now)
    trace(tx, caller, "prescription.end_hold", after.prescription, BY_TIME, now)
    return True


async def expire_prescription(tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime) -> bool:
    """Whether it expired; one that a pharmacy holds waits for the end of the hold."""
    prescription, today = await due.take(tx, prescription_id), paris_day(now)
    if prescription is None or prescription.state not in (State.ACTIVE, State.PARTIALLY_DISPENSED):
        return False
    if not progress.is_over(prescription, today):
        return False
    visit = await claims.read_visit(tx, prescription)
    rested = progress.rest(prescription, visit.lines, today)
    moved = rested_as(prescription, rested, Move.EXPIRE, now)
    claims.save_lines(tx, rested.changed)
    claims.move_prescription(tx, moved)
    announcing.became(tx, moved, rested.changed, now)
    trace(tx, caller, "prescription.expire", moved, BY_TIME, now)
    return True


async def forget_attempts(tx: Tx, now: datetime) -> int:
    """Refused attempts count for a quarter of an hour; the journal keeps who tried."""
    return await claims.forget_attempts(tx, now - WINDOW)


async def erase_prescription(tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime) -> bool:
    """Every row of it, of what was dispensed of it, and of its exceptional renewal, which cannot stand alone.

    The journal of accesses stays: it tells that there was a prescription, and nothing of what it said.
    """
    prescription = await due.take(tx, prescription_id)
    if prescription is None:
        return False
    await due.erase(tx, prescription.id)
    trace(tx, caller, "prescription.erase", prescription, BY_TIME, now)
    return True
