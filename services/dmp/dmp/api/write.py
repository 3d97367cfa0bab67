"""Documents and lots of the domain, opened, to messages of the contract."""

from __future__ import annotations

from typing import Any

from dmp.domain import (
    CLASS_SYSTEM,
    CLASSES,
    Author,
    Coding,
    Document,
    Entry,
    LinkKind,
    LotKind,
    RecordKey,
    Reference,
    Scan,
    Status,
    StoredLot,
    details,
)
from dmp.domain.documents import Link
from socle.dmp.v1 import dmp_pb2 as pb

from .shown import moment

STATUSES = {
    Status.CURRENT: pb.DOCUMENT_STATUS_CURRENT,
    Status.SUPERSEDED: pb.DOCUMENT_STATUS_SUPERSEDED,
    Status.DELETED: pb.DOCUMENT_STATUS_DELETED,
}
SCANS = {Scan.NOT_SCANNED: pb.SCAN_STATE_NOT_SCANNED, Scan.CLEAN: pb.SCAN_STATE_CLEAN}
RELATIONS = {LinkKind.REPLACES: pb.RELATION_KIND_REPLACES, LinkKind.APPENDS: pb.RELATION_KIND_APPENDS}
LOTS = {
    LotKind.DEPOSIT: pb.LOT_KIND_DEPOSIT,
    LotKind.CHANGE: pb.LOT_KIND_CHANGE,
    LotKind.FOLDER: pb.LOT_KIND_FOLDER,
}


def entry(key: RecordKey, document: Document) -> pb.DocumentEntry:
    """The whole metadata; raises SealBroken."""
    words = _of_producer(details.open_entry(key, document))
    return pb.DocumentEntry(**{**words, **_of_document(document)})


def unsubmitted(found: Entry) -> pb.DocumentEntry:
    """The metadata of a document that no record holds; without a class when its type has none."""
    message = pb.DocumentEntry(**_of_producer(found))
    if found.category.code:
        getattr(message, "class").CopyFrom(_coding(found.category))
    return message


def _of_producer(e: Entry) -> dict[str, Any]:
    return {
        "unique_id": e.unique_id,
        "type": _coding(e.type),
        "format": _coding(e.format),
        "mime_type": e.mime_type,
        "language": e.language,
        "sha1": e.sha1,
        "size": e.size,
        "title": e.title,
        "description": e.description,
        "created_at": moment(e.created_at),
        "service_start": moment(e.service_start),
        "service_end": moment(e.service_end),
        "authors": [_author(a) for a in e.authors],
        "authenticator": _author(e.authenticator) if e.authenticator else None,
        "custodian": _author(e.custodian) if e.custodian else None,
        "confidentiality": [c.value for c in e.confidentiality],
        "facility": _coding(e.facility),
        "practice_setting": _coding(e.practice_setting),
        "events": [_coding(c) for c in e.events],
        "references": [_reference(r) for r in e.references],
    }


def outline(document: Document) -> pb.DocumentEntry:
    """What whoever deposits for a structure may know of a document that they may not read: where it stands,
    neither its words nor who hid it from whom since."""
    return pb.DocumentEntry(
        document_id=document.id.value,
        person_id=document.person_id.value,
        unique_id=document.facts.unique_id,
        status=STATUSES[document.status],
        version=document.version,
        archived=document.archived,
        lot_id=document.lot_id.value,
        entry_id=document.entry_id.value,
        submitted_at=moment(document.submitted_at),
        changed_at=moment(document.changed_at),
    )


def _of_document(document: Document) -> dict[str, Any]:
    """What is not of the producer; `class` is a reserved word."""
    code = document.facts.class_code
    return {
        "document_id": document.id.value,
        "person_id": document.person_id.value,
        "status": STATUSES[document.status],
        "version": document.version,
        "relations": [_relation(link) for link in document.links],
        "class": pb.Coding(system=CLASS_SYSTEM, code=code, display=CLASSES[code]),
        "archived": document.archived,
        "lot_id": document.lot_id.value,
        "entry_id": document.entry_id.value,
        "submitted_at": moment(document.submitted_at),
        "changed_at": moment(document.changed_at),
        "scan": SCANS[document.scan],
        "submitted_by": _depositor(document),
        "submitted_for": document.submitted_for,
    }


def _depositor(document: Document) -> str:
    """A citizen's identifier says nothing to a reader: the holder is "self", another is a representative."""
    by = document.submitted_by
    if not by.startswith("person:"):
        return by
    return "self" if by == f"person:{document.person_id}" else "representative"


def lot(key: RecordKey, stored: StoredLot) -> pb.Lot:
    """The lot with those of its documents that the caller may know; raises SealBroken."""
    found = details.open_lot(key, stored)
    return pb.Lot(
        lot_id=stored.id.value,
        unique_id=found.unique_id,
        source_id=found.source_id,
        content_type=_coding(found.content_type),
        submitted_at=moment(found.submitted_at),
        title=found.title,
        author=_author(found.author) if found.author else None,
        comments=found.comments,
        intended_recipients=found.intended_recipients,
        kind=LOTS[stored.kind],
        person_id=stored.person_id.value,
        documents=[document.value for document in stored.documents],
        received_at=moment(stored.received_at),
    )


def _relation(link: Link) -> pb.Relation:
    return pb.Relation(kind=RELATIONS[link.kind], document_id=link.document_id, unique_id=link.unique_id)


def _reference(reference: Reference) -> pb.Reference:
    return pb.Reference(system=reference.system, value=reference.value, kind=reference.kind)


def _coding(coding: Coding) -> pb.Coding:
    return pb.Coding(system=coding.system, code=coding.code, display=coding.display)


def _author(author: Author) -> pb.Author:
    return pb.Author(
        professional=author.professional,
        family_name=author.family_name,
        given_name=author.given_name,
        organisation=author.organisation,
        organisation_name=author.organisation_name,
        role=_coding(author.role) if author.role else None,
        specialty=_coding(author.specialty) if author.specialty else None,
    )
