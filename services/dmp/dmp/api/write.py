"""The domain to messages of the contract."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.caller import Decision
from dmp.domain import (
    CLASS_SYSTEM,
    CLASSES,
    Author,
    Authorisation,
    Block,
    Coding,
    Document,
    GranteeKind,
    Record,
    Status,
)
from socle.dmp.v1 import dmp_pb2 as pb

STATUSES = {Status.CURRENT: pb.DOCUMENT_STATUS_CURRENT, Status.SUPERSEDED: pb.DOCUMENT_STATUS_SUPERSEDED}
KINDS = {
    GranteeKind.PROFESSIONAL: pb.ACCESS_KIND_PROFESSIONAL,
    GranteeKind.STRUCTURE: pb.ACCESS_KIND_STRUCTURE,
}


def moment(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def record(opened: Record, decision: Decision | None = None) -> pb.Record:
    return pb.Record(
        person_id=opened.person_id.value,
        opened_at=moment(opened.opened_at),
        readable=decision is not None and decision.permitted,
        rules=decision.rules if decision else (),
    )


def entry(document: Document) -> pb.DocumentEntry:
    e = document.entry
    return pb.DocumentEntry(
        document_id=document.id.value,
        person_id=document.person_id.value,
        unique_id=e.unique_id,
        status=STATUSES[document.status],
        version=document.version,
        type=_coding(e.type),
        format=_coding(e.format),
        mime_type=e.mime_type,
        language=e.language,
        sha1=e.sha1,
        size=e.size,
        title=e.title,
        description=e.description,
        created_at=moment(e.created_at),
        service_start=moment(e.service_start),
        service_end=moment(e.service_end),
        authors=[_author(a) for a in e.authors],
        authenticator=_author(e.authenticator) if e.authenticator else None,
        custodian=_author(e.custodian) if e.custodian else None,
        confidentiality=[c.value for c in e.confidentiality],
        facility=_coding(e.facility),
        practice_setting=_coding(e.practice_setting),
        events=[_coding(c) for c in e.events],
        archived=document.archived,
        lot_id=document.lot_id.value,
        submitted_at=moment(document.submitted_at),
        **{"class": pb.Coding(system=CLASS_SYSTEM, code=e.category.code, display=CLASSES[e.category.code])},
    )


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


def authorisation(given: Authorisation) -> pb.Access:
    return pb.Access(
        id=given.id.value,
        grantee=given.grantee,
        kind=KINDS[given.kind],
        since=moment(given.since),
        until=moment(given.until),
    )


def block(blocked: Block) -> pb.Access:
    return pb.Access(
        id=blocked.id.value,
        grantee=blocked.professional,
        kind=pb.ACCESS_KIND_BLOCKED,
        since=moment(blocked.since),
    )
