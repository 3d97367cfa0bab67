"""Documents and lots between their dataclasses and their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chassis.db import Record as Row
from dmp.domain import (
    Author,
    Coding,
    Confidentiality,
    Document,
    DocumentId,
    Entry,
    Lot,
    LotId,
    PersonId,
    Status,
)

CODINGS = ("category", "type", "format", "facility", "practice_setting")
SAME_NAME = ("unique_id", "mime_type", "sha1", "size", "title", "created_at", "service_start", "service_end")


def from_document(document: Document) -> dict[str, Any]:
    entry = document.entry
    return {
        "document_id": document.id.value,
        "person_id": document.person_id.value,
        "lot_id": document.lot_id.value,
        "version": document.version,
        "status": document.status.value,
        "archived": document.archived,
        "confidentiality": [c.value for c in entry.confidentiality],
        "class_code": entry.category.code,
        "type_code": entry.type.code,
        "author_ids": list(document.author_ids),
        "sha256": document.sha256,
        "details": _details(entry),
        "submitted_at": document.submitted_at,
        "submitted_by": document.submitted_by,
        "submitted_for": document.submitted_for,
        **{name: getattr(entry, name) for name in SAME_NAME},
    }


def _details(entry: Entry) -> dict[str, Any]:
    # orjson writes dataclasses by itself.
    return {
        **{name: getattr(entry, name) for name in CODINGS},
        "language": entry.language,
        "description": entry.description,
        "authors": entry.authors,
        "authenticator": entry.authenticator,
        "custodian": entry.custodian,
        "events": entry.events,
    }


def to_document(row: Row) -> Document:
    return Document(
        id=DocumentId(str(row["document_id"])),
        person_id=PersonId(str(row["person_id"])),
        lot_id=LotId(str(row["lot_id"])),
        entry=_entry(row, row["details"]),
        submitted_at=row["submitted_at"],
        submitted_by=row["submitted_by"],
        submitted_for=row["submitted_for"],
        sha256=row["sha256"],
        status=Status(row["status"]),
        version=row["version"],
        archived=row["archived"],
    )


def _entry(row: Row, details: Mapping[str, Any]) -> Entry:
    same: dict[str, Any] = {name: row[name] for name in SAME_NAME}
    codings: dict[str, Any] = {name: Coding(**details[name]) for name in CODINGS}
    return Entry(
        **same,
        **codings,
        confidentiality=tuple(Confidentiality(c) for c in row["confidentiality"]),
        language=details["language"],
        description=details["description"],
        authors=tuple(_author(a) for a in details["authors"]),
        authenticator=_author(details["authenticator"]) if details["authenticator"] else None,
        custodian=_author(details["custodian"]) if details["custodian"] else None,
        events=tuple(Coding(**e) for e in details["events"]),
    )


def _author(value: Mapping[str, Any]) -> Author:
    codings = {name: Coding(**value[name]) if value[name] else None for name in ("role", "specialty")}
    return Author(**{**value, **codings})


def from_lot(lot_id: LotId, person: PersonId, lot: Lot, first: Document) -> dict[str, Any]:
    return {
        "lot_id": lot_id.value,
        "person_id": person.value,
        "unique_id": lot.unique_id,
        "source_id": lot.source_id,
        "title": lot.title,
        "details": {"content_type": lot.content_type, "author": lot.author},
        "submitted_at": lot.submitted_at,
        "received_at": first.submitted_at,
        "submitted_by": first.submitted_by,
        "submitted_for": first.submitted_for,
    }
