"""Documents and their metadata: what is in clear for policy and searches, and what is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chassis.ids import Id

from . import errors
from .records import PersonId


class DocumentId(Id):
    """A document, stable over changes of its metadata (XDS logicalId)."""


class EntryId(Id):
    """One version of the metadata of a document (XDS entryUUID)."""


class LotId(Id):
    """A submission set, a change of metadata or a folder."""


class Status(StrEnum):
    CURRENT = "current"
    SUPERSEDED = "superseded"
    DELETED = "deleted"


class Scan(StrEnum):
    """What the scanner said of the bytes."""

    NOT_SCANNED = "not_scanned"
    CLEAN = "clean"


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


class Rules(Protocol):
    """The parameters of the platform that decide on codes (`policy.Parameters`)."""

    @property
    def masked_and_hidden(self) -> bool:
        """MASQUE_PS and INVISIBLE_PATIENT may stand together (`cumul-invisible_patient-masque_ps`)."""


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
class Reference:
    """An identifier of something else than a document: order, accession, study (XDS referenceIdList)."""

    value: str
    system: str = ""
    kind: str = ""


class LinkKind(StrEnum):
    """RPLC and APND."""

    REPLACES = "replaces"
    APPENDS = "appends"


@dataclass(frozen=True, slots=True)
class Link:
    """What a document is to another, named by its identifier here or by its unique identifier."""

    kind: LinkKind
    document_id: str = ""
    unique_id: str = ""

    def names(self, document_id: str, unique_id: str) -> bool:
        """The other document is this one: whatever is given of the two must agree."""
        given = [(self.document_id, document_id), (self.unique_id, unique_id)]
        return any(own for own, _ in given) and all(own in ("", found) for own, found in given)


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
    references: tuple[Reference, ...] = ()
    relations: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What of the metadata is in clear: codes, dates and identifiers, never a word."""

    unique_id: str
    class_code: str
    type_code: str
    format_code: str
    facility_code: str
    practice_code: str
    event_codes: tuple[str, ...]
    mime_type: str
    sha1: bytes
    size: int
    created_at: datetime
    service_start: datetime
    service_end: datetime | None
    confidentiality: Codes
    # PS_IdNat and Struct_IdNat of the authors.
    author_ids: tuple[str, ...]
    structure_ids: tuple[str, ...]


def facts_of(entry: Entry) -> Facts:
    return Facts(
        unique_id=entry.unique_id,
        class_code=entry.category.code,
        type_code=entry.type.code,
        format_code=entry.format.code,
        facility_code=entry.facility.code,
        practice_code=entry.practice_setting.code,
        event_codes=tuple(event.code for event in entry.events),
        mime_type=entry.mime_type,
        sha1=entry.sha1,
        size=entry.size,
        created_at=entry.created_at,
        service_start=entry.service_start,
        service_end=entry.service_end,
        confidentiality=entry.confidentiality,
        author_ids=tuple(sorted({a.professional for a in entry.authors if a.professional})),
        structure_ids=tuple(sorted({a.organisation for a in entry.authors if a.organisation})),
    )


@dataclass(frozen=True, slots=True)
class Document:
    """A document at one version of its metadata; its words are in `sealed`, its bytes in the object store."""

    id: DocumentId
    person_id: PersonId
    lot_id: LotId
    entry_id: EntryId
    facts: Facts
    # The words of the metadata under the key of the record (`details.open_entry`).
    sealed: bytes
    # Name in the object store.
    blob: str
    # Of the bytes; SHA-1, which XDS imposes, no longer proves that two contents are the same.
    sha256: bytes
    submitted_at: datetime
    # Subject of the depositor as a journal may show it, and the structure worked for.
    submitted_by: str
    submitted_for: str
    changed_at: datetime
    scan: Scan = Scan.NOT_SCANNED
    status: Status = Status.CURRENT
    version: int = 1
    archived: bool = False
    # Those to documents that the reader may know.
    links: tuple[Link, ...] = ()

    def is_by(self, subject: str) -> bool:
        """The professional put it there or signed it (R1111-49)."""
        return subject != "" and (subject == self.submitted_by or subject in self.facts.author_ids)

    def is_from(self, organisation: str) -> bool:
        """This structure deposited it."""
        return organisation != "" and organisation == self.submitted_for


def in_order(codes: set[Confidentiality] | frozenset[Confidentiality]) -> Codes:
    """The codes in the order they are shown in."""
    return tuple(sorted(codes, key=ORDER.__getitem__))


def confidentiality(codes: list[str], field: str, rules: Rules | None = None) -> Codes:
    """The codes in their fixed order; raises ConfidentialityNotAllowed.

    Exactly one of N, R and V: without a level a reader may take the document for public, with two nobody
    knows. MASQUE_PS with INVISIBLE_PATIENT would leave a document that neither the holder nor another
    professional can see (EX_2.1-1050), unless the platform allows it.
    """
    known = {str(c) for c in Confidentiality}
    if unknown := sorted(set(codes) - known):
        hint = f"{', '.join(unknown)}: not in JDV_J08. Use {', '.join(Confidentiality)}."
        raise errors.ConfidentialityNotAllowed(field=field, hint=hint)
    chosen = {Confidentiality(c) for c in codes}
    if len(chosen & LEVELS) != 1:
        raise errors.ConfidentialityNotAllowed(field=field, hint="Give exactly one of N, R and V.")
    allowed_together = rules is not None and rules.masked_and_hidden
    if {C.MASKED, C.HIDDEN_FROM_PATIENT} <= chosen and not allowed_together:
        hint = "MASQUE_PS and INVISIBLE_PATIENT together would hide the document from all: give one of them."
        raise errors.ConfidentialityNotAllowed(field=field, hint=hint)
    return in_order(chosen)
