"""The events of dispensing: opaque ids, states and versions, never a medicine nor a pharmacy."""

from __future__ import annotations

from datetime import datetime

from chassis import outbox
from chassis.db import Tx
from eprescription.domain.dispensing import Duplicate, Intervention, LineStatus
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import LineState, State
from eprescription.domain.visits import ClosedVisit
from socle.eprescription.v1 import events_pb2 as ev


def locked(tx: Tx, prescription: Prescription, now: datetime) -> None:
    """A pharmacy holds it."""
    event = ev.PrescriptionLocked(
        prescription_id=prescription.id.value,
        person_id=prescription.person.value,
        version=prescription.version,
    )
    outbox.emit(tx, event, now=now)


def released(tx: Tx, prescription: Prescription, changed: tuple[LineStatus, ...], now: datetime) -> None:
    """Nobody holds it any more; and what it became then."""
    event = ev.PrescriptionReleased(
        prescription_id=prescription.id.value,
        person_id=prescription.person.value,
        state=prescription.state.value,
        version=prescription.version,
    )
    outbox.emit(tx, event, now=now)
    became(tx, prescription, changed, now)


def became(tx: Tx, prescription: Prescription, changed: tuple[LineStatus, ...], now: datetime) -> None:
    """The final states, and the cancellations that only take effect now."""
    cancelled = [line.line_id.value for line in changed if line.state is LineState.CANCELLED]
    if cancelled or prescription.state is State.CANCELLED:
        whole = prescription.state is State.CANCELLED
        _cancelled(tx, prescription, [] if whole else cancelled, now)
    said = {"prescription_id": prescription.id.value, "person_id": prescription.person.value}
    if prescription.state is State.COMPLETED:
        outbox.emit(tx, ev.PrescriptionCompleted(**said, version=prescription.version), now=now)
    if prescription.state is State.EXPIRED:
        outbox.emit(tx, ev.PrescriptionExpired(**said, version=prescription.version), now=now)


def _cancelled(tx: Tx, prescription: Prescription, line_ids: list[str], now: datetime) -> None:
    event = ev.PrescriptionCancelled(
        prescription_id=prescription.id.value,
        person_id=prescription.person.value,
        line_ids=line_ids,
        version=prescription.version,
    )
    outbox.emit(tx, event, now=now)


def intervened(
    tx: Tx, prescription: Prescription, done: Intervention, line: LineStatus, now: datetime
) -> None:
    """Something was done about a line."""
    event = ev.LineIntervened(
        prescription_id=prescription.id.value,
        person_id=prescription.person.value,
        line_id=done.line_id.value,
        intervention_id=done.id.value,
        kind=done.kind.value,
        version=prescription.version,
        next_on=line.next_on.isoformat() if line.next_on else "",
    )
    outbox.emit(tx, event, now=now)


def closed(tx: Tx, prescription: Prescription, visit: ClosedVisit, now: datetime) -> None:
    """A visit ended with a receipt."""
    event = ev.DispensingClosed(
        prescription_id=prescription.id.value,
        person_id=prescription.person.value,
        dispensing_id=visit.id.value,
        state=prescription.state.value,
        version=prescription.version,
    )
    outbox.emit(tx, event, now=now)


def renewed(tx: Tx, child: Prescription, parent: PrescriptionId, now: datetime) -> None:
    """Its prescriber must be told (R.5123-2-1)."""
    event = ev.PrescriptionExceptionallyRenewed(
        prescription_id=child.id.value,
        parent_id=parent.value,
        person_id=child.person.value,
        version=child.version,
    )
    outbox.emit(tx, event, now=now)


def duplicated(tx: Tx, prescription: Prescription, found: Duplicate, now: datetime) -> None:
    """More was delivered than prescribed."""
    event = ev.DuplicateFound(
        prescription_id=prescription.id.value,
        person_id=prescription.person.value,
        line_id=found.line_id.value,
        duplicate_id=found.id.value,
    )
    outbox.emit(tx, event, now=now)
