"""What goes wrong with prescriptions: a class each, its docstring is the sentence a caller reads."""

from __future__ import annotations

from typing import Self

from chassis.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, RuleViolated


class PrescriptionNotFound(NotFound):
    """There is no such prescription that you may see."""

    where = "prescription_id"
    remedy = "Check the number or the id; a pharmacist opens a prescription by claiming it."


class TransitionRefused(RuleViolated):
    """The prescription is in a state that refuses this."""

    remedy = "Read its state, then do what that state allows."

    @classmethod
    def of(cls, state: str, move: str) -> Self:
        """`state` is the present one; nothing else of the prescription is said."""
        return cls(
            f"This prescription is {state.replace('_', ' ')}: `{move}` is refused.",
            reason=f"PRESCRIPTION_{state.upper()}",
            field="state",
        )


class RuleRefused(RuleViolated):
    """A rule of law refuses this; nothing was written."""


class DecisionNeeded(RuleViolated):
    """A warning needs your decision before this is written."""

    remedy = "Read the findings; to go on, send a decision with the code and the reason of each."


class HeldByAnotherPharmacy(Conflict):
    """Another pharmacy holds this prescription."""

    remedy = "Ask that pharmacy to release it, or try again once its hold has ended."


class NotHeldByYou(Forbidden):
    """Your pharmacy does not hold this prescription, or the secret is not the one of its hold."""

    where = "secret"
    remedy = "Claim it again: the same claim gives the same secret."


class BeyondWhatWasPrescribed(RuleViolated):
    """More would be delivered than was prescribed; nothing was written."""

    where = "acts"
    remedy = "Read what remains of the line (GetPrescription), and deliver that at most."


class LineClosed(RuleViolated):
    """Nothing more is delivered of this line: it is delivered, cancelled or expired."""

    where = "acts"
    remedy = "Read the states of the lines, and leave this one out."


class UndoneAlready(RuleViolated):
    """This intervention was undone already."""

    where = "intervention_id"
    remedy = "Read the interventions of the prescription."


class InterventionNotFound(NotFound):
    """There is no such intervention of your pharmacy."""

    where = "intervention_id"
    remedy = "Only the pharmacy that recorded it undoes it."


class LineNotFound(NotFound):
    """There is no such line in this prescription."""

    where = "line_id"
    remedy = "Read the lines of the prescription."


class ChangedMeanwhile(Conflict):
    """Someone changed this prescription meanwhile."""

    where = "version"
    remedy = "Read it again, then send its new version."


class SignedAlready(RuleViolated):
    """What was signed is never changed."""

    remedy = "Cancel the prescription and write another one."


class SignatureRefused(InvalidInput):
    """The signature does not verify: another key, another content, or not of this prescriber."""

    where = "signature"
    remedy = "Sign the bytes of GetSigningInput, made now, with a key registered for you."


class SignatureBroken(RuleViolated):
    """The stored prescription is not what was signed: it is not dispensed."""

    remedy = "Do not dispense. Tell the operator of the platform: the stored content was altered."


class NumberWrong(InvalidInput):
    """The number of the prescription is mistyped: its last character does not check."""

    where = "number"
    remedy = "Compare it with the paper: 18 letters and digits, without I, L, O and U."


class AccessCodeWrong(Forbidden):
    """This code, or this birth date, does not open the prescription."""

    where = "access_code"
    remedy = "Scan the QR code again, or type the number and the birth date of the patient."


class RenewedAlready(AlreadyExists):
    """This prescription was exceptionally renewed already: the law allows it once."""


class PaperRecordedAlready(AlreadyExists):
    """Another delivery from the paper was recorded under this reference."""

    where = "paper_reference"
    remedy = "Give this delivery a paper reference of its own, or undo the record that is wrong first."


class NumberTaken(Conflict):
    """Two drafts drew the same number: create it again."""


class LineTaken(AlreadyExists):
    """A line of another prescription has this id."""

    where = "content.lines"
    remedy = "Leave the ids of lines empty: the service makes them."


class PrescriptionFinal(RuleViolated):
    """A prescription that is cancelled, expired or given up stays so."""

    where = "state"
    remedy = "Write another prescription."


class ClosedAlready(AlreadyExists):
    """This visit was closed already."""


class AllergyKnownAlready(AlreadyExists):
    """This allergy of the person is known already."""

    where = "substance"
    remedy = "Read the allergies of the person (ListAllergies)."
