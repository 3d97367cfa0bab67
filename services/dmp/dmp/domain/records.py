"""A record and its life; who may read it, who is blocked, and what its holder allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import RuleViolated
from chassis.ids import Id

from . import errors
from .sealing import Wrapped


class PersonId(Id):
    """A person of the reference registry; opaque here."""


class AuthorisationId(Id):
    """An authorisation to read a record."""


class BlockId(Id):
    """The blocking of a professional on a record."""


class CareRoleId(Id):
    """A role that the holder gave to a professional."""


class EmergencyConsent(StrEnum):
    """What the holder allows when nobody can ask (the three switches of Mon espace santé)."""

    # Regulation doctor of the SAMU.
    ETREAT = "ETREAT"
    # Any other professional: bris de glace.
    BTG = "BTG"
    # Opening masked documents in either case.
    MASKED = "MASKED"


# EX_1.1-1050: both accesses are on at creation; masked documents stay masked until the holder says otherwise.
AT_OPENING: dict[EmergencyConsent, bool] = {
    EmergencyConsent.ETREAT: True,
    EmergencyConsent.BTG: True,
    EmergencyConsent.MASKED: False,
}


class GranteeKind(StrEnum):
    PROFESSIONAL = "professional"
    STRUCTURE = "structure"


class CareRole(StrEnum):
    MEDECIN_TRAITANT = "medecin_traitant"
    # Same powers as the médecin traitant, given by the holder.
    ADMINISTRATOR = "administrator"
    PHARMACIEN_CORRESPONDANT = "pharmacien_correspondant"
    SAGE_FEMME_REFERENTE = "sage_femme_referente"


# They read masked documents and may block other professionals (R1111-41, EX_3.1-1030).
SEES_ALL = frozenset({CareRole.MEDECIN_TRAITANT, CareRole.ADMINISTRATOR})


class RecordState(StrEnum):
    OPEN = "open"
    # Nothing goes in or out; kept ten years (R1111-36).
    CLOSED = "closed"
    # Nothing is left but the fact that there was a record.
    DESTROYED = "destroyed"


class CloseReason(StrEnum):
    """Only the first is known of the official list (dmp-motif-fermeture); the others are ours."""

    PATIENT_REQUEST = "patient_request"
    DEATH = "death"
    FRAUD = "fraud"


@dataclass(frozen=True, slots=True)
class Record:
    person_id: PersonId
    opened_at: datetime
    state: RecordState = RecordState.OPEN
    closed_at: datetime | None = None
    close_reason: CloseReason | None = None
    # When everything it holds is destroyed; None while it is open.
    destroy_at: datetime | None = None
    # To Mon espace santé.
    attached: bool = True
    # The holder does not oppose being fed (R1111-47), and lets professionals read (R1111-46).
    feeding_allowed: bool = True
    consultation_allowed: bool = True
    # New documents are hidden from professionals.
    masked_by_default: bool = False

    @property
    def is_open(self) -> bool:
        return self.state is RecordState.OPEN


class Step(StrEnum):
    """What may happen to a record once it was opened."""

    CLOSE = "close"
    REOPEN = "reopen"
    REQUEST_DESTRUCTION = "request_destruction"
    DESTROY = "destroy"


S = RecordState
# A step that leads where the record stands already changes nothing, so that a request sent twice is
# answered twice the same way. What is not here is refused by the error of the state, below.
ALLOWED: dict[tuple[RecordState, Step], RecordState] = {
    (S.OPEN, Step.CLOSE): S.CLOSED,
    (S.CLOSED, Step.CLOSE): S.CLOSED,
    (S.OPEN, Step.REOPEN): S.OPEN,
    (S.CLOSED, Step.REOPEN): S.OPEN,
    (S.CLOSED, Step.REQUEST_DESTRUCTION): S.CLOSED,
    (S.CLOSED, Step.DESTROY): S.DESTROYED,
}
CLOSE_FIRST = "Close the record first (CloseRecord)."
REOPEN_FIRST = "Reopen the record first (ReopenRecord)."
NOTHING_HELPS = "Nothing can bring a destroyed record back."
REFUSED: dict[RecordState, tuple[type[RuleViolated], str]] = {
    S.OPEN: (errors.RecordNotClosed, CLOSE_FIRST),
    S.CLOSED: (errors.RecordClosed, REOPEN_FIRST),
    S.DESTROYED: (errors.RecordDestroyed, NOTHING_HELPS),
}

# R1111-36: how long a closed record is kept, in years of the calendar.
KEPT_YEARS = 10
# R1111-36 gives three months to destroy a record on express request; no three months are shorter than this.
LONGEST_DELAY = timedelta(days=89)
USUAL_DELAY = timedelta(days=30)


def _after(record: Record, step: Step) -> RecordState:
    state = ALLOWED.get((record.state, step))
    if state is None:
        error, hint = REFUSED[record.state]
        raise error(hint=hint)
    return state


def close(record: Record, reason: CloseReason, now: datetime) -> Record:
    """Nothing goes in or out any more; closed already, it stays as it was closed. Raises RecordDestroyed."""
    if _after(record, Step.CLOSE) is record.state:
        return record
    return replace(
        record,
        state=RecordState.CLOSED,
        closed_at=now,
        close_reason=reason,
        destroy_at=years_later(now, KEPT_YEARS),
    )


def reopen(record: Record) -> Record:
    """Open again with all that it held; a destruction asked for is given up. Raises RecordDestroyed."""
    state = _after(record, Step.REOPEN)
    return replace(record, state=state, closed_at=None, close_reason=None, destroy_at=None)


def request_destruction(record: Record, confirmed: bool, delay: timedelta, now: datetime) -> Record:
    """The record is destroyed `delay` from now, or sooner when it was due sooner.

    Raises DestructionNotConfirmed, RecordNotClosed, RecordDestroyed, and ValueError for a delay that
    R1111-36 does not give.
    """
    if not timedelta(0) <= delay <= LONGEST_DELAY:
        raise ValueError("a record is destroyed within three months of the request")
    if not confirmed:
        hint = "Tell the holder that nothing can be brought back, then send the confirmation."
        raise errors.DestructionNotConfirmed(field="confirmed", hint=hint)
    _after(record, Step.REQUEST_DESTRUCTION)
    due = record.destroy_at or years_later(now, KEPT_YEARS)
    return replace(record, destroy_at=min(due, now + delay))


def destroy(record: Record, now: datetime) -> Record:
    """Final. Raises DestructionNotDue, RecordNotClosed, RecordDestroyed."""
    state = _after(record, Step.DESTROY)
    if record.destroy_at is None or record.destroy_at > now:
        raise errors.DestructionNotDue(hint="Wait for the date the record gives.")
    return replace(record, state=state)


def years_later(moment: datetime, years: int) -> datetime:
    """The same day, `years` later; 1 March for a 29 February that the year has not."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


@dataclass(frozen=True, slots=True)
class Authorisation:
    id: AuthorisationId
    person_id: PersonId
    # PS_IdNat of a professional, Struct_IdNat of a structure.
    grantee: str
    kind: GranteeKind
    since: datetime
    until: datetime | None

    def runs(self, now: datetime) -> bool:
        return self.until is None or self.until > now


@dataclass(frozen=True, slots=True)
class Grant:
    """An authorisation asked for."""

    grantee: str
    kind: GranteeKind
    until: datetime | None = None

    def check(self, now: datetime) -> None:
        """An authorisation that is over when it is given protects nobody and hides a typing error."""
        if self.until is not None and self.until <= now:
            hint = "Give a moment in the future, or no end at all."
            raise errors.AuthorisationAlreadyOver(field="until", hint=hint)


@dataclass(frozen=True, slots=True)
class Block:
    id: BlockId
    person_id: PersonId
    professional: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DeclaredRole:
    """A role, as the holder declared it."""

    id: CareRoleId
    person_id: PersonId
    # PS_IdNat.
    professional: str
    role: CareRole
    since: datetime


@dataclass(frozen=True, slots=True)
class Consents:
    """Consents asked for; None leaves one as it is."""

    feeding: bool | None = None
    consultation: bool | None = None
    emergency: tuple[tuple[EmergencyConsent, bool], ...] = ()
    # Why feeding is opposed.
    reason: str = ""

    def check(self) -> None:
        """Once a record is fed the holder opposes it for a legitimate reason (R1111-47), which is kept."""
        if self.feeding is None and self.consultation is None and not self.emergency:
            raise errors.NothingToChange(hint="Give one consent at least.")
        if self.feeding is False and not self.reason.strip():
            hint = "Send the reason the holder gives."
            raise errors.ReasonForOppositionMissing(field="reason", hint=hint)

    def applied(self, record: Record) -> Record:
        """The record with these consents."""
        return replace(
            record,
            feeding_allowed=record.feeding_allowed if self.feeding is None else self.feeding,
            consultation_allowed=(
                record.consultation_allowed if self.consultation is None else self.consultation
            ),
        )


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands between one caller and one record, as the tables know it at one moment."""

    record: Record | None
    blocked: bool = False
    # A running authorisation of the professional, or of the structure worked for.
    authorised: bool = False
    consents: frozenset[EmergencyConsent] = frozenset()
    # What the holder made of this professional.
    roles: frozenset[CareRole] = frozenset()
    # The professional has read this record before.
    known_reader: bool = False
    # What opens the record; None once it is destroyed.
    key: Wrapped | None = None
