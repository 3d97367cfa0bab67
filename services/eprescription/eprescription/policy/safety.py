"""Who checks products against the treatments of a person, and who keeps their allergies. Pure."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from eprescription.domain.rules import rights

CARE_ONLY = "A professional who prescribes or delivers does this, in the course of the care of that person."
HOLDER = "The person in person or a legal representative does this, or a professional of care."


def may_check(caller: Caller) -> Decision:
    """Prescribers and pharmacists, for the person in front of them (L.1110-4); the person sees who did."""
    if is_of_care(caller):
        return permit("safety.care")
    return refuse("safety.profession", hint=CARE_ONLY)


def may_keep_allergies(caller: Caller, person: str) -> Decision:
    """Read, write down, withdraw: the person, who represents them, prescribers and pharmacists. An aidant
    without a mandate does not: an allergy withdrawn by mistake can kill."""
    if caller.kind is CallerKind.CITIZEN:
        if caller.acts_for(person):
            return permit("allergy.holder" if caller.person_id == person else "allergy.representative")
        return refuse("allergy.stranger", hint=HOLDER)
    if is_of_care(caller):
        return permit("allergy.care")
    return refuse("allergy.profession", hint=HOLDER)


def is_of_care(caller: Caller) -> bool:
    if caller.kind is not CallerKind.PROFESSIONAL:
        return False
    return rights.is_prescriber(caller.profession) or rights.is_dispenser(caller.profession)
