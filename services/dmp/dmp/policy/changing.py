"""Who may change the metadata of a document: one rule for each change."""

from __future__ import annotations

from chassis.caller import Caller, CallerKind, Decision, permit, refuse
from dmp.domain.changes import Change
from dmp.domain.documents import Document
from dmp.domain.records import Relation

from .reading import may_read, reach
from .standing import may_hold, not_in_emergency, not_open, not_standing

MASKINGS = frozenset({Change.MASK, Change.UNMASK})
SHOWINGS = frozenset({Change.SHOW_TO_PATIENT, Change.SHOW_TO_REPRESENTATIVES})
PUTTING_AWAY = frozenset({Change.ARCHIVE, Change.UNARCHIVE})
# What a structure does with its own deposits without any authorisation to read (profile Alimentation,
# EX_3.3-1060): masking and hiding are choices of persons.
FEEDERS = SHOWINGS | PUTTING_AWAY | {Change.DELETE}
AUTHOR_ONLY = "Only who deposited or wrote the document, or the structure that deposited it, deletes it."
AUTHOR_STRUCTURE = "A structure changes the documents it deposited; a professional, those they may read."
PROFESSIONAL_DOES = "A professional who reads the document, or its author structure, does this."
MINOR_IN_PERSON = "The minor does this in person; a professional deposits it so, in a secret connection."
# What reading a document is not enough for.
OWN = {
    Change.DELETE: ("dmp.author", AUTHOR_ONLY),
    Change.HIDE_FROM_REPRESENTATIVES: ("R1111-50", MINOR_IN_PERSON),
}


def may_change(
    caller: Caller, document: Document, relation: Relation, change: Change, habilitated: bool
) -> Decision:
    """One change of one document; `habilitated` as in `may_read`.

    Refused with the reason of the reading when the caller may not even know of the document.
    """
    refused = not_open(relation.record)
    if refused:
        return refused
    if caller.kind is CallerKind.CITIZEN:
        return _as_citizen(caller, document, relation, change)
    if caller.kind is CallerKind.PROFESSIONAL:
        return _as_professional(caller, document, relation, change, habilitated)
    own = caller.kind in (CallerKind.STAFF, CallerKind.MACHINE) and document.is_from(caller.organisation)
    if own and change in FEEDERS:
        return permit("dmp.author_structure")
    return refuse("dmp.author_structure", hint=AUTHOR_STRUCTURE)


def _as_citizen(caller: Caller, document: Document, relation: Relation, change: Change) -> Decision:
    """The holder, among the documents they see; showing and archiving are acts of care, not theirs."""
    holds = may_hold(caller, document.person_id)
    if not holds.permitted:
        return holds
    seen = may_read(document, reach(caller, document.person_id, relation), habilitated=True)
    if not seen.permitted:
        return seen
    if change in MASKINGS:
        return permit("R1111-49", *holds.rules)
    if change not in OWN:
        return refuse("dmp.professionals_only", hint=PROFESSIONAL_DOES)
    rule, hint = OWN[change]
    minor = caller.person_id == document.person_id.value
    own = document.is_by(caller.public_subject) if change is Change.DELETE else minor
    return permit(rule, *holds.rules) if own else refuse(rule, hint=hint)


def _as_professional(
    caller: Caller, document: Document, relation: Relation, change: Change, habilitated: bool
) -> Decision:
    """Who sees the document masks, shows and archives it; its author, or a colleague of the structure that
    deposited it, also deletes it.

    A blocked professional changes nothing, not even what they deposited: the answer to a change is the
    metadata, which they may not read. Their structure withdraws it, or they deposit a replacement.
    """
    refused = not_standing(relation) or not_in_emergency(caller)
    if refused:
        return refused
    wrote = document.is_by(caller.subject)
    if change in FEEDERS and (wrote or document.is_from(caller.organisation)):
        return permit("dmp.author" if wrote else "dmp.author_structure")
    within = reach(caller, document.person_id, relation)
    seen = may_read(document, within, habilitated)
    if not seen.permitted and within.consult.permitted and document.is_from(caller.organisation):
        # A colleague of the author is refused in clear: never by what hides the document from them.
        return refuse("dmp.author_structure", hint=AUTHOR_STRUCTURE)
    if not seen.permitted:
        return seen
    if change in OWN:
        rule, hint = OWN[change]
        return refuse(rule, hint=hint)
    return permit("R1111-49" if change in MASKINGS else "dmp.reader", *seen.rules)
