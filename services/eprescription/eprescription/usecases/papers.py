"""A prescription on paper: allowed, verified and traced before anyone is asked who the patient is."""

from __future__ import annotations

from datetime import datetime

from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.errors import RuleViolated
from eprescription.domain import agreement
from eprescription.domain.errors import PrescriptionNotFound
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import OPEN
from eprescription.policy import papers as policy
from eprescription.policy.prescriptions import UNSIGNED
from eprescription.store import lines, prescriptions

from . import signatures
from .prescriptions import not_there
from .traces import trace


class PaperRefused(RuleViolated):
    """There is no paper of this prescription: only a signed one that may still be delivered is printed."""

    where = "state"
    remedy = "A paper works without any network, so none is made of what may no longer be delivered."


class NotSignedYet(PaperRefused):
    """A draft has no paper: it is not signed."""

    remedy = "Sign it first (SignPrescription)."


async def print_prescription(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, now: datetime
) -> Prescription:
    """The prescription to print, once its signature is known to hold: the platform signs the code over it."""
    prescription = await prescriptions.find_prescription(tx, prescription_id)
    if prescription is None:
        raise not_there(prescription_id.value)
    decision = require(
        policy.may_print(caller, prescription),
        subject=prescription.person.value,
        object_id=prescription.id.value,
        unseen=PrescriptionNotFound,
    )
    _require_printable(prescription)
    await signatures.verified(tx, prescription, await lines.list_lines(tx, prescription.id))
    trace(tx, caller, "prescription.print", prescription, decision, now)
    return prescription


def _require_printable(prescription: Prescription) -> None:
    if prescription.state in UNSIGNED:
        raise NotSignedYet
    if prescription.state not in OPEN:
        raise PaperRefused
    if not agreement.is_signed(prescription):
        raise PaperRefused(
            "An exceptional renewal has no paper of its own.", hint="The pharmacy writes it on the first one."
        )
