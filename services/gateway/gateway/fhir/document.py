"""DocumentReference (PDSm) to DocumentEntry, and back (XDS names in the contract, FHIR names here)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from socle.dmp.v1 import dmp_pb2
from socle.identity_ins.v1 import identity_ins_pb2

from . import instants, names
from .authors import Contained, read_author, write_author, write_organisation
from .coding import read_coding, read_concept, read_labels, write_coding, write_concept, write_label
from .faults import Faults
from .relations import (
    NO_DOCUMENTS,
    read_references,
    read_relations,
    write_references,
    write_relations,
)
from .subject import write_subject

Json = dict[str, Any]
STATUS = {"current": dmp_pb2.DOCUMENT_STATUS_CURRENT, "superseded": dmp_pb2.DOCUMENT_STATUS_SUPERSEDED}
# What was deleted is in no search, and a read of it is gone (410): whoever has it all the same sees it so.
STATUS_NAMES = {
    **{value: name for name, value in STATUS.items()},
    dmp_pb2.DOCUMENT_STATUS_DELETED: "entered-in-error",
}
EMPTY_SHA1 = hashlib.sha1(b"", usedforsecurity=False).digest()


def read_document(
    resource: Json, at: str, faults: Faults, carried: Mapping[str, str] = NO_DOCUMENTS
) -> dmp_pb2.DocumentEntry:
    """What the comprehensive profile carries; the shape was checked before (`structure`), so types are right
    here. `carried` are the unique ids of the documents of the same Bundle by fullUrl.
    """
    entry = dmp_pb2.DocumentEntry()
    _read_identity(resource, at, faults, entry)
    _read_extensions(resource, at, faults, entry)
    entry.relations.extend(read_relations(resource, at, faults, carried))
    _read_codes(resource, at, faults, entry)
    _read_people(resource, at, faults, entry)
    _read_content(resource, at, faults, entry)
    _read_context(resource.get("context", {}), f"{at}.context", faults, entry)
    return entry


def _read_identity(resource: Json, at: str, faults: Faults, entry: dmp_pb2.DocumentEntry) -> None:
    master = resource.get("masterIdentifier", {})
    if not master.get("value"):
        faults.add(
            f"{at}.masterIdentifier", "is missing: give the producer's unique id, urn:oid:... or urn:uuid:..."
        )
    elif master.get("system", names.URI) != names.URI:
        faults.add(f"{at}.masterIdentifier.system", f"must be {names.URI}")
    entry.unique_id = master.get("value", "")
    if resource.get("status") != "current":
        faults.add(f"{at}.status", "must be current on a deposit")
    entry.description = resource.get("description", "")


def _read_extensions(resource: Json, at: str, faults: Faults, entry: dmp_pb2.DocumentEntry) -> None:
    if "modifierExtension" in resource:
        problem = "changes the meaning of the document, and is not understood here: leave it out"
        faults.add(f"{at}.modifierExtension", problem)
    for index, one in enumerate(resource.get("extension", [])):
        if one.get("url") == names.IS_ARCHIVED:
            entry.archived = bool(one.get("valueBoolean"))
        else:
            not_kept(f"{at}.extension[{index}]", faults)


def not_kept(at: str, faults: Faults) -> None:
    """An extension is an addition: it is left aside, and that is said."""
    faults.warn(at, "ExtensionNotKept", "is an extension that is not kept by this server")


def _read_codes(resource: Json, at: str, faults: Faults, entry: dmp_pb2.DocumentEntry) -> None:
    if kind := read_concept(resource.get("type"), f"{at}.type", faults):
        entry.type.CopyFrom(kind)
        if kind.system not in (names.LOINC, names.DOCUMENT_TYPE):
            faults.add(f"{at}.type.coding[0].system", f"must be {names.LOINC} or {names.DOCUMENT_TYPE}")
    categories = resource.get("category", [])
    if len(categories) > 1:
        faults.add(f"{at}.category", "must hold one class only")
    if categories and (found := read_concept(categories[0], f"{at}.category[0]", faults)):
        getattr(entry, "class").CopyFrom(found)
    labels = resource.get("securityLabel", [])
    entry.confidentiality.extend(read_labels(labels, f"{at}.securityLabel", faults))


def _read_people(resource: Json, at: str, faults: Faults, entry: dmp_pb2.DocumentEntry) -> None:
    contained = Contained(resource)
    authors = resource.get("author", [])
    if not authors:
        faults.add(f"{at}.author", "is missing: a document has at least one author")
    for index, author in enumerate(authors):
        entry.authors.append(read_author(author, contained, f"{at}.author[{index}]", faults))
    for element in ("authenticator", "custodian"):
        if reference := resource.get(element):
            found = read_author(reference, contained, f"{at}.{element}", faults)
            getattr(entry, element).CopyFrom(found)


def _read_content(resource: Json, at: str, faults: Faults, entry: dmp_pb2.DocumentEntry) -> None:
    contents = resource.get("content", [])
    if len(contents) != 1:
        faults.add(f"{at}.content", "must hold exactly one content")
        return
    here = f"{at}.content[0].attachment"
    attachment = contents[0].get("attachment", {})
    for element in ("contentType", "title"):
        if not attachment.get(element):
            faults.add(f"{here}.{element}", "is missing")
    entry.mime_type = attachment.get("contentType", "")
    entry.language = attachment.get("language", "")
    entry.title = attachment.get("title", "")
    entry.size = max(attachment.get("size", 0), 0)
    if "hash" in attachment:
        entry.sha1 = read_hash(attachment["hash"], f"{here}.hash", faults)
    if "size" in attachment and entry.size == 0:
        faults.add(f"{here}.size", "must be the number of bytes of the content, which may not be empty")
    if form := read_coding(contents[0].get("format")):
        entry.format.CopyFrom(form)
    else:
        faults.add(f"{at}.content[0].format", "is missing: give the format code of the document")
    written = attachment.get("creation") or resource.get("date")
    _read_moment(written, f"{here}.creation", faults, entry.created_at.FromDatetime, required=True)


def read_hash(text: str, at: str, faults: Faults) -> bytes:
    """The 20 bytes of a SHA-1; XDS writes them in hexadecimal, FHIR in base64."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 20:
        faults.add(at, "must be the base64 of the 20 bytes of the SHA-1 (not of its hexadecimal text)")
        return b""
    if digest == EMPTY_SHA1:
        # With a size of 0 it announces a document that is assembled when it is asked for.
        faults.add(
            at, "is the SHA-1 of no byte (delayed assembly of MHD, not supported): give that of the content"
        )
    return digest


def _read_context(context: Json, at: str, faults: Faults, entry: dmp_pb2.DocumentEntry) -> None:
    period = context.get("period", {})
    _read_moment(
        period.get("start"), f"{at}.period.start", faults, entry.service_start.FromDatetime, required=True
    )
    _read_moment(period.get("end"), f"{at}.period.end", faults, entry.service_end.FromDatetime)
    for element, field in (("facilityType", entry.facility), ("practiceSetting", entry.practice_setting)):
        if found := read_concept(context.get(element), f"{at}.{element}", faults):
            field.CopyFrom(found)
    for index, event in enumerate(context.get("event", [])):
        if found := read_concept(event, f"{at}.event[{index}]", faults):
            entry.events.append(found)
    entry.references.extend(read_references(context, at, faults))


def _read_moment(
    text: str | None, at: str, faults: Faults, keep: Callable[[datetime], None], *, required: bool = False
) -> None:
    if not text:
        if required:
            faults.add(at, "is missing")
        return
    try:
        keep(instants.span(text).start)
    except ValueError as error:
        faults.add(at, str(error))


def write_document(entry: dmp_pb2.DocumentEntry, base: str, ins: identity_ins_pb2.Ins | None) -> Json:
    """The DocumentReference of an entry. `base` is the address of the FHIR server, `ins` the patient's when
    known.
    """
    contained: list[Json] = []
    resource: Json = {
        "resourceType": "DocumentReference",
        "id": entry.document_id,
        "meta": {"versionId": str(entry.version or 1), "profile": [names.PDSM_DOCUMENT]},
        "contained": contained,
        "extension": [{"url": names.IS_ARCHIVED, "valueBoolean": entry.archived}],
        "masterIdentifier": {"system": names.URI, "value": entry.unique_id},
        "identifier": [_official(entry)],
        "status": STATUS_NAMES.get(entry.status, "current"),
        "type": write_concept(entry.type),
        "subject": write_subject(entry.person_id, ins),
        "date": instants.text(entry.created_at),
        "securityLabel": [write_label(code) for code in entry.confidentiality],
        "content": [_write_content(entry, base)],
    }
    if changed := changed_at(entry):
        resource["meta"]["lastUpdated"] = changed
    if relations := write_relations(list(entry.relations)):
        resource["relatesTo"] = relations
    if entry.HasField("class"):
        resource["category"] = [write_concept(getattr(entry, "class"))]
    if entry.description:
        resource["description"] = entry.description
    _write_people(entry, resource, contained)
    resource["context"] = _write_context(entry, contained, resource["subject"])
    return resource


def _official(entry: dmp_pb2.DocumentEntry) -> Json:
    """The entryUUID, which is another at each version; the id of the resource is the logicalId."""
    return {
        "use": "official",
        "system": names.URI,
        "value": f"urn:uuid:{entry.entry_id or entry.document_id}",
    }


def changed_at(entry: dmp_pb2.DocumentEntry) -> str:
    """When these metadata became what they are; empty while that is not known."""
    if entry.HasField("changed_at"):
        return instants.instant(entry.changed_at)
    return instants.instant(entry.submitted_at) if entry.HasField("submitted_at") else ""


def _write_people(entry: dmp_pb2.DocumentEntry, resource: Json, contained: list[Json]) -> None:
    resource["author"] = [
        write_author(author, f"author{index}", contained) for index, author in enumerate(entry.authors)
    ]
    if entry.HasField("authenticator"):
        resource["authenticator"] = write_author(entry.authenticator, "authenticator", contained)
    if entry.HasField("custodian"):
        resource["custodian"] = write_organisation(entry.custodian, "custodian", contained)


def _write_content(entry: dmp_pb2.DocumentEntry, base: str) -> Json:
    parts = {
        "contentType": entry.mime_type,
        "language": entry.language,
        "url": address(base, entry.document_id),
        "size": entry.size,
        "hash": base64.b64encode(entry.sha1).decode(),
        "title": entry.title,
        "creation": instants.text(entry.created_at),
    }
    return {
        "attachment": {key: value for key, value in parts.items() if value},
        "format": write_coding(entry.format),
    }


def address(base: str, document_id: str) -> str:
    """Where the bytes of a document are: it never changes, so that it may be kept."""
    return f"{base}/Binary/{document_id}"


def _write_context(entry: dmp_pb2.DocumentEntry, contained: list[Json], subject: Json) -> Json:
    contained.append({"resourceType": "Patient", "id": "patient", "identifier": [subject["identifier"]]})
    context: Json = {
        "period": _write_period(
            entry.service_start, entry.service_end if entry.HasField("service_end") else None
        ),
        "facilityType": write_concept(entry.facility),
        "practiceSetting": write_concept(entry.practice_setting),
        "sourcePatientInfo": {"reference": "#patient"},
    }
    if entry.events:
        context["event"] = [write_concept(event) for event in entry.events]
    if entry.references:
        context["related"] = write_references(list(entry.references))
    return context


def _write_period(start: Timestamp, end: Timestamp | None) -> Json:
    period = {"start": instants.text(start)}
    if end is not None:
        period["end"] = instants.text(end)
    return period
