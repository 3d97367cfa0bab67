"""Checking and signing: rules, rights and safety first; then signature, rows and events, in one commit.

The bytes to sign are made before the transaction that keeps them, so that a card, an HSM or a key service is
never waited for with a row locked. The version of the draft says that they are still those of the draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from chassis import outbox
from chassis.caller import Caller
from chassis.caller import Decision as Permission
from chassis.db import ReadTx, Tx
from chassis.errors import Violation
from eprescription.domain import body, findings
from eprescription.domain.content import Decision, Line, Signed
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.errors import (
    DecisionNeeded,
    RuleRefused,
    SignedAlready,
)
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.ordering import ordered
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.products import Medicine
from eprescription.domain.rules import authorising, prescribing, rights
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.signature import Signature
from eprescription.domain.states import Move, State
from eprescription.domain.states import require as require_move
from eprescription.policy import prescriptions as policy
from eprescription.store import lines, sendings
from eprescription.store import prescriptions as store
from socle.eprescription.v1 import events_pb2 as ev

from . import products, safety, signatures
from .prescriptions import prescriber_of, require_version, require_writable
from .traces import trace

# Of a condition of the medicine: what may not be prescribed over another one that runs.
OVERLAP_FORBIDDEN = frozenset({"narcotic", "overlap_forbidden"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the author asks to sign: decisions about the warnings, the version that was read (0: any)."""

    prescription_id: PrescriptionId
    decisions: tuple[Decision, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Examined:
    """A draft as it would be signed today, and all that the rules say of it."""

    prescription: Prescription
    signed: Signed
    medicines: Mapping[str, Medicine]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Ready to be signed: these bytes, made of this version of the draft.

    `rows` is empty when the prescription is signed already: the payload is then what was signed.
    """

    prescription: Prescription
    signed: Signed
    payload: bytes
    findings: tuple[Finding, ...]
    rows: tuple[LineStatus, ...] = ()
    expires_on: date | None = None

    @property
    def again(self) -> bool:
        """The answer to the first request was lost: the same one asks anew."""
        return not self.rows


@dataclass(frozen=True, slots=True)
class Done:
    """A signed prescription, and how far its lines are."""

    prescription: Prescription
    lines: Sequence[LineStatus]


async def check(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, parameters: Parameters, now: datetime
) -> tuple[Finding, ...]:
    """What the rules and the safety checks say of a draft as it stands."""
    prescription, permission = await _draft(tx, caller, prescription_id)
    require_move(prescription.state, Move.SIGN)
    examined = await _examine(tx, caller, prescription, (), parameters, now)
    trace(tx, caller, "prescription.check", prescription, permission, now)
    return examined.findings


async def signing_input(
    tx: Tx, caller: Caller, wanted: Wanted, parameters: Parameters, now: datetime
) -> Prepared:
    """The bytes to sign, dated today; raises as `prepare` does. Signed already: the bytes that were."""
    prepared = await prepare(tx, caller, wanted, parameters, now)
    permission = policy.may_write(caller, prepared.prescription)
    trace(tx, caller, "prescription.prepare_signature", prepared.prescription, permission, now)
    return prepared


async def prepare(tx: Tx, caller: Caller, wanted: Wanted, parameters: Parameters, now: datetime) -> Prepared:
    """Examines a draft and makes the bytes to sign. Writes nothing: the signature is what leaves a trace.

    Raises RuleRefused with a violation for each refusal, DecisionNeeded with one for each open warning.
    """
    prescription, _ = await _draft(tx, caller, wanted.prescription_id)
    if _is_signed(prescription):
        return await _signed_before(tx, prescription, wanted, parameters)
    require_move(prescription.state, Move.SIGN)
    require_version(prescription, wanted.version)
    examined = await _examine(tx, caller, prescription, wanted.decisions, parameters, now)
    _refuse(examined.findings, examined.signed)
    rows = _rows(prescription, examined.signed, examined.medicines, parameters)
    return Prepared(
        prescription,
        examined.signed,
        body.canonical(examined.signed),
        examined.findings,
        rows,
        authorising.expires_on(rows),
    )


async def sign(tx: Tx, caller: Caller, prepared: Prepared, given: Signature | str, now: datetime) -> Done:
    """Keeps what was prepared under its signature, and activates it: all or nothing.

    `given`: what the local key service answered, or the detached JWS of the request. No row is locked before:
    the update holds for the version that was examined only, and PostgreSQL refuses lines of a prescription
    that it left a draft (`ck_line_signed`) or that a twin of this request signed (`pk_line`). Signing again
    what is signed is answered the same, and writes its line in the journal only.
    """
    permission = policy.may_write(caller, prepared.prescription)
    if prepared.again:
        return await _again(tx, caller, prepared, given, permission, now)
    key_id = await signatures.accept(tx, caller.subject, given, prepared.payload, now)
    signed = _activated(prepared, _jws(given), key_id, now)
    store.save_later(tx, signed)
    for row in prepared.rows:
        lines.insert_line(tx, row)
    sendings.insert_sending(tx, "prescription", signed.id, signed.person, now)
    trace(tx, caller, "prescription.sign", signed, permission, now)
    _announce(tx, signed, now)
    return Done(signed, prepared.rows)


async def _draft(
    tx: ReadTx, caller: Caller, prescription_id: PrescriptionId
) -> tuple[Prescription, Permission]:
    prescription = await store.find_prescription(tx, prescription_id)
    return require_writable(caller, prescription_id, prescription)


def _is_signed(prescription: Prescription) -> bool:
    return prescription.state not in policy.UNSIGNED


async def _examine(
    tx: Tx,
    caller: Caller,
    prescription: Prescription,
    decisions: Sequence[Decision],
    parameters: Parameters,
    now: datetime,
) -> Examined:
    today = paris_day(now)
    content = prescription.signed.content
    resolved = await products.resolve(tx, content.lines)
    signed = replace(
        prescription.signed,
        prescriber=prescriber_of(caller),
        written_on=today,
        content=replace(content, lines=resolved.lines),
    )
    found = await _findings(tx, prescription, signed, resolved, parameters)
    about = {one.code for one in found}
    kept = tuple(one for one in decisions if one.code in about)
    return Examined(prescription, replace(signed, decisions=kept), resolved.medicines, found)


async def _findings(
    tx: Tx,
    prescription: Prescription,
    signed: Signed,
    resolved: products.Resolved,
    parameters: Parameters,
) -> tuple[Finding, ...]:
    """Products, law, rights, safety; the gravest first, then in the order of the lines."""
    today, written, medicines = signed.written_on, signed.content.lines, resolved.medicines
    others = await _running(tx, prescription, today, medicines)
    found = [*resolved.findings, *prescribing.check(signed, medicines, others, parameters)]
    for line in written:
        found += rights.may_prescribe(signed.prescriber, line, medicines.get(line.line_id), parameters)
    items = [_item(line, medicines.get(line.line_id)) for line in written]
    found += await safety.findings_for(tx, prescription.person, items, today, beside=prescription.id)
    gravity, place = list(Severity), {line.line_id: at for at, line in enumerate(written)}
    return tuple(sorted(found, key=lambda one: (gravity.index(one.severity), place.get(one.line_id, -1))))


async def _running(
    tx: ReadTx, prescription: Prescription, today: date, medicines: Mapping[str, Medicine]
) -> Sequence[LineStatus]:
    """Other treatments under way, read only where the law forbids that they overlap (V11)."""
    if not any(OVERLAP_FORBIDDEN & medicine.rules for medicine in medicines.values()):
        return ()
    running = await lines.list_running(tx, prescription.person, today)
    return [line for line in running if line.prescription_id != prescription.id]


def _item(line: Line, medicine: Medicine | None) -> safety.SafetyItem:
    return safety.SafetyItem(line.line_id, line.product.label, medicine, line.product.substances)


def _refuse(found: Sequence[Finding], signed: Signed) -> None:
    refused = findings.refusals(found)
    if refused:
        raise RuleRefused(
            hint="Correct what each rule names, or leave the line out.",
            violations=[Violation(_where(one, signed), f"{one.rule}: {one.sentence}") for one in refused],
            rules=sorted({one.rule for one in refused}),
        )
    open_ = findings.undecided(found, signed.decisions)
    if open_:
        raise DecisionNeeded(
            violations=[Violation(_where(one, signed), one.code) for one in open_],
            rules=sorted({one.rule for one in open_}),
        )


def _where(finding: Finding, signed: Signed) -> str:
    for at, line in enumerate(signed.content.lines):
        if line.line_id == finding.line_id:
            return f"content.lines[{at}]"
    return "content"


def _rows(
    prescription: Prescription,
    signed: Signed,
    medicines: Mapping[str, Medicine],
    parameters: Parameters,
) -> tuple[LineStatus, ...]:
    return tuple(
        ordered(
            prescription.id,
            prescription.person,
            rank,
            line,
            medicines.get(line.line_id),
            signed.written_on,
            parameters,
            discharge_on=signed.content.planned_discharge_on,
        )
        for rank, line in enumerate(signed.content.lines)
    )


def _activated(prepared: Prepared, jws: str, key_id: str, now: datetime) -> Prescription:
    draft, signed = prepared.prescription, prepared.signed
    return replace(
        draft,
        state=State.ACTIVE,
        version=draft.version + 1,
        restricted=signed.content.restricted,
        body=prepared.payload,
        signed=signed,
        signature=jws,
        key_id=key_id,
        written_on=signed.written_on,
        expires_on=prepared.expires_on,
        signed_at=now,
        changed_at=now,
    )


def _jws(given: Signature | str) -> str:
    return given.jws if isinstance(given, Signature) else given


def _announce(tx: Tx, signed: Prescription, now: datetime) -> None:
    of, person, version = signed.id.value, signed.person.value, signed.version
    last = signed.expires_on.isoformat() if signed.expires_on else ""
    outbox.emit(tx, ev.PrescriptionSigned(prescription_id=of, person_id=person, version=version), now=now)
    activated = ev.PrescriptionActivated(
        prescription_id=of, person_id=person, version=version, expires_on=last
    )
    outbox.emit(tx, activated, now=now)


async def _signed_before(
    tx: Tx, prescription: Prescription, wanted: Wanted, parameters: Parameters
) -> Prepared:
    """What the rules said that day, of what was signed: the same answer to the same request."""
    signed = prescription.signed
    if not set(signed.decisions) <= set(wanted.decisions):
        raise SignedAlready
    resolved = await products.resolve(tx, signed.content.lines)
    found = await _findings(tx, prescription, signed, resolved, parameters)
    return Prepared(prescription, signed, prescription.body, found)


async def _again(
    tx: Tx,
    caller: Caller,
    prepared: Prepared,
    given: Signature | str,
    permission: Permission,
    now: datetime,
) -> Done:
    """Nothing changes; a signature that is not the one kept is refused."""
    prescription = prepared.prescription
    if given and _jws(given) != prescription.signature:
        raise SignedAlready
    status = await lines.list_lines(tx, prescription.id)
    trace(tx, caller, "prescription.sign", prescription, permission, now)
    return Done(prescription, status)
