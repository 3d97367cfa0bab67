"""What may become of the metadata of a document, as a table; its bytes never change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.errors import RuleViolated

from . import errors
from .documents import Confidentiality, Document, EntryId, Rules, Status, in_order

C = Confidentiality


class Change(StrEnum):
    """What a caller may ask for; the values are those of the permissions and of the journal."""

    MASK = "mask"
    UNMASK = "unmask"
    SHOW_TO_PATIENT = "show_to_patient"
    SHOW_TO_REPRESENTATIVES = "show_to_representatives"
    HIDE_FROM_REPRESENTATIVES = "hide_from_representatives"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """What a change does to one flag: a code of confidentiality, or `archived` (None)."""

    code: Confidentiality | None
    # The flag afterwards; it must be the other way before.
    carried: bool
    # Raised when the flag is that way already.
    refused: type[RuleViolated]
    # Nothing takes it back: the user must have confirmed it (EX_3.3-1045).
    irreversible: bool = False


TRANSITIONS: dict[Change, Step] = {
    Change.MASK: Step(C.MASKED, True, errors.DocumentAlreadyMasked),
    Change.UNMASK: Step(C.MASKED, False, errors.DocumentNotMasked),
    Change.SHOW_TO_PATIENT: Step(C.HIDDEN_FROM_PATIENT, False, errors.DocumentAlreadyShown, True),
    Change.SHOW_TO_REPRESENTATIVES: Step(
        C.HIDDEN_FROM_REPRESENTATIVES, False, errors.DocumentAlreadyShown, True
    ),
    Change.HIDE_FROM_REPRESENTATIVES: Step(
        C.HIDDEN_FROM_REPRESENTATIVES, True, errors.DocumentAlreadyHiddenFromRepresentatives
    ),
    Change.ARCHIVE: Step(None, True, errors.DocumentAlreadyArchived),
    Change.UNARCHIVE: Step(None, False, errors.DocumentNotArchived),
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides on a change beside the document itself."""

    rules: Rules
    # The user was asked, and said yes.
    confirmed: bool = False
    # New documents of this record are hidden from professionals.
    masked_by_default: bool = False
    # An earlier version was hidden from the representatives and a later one was not: they may have read it.
    shown_to_representatives: bool = False


def apply(
    document: Document, changes: Sequence[Change], entry_id: EntryId, now: datetime, around: Surroundings
) -> Document:
    """The next version of the document with all of the changes, or the fault of one of them and none."""
    if document.status is Status.DELETED:
        raise errors.DocumentDeleted
    _check_together(changes)
    after = document
    for change in changes:
        after = _deleted(after) if change is Change.DELETE else _stepped(after, change, around)
    _check_codes(after, around.rules)
    return replace(after, version=document.version + 1, entry_id=entry_id, changed_at=now)


def _check_together(changes: Sequence[Change]) -> None:
    flags = [TRANSITIONS[change].code if change in TRANSITIONS else change for change in changes]
    if not changes or len(set(flags)) < len(flags) or (Change.DELETE in changes and len(changes) > 1):
        raise errors.ChangesContradictEachOther(field="changes")


def _deleted(document: Document) -> Document:
    return replace(document, status=Status.DELETED)


def _stepped(document: Document, change: Change, around: Surroundings) -> Document:
    step = TRANSITIONS[change]
    before = document.archived if step.code is None else step.code in document.facts.confidentiality
    if before is step.carried:
        raise step.refused(field="changes")
    if step.irreversible and not around.confirmed:
        raise errors.ConfirmationMissing(field="confirmed")
    if change is Change.HIDE_FROM_REPRESENTATIVES and around.shown_to_representatives:
        raise errors.DocumentWasShown(field="changes")
    if step.code is None:
        return replace(document, archived=step.carried)
    return _with_codes(document, step, around)


def _with_codes(document: Document, step: Step, around: Surroundings) -> Document:
    codes = set(document.facts.confidentiality)
    codes = codes | {step.code} if step.carried else codes - {step.code}  # type: ignore[arg-type]
    # The holder wants new documents hidden from professionals: to them it becomes one at this moment.
    if step.code is C.HIDDEN_FROM_PATIENT and around.masked_by_default:
        codes |= {C.MASKED}
    return replace(document, facts=replace(document.facts, confidentiality=in_order(codes)))


def _check_codes(document: Document, rules: Rules) -> None:
    both = {C.MASKED, C.HIDDEN_FROM_PATIENT} <= set(document.facts.confidentiality)
    if both and not rules.masked_and_hidden:
        raise errors.DocumentStillHiddenFromPatient(field="changes")


def masked_at_deposit(codes: Sequence[Confidentiality], rules: Rules) -> tuple[Confidentiality, ...]:
    """The codes of a new document in a record that hides new ones from professionals.

    One that waits for its announcement is masked once the patient sees it (`apply`), unless both may stand
    together here.
    """
    if C.HIDDEN_FROM_PATIENT in codes and not rules.masked_and_hidden:
        return tuple(codes)
    return in_order({*codes, C.MASKED})
