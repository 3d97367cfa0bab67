"""Where a fault that a service found stands in the FHIR that was sent."""

from __future__ import annotations

import re
from collections.abc import Callable

from chassis.errors import SocleError, Violation

from .subject import Subject
from .transaction import Submission

Locate = Callable[[str], str]
ENTRY = {
    "unique_id": "masterIdentifier.value",
    "class": "category[0].coding[0].code",
    "type": "type.coding[0].code",
    "format": "content[0].format",
    "mime_type": "content[0].attachment.contentType",
    "language": "content[0].attachment.language",
    "sha1": "content[0].attachment.hash",
    "size": "content[0].attachment.size",
    "title": "content[0].attachment.title",
    "created_at": "content[0].attachment.creation",
    "service_start": "context.period.start",
    "service_end": "context.period.end",
    "confidentiality": "securityLabel",
    "facility": "context.facilityType",
    "practice_setting": "context.practiceSetting",
    "authors": "author",
    "authenticator": "authenticator",
    "custodian": "custodian",
    "events": "context.event",
    "description": "description",
    "relations": "relatesTo",
    "references": "context.related",
}
LOT = {
    "unique_id": "identifier",
    "source_id": "extension.where(url.endsWith('ihe-sourceId')).value",
    "content_type": "extension.where(url.endsWith('ihe-designationType')).value",
    "submitted_at": "date",
    "title": "title",
    "author": "source",
    "comments": "note",
    "intended_recipients": "extension.where(url.contains('ecipient')).value",
    "documents": "entry",
}
# A constraint of the database knows its reason, not the field of the message: here it is.
UNIQUE = {"IPP_ALREADY_USED": "ipp"}
DOCUMENT = re.compile(r"documents\[(\d+)\]\.?(entry|content)?\.?(\w+)?(\[\d+\])?")
FOLDER = re.compile(r"folders\[(\d+)\]\.?(\w+)?(\[\d+\])?")
# Fields whose members are those of the FHIR element, one for one.
MEMBERS = {"authors", "events", "references"}


def in_submission(submission: Submission) -> Locate:
    """Turns `documents[0].entry.sha1` into the FHIRPath of that hash; leaves an unknown path as it is."""

    def locate(field: str) -> str:
        if field.startswith(("person_id", "ins")):
            return submission.subject.at
        if field.startswith("lot"):
            return _joined(submission.lot_place, LOT.get(_name(field.partition(".")[2]), ""))
        if field == "documents":
            return submission.all_place
        return _in_document(field, submission) or _in_folder(field, submission) or field

    return locate


def _name(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _in_document(field: str, submission: Submission) -> str:
    found = DOCUMENT.match(field)
    if found is None or int(found[1]) >= len(submission.places):
        return ""
    document, content = submission.places[int(found[1])]
    if found[2] == "content":
        return content
    member = (found[4] or "") if found[3] in MEMBERS else ""
    return _joined(document, ENTRY.get(found[3] or "", "") + member)


def _in_folder(field: str, submission: Submission) -> str:
    found = FOLDER.match(field)
    if found is None or int(found[1]) >= len(submission.folder_places):
        return ""
    member = f"{found[3]}.item" if found[2] == "documents" and found[3] else ""
    return _joined(submission.folder_places[int(found[1])], LOT.get(found[2] or "", "") + member)


def of_subject(subject: Subject) -> Locate:
    """Faults of an INS stand where the INS was given."""
    return lambda field: subject.at if field.startswith(("ins", "person_id", "identity_id")) else field


def of_patient(field: str) -> str:
    """Faults of one Patient, asked for by its id."""
    return {"identity_id": "Patient.id", "person_id": "Patient.id", "version": "versionId"}.get(field, field)


def _joined(place: str, element: str) -> str:
    return f"{place}.{element}" if element else place


def relocated(error: SocleError, locate: Locate) -> SocleError:
    """The same error, its places told in the words of the caller."""
    field = error.field or UNIQUE.get(error.reason, "")
    error.field = locate(field) if field else ""
    error.violations = tuple(Violation(locate(one.field), one.problem) for one in error.violations)
    return error
