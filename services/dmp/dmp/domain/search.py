"""What a reader looks for among the documents and the lots of a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .documents import Document, DocumentId, LotId, Status
from .lots import LotKind


class Order(StrEnum):
    """The order of a list of documents; newest created first unless said."""

    NEWEST_CREATED = "newest_created"
    OLDEST_CREATED = "oldest_created"
    LATEST_SERVICE = "latest_service"
    EARLIEST_SERVICE = "earliest_service"
    LATEST_CHANGED = "latest_changed"
    EARLIEST_CHANGED = "earliest_changed"


def at_in(order: Order, document: Document) -> datetime:
    """The moment of the document that the order goes by."""
    if order in (Order.LATEST_SERVICE, Order.EARLIEST_SERVICE):
        return document.facts.service_start
    if order in (Order.LATEST_CHANGED, Order.EARLIEST_CHANGED):
        return document.changed_at
    return document.facts.created_at


@dataclass(frozen=True, slots=True)
class Range:
    """A span of time: `start` included, `end` excluded; None leaves that side open."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of documents ended, in the order of its list: the next one starts just after."""

    at: datetime
    id: DocumentId


@dataclass(frozen=True, slots=True)
class Words:
    """Words looked for, in clear: they reach the tables as keyed hashes only (`details.tokens_of`)."""

    family: str = ""
    given: str = ""
    reference: str = ""
    title: str = ""

    def __bool__(self) -> bool:
        return any((self.family, self.given, self.reference, self.title))


@dataclass(frozen=True, slots=True)
class Search:
    """What a reader looks for; an absent criterion lets everything through."""

    statuses: tuple[Status, ...] = ()
    types: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    practice_settings: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    confidentiality: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    # PS_IdNat or Struct_IdNat.
    authors: tuple[str, ...] = ()
    unique_id: str = ""
    # Unique identifiers, identifiers of documents or of versions of their metadata: any of them.
    identifiers: tuple[str, ...] = ()
    # Identifier or unique identifier of the other document.
    relates_to: str = ""
    words: Words = Words()
    # Keyed hashes of `words`, all of which the document must carry.
    tokens: tuple[bytes, ...] = ()
    created: Range = Range()
    service_start: Range = Range()
    service_end: Range = Range()
    changed: Range = Range()
    archived: bool | None = None
    order: Order = Order.NEWEST_CREATED
    # The documents that those found stand in a relation to, too.
    include_related: bool = False
    # Most documents wanted.
    size: int = 50
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class LotPlace:
    """Where a page of lots ended."""

    at: datetime
    id: LotId


@dataclass(frozen=True, slots=True)
class LotSearch:
    """Which lots are wanted, newest received first unless said."""

    kinds: tuple[LotKind, ...] = (LotKind.DEPOSIT, LotKind.CHANGE)
    unique_id: str = ""
    source_ids: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    # The sender's clock, then ours.
    submitted: Range = Range()
    received: Range = Range()
    # PS_IdNat or Struct_IdNat of the sender.
    authors: tuple[str, ...] = ()
    words: Words = Words()
    tokens: tuple[bytes, ...] = ()
    oldest_first: bool = False
    size: int = 50
    after: LotPlace | None = None
