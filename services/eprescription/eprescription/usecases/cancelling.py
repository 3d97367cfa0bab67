"""Cancelling, whole or by line, with an answer for each line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chassis import outbox
from chassis.caller import Caller, require
from chassis.db import Tx
from eprescription.domain import cancelling
from eprescription.domain.cancelling import LineCancelled, Wanted
from eprescription.domain.errors import PrescriptionNotFound
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.policy import prescriptions as policy
from eprescription.store import lines, listing
from eprescription.store import prescriptions as store
from socle.eprescription.v1 import events_pb2 as ev

from .prescriptions import View, not_there, shown
from .traces import trace


@dataclass(frozen=True, slots=True)
class Done:
    """The prescription afterwards as its prescriber sees it, and what became of each line asked."""

    view: View
    answers: tuple[LineCancelled, ...]


async def cancel_prescription(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, wanted: Wanted, now: datetime
) -> Done:
    """Never what was delivered; what a pharmacy holds is marked, and it is told when it records.

    Again is answered by what became of each line: nothing is cancelled twice.
    """
    if await store.lock_prescription(tx, prescription_id) is None:
        raise not_there(prescription_id.value)
    seen = await listing.get_locked(tx, prescription_id, caller.organisation)
    prescription = seen.prescription
    decision = require(
        policy.may_cancel(caller, prescription),
        subject=prescription.person.value,
        object_id=prescription.id.value,
        unseen=PrescriptionNotFound,
    )
    status = await lines.lock_lines(tx, prescription.id)
    cancelled = cancelling.cancel(prescription.state, status, wanted)
    if cancelled.changed:
        prescription = _saved(tx, prescription, cancelled, now)
        _announce(tx, prescription, wanted, now)
    trace(tx, caller, "prescription.cancel", prescription, decision, now)
    by_id = {line.line_id: line for line in cancelled.changed}
    after = [by_id.get(line.line_id, line) for line in status]
    view = shown(replace(seen, prescription=prescription), after, (), decision, now)
    return Done(view, cancelled.answers)


def _saved(
    tx: Tx, prescription: Prescription, cancelled: cancelling.Cancelled, now: datetime
) -> Prescription:
    after = replace(prescription, state=cancelled.state, version=prescription.version + 1, changed_at=now)
    store.save_locked(tx, after)
    for line in cancelled.changed:
        lines.save_line(tx, line)
    return after


def _announce(tx: Tx, prescription: Prescription, wanted: Wanted, now: datetime) -> None:
    of, person, version = prescription.id.value, prescription.person.value, prescription.version
    whole = not wanted.line_ids or prescription.state is State.CANCELLED
    cancelled = ev.PrescriptionCancelled(
        prescription_id=of,
        person_id=person,
        line_ids=() if whole else sorted(wanted.line_ids),
        requested=prescription.state is State.IN_DISPENSE,
        version=version,
    )
    outbox.emit(tx, cancelled, now=now)
    if prescription.state is State.COMPLETED:
        outbox.emit(
            tx,
            ev.PrescriptionCompleted(prescription_id=of, person_id=person, version=version),
            now=now,
        )
