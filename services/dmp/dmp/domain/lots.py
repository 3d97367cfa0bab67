"""Lots: what documents came with, what changed them, and the folders they are put in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from .documents import Author, Coding, DocumentId, LotId
from .records import PersonId

# The source of the lots that this service makes itself when metadata change; an OID that anyone may derive
# from a UUID (ITU-T X.667), since a change names no sending software.
OWN_SOURCE = "2.25.256867196586818209640153652322331987322"


class LotKind(StrEnum):
    # Documents deposited together (XDS SubmissionSet).
    DEPOSIT = "deposit"
    # A change of metadata (XDS metadata update).
    CHANGE = "change"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Lot:
    """A submission set or a folder as its sender gives it."""

    unique_id: str
    source_id: str
    content_type: Coding
    # The sender's clock.
    submitted_at: datetime
    title: str = ""
    author: Author | None = None
    comments: str = ""
    intended_recipients: tuple[str, ...] = ()
    # Only for a folder: unique identifiers of documents of the same deposit or of the record.
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredLot:
    """A lot of a record; its words are in `sealed`, empty for a change, which has none."""

    id: LotId
    person_id: PersonId
    kind: LotKind
    unique_id: str
    source_id: str
    content_type: str
    author_ids: tuple[str, ...]
    sealed: bytes
    submitted_at: datetime
    received_at: datetime
    # Those that the reader may know.
    documents: tuple[DocumentId, ...] = ()

    def without_words(self) -> StoredLot:
        """For who knows of none of the documents it brought, only of those that these replaced: a change."""
        return replace(
            self,
            kind=LotKind.CHANGE,
            unique_id=f"urn:uuid:{self.id}",
            source_id=OWN_SOURCE,
            author_ids=(),
            sealed=b"",
            submitted_at=self.received_at,
        )


def author_ids_of(lot: Lot) -> tuple[str, ...]:
    """PS_IdNat and Struct_IdNat of the sender."""
    if lot.author is None:
        return ()
    return tuple(sorted({i for i in (lot.author.professional, lot.author.organisation) if i}))
