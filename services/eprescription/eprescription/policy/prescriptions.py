"""Who reads, writes and cancels a prescription. Pure; every answer names the rule behind it.

`erx.*` are rules of this service. The team of care of one structure shares what the care needs (L.1110-4,
L.1110-12); a restricted prescription is for its author, who executes it and the person in person, and what
pharmacies did stays hidden from prescribers when the person opposed (décret 2023-1222).
"""

from __future__ import annotations

from dataclasses import dataclass

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from eprescription.domain.dispensing import Claim
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules import rights
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.states import State

UNSIGNED = frozenset({State.DRAFT, State.DISCARDED})
# TRE_G15: doctor, dental surgeon, midwife, nurse. Who prescribes reads what the team prescribed.
PRESCRIBERS = frozenset({"10", "40", "50", "60"})
# What these decisions show is the prescription without its execution, when the person opposed.
BLIND = frozenset({"erx.author", "erx.same_structure", "erx.machine_of_structure"})
CLAIM_INSTEAD = "A pharmacist opens a prescription by claiming it, with its number or its QR code."


@dataclass(frozen=True, slots=True)
class Standing:
    """What the decision needs beside the prescription."""

    # The pharmacy that holds it.
    claim: Claim | None = None
    # The caller's pharmacy recorded something about it.
    served: bool = False
    # The person keeps the execution from prescribers.
    opposed: bool = False


def may_read(caller: Caller, prescription: Prescription, standing: Standing) -> Decision:
    """A draft is its author's alone: nobody else may know that it is there."""
    if prescription.state in UNSIGNED:
        return permit("erx.author") if is_author(caller, prescription) else refuse("erx.draft")
    match caller.kind:
        case CallerKind.CITIZEN:
            return _citizen(caller, prescription.person.value, restricted=prescription.restricted)
        case CallerKind.PROFESSIONAL:
            return _professional(caller, prescription, standing)
        case CallerKind.MACHINE:
            inside = _same_structure(caller, prescription) and not prescription.restricted
            return permit("erx.machine_of_structure") if inside else refuse("erx.stranger")
    return refuse("erx.stranger")


def _citizen(caller: Caller, person: str, *, restricted: bool) -> Decision:
    if caller.person_id == person:
        return permit("erx.person")
    if restricted:
        return refuse("erx.restricted")
    if person in caller.represents:
        return permit("erx.representative")
    return permit("erx.aidant") if person in caller.assists else refuse("erx.stranger")


def _professional(caller: Caller, prescription: Prescription, standing: Standing) -> Decision:
    if caller.subject == prescription.prescriber:
        return permit("erx.author")
    if rights.is_dispenser(caller.profession) and caller.organisation:
        if standing.claim and standing.claim.pharmacy == caller.organisation:
            return permit("erx.pharmacy_holds")
        if standing.served:
            return permit("erx.pharmacy_served")
        return refuse("erx.pharmacy_without_hold", hint=CLAIM_INSTEAD)
    if not is_colleague(caller, prescription):
        return refuse("erx.stranger")
    return refuse("erx.restricted") if prescription.restricted else permit("erx.same_structure")


def is_blind(decision: Decision, standing: Standing) -> bool:
    """Is the execution hidden from who reads by this decision?"""
    return standing.opposed and not BLIND.isdisjoint(decision.rules)


def is_author(caller: Caller, prescription: Prescription) -> bool:
    """Who wrote it, working where they wrote it: a draft stays in the structure it was begun in."""
    return (
        caller.kind is CallerKind.PROFESSIONAL
        and caller.subject == prescription.prescriber
        and caller.organisation == prescription.organisation
    )


def is_colleague(caller: Caller, prescription: Prescription) -> bool:
    """Another prescriber of the structure it was written in."""
    return (
        caller.kind is CallerKind.PROFESSIONAL
        and caller.profession in PRESCRIBERS
        and _same_structure(caller, prescription)
    )


def _same_structure(caller: Caller, prescription: Prescription) -> bool:
    return caller.organisation == prescription.organisation != ""


def may_create(caller: Caller, parameters: Parameters) -> Decision:
    """Who prescribes nothing opens no draft; what each may prescribe is judged when it is signed."""
    if not rights.is_prescriber(caller.profession, parameters):
        return refuse("V25", hint="Sign in with a profession that prescribes (CPS, e-CPS).")
    return permit("erx.author")


def may_write(caller: Caller, prescription: Prescription) -> Decision:
    """Change, discard, check, sign."""
    return permit("erx.author") if is_author(caller, prescription) else refuse("erx.draft")


def may_cancel(caller: Caller, prescription: Prescription) -> Decision:
    """The author wherever they work now, or a prescriber of the same structure: an error must not wait for
    its author's next day at work. A restricted one waits: a colleague may not know of it."""
    if caller.kind is CallerKind.PROFESSIONAL and caller.subject == prescription.prescriber:
        return permit("erx.author")
    if prescription.state in UNSIGNED or prescription.restricted or not is_colleague(caller, prescription):
        return refuse("erx.not_yours_to_cancel")
    return permit("erx.same_structure")


def may_list(caller: Caller, person: str) -> Decision:
    """The prescriptions of a person: a prescriber or a machine then finds those of its structure only."""
    match caller.kind:
        case CallerKind.CITIZEN:
            return _citizen(caller, person, restricted=False)
        case CallerKind.PROFESSIONAL:
            if rights.is_dispenser(caller.profession):
                return refuse("erx.pharmacy_without_hold", hint=CLAIM_INSTEAD)
            return permit("erx.same_structure") if caller.profession in PRESCRIBERS else permit("erx.author")
        case CallerKind.MACHINE if caller.organisation:
            return permit("erx.machine_of_structure")
    return refuse("erx.stranger")


def may_read_journal(caller: Caller, prescription: Prescription) -> Decision:
    """Who read it: for the person, whoever represents them, and the auditor. Never of a draft."""
    if prescription.state in UNSIGNED:
        return refuse("erx.draft")
    if caller.kind is CallerKind.AUDITOR:
        return permit("erx.auditor")
    if (
        caller.kind is not CallerKind.CITIZEN
        or prescription.person.value in caller.assists - caller.represents
    ):
        return refuse("erx.stranger")
    return _citizen(caller, prescription.person.value, restricted=prescription.restricted)
