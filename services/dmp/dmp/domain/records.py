"""A record, who may read it, who is blocked, and what its holder allows in an emergency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chassis.ids import Id

from .errors import AuthorisationAlreadyOver


class PersonId(Id):
    """A person of the reference registry; opaque here."""


class AuthorisationId(Id):
    """An authorisation to read a record."""


class BlockId(Id):
    """The blocking of a professional on a record."""


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


@dataclass(frozen=True, slots=True)
class Record:
    person_id: PersonId
    opened_at: datetime


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
            raise AuthorisationAlreadyOver(field="until", hint=hint)


@dataclass(frozen=True, slots=True)
class Block:
    id: BlockId
    person_id: PersonId
    professional: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands between one caller and one record, as the tables know it at one moment."""

    record: Record | None
    blocked: bool = False
    # A running authorisation of the professional, or of the structure worked for.
    authorised: bool = False
    consents: frozenset[EmergencyConsent] = frozenset()
