"""Who dispenses, who reads the dispensing history. Pure; every answer names the rule behind it.

A prescription is opened by its proof (code of the paper, or birth date), not by a right: any pharmacy may,
once it holds the paper of the patient. What it did is then undone by itself alone.
"""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from eprescription.domain.content import Content
from eprescription.domain.history import Opposition
from eprescription.domain.rules import rights

# TRE_R02: pharmacie d'officine, mutualiste, minière, and others open to the public.
PHARMACIES = frozenset({"SA33", "SA38", "SA39", "SA65"})
# TRE_G15.
DOCTOR = "10"
NOT_A_PHARMACY = "Sign in as a pharmacist, for the pharmacy you work in."


def may_dispense(caller: Caller) -> Decision:
    """A pharmacist, working in a pharmacy. A token that tells no sector is taken at its profession."""
    if not rights.is_dispenser(caller.profession):
        return refuse("erx.not_a_dispenser", hint=NOT_A_PHARMACY)
    if not caller.organisation or (caller.sector and caller.sector not in PHARMACIES):
        return refuse("erx.not_in_a_pharmacy", hint=NOT_A_PHARMACY)
    return permit("erx.pharmacy")


def may_open(caller: Caller, content: Content) -> Decision:
    """Opioid substitution goes to the pharmacy that the prescriber named (L.162-4-2 CSS)."""
    if content.named_pharmacy and content.named_pharmacy != caller.organisation:
        return refuse("erx.named_pharmacy", hint="The prescriber named another pharmacy for it.")
    return permit("erx.pharmacy_with_proof")


def may_undo(caller: Caller, pharmacy: str) -> Decision:
    """Only who recorded knows that it was wrong."""
    return permit("erx.own_record") if caller.organisation == pharmacy else refuse("erx.another_pharmacy")


def may_read_history(
    caller: Caller, person: str, opposition: Opposition, hospital_sectors: frozenset[str]
) -> Decision:
    """Dossier pharmaceutique: the person; pharmacists, and doctors of health establishments, unless opposed
    (L.1111-23). `hospital_sectors`: TRE_R02."""
    if caller.kind is CallerKind.CITIZEN:
        return permit("erx.history_own") if caller.acts_for(person) else refuse("erx.stranger")
    if not _is_history_reader(caller, hospital_sectors):
        return refuse("erx.history_not_for_you", hint="It is for pharmacists and doctors of hospitals.")
    if opposition.history_opposed:
        return refuse("erx.history_opposed", hint="The person opposes its reading: ask them what they take.")
    return permit("erx.history")


def _is_history_reader(caller: Caller, hospital_sectors: frozenset[str]) -> bool:
    hospital = caller.sector in hospital_sectors
    if rights.is_dispenser(caller.profession):
        # Of a pharmacy in town or of a hospital.
        return bool(caller.organisation) and (hospital or may_dispense(caller).permitted)
    return caller.profession == DOCTOR and hospital


def may_oppose(caller: Caller, person: str) -> Decision:
    """The person, or a legal representative."""
    return permit("erx.person") if caller.acts_for(person) else refuse("erx.stranger")


def may_list_duplicates(caller: Caller) -> Decision:
    """Everyone may ask; a professional finds those of their pharmacy and of their own prescriptions."""
    everything = caller.kind in (CallerKind.OPERATOR, CallerKind.AUDITOR)
    return permit("erx.every_duplicate") if everything else permit("erx.own_duplicates")
