"""Messages of the contract to the domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import page
from chassis.errors import InvalidInput
from dmp.domain import (
    Author,
    Coding,
    Deposit,
    DocumentId,
    Entry,
    Grant,
    GranteeKind,
    Item,
    Lot,
    Place,
    Search,
    Status,
    confidentiality,
)
from socle.dmp.v1 import dmp_pb2 as pb

STATUSES = {pb.DOCUMENT_STATUS_CURRENT: Status.CURRENT, pb.DOCUMENT_STATUS_SUPERSEDED: Status.SUPERSEDED}
GRANTEES = {
    pb.ACCESS_KIND_PROFESSIONAL: GranteeKind.PROFESSIONAL,
    pb.ACCESS_KIND_STRUCTURE: GranteeKind.STRUCTURE,
}


class GranteeKindNotAllowed(InvalidInput):
    """An authorisation is for a professional or for a structure."""


def _moment(value: Timestamp) -> datetime:
    return value.ToDatetime(UTC)


def deposit(request: pb.SubmitDocumentsRequest) -> Deposit:
    items = [
        Item(_entry(document.entry, f"documents[{place}].entry"), document.content)
        for place, document in enumerate(request.documents)
    ]
    return Deposit(_lot(request.lot), tuple(items))


def _lot(lot: pb.Lot) -> Lot:
    return Lot(
        unique_id=lot.unique_id,
        source_id=lot.source_id,
        content_type=_coding(lot.content_type),
        submitted_at=_moment(lot.submitted_at),
        title=lot.title,
        author=_author(lot.author) if lot.HasField("author") else None,
    )


def _entry(entry: pb.DocumentEntry, path: str) -> Entry:
    return Entry(
        unique_id=entry.unique_id,
        # `class` is a word of the language.
        category=_coding(getattr(entry, "class")),
        type=_coding(entry.type),
        format=_coding(entry.format),
        mime_type=entry.mime_type,
        sha1=entry.sha1,
        size=entry.size,
        title=entry.title,
        created_at=_moment(entry.created_at),
        service_start=_moment(entry.service_start),
        service_end=_moment(entry.service_end) if entry.HasField("service_end") else None,
        authors=tuple(_author(a) for a in entry.authors),
        confidentiality=confidentiality(list(entry.confidentiality), f"{path}.confidentiality"),
        facility=_coding(entry.facility),
        practice_setting=_coding(entry.practice_setting),
        language=entry.language,
        description=entry.description,
        authenticator=_author(entry.authenticator) if entry.HasField("authenticator") else None,
        custodian=_author(entry.custodian) if entry.HasField("custodian") else None,
        events=tuple(_coding(e) for e in entry.events),
    )


def _coding(coding: pb.Coding) -> Coding:
    return Coding(coding.code, coding.system, coding.display)


def _author(author: pb.Author) -> Author:
    return Author(
        professional=author.professional,
        family_name=author.family_name,
        given_name=author.given_name,
        organisation=author.organisation,
        organisation_name=author.organisation_name,
        role=_coding(author.role) if author.HasField("role") else None,
        specialty=_coding(author.specialty) if author.HasField("specialty") else None,
    )


def search(request: pb.ListReadableDocumentsRequest) -> Search:
    size, cursor = page.after(request.page, at=_at, id=UUID)
    return Search(
        statuses=tuple(STATUSES[s] for s in request.statuses if s in STATUSES),
        types=tuple(request.types),
        classes=tuple(request.classes),
        unique_id=request.unique_id,
        created_from=_moment(request.created_from) if request.HasField("created_from") else None,
        created_to=_moment(request.created_to) if request.HasField("created_to") else None,
        size=size,
        after=Place(cursor["at"], DocumentId(str(cursor["id"]))) if cursor else None,
    )


def _at(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.utcoffset() != timedelta(0):
        raise ValueError("the cursors given here are in UTC")
    return at


def grant(request: pb.GrantAccessRequest) -> Grant:
    kind = GRANTEES.get(request.kind)
    if kind is None:
        raise GranteeKindNotAllowed(field="kind", hint="To block a professional, call BlockProfessional.")
    until = _moment(request.until) if request.HasField("until") else None
    return Grant(request.grantee, kind, until)
