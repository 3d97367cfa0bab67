"""Messages of the contract to the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import page
from chassis.errors import InvalidInput
from dmp import policy
from dmp.domain import (
    Author,
    Change,
    Coding,
    Deposit,
    DocumentId,
    Entry,
    Grant,
    GranteeKind,
    Item,
    Link,
    LinkKind,
    Lot,
    LotId,
    LotKind,
    LotPlace,
    LotSearch,
    Order,
    Place,
    Range,
    Reference,
    Search,
    Status,
    Words,
    confidentiality,
)
from socle.dmp.v1 import dmp_pb2 as pb

STATUSES = {
    pb.DOCUMENT_STATUS_CURRENT: Status.CURRENT,
    pb.DOCUMENT_STATUS_SUPERSEDED: Status.SUPERSEDED,
    # Asked for alone, the answer is empty: a deleted document is in no list.
    pb.DOCUMENT_STATUS_DELETED: Status.DELETED,
}
GRANTEES = {
    pb.ACCESS_KIND_PROFESSIONAL: GranteeKind.PROFESSIONAL,
    pb.ACCESS_KIND_STRUCTURE: GranteeKind.STRUCTURE,
}
RELATIONS = {pb.RELATION_KIND_REPLACES: LinkKind.REPLACES, pb.RELATION_KIND_APPENDS: LinkKind.APPENDS}
LOTS = {
    pb.LOT_KIND_DEPOSIT: LotKind.DEPOSIT,
    pb.LOT_KIND_CHANGE: LotKind.CHANGE,
    pb.LOT_KIND_FOLDER: LotKind.FOLDER,
}
ORDERS = {
    pb.DOCUMENT_ORDER_UNSPECIFIED: Order.NEWEST_CREATED,
    pb.DOCUMENT_ORDER_OLDEST_CREATED: Order.OLDEST_CREATED,
    pb.DOCUMENT_ORDER_LATEST_SERVICE: Order.LATEST_SERVICE,
    pb.DOCUMENT_ORDER_EARLIEST_SERVICE: Order.EARLIEST_SERVICE,
    pb.DOCUMENT_ORDER_LATEST_CHANGED: Order.LATEST_CHANGED,
    pb.DOCUMENT_ORDER_EARLIEST_CHANGED: Order.EARLIEST_CHANGED,
}
CHANGES = {
    pb.DOCUMENT_CHANGE_MASK: Change.MASK,
    pb.DOCUMENT_CHANGE_UNMASK: Change.UNMASK,
    pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT: Change.SHOW_TO_PATIENT,
    pb.DOCUMENT_CHANGE_SHOW_TO_REPRESENTATIVES: Change.SHOW_TO_REPRESENTATIVES,
    pb.DOCUMENT_CHANGE_HIDE_FROM_REPRESENTATIVES: Change.HIDE_FROM_REPRESENTATIVES,
    pb.DOCUMENT_CHANGE_ARCHIVE: Change.ARCHIVE,
    pb.DOCUMENT_CHANGE_UNARCHIVE: Change.UNARCHIVE,
    pb.DOCUMENT_CHANGE_DELETE: Change.DELETE,
}
URN = "urn:uuid:"
N = TypeVar("N")
T = TypeVar("T")


class GranteeKindNotAllowed(InvalidInput):
    """An authorisation is for a professional or for a structure."""


class UnknownValue(InvalidInput):
    """This value is not one of the contract's enumeration."""


def known(table: Mapping[N, T], value: N, field: str) -> T:
    """What an enumeration means here; a number without a meaning is the caller's fault."""
    if value not in table:
        raise UnknownValue(field=field, hint=f"Send one of {', '.join(str(v) for v in table)}.")
    return table[value]


def _moment(value: Timestamp) -> datetime:
    return value.ToDatetime(UTC)


def deposit(request: pb.SubmitDocumentsRequest, parameters: policy.Parameters) -> Deposit:
    items = [
        Item(_entry(document.entry, f"documents[{place}].entry", parameters), document.content)
        for place, document in enumerate(request.documents)
    ]
    folders = [_lot(folder, tuple(folder.documents)) for folder in request.folders]
    return Deposit(_lot(request.lot), tuple(items), tuple(folders))


def _lot(lot: pb.Lot, members: tuple[str, ...] = ()) -> Lot:
    return Lot(
        unique_id=lot.unique_id,
        source_id=lot.source_id,
        content_type=_coding(lot.content_type),
        submitted_at=_moment(lot.submitted_at),
        title=lot.title,
        author=_author(lot.author) if lot.HasField("author") else None,
        comments=lot.comments,
        intended_recipients=tuple(lot.intended_recipients),
        members=members,
    )


def _entry(entry: pb.DocumentEntry, path: str, parameters: policy.Parameters) -> Entry:
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
        confidentiality=confidentiality(list(entry.confidentiality), f"{path}.confidentiality", parameters),
        facility=_coding(entry.facility),
        practice_setting=_coding(entry.practice_setting),
        language=entry.language,
        description=entry.description,
        authenticator=_author(entry.authenticator) if entry.HasField("authenticator") else None,
        custodian=_author(entry.custodian) if entry.HasField("custodian") else None,
        events=tuple(_coding(e) for e in entry.events),
        references=tuple(Reference(r.value, r.system, r.kind) for r in entry.references),
        relations=tuple(_link(r, f"{path}.relations") for r in entry.relations),
    )


def _link(relation: pb.Relation, path: str) -> Link:
    return Link(known(RELATIONS, relation.kind, path), relation.document_id, relation.unique_id)


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
    size, cursor = page.after(request.page, by=_same(request.order), at=_at, id=UUID)
    return Search(
        statuses=tuple(known(STATUSES, s, "statuses") for s in request.statuses),
        types=tuple(request.types),
        classes=tuple(request.classes),
        facilities=tuple(request.facilities),
        practice_settings=tuple(request.practice_settings),
        formats=tuple(request.formats),
        confidentiality=tuple(request.confidentiality),
        events=tuple(request.events),
        authors=tuple(request.authors),
        unique_id=request.unique_id,
        identifiers=_identifiers(request.identifiers),
        relates_to=_identifiers([request.relates_to])[-1],
        words=Words(request.author_family, request.author_given, request.reference),
        created=Range(
            _moment(request.created_from) if request.HasField("created_from") else None,
            _moment(request.created_to) if request.HasField("created_to") else None,
        ),
        service_start=_range(request.service_start),
        service_end=_range(request.service_end),
        changed=_range(request.changed),
        archived=request.archived if request.HasField("archived") else None,
        order=known(ORDERS, request.order, "order"),
        include_related=request.include_related,
        size=size,
        after=Place(cursor["at"], DocumentId(str(cursor["id"]))) if cursor else None,
    )


def _identifiers(given: Sequence[str]) -> tuple[str, ...]:
    """As they are, and the bare UUID of a URN, which is how the service knows its own."""
    return tuple(v for value in given for v in (value, value.removeprefix(URN)))


def lots(request: pb.ListReadableLotsRequest) -> LotSearch:
    size, cursor = page.after(request.page, by=_same(int(request.oldest_first)), at=_at, lot=UUID)
    kinds = tuple(known(LOTS, kind, "kinds") for kind in request.kinds)
    return LotSearch(
        kinds=kinds or (LotKind.DEPOSIT, LotKind.CHANGE),
        unique_id=request.unique_id,
        source_ids=tuple(request.source_ids),
        content_types=tuple(request.content_types),
        submitted=_range(request.submitted),
        received=_range(request.received),
        authors=tuple(request.authors),
        words=Words(request.author_family, request.author_given, title=request.title),
        oldest_first=request.oldest_first,
        size=size,
        after=LotPlace(cursor["at"], LotId(str(cursor["lot"]))) if cursor else None,
    )


def _range(given: pb.TimeRange) -> Range:
    start = _moment(getattr(given, "from")) if given.HasField("from") else None
    return Range(start, _moment(given.to) if given.HasField("to") else None)


def token(wanted: pb.ListReadableDocumentsRequest, after: Place | None) -> str:
    """The cursor of the next page; a date and an identifier of ours, nothing of a patient."""
    return page.token(by=wanted.order, at=after.at.isoformat(), id=after.id.value) if after else ""


def lot_token(wanted: pb.ListReadableLotsRequest, after: LotPlace | None) -> str:
    by = int(wanted.oldest_first)
    return page.token(by=by, at=after.at.isoformat(), lot=after.id.value) if after else ""


def _same(order: int) -> Callable[[Any], int]:
    """A cursor goes on in the order it was given for."""

    def parse(value: Any) -> int:
        if value != order:
            raise ValueError("the cursor of another order")
        return order

    return parse


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


def changes(request: pb.ChangeDocumentRequest) -> tuple[Change, ...]:
    return tuple(known(CHANGES, change, "changes") for change in request.changes)
