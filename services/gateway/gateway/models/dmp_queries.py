"""Which documents, lots or journal lines of a record are asked for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Body, Moment, Page, Uuid

Codes = list[str]
Many: Any = Field([], max_length=50)
Order = Literal["oldest_created", "latest_service", "earliest_service", "latest_changed", "earliest_changed"]


def _range(start: Any, end: Any) -> dict[str, Any] | None:
    given = {name: value for name, value in (("from", start), ("to", end)) if value is not None}
    return given or None


class DocumentQuery(Page):
    """Which documents of a record. Bounds: from included, to excluded."""

    status: list[Literal["current", "superseded"]] = Field([], description="Every status when absent.")
    type: Codes = Field([], max_length=50, description="Codes of document types.")
    category: Codes = Field([], max_length=50, description="Codes of document classes.")
    facility: Codes = Many
    practice_setting: Codes = Many
    format: Codes = Many
    confidentiality: Codes = Field([], max_length=6)
    event: Codes = Many
    author: Codes = Field([], max_length=50, description="PS_IdNat or Struct_IdNat.")
    identifier: Codes = Field([], max_length=50, description="Unique identifiers, or ids of this platform.")
    reference: str = Field("", max_length=256, description="An order, an accession, a study.")
    relates_to: str = Field("", max_length=256)
    created_from: Moment | None = None
    created_to: Moment | None = None
    service_from: Moment | None = Field(None, description="Bounds of the beginning of the act.")
    service_to: Moment | None = None
    changed_from: Moment | None = Field(None, description="Bounds of the last change of the metadata.")
    changed_to: Moment | None = None
    archived: bool | None = Field(None, description="Only archived ones, only others; absent: both.")
    order: Order | None = Field(None, description="Newest created first when absent.")
    include_related: bool = False

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        return {
            "page": {"size": self.size, "token": self.token},
            "statuses": self.status,
            "types": self.type,
            "classes": self.category,
            "facilities": self.facility,
            "practice_settings": self.practice_setting,
            "formats": self.format,
            "confidentiality": self.confidentiality,
            "events": self.event,
            "authors": self.author,
            "identifiers": self.identifier,
            "reference": self.reference,
            "relates_to": self.relates_to,
            "created_from": self.created_from,
            "created_to": self.created_to,
            "service_start": _range(self.service_from, self.service_to),
            "changed": _range(self.changed_from, self.changed_to),
            "archived": self.archived,
            "order": self.order,
            "include_related": self.include_related,
        }


class LotQuery(Page):
    """Which lots of a record; to follow what changes, ask `oldest_first` with `received_from`."""

    kind: list[Literal["deposit", "change", "folder"]] = Field(
        [], max_length=3, description="Deposits and changes of metadata when absent."
    )
    unique_id: str = Field("", max_length=256)
    source_id: Codes = Field([], max_length=20)
    content_type: Codes = Many
    author: Codes = Field([], max_length=20, description="PS_IdNat or Struct_IdNat of the sender.")
    submitted_from: Moment | None = Field(None, description="By the sender's clock.")
    submitted_to: Moment | None = None
    received_from: Moment | None = Field(None, description="By the clock of the platform.")
    received_to: Moment | None = None
    oldest_first: bool = False
    include_documents: bool = False

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        return {
            "page": {"size": self.size, "token": self.token},
            "kinds": self.kind,
            "unique_id": self.unique_id,
            "source_ids": self.source_id,
            "content_types": self.content_type,
            "authors": self.author,
            "submitted": _range(self.submitted_from, self.submitted_to),
            "received": _range(self.received_from, self.received_to),
            "oldest_first": self.oldest_first,
            "include_documents": self.include_documents,
        }


class JournalQuery(Page):
    """Which lines of the journal of a record."""

    occurred_from: Moment | None = Field(None, description="Included.")
    occurred_to: Moment | None = Field(None, description="Excluded.")
    actor: Codes = Field([], max_length=20, description="PS_IdNat, `self`, or the client of a machine.")
    action: Codes = Field(
        [], max_length=20, description="`dmp_document.retrieve`, or `dmp_document` for all of it."
    )
    outcome: Literal["permitted", "refused"] | None = None
    document_id: Uuid | None = Field(None, description="Lines about this document.")
    oldest_first: bool = False

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        return {
            "page": {"size": self.size, "token": self.token},
            "occurred": _range(self.occurred_from, self.occurred_to),
            "actors": self.actor,
            "actions": self.action,
            "outcome": self.outcome,
            "object_id": self.document_id,
            "oldest_first": self.oldest_first,
        }


class ExportQuery(Body):
    """From which head the reader wants a proof that nothing changed since."""

    since: int = Field(0, ge=0, le=2**62, description="Size of the head kept from an earlier export.")


class ExplanationQuery(Page):
    """Which documents are explained."""

    document_id: Uuid | None = None


class HabilitationQuery(Body):
    """Which line of the matrix."""

    profession: str = Field(
        "", max_length=20, description="TRE_G15; all of them when absent.", examples=["60"]
    )
