"""A wrong record is undone by another record; nothing is erased."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.errors import RuleViolated
from eprescription.domain import progress
from eprescription.domain.acting import Recorder, Scales
from eprescription.domain.dispensing import Details, Intervention, InterventionKind, LineStatus
from eprescription.domain.errors import InterventionNotFound, UndoneAlready
from eprescription.domain.ids import ClaimId, InterventionId, PrescriptionId
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.states import OPEN_LINES, Move, State
from eprescription.domain.states import require as require_move
from eprescription.domain.visits import Visit
from eprescription.policy import dispensing as policy
from eprescription.store import claims, interventions, prescriptions

from . import announcing, weighing
from .holding import read_visit, require_dispenser, without_stale_hold
from .traces import trace


class TooLateToUndo(RuleViolated):
    """This record is too old to be undone."""

    where = "intervention_id"
    remedy = "Tell the prescriber and the patient what was really delivered."


@dataclass(frozen=True, slots=True)
class Undone:
    visit: Visit
    intervention: Intervention


async def undo_intervention(
    tx: Tx,
    caller: Caller,
    prescription_id: PrescriptionId,
    intervention_id: InterventionId,
    reason: str,
    parameters: Parameters,
    now: datetime,
) -> Undone:
    """By the pharmacy that recorded it, within `parameters.undo_days`, once; no hold is needed.

    Raises InterventionNotFound (also for that of another pharmacy), UndoneAlready, TooLateToUndo.
    """
    require_dispenser(caller, prescription_id.value)
    prescription = await prescriptions.lock_prescription(tx, prescription_id)
    if prescription is None:
        raise InterventionNotFound
    visit = await without_stale_hold(tx, await read_visit(tx, prescription), now)
    wrong = _of_caller(visit, caller, intervention_id)
    _require_undoable(wrong, parameters, now)
    require_move(visit.prescription.state, Move.UNDO)
    undoing = _undoing(visit, caller, wrong, reason, now)
    line = await _reopened(tx, visit, wrong, parameters, now)
    saved = await _save(tx, visit, undoing, line, now)
    decision = policy.may_undo(caller, wrong.pharmacy)
    trace(tx, caller, "prescription.undo", saved.prescription, decision, now)
    return Undone(saved, undoing)


def _of_caller(visit: Visit, caller: Caller, intervention_id: InterventionId) -> Intervention:
    """A record of another pharmacy is as if it were not: whoever may not undo it learns nothing of it."""
    found = next((one for one in visit.interventions if one.id == intervention_id), None)
    if found is None:
        raise InterventionNotFound
    require(
        policy.may_undo(caller, found.pharmacy),
        subject=visit.prescription.person.value,
        object_id=visit.prescription.id.value,
        unseen=InterventionNotFound,
    )
    return found


def _require_undoable(wrong: Intervention, parameters: Parameters, now: datetime) -> None:
    if wrong.kind is InterventionKind.UNDONE:
        raise InterventionNotFound(hint="What undoes a record is not undone: record what is true.")
    if wrong.undone_by is not None:
        raise UndoneAlready
    if now - wrong.recorded_at > timedelta(days=parameters.undo_days):
        raise TooLateToUndo


def _undoing(visit: Visit, caller: Caller, wrong: Intervention, reason: str, now: datetime) -> Intervention:
    """It counts nothing by itself: PostgreSQL takes back what the wrong one counted."""
    return Intervention(
        id=InterventionId.new(),
        prescription_id=wrong.prescription_id,
        line_id=wrong.line_id,
        person=wrong.person,
        kind=InterventionKind.UNDONE,
        recorded_at=now,
        delivered_on=paris_day(now),
        pharmacist=caller.subject,
        pharmacy=caller.organisation,
        claim_id=_own_hold(visit, caller),
        undoes=wrong.id,
        details=Details(reason=reason),
    )


def _own_hold(visit: Visit, caller: Caller) -> ClaimId | None:
    claim = visit.claim
    return claim.id if claim is not None and claim.pharmacy == caller.organisation else None


async def _reopened(
    tx: Tx, visit: Visit, wrong: Intervention, parameters: Parameters, now: datetime
) -> LineStatus:
    """The line as if the wrong record had never been; the law says anew when it is delivered."""
    left = [one for one in visit.past(wrong.line_id) if one.id != wrong.id]
    held = visit.prescription.state is State.IN_DISPENSE
    line = progress.undone(visit.status(wrong.line_id), wrong, left, held=held)
    if line.state not in OPEN_LINES:
        return line
    recorder = Recorder(wrong.pharmacist, wrong.pharmacy, paris_day(now), now)
    scales = Scales(visit, await weighing.bases(tx, visit, ()), parameters, recorder)
    law = scales.entitled(line, left)
    return replace(line, next_on=law.next_on, until=law.until)


async def _save(tx: Tx, visit: Visit, undoing: Intervention, line: LineStatus, now: datetime) -> Visit:
    """The row that undoes is counted first: the constraint `uq_intervention_undone_once` is what holds."""
    interventions.insert_intervention(tx, undoing)
    await tx.flush()
    after = visit.with_lines([line]).with_interventions([undoing])
    state = progress.follow(visit.prescription, after.lines, Move.UNDO)
    moved = progress.moved(visit.prescription, state, now, after.lines)
    claims.save_lines(tx, [line])
    claims.move_prescription(tx, moved)
    announcing.intervened(tx, moved, undoing, line, now)
    if moved.state is not visit.prescription.state:
        announcing.became(tx, moved, (), now)
    return Visit(moved, after.lines, after.interventions, visit.claim)
