"""The local identity of a structure: two facts, the status they make, and what vigilance says beside it.

Sources: RNIV 1 (référentiel national d'identitovigilance) for statuses and attributes; HL7 France FHIR
core for the codes of the papers. What may happen to an identity is in `steps`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum

from chassis.errors import AlreadyExists, InvalidInput, NotFound, Violation
from chassis.ids import Id

from .ins import BillingNumber, Ins
from .registry import PersonId
from .traits import Traits, today_in_france


class IdentityId(Id):
    """Opaque id of a local identity."""

    __slots__ = ()


class Status(StrEnum):
    """RNIV status: computed from the two facts, never stored."""

    PROVISOIRE = "provisoire"
    RECUPEREE = "récupérée"
    VALIDEE = "validée"
    QUALIFIEE = "qualifiée"


class Attribute(StrEnum):
    """What identity vigilance says of an identity, beside its status."""

    # Confirmed by someone (HOMA), or only detected so far (HOMD).
    HOMONYME = "homonyme"
    HOMONYME_DETECTEE = "homonyme_detectee"
    DOUTEUSE = "douteuse"
    FICTIVE = "fictive"


class CollectionMethod(StrEnum):
    """How the traits were collected (méthode de collecte)."""

    TYPED = "SM"
    CARTE_VITALE = "CV"
    INSI = "INSI"
    BAR_CODE = "CB"
    RFID = "RFID"
    APPLI_CARTE_VITALE = "AV"


class Paper(StrEnum):
    """High-confidence identity papers (mode de validation)."""

    IDENTITY_CARD = "CN"
    PASSPORT = "PA"
    RESIDENCE_PERMIT = "CS"
    ELECTRONIC_IDENTITY_CARD = "eCN"
    LA_POSTE_DIGITAL_IDENTITY = "IN"
    APPLI_CARTE_VITALE = "AV"
    FAMILY_BOOKLET_AND_VITALE = "LECV"
    BIRTH_RECORD = "AN"
    FAMILY_BOOKLET_AND_PARENT = "LEP"
    DOCUMENT_OF_FOREIGN_MINOR = "CC"
    BIRTH_RECORD_AND_VITALE = "ANCV"
    MINISTRY_CASE = "CIMS"


class IdentityNotFound(NotFound):
    """There is no such local identity in your structure."""

    where = "identity_id"
    remedy = "Search for it by its traits, its number or its IPP."


class IppAlreadyUsed(AlreadyExists):
    """This IPP already names another identity of your structure."""

    remedy = "Search by this IPP: if it is the same patient, use that identity; if not, give another number."


class PaperRefused(InvalidInput):
    """This is not the code of a high-confidence identity paper."""


class PaperDateWrong(InvalidInput):
    """An identity paper cannot have been checked on this date."""


# What no list of codes can say by itself: why a paper that people do show is not enough.
PAPERS_REFUSED = {
    "PC": "the driving licence is not a high-confidence paper: ask for an identity card or a passport",
}

STATUS_OF: dict[tuple[bool, bool], Status] = {
    (False, False): Status.PROVISOIRE,
    (True, False): Status.RECUPEREE,
    (False, True): Status.VALIDEE,
    (True, True): Status.QUALIFIEE,
}


@dataclass(frozen=True, slots=True)
class Retrieval:
    """First fact: INSi knows this person under this number."""

    ins: Ins
    person_id: PersonId
    at: datetime
    # Last time INSi confirmed the number; None until it is asked again.
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaperCheck:
    """Second fact: the structure saw a high-confidence paper."""

    paper: Paper
    at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A local identity of one structure (identification domain)."""

    id: IdentityId
    domain: str
    ipp: str = field(repr=False)
    traits: Traits
    created_at: datetime
    retrieval: Retrieval | None = None
    paper_check: PaperCheck | None = None
    attributes: frozenset[Attribute] = frozenset()
    version: int = 1
    collection_method: CollectionMethod = CollectionMethod.TYPED
    # OID of the authority that gave the IPP; empty for the domain itself.
    ipp_authority: str = ""
    billing_number: BillingNumber | None = None
    # The identity that this one was merged into.
    merged_into: IdentityId | None = None
    updated_at: datetime | None = None

    @property
    def status(self) -> Status:
        """Made of the two facts; one that was merged away vouches for nobody until the merge is undone."""
        if self.merged_into:
            return Status.PROVISOIRE
        return STATUS_OF[self.retrieval is not None, self.paper_check is not None]

    @property
    def person_id(self) -> PersonId | None:
        return self.retrieval.person_id if self.retrieval else None


@dataclass(frozen=True, slots=True)
class Change:
    """What a step made of an identity, for its history; the creation has nothing before."""

    step: str
    before: Identity | None
    after: Identity
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Creation:
    """What a structure says of a patient that it sees for the first time."""

    traits: Traits
    # The structure's own number for the patient; made by the service when empty.
    ipp: str = field(default="", repr=False)
    ipp_authority: str = ""
    collection_method: CollectionMethod = CollectionMethod.TYPED
    billing_number: BillingNumber | None = None
    # A number that the structure holds already: INSi is asked before it is believed.
    ins: Ins | None = None
    paper: Paper | None = None
    # None with a paper: checked now.
    paper_checked_on: date | None = None
    fictitious: bool = False


def ipp_of(id: IdentityId) -> str:
    """Twelve characters out of the random end of the id, without those that a human takes for another."""
    alphabet, rest, ipp = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ", int(id.value.replace("-", ""), 16), ""
    for _ in range(12):
        rest, digit = divmod(rest, 32)
        ipp += alphabet[digit]
    return ipp


def parse_paper(code: str, field: str = "paper") -> Paper:
    """The paper of a code; raises PaperRefused with the reason."""
    try:
        return Paper(code)
    except ValueError:
        problem = PAPERS_REFUSED.get(code, f"use one of {', '.join(Paper)}")
        raise PaperRefused(field=field, violations=[Violation(field, problem)]) from None


def paper_checked_at(wanted: Creation, now: datetime) -> datetime:
    """The moment that a paper was checked at; raises PaperDateWrong.

    A date without an hour is held as noon UTC: it is then that date from Martinique to La Réunion.
    """
    checked_on, field = wanted.paper_checked_on, "paper_checked_on"
    if checked_on is None:
        return now
    if wanted.paper is None:
        raise PaperDateWrong(field=field, violations=[Violation(field, "say which paper was checked")])
    if checked_on > today_in_france(now):
        raise PaperDateWrong(field=field, violations=[Violation(field, "this date is in the future")])
    if checked_on < wanted.traits.earliest_birth_date:
        raise PaperDateWrong(field=field, violations=[Violation(field, "this date is before the birth")])
    return min(datetime.combine(checked_on, time(12), UTC), now)
