"""Drafts: opened, changed, given up; and one prescription read by whoever may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis import outbox
from chassis.caller import Caller, Decision, require
from chassis.db import ReadTx, Tx
from chassis.errors import InvalidInput, Refusal
from eprescription.domain import body, number, veiling, writing
from eprescription.domain.content import Content, Kind, Prescriber, Signed
from eprescription.domain.dispensing import Claim, Intervention, LineStatus
from eprescription.domain.errors import ChangedMeanwhile, PrescriptionNotFound
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.states import Move, State
from eprescription.domain.states import require as require_move
from eprescription.policy import prescriptions as policy
from eprescription.store import interventions, lines, listing
from eprescription.store import prescriptions as store
from socle.eprescription.v1 import events_pb2 as ev

from .traces import trace

# What is not there is refused by a rule of its own, so that the journal keeps who tried identifiers.
NO_PRESCRIPTION = "erx.no_prescription"


class NothingAsked(InvalidInput):
    """Neither an id nor a number was given."""

    where = "prescription_id"
    remedy = "Give the id of the prescription, or its number."


@dataclass(frozen=True, slots=True)
class View:
    """A prescription as far as its reader may see it."""

    prescription: Prescription
    lines: Sequence[LineStatus] = ()
    interventions: Sequence[Intervention] = ()
    claim: Claim | None = None
    # The person keeps the execution from this reader.
    execution_hidden: bool = False


async def create_prescription(
    tx: Tx, caller: Caller, person: PersonId, content: Content, parameters: Parameters, now: datetime
) -> Prescription:
    """Opens a draft and reserves its number."""
    decision = require(policy.may_create(caller, parameters), subject=person.value)
    writing.check(content)
    prescription = draft(caller, person, content, now)
    store.insert_prescription(tx, prescription)
    trace(tx, caller, "prescription.create", prescription, decision, now)
    return prescription


def draft(caller: Caller, person: PersonId, content: Content, now: datetime) -> Prescription:
    """A fresh one of this author."""
    signed = Signed(number.new(), person.value, prescriber_of(caller), paris_day(now), content)
    return Prescription(
        id=PrescriptionId.new(),
        number=signed.number,
        person=person,
        kind=Kind.STANDARD,
        state=State.DRAFT,
        version=1,
        prescriber=caller.subject,
        organisation=caller.organisation,
        restricted=content.restricted,
        body=body.canonical(signed),
        signed=signed,
        created_at=now,
        changed_at=now,
    )


def prescriber_of(caller: Caller) -> Prescriber:
    """Who signs is who the token proves, never what a request says."""
    return Prescriber(
        caller.subject,
        caller.name,
        caller.profession,
        tuple(sorted(caller.know_how)),
        caller.organisation,
        caller.sector,
    )


async def change_prescription(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, content: Content, version: int, now: datetime
) -> Prescription:
    """Replaces the content of a draft; `version`: the one that was read, 0 for whatever it is."""
    prescription = await store.lock_prescription(tx, prescription_id)
    prescription, decision = require_writable(caller, prescription_id, prescription)
    require_move(prescription.state, Move.CHANGE)
    require_version(prescription, version)
    writing.check(content)
    changed = rewritten(
        prescription,
        replace(
            prescription.signed,
            prescriber=prescriber_of(caller),
            written_on=paris_day(now),
            content=content,
        ),
        now,
    )
    store.save_locked(tx, changed)
    trace(tx, caller, "prescription.change", changed, decision, now)
    return changed


def rewritten(prescription: Prescription, signed: Signed, now: datetime) -> Prescription:
    """The next version of a draft."""
    return replace(
        prescription,
        version=prescription.version + 1,
        restricted=signed.content.restricted,
        body=body.canonical(signed),
        signed=signed,
        changed_at=now,
    )


async def discard_prescription(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime
) -> Prescription:
    """Gives a draft up; again is answered the same."""
    prescription = await store.lock_prescription(tx, prescription_id)
    prescription, decision = require_writable(caller, prescription_id, prescription)
    if prescription.state is not State.DISCARDED:
        require_move(prescription.state, Move.DISCARD)
        prescription = replace(
            prescription, state=State.DISCARDED, version=prescription.version + 1, changed_at=now
        )
        store.save_locked(tx, prescription)
    trace(tx, caller, "prescription.discard", prescription, decision, now)
    return prescription


def require_writable(
    caller: Caller, prescription_id: PrescriptionId, prescription: Prescription | None
) -> tuple[Prescription, Decision]:
    """A prescription that this caller writes; PrescriptionNotFound for anyone else, as for none at all."""
    if prescription is None:
        raise not_there(prescription_id.value)
    decision = require(
        policy.may_write(caller, prescription),
        subject=prescription.person.value,
        object_id=prescription.id.value,
        unseen=PrescriptionNotFound,
    )
    return prescription, decision


def require_version(prescription: Prescription, version: int) -> None:
    """Raises ChangedMeanwhile unless this version was read, or any will do (0)."""
    if version not in (0, prescription.version):
        raise ChangedMeanwhile


async def get_prescription(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId | None, typed: str, now: datetime
) -> View:
    """By id, or by the number as it was typed. The person sees who read it."""
    asked, seen = await _find(tx, caller, prescription_id, typed)
    if seen is None:
        raise not_there(asked)
    decision = readable(caller, seen)
    view = await view_of(tx, seen, decision, now)
    trace(tx, caller, "prescription.read", seen.prescription, decision, now)
    if seen.prescription.state not in policy.UNSIGNED:
        outbox.emit(tx, _accessed(seen.prescription), now=now)
    return view


async def _find(
    tx: ReadTx, caller: Caller, prescription_id: PrescriptionId | None, typed: str
) -> tuple[str, listing.Seen | None]:
    if prescription_id is not None:
        return prescription_id.value, await listing.find_seen(tx, prescription_id, caller.organisation)
    if not typed:
        raise NothingAsked
    # A number is of a paper in somebody's hand: refused attempts are kept without it.
    return "", await listing.find_seen_by_number(tx, number.check(typed), caller.organisation)


def readable(caller: Caller, seen: listing.Seen) -> Decision:
    """The permission; PrescriptionNotFound for who may not know of it."""
    return require(
        policy.may_read(caller, seen.prescription, seen.standing),
        subject=seen.prescription.person.value,
        object_id=seen.prescription.id.value,
        unseen=PrescriptionNotFound,
    )


async def view_of(tx: ReadTx, seen: listing.Seen, decision: Decision, now: datetime) -> View:
    """Lines and interventions, as far as this decision shows them."""
    prescription = seen.prescription
    if prescription.state in policy.UNSIGNED:
        return View(prescription)
    status = await lines.list_lines(tx, prescription.id)
    done = await interventions.list_interventions(tx, prescription.id)
    return shown(seen, status, done, decision, now)


def shown(
    seen: listing.Seen,
    status: Sequence[LineStatus],
    done: Sequence[Intervention],
    decision: Decision,
    now: datetime,
) -> View:
    """What was read, veiled where the person keeps the execution from this reader."""
    if not policy.is_blind(decision, seen.standing):
        return View(seen.prescription, status, done, seen.standing.claim)
    prescription = veiling.veil(seen.prescription, paris_day(now))
    return View(prescription, [veiling.veil_line(line) for line in status], execution_hidden=True)


def not_there(asked: str) -> PrescriptionNotFound:
    """As a prescription that may not be known: the same answer, a line in the journal."""
    return PrescriptionNotFound(refusal=Refusal("", asked, (NO_PRESCRIPTION,)))


def _accessed(prescription: Prescription) -> ev.PrescriptionAccessed:
    return ev.PrescriptionAccessed(prescription_id=prescription.id.value, person_id=prescription.person.value)
