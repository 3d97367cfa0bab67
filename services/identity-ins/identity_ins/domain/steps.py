"""What may be done to an identity: one total table of (status, step), and what each attribute forbids.

Source: RNIV 1, transitions of the status; HL7 France PAM (A47) for what is lost with the number.
"""

from __future__ import annotations

from enum import StrEnum

from chassis.errors import RuleViolated

from .identity import Attribute, Identity, Status


class Step(StrEnum):
    """What may be done to an identity after its creation."""

    RETRIEVE_INS = "retrieve_ins"
    # INSi knows this person under a number that the structure read elsewhere.
    VERIFY_INS = "verify_ins"
    # INSi was asked again about the number that is held: the same, another one, or no longer.
    CONFIRM_INS = "confirm_ins"
    REPLACE_INS = "replace_ins"
    REFUTE_INS = "refute_ins"
    REMOVE_INS = "remove_ins"
    CHECK_PAPER = "check_paper"
    CANCEL_PAPER_CHECK = "cancel_paper_check"
    # The five traits of the civil status; what the person is called in everyday life is another matter.
    CORRECT_TRAITS = "correct_traits"
    CHANGE_USED_NAMES = "change_used_names"
    MARK_DOUBTFUL = "mark_doubtful"
    MARK_FICTITIOUS = "mark_fictitious"
    MARK_HOMONYM = "mark_homonym"
    CLEAR_MARK = "clear_mark"


class IdentityMerged(RuleViolated):
    """This identity was merged into another one: it is only ever read."""


class IdentityDoubtful(RuleViolated):
    """An identity marked douteuse stays provisoire: it may neither be sent to INSi nor be validated."""


class IdentityFictitious(RuleViolated):
    """An identity marked fictive stays provisoire: it may neither be sent to INSi nor be validated."""


class IdentityAlreadyDoubtful(RuleViolated):
    """This identity is already marked douteuse."""


class IdentityAlreadyFictitious(RuleViolated):
    """This identity is already marked fictive."""


class IdentityAlreadyHomonym(RuleViolated):
    """This identity is already marked homonyme."""


class InsAlreadyRetrieved(RuleViolated):
    """The INS of this identity is already retrieved."""


class InsNotHeld(RuleViolated):
    """This identity holds no INS."""


class PaperAlreadyChecked(RuleViolated):
    """An identity paper is already recorded for this identity."""


class PaperNotChecked(RuleViolated):
    """No identity paper is recorded for this identity."""


class IdentityAlreadyQualified(RuleViolated):
    """This identity is already qualifiée: its traits are locked."""


class TraitsLocked(RuleViolated):
    """The five traits of an identity qualifiée are locked."""


PROV, RECUP, VALI, QUAL = Status.PROVISOIRE, Status.RECUPEREE, Status.VALIDEE, Status.QUALIFIEE
S = Step


def _anywhere(step: Step, leads_to: Status | None = None) -> dict[tuple[Status, Step], Status]:
    """A step allowed in every status, which stays unless `leads_to` says otherwise."""
    return {(status, step): leads_to or status for status in Status}


ALLOWED: dict[tuple[Status, Step], Status] = {
    (PROV, S.RETRIEVE_INS): RECUP,
    (VALI, S.RETRIEVE_INS): QUAL,
    (PROV, S.VERIFY_INS): RECUP,
    (VALI, S.VERIFY_INS): QUAL,
    (RECUP, S.CONFIRM_INS): RECUP,
    (QUAL, S.CONFIRM_INS): QUAL,
    (RECUP, S.REPLACE_INS): RECUP,
    (QUAL, S.REPLACE_INS): QUAL,
    (RECUP, S.REFUTE_INS): PROV,
    (QUAL, S.REFUTE_INS): VALI,
    # Removing goes further than refuting: RNIV sends back to provisoire, so the paper is shown again.
    (RECUP, S.REMOVE_INS): PROV,
    (QUAL, S.REMOVE_INS): PROV,
    (PROV, S.CHECK_PAPER): VALI,
    (RECUP, S.CHECK_PAPER): QUAL,
    (VALI, S.CANCEL_PAPER_CHECK): PROV,
    (QUAL, S.CANCEL_PAPER_CHECK): RECUP,
    # A fact was established on the traits as they were: it falls with them.
    (PROV, S.CORRECT_TRAITS): PROV,
    (RECUP, S.CORRECT_TRAITS): PROV,
    (VALI, S.CORRECT_TRAITS): PROV,
    **_anywhere(S.CHANGE_USED_NAMES),
    **_anywhere(S.MARK_DOUBTFUL, PROV),
    **_anywhere(S.MARK_FICTITIOUS, PROV),
    **_anywhere(S.MARK_HOMONYM),
    **_anywhere(S.CLEAR_MARK),
}

REFUSED: dict[tuple[Status, Step], type[RuleViolated]] = {
    (RECUP, S.RETRIEVE_INS): InsAlreadyRetrieved,
    (QUAL, S.RETRIEVE_INS): IdentityAlreadyQualified,
    (RECUP, S.VERIFY_INS): InsAlreadyRetrieved,
    (QUAL, S.VERIFY_INS): IdentityAlreadyQualified,
    **{
        (status, step): InsNotHeld
        for status in (PROV, VALI)
        for step in (S.CONFIRM_INS, S.REPLACE_INS, S.REFUTE_INS, S.REMOVE_INS)
    },
    (VALI, S.CHECK_PAPER): PaperAlreadyChecked,
    (QUAL, S.CHECK_PAPER): IdentityAlreadyQualified,
    (PROV, S.CANCEL_PAPER_CHECK): PaperNotChecked,
    (RECUP, S.CANCEL_PAPER_CHECK): PaperNotChecked,
    (QUAL, S.CORRECT_TRAITS): TraitsLocked,
}

# An answer of INSi that comes after the mark is refused as well: the question should not have been asked.
INSI_STEPS = (S.RETRIEVE_INS, S.VERIFY_INS, S.CONFIRM_INS, S.REPLACE_INS, S.REFUTE_INS)
FORBIDDEN_BY: dict[tuple[Attribute, Step], type[RuleViolated]] = {
    **{(Attribute.DOUTEUSE, step): IdentityDoubtful for step in (*INSI_STEPS, S.CHECK_PAPER)},
    **{(Attribute.FICTIVE, step): IdentityFictitious for step in (*INSI_STEPS, S.CHECK_PAPER)},
    (Attribute.DOUTEUSE, S.MARK_DOUBTFUL): IdentityAlreadyDoubtful,
    (Attribute.FICTIVE, S.MARK_FICTITIOUS): IdentityAlreadyFictitious,
    (Attribute.HOMONYME, S.MARK_HOMONYM): IdentityAlreadyHomonym,
}

HINTS: dict[type[RuleViolated], str] = {
    IdentityDoubtful: "Have the identity vigilance of your structure settle the doubt, then clear the mark.",
    IdentityFictitious: "If the person does exist, clear the mark first.",
    InsAlreadyRetrieved: "Verify the INS that it holds, or remove it first.",
    InsNotHeld: "Retrieve the INS first, or give the number to verify.",
    PaperNotChecked: "Read the identity again: there is nothing to cancel.",
    TraitsLocked: "Cancel the check of the paper or remove the INS first, then correct.",
}
DONE_ALREADY = "Read the identity again: this is done already."


def allow(identity: Identity, step: Step) -> Status:
    """The status that `step` leads to.

    Raises IdentityMerged, or the refusal of an attribute (FORBIDDEN_BY) or of the transition table (REFUSED).
    """
    if identity.merged_into:
        raise IdentityMerged(field="identity_id", hint=f"Use the identity {identity.merged_into} instead.")
    for attribute in sorted(identity.attributes):
        if error := FORBIDDEN_BY.get((attribute, step)):
            raise _refusal(error)
    if error := REFUSED.get((identity.status, step)):
        raise _refusal(error)
    return ALLOWED[identity.status, step]


def _refusal(error: type[RuleViolated]) -> RuleViolated:
    return error(field="identity_id", hint=HINTS.get(error, DONE_ALREADY))
