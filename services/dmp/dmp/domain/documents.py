"""Documents, their metadata and lots; what a deposit must satisfy; masking as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.ids import Id

from . import errors
from .records import PersonId


class DocumentId(Id):
    """A document, stable over changes of its metadata (XDS logicalId)."""


class LotId(Id):
    """A submission set."""


class Status(StrEnum):
    CURRENT = "current"
    SUPERSEDED = "superseded"


class Confidentiality(StrEnum):
    """JDV_J08; the order is the one in which the codes are shown."""

    NORMAL = "N"
    RESTRICTED = "R"
    VERY_RESTRICTED = "V"
    MASKED = "MASQUE_PS"
    HIDDEN_FROM_PATIENT = "INVISIBLE_PATIENT"
    HIDDEN_FROM_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


C = Confidentiality
LEVELS = frozenset({C.NORMAL, C.RESTRICTED, C.VERY_RESTRICTED})
ORDER = {code: place for place, code in enumerate(Confidentiality)}
Codes = tuple[Confidentiality, ...]


@dataclass(frozen=True, slots=True)
class Coding:
    code: str
    system: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    professional: str = ""
    family_name: str = ""
    given_name: str = ""
    organisation: str = ""
    organisation_name: str = ""
    role: Coding | None = None
    specialty: Coding | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The metadata as the producer gives them; none of them changes later but `confidentiality`."""

    unique_id: str
    # `class` in XDS, a reserved word here.
    category: Coding
    type: Coding
    format: Coding
    mime_type: str
    sha1: bytes
    # In bytes.
    size: int
    title: str
    created_at: datetime
    service_start: datetime
    authors: tuple[Author, ...]
    confidentiality: Codes
    facility: Coding
    practice_setting: Coding
    service_end: datetime | None = None
    language: str = ""
    description: str = ""
    authenticator: Author | None = None
    custodian: Author | None = None
    events: tuple[Coding, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    id: DocumentId
    person_id: PersonId
    lot_id: LotId
    entry: Entry
    submitted_at: datetime
    # Subject of the depositor's token, and the structure worked for.
    submitted_by: str
    submitted_for: str
    # Of the bytes; SHA-1, which XDS imposes, no longer proves that two contents are the same.
    sha256: bytes
    status: Status = Status.CURRENT
    version: int = 1
    archived: bool = False

    def is_by(self, subject: str) -> bool:
        """The professional put it there or signed it (R1111-49)."""
        return subject != "" and (subject == self.submitted_by or subject in self.author_ids)

    @property
    def author_ids(self) -> tuple[str, ...]:
        return tuple(sorted({a.professional for a in self.entry.authors if a.professional}))


@dataclass(frozen=True, slots=True)
class Lot:
    """A submission set as its sender gives it."""

    unique_id: str
    source_id: str
    content_type: Coding
    submitted_at: datetime
    title: str = ""
    author: Author | None = None


def confidentiality(codes: list[str], field: str) -> Codes:
    """The codes in their fixed order; raises ConfidentialityNotAllowed.

    Exactly one of N, R and V: without a level a reader may take the document for public, with two nobody
    knows. MASQUE_PS with INVISIBLE_PATIENT would leave a document that neither the holder nor another
    professional can see (EX_2.1-1050).
    """
    known = {str(c) for c in Confidentiality}
    if unknown := sorted(set(codes) - known):
        hint = f"{', '.join(unknown)}: not in JDV_J08. Use {', '.join(Confidentiality)}."
        raise errors.ConfidentialityNotAllowed(field=field, hint=hint)
    chosen = {Confidentiality(c) for c in codes}
    if len(chosen & LEVELS) != 1:
        raise errors.ConfidentialityNotAllowed(field=field, hint="Give exactly one of N, R and V.")
    if {C.MASKED, C.HIDDEN_FROM_PATIENT} <= chosen:
        hint = "MASQUE_PS and INVISIBLE_PATIENT together would hide the document from all: give one of them."
        raise errors.ConfidentialityNotAllowed(field=field, hint=hint)
    return tuple(sorted(chosen, key=ORDER.__getitem__))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of documents ended: the next one starts just after."""

    created_at: datetime
    id: DocumentId


@dataclass(frozen=True, slots=True)
class Search:
    """What a reader looks for, newest first; an absent criterion lets everything through."""

    statuses: tuple[Status, ...] = ()
    types: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    unique_id: str = ""
    # Bounds on the creation time: from included, to excluded.
    created_from: datetime | None = None
    created_to: datetime | None = None
    # Most documents wanted.
    size: int = 50
    after: Place | None = None


class Masking(StrEnum):
    MASK = "mask"
    UNMASK = "unmask"


# (is masked, what is asked) -> is masked afterwards.
ALLOWED: dict[tuple[bool, Masking], bool] = {(False, Masking.MASK): True, (True, Masking.UNMASK): False}
REFUSED = {Masking.MASK: errors.DocumentAlreadyMasked, Masking.UNMASK: errors.DocumentNotMasked}


def change_masking(document: Document, asked: Masking) -> Document:
    """The next version of the document, hidden from professionals or shown again."""
    codes = set(document.entry.confidentiality)
    masked = ALLOWED.get((C.MASKED in codes, asked))
    if masked is None:
        raise REFUSED[asked]()
    if masked and C.HIDDEN_FROM_PATIENT in codes:
        raise errors.DocumentStillHiddenFromPatient()
    changed = codes | {C.MASKED} if masked else codes - {C.MASKED}
    entry = replace(document.entry, confidentiality=tuple(sorted(changed, key=ORDER.__getitem__)))
    return replace(document, entry=entry, version=document.version + 1)
