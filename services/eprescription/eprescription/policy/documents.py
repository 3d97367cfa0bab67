"""Who reads the document of a dispensing. Pure; that of a prescription is read by whoever reads it."""

from __future__ import annotations

from chassis.caller import Caller, Decision, refuse
from eprescription.domain.prescriptions import Prescription

from . import prescriptions
from .prescriptions import Standing

HIDDEN = "The patient keeps what pharmacies did from prescribers (R.4073-1)."


def may_read_dispensing(caller: Caller, prescription: Prescription, standing: Standing) -> Decision:
    """Whoever may read the prescription, unless the person keeps its execution from them."""
    decision = prescriptions.may_read(caller, prescription, standing)
    if decision.permitted and prescriptions.is_blind(decision, standing):
        return refuse("R4073-1", hint=HIDDEN)
    return decision
