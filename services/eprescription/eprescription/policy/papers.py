"""Who prints a prescription, and who asks whether its signature holds. Pure."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from eprescription.domain.prescriptions import Prescription

from . import prescriptions
from .prescriptions import Standing

# Who runs and who controls the platform: neither reads what a person takes.
WITHOUT_CONTENT = frozenset({CallerKind.OPERATOR, CallerKind.AUDITOR})
ASK_THE_AUTHOR = "The prescriber who wrote it, or the patient, prints it."


def may_print(caller: Caller, prescription: Prescription) -> Decision:
    """The author and the person, whose paper it is: its QR code opens the prescription to whoever has it."""
    if prescriptions.is_author(caller, prescription):
        return permit("erx.author")
    if caller.kind is CallerKind.CITIZEN and prescription.state not in prescriptions.UNSIGNED:
        if caller.person_id == prescription.person.value:
            return permit("erx.person")
        if caller.acts_for(prescription.person.value) and not prescription.restricted:
            return permit("erx.representative")
    return refuse("erx.not_yours_to_print", hint=ASK_THE_AUTHOR)


def may_verify(caller: Caller, prescription: Prescription, standing: Standing) -> Decision:
    """Whoever may read it; operator and auditor learn whether it holds, and nothing of what it says."""
    if caller.kind in WITHOUT_CONTENT:
        return permit(f"erx.{caller.kind}")
    return prescriptions.may_read(caller, prescription, standing)
