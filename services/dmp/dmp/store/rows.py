"""Documents and lots between their dataclasses and their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.db import Record as Row
from dmp.domain import (
    Confidentiality,
    Document,
    DocumentId,
    EntryId,
    Facts,
    Link,
    LinkKind,
    LotId,
    LotKind,
    PersonId,
    Scan,
    Status,
    StoredLot,
)

SAME_NAME = (
    "unique_id",
    "class_code",
    "type_code",
    "format_code",
    "facility_code",
    "practice_code",
    "mime_type",
    "sha1",
    "size",
    "created_at",
    "service_start",
    "service_end",
)
LISTS = ("event_codes", "author_ids", "structure_ids")
OF_DOCUMENT = ("sealed", "blob", "sha256", "submitted_at", "submitted_by", "submitted_for", "changed_at")


def from_document(document: Document, tokens: Sequence[bytes]) -> dict[str, Any]:
    facts = document.facts
    return {
        "document_id": document.id.value,
        "person_id": document.person_id.value,
        "lot_id": document.lot_id.value,
        "entry_id": document.entry_id.value,
        "version": document.version,
        "status": document.status.value,
        "archived": document.archived,
        "scan": document.scan.value,
        "confidentiality": [c.value for c in facts.confidentiality],
        "tokens": list(tokens),
        **{name: getattr(document, name) for name in OF_DOCUMENT},
        **{name: getattr(facts, name) for name in SAME_NAME},
        **{name: list(getattr(facts, name)) for name in LISTS},
    }


def to_document(row: Row | Mapping[str, Any]) -> Document:
    same: dict[str, Any] = {name: row[name] for name in OF_DOCUMENT}
    return Document(
        id=DocumentId(str(row["document_id"])),
        person_id=PersonId(str(row["person_id"])),
        lot_id=LotId(str(row["lot_id"])),
        entry_id=EntryId(str(row["entry_id"])),
        facts=_facts(row),
        scan=Scan(row["scan"]),
        status=Status(row["status"]),
        version=row["version"],
        archived=row["archived"],
        links=tuple(_link(link) for link in row["links"] or ()),
        **same,
    )


def _facts(row: Row | Mapping[str, Any]) -> Facts:
    same: dict[str, Any] = {name: row[name] for name in SAME_NAME}
    lists: dict[str, Any] = {name: tuple(row[name]) for name in LISTS}
    codes = tuple(Confidentiality(c) for c in row["confidentiality"])
    return Facts(**same, **lists, confidentiality=codes)


def _link(value: Mapping[str, str]) -> Link:
    return Link(LinkKind(value["kind"]), value["document_id"], value["unique_id"])


LOT_SAME_NAME = ("unique_id", "source_id", "content_type", "sealed", "submitted_at", "received_at")


def from_lot(lot: StoredLot, tokens: Sequence[bytes], by: str, organisation: str) -> dict[str, Any]:
    return {
        "lot_id": lot.id.value,
        "person_id": lot.person_id.value,
        "kind": lot.kind.value,
        "author_ids": list(lot.author_ids),
        "tokens": list(tokens),
        "submitted_by": by,
        "submitted_for": organisation,
        **{name: getattr(lot, name) for name in LOT_SAME_NAME},
    }


def to_lot(row: Row, documents: Sequence[DocumentId]) -> StoredLot:
    same: dict[str, Any] = {name: row[name] for name in LOT_SAME_NAME}
    return StoredLot(
        id=LotId(str(row["lot_id"])),
        person_id=PersonId(str(row["person_id"])),
        kind=LotKind(row["kind"]),
        author_ids=tuple(row["author_ids"]),
        documents=tuple(documents),
        **same,
    )
