"""Exceptional renewal (R.5123-2-1): a chronic treatment whose prescription expired goes on for three months
at most.

A record of its own, child of the expired prescription, signed by nobody: it may say nothing that the parent
does not (`signatures.verified`). The index `uq_prescription_one_renewal` lets one exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.errors import InvalidInput, Violation
from eprescription.domain import agreement, body, number, progress
from eprescription.domain.acting import Bases
from eprescription.domain.content import Content, Kind, Line, Signed
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.errors import AccessCodeWrong, LineNotFound, RenewedAlready, RuleRefused
from eprescription.domain.findings import Finding, refusals
from eprescription.domain.ids import LineId, PrescriptionId
from eprescription.domain.ordering import ordered
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules import authorising, renewing
from eprescription.domain.rules.book import refusal
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.secrets import Secrets
from eprescription.domain.states import Move, State
from eprescription.domain.states import require as require_move
from eprescription.domain.visits import Visit
from eprescription.policy import dispensing as policy
from eprescription.store import claims, interventions, lines, prescriptions

from . import announcing, signatures, weighing
from .claims import Held, Proof, Refused, held, new_claim, opens, refused, take_hold
from .holding import read_visit, require_dispenser
from .prescriptions import prescriber_of
from .traces import refusals_of, trace

ONCE = "Un renouvellement exceptionnel ne se renouvelle pas : la loi donne trois mois, une fois."


class NothingToRenew(InvalidInput):
    """Neither an id nor a number with its access code was given."""

    where = "prescription_id"
    remedy = "Give the id of a prescription that your pharmacy served, or the number and the access code."


@dataclass(frozen=True, slots=True)
class Wanted:
    """The expired prescription, by what the pharmacy knows of it; `line_ids` empty: all that may be
    renewed."""

    prescription_id: PrescriptionId | None
    proof: Proof | None
    line_ids: frozenset[str]
    reason: str


async def renew_exceptionally(
    tx: Tx,
    caller: Caller,
    wanted: Wanted,
    secrets: Secrets,
    ttl: timedelta,
    parameters: Parameters,
    now: datetime,
) -> Held | Refused:
    """The child, held by this pharmacy. Asked again by the same pharmacy: the same child and the same hold.

    Raises RuleRefused (V15) with a violation for each line asked, RenewedAlready for another pharmacy.
    """
    require_dispenser(caller)
    parent = await _parent(tx, caller, wanted, secrets, now)
    if isinstance(parent, Refused):
        return parent
    before = await claims.find_renewal(tx, parent.id)
    with refusals_of(parent):
        if before is not None:
            visit = await _again(tx, caller, before, ttl, now)
        else:
            visit = await _renewed(tx, caller, parent, wanted, ttl, parameters, now)
    trace(
        tx, caller, "prescription.renew_exceptionally", visit.prescription, policy.may_dispense(caller), now
    )
    return await held(tx, visit, secrets, parameters, now)


async def _parent(
    tx: Tx, caller: Caller, wanted: Wanted, secrets: Secrets, now: datetime
) -> Prescription | Refused:
    """Locked. By id only for who served it: an id is no proof that the patient is there."""
    if wanted.proof is not None:
        found = await prescriptions.lock_by_number(tx, wanted.proof.number)
        if found is None or not await opens(tx, caller, found, wanted.proof, secrets, now):
            return await refused(tx, caller, wanted.proof.number, now)
        return found
    if wanted.prescription_id is None:
        raise NothingToRenew
    found = await prescriptions.lock_prescription(tx, wanted.prescription_id)
    if found is None or not await interventions.has_served(tx, found.id, caller.organisation):
        raise AccessCodeWrong(
            field="prescription_id", hint="Give the number and the access code of the paper."
        )
    return found


async def _again(tx: Tx, caller: Caller, before: Prescription, ttl: timedelta, now: datetime) -> Visit:
    """The answer to the first request was lost, and the number of the child with it: held anew if need be."""
    if before.organisation != caller.organisation:
        raise RenewedAlready(hint="Claim it with its own number, or ask the pharmacy that renewed it.")
    child = await prescriptions.lock_prescription(tx, before.id)
    if child is None:
        raise RenewedAlready
    return await take_hold(tx, caller, await read_visit(tx, child), ttl, now)


async def _renewed(
    tx: Tx,
    caller: Caller,
    parent: Prescription,
    wanted: Wanted,
    ttl: timedelta,
    parameters: Parameters,
    now: datetime,
) -> Visit:
    require(
        policy.may_open(caller, parent.signed.content),
        subject=parent.person.value,
        object_id=parent.id.value,
    )
    if not agreement.is_signed(parent):
        raise _not_renewable([refusal("V15", ONCE, "Le patient revoit son prescripteur.")])
    visit = await _over(tx, await read_visit(tx, parent), now)
    require_move(visit.prescription.state, Move.RENEW_EXCEPTIONALLY)
    await signatures.verified(tx, visit.prescription, visit.lines)
    bases = await weighing.bases(tx, visit, ())
    chosen = _chosen(visit, bases, wanted, parameters, paris_day(now))
    child = _child(caller, visit, bases, chosen, wanted.reason, parameters, now)
    return _insert(tx, caller, child, ttl, now)


async def _over(tx: Tx, visit: Visit, now: datetime) -> Visit:
    """A prescription whose last day has passed is expired, though no worker came by yet."""
    prescription, today = visit.prescription, paris_day(now)
    resting_still = prescription.state in (State.ACTIVE, State.PARTIALLY_DISPENSED)
    if not resting_still or not progress.is_over(prescription, today):
        return visit
    rested = progress.rest(prescription, visit.lines, today)
    require_move(prescription.state, Move.EXPIRE)
    moved = progress.moved(prescription, rested.state, now)
    claims.save_lines(tx, rested.changed)
    claims.move_prescription(tx, moved)
    announcing.became(tx, moved, rested.changed, now)
    await tx.flush()
    return Visit(moved, visit.with_lines(rested.changed).lines, visit.interventions)


def _chosen(
    visit: Visit, bases: Bases, wanted: Wanted, parameters: Parameters, today: date
) -> list[tuple[LineStatus, Line]]:
    """The lines that the law lets be renewed; every line asked must be one, and there must be one."""
    known = {status.line_id.value for status in visit.lines}
    if wanted.line_ids - known:
        raise LineNotFound(field="line_ids")
    asked = [
        (status, line)
        for status, line in visit.written()
        if not wanted.line_ids or status.line_id.value in wanted.line_ids
    ]
    said = {one.line_id.value: _said(visit, bases, one, line, parameters, today) for one, line in asked}
    kept = [(one, line) for one, line in asked if not refusals(said[one.line_id.value])]
    if not kept or (wanted.line_ids and len(kept) < len(asked)):
        raise _not_renewable([finding for found in said.values() for finding in refusals(found)])
    return kept


def _not_renewable(refused_: Sequence[Finding]) -> RuleRefused:
    return RuleRefused(
        hint="Ask for the lines that may be renewed, or send the patient to the prescriber.",
        violations=[Violation("line_ids", f"{one.rule}: {one.sentence}") for one in refused_],
        rules=sorted({one.rule for one in refused_}),
    )


def _said(
    visit: Visit, bases: Bases, status: LineStatus, line: Line, parameters: Parameters, today: date
) -> Sequence[Finding]:
    medicine = bases.prescribed.get(line.line_id)
    return renewing.renewable(line, status, medicine, visit.past(status.line_id), today, parameters)


def _child(
    caller: Caller,
    visit: Visit,
    bases: Bases,
    chosen: Sequence[tuple[LineStatus, Line]],
    reason: str,
    parameters: Parameters,
    now: datetime,
) -> Visit:
    parent, today = visit.prescription, paris_day(now)
    written, rows, child_id = [], [], PrescriptionId.new()
    law = parameters.of_kind(Kind.EXCEPTIONAL_RENEWAL)
    for rank, (_, line) in enumerate(chosen):
        medicine = bases.prescribed.get(line.line_id)
        written.append(renewing.renewed(line, LineId.new().value, medicine, parameters))
        rows.append(ordered(child_id, parent.person, rank, written[-1], medicine, today, law))
    content = Content(
        tuple(written),
        bizone=parent.signed.content.bizone,
        restricted=parent.restricted,
        initial_reference=parent.number,
        initial_written_on=parent.written_on,
        comment=reason,
    )
    signed = Signed(number.new(), parent.person.value, prescriber_of(caller), today, content)
    child = Prescription(
        id=child_id,
        number=signed.number,
        person=parent.person,
        kind=Kind.EXCEPTIONAL_RENEWAL,
        state=State.IN_DISPENSE,
        version=1,
        prescriber=caller.subject,
        organisation=caller.organisation,
        restricted=parent.restricted,
        body=body.canonical(signed),
        signed=signed,
        created_at=now,
        changed_at=now,
        written_on=today,
        expires_on=authorising.expires_on(rows),
        parent_id=parent.id,
    )
    return Visit(child, tuple(rows))


def _insert(tx: Tx, caller: Caller, visit: Visit, ttl: timedelta, now: datetime) -> Visit:
    child = visit.prescription
    claim = new_claim(caller, child.id, ttl, now)
    prescriptions.insert_prescription(tx, child)
    for row in visit.lines:
        lines.insert_line(tx, row)
    claims.insert_claim(tx, claim)
    if child.parent_id is not None:
        announcing.renewed(tx, child, child.parent_id, now)
    announcing.locked(tx, child, now)
    return replace(visit, claim=claim)
