"""Submission sets and folders: List (PDSm, MHD) to Lot, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socle.dmp.v1 import dmp_pb2
from socle.identity_ins.v1 import identity_ins_pb2

from . import instants, names
from .authors import Contained, read_author, write_author
from .coding import first, read_concept, write_concept
from .document import not_kept
from .faults import Faults
from .recipients import read_recipients, write_recipients
from .subject import write_subject

Json = dict[str, Any]
SUBMISSION_SET, FOLDER = "submissionset", "folder"
KNOWN = {
    names.DESIGNATION_TYPE,
    names.SOURCE_ID,
    names.IS_ARCHIVED,
    names.PDSM_RECIPIENT,
    names.MHD_RECIPIENT,
}


def type_of(resource: Json) -> str:
    """`submissionset` or `folder`; empty when the List is neither."""
    codes = {one.get("code") for one in resource.get("code", {}).get("coding", [])}
    return next((kind for kind in (SUBMISSION_SET, FOLDER) if kind in codes), "")


def read_lot(resource: Json, at: str, faults: Faults, address: str) -> dmp_pb2.Lot:
    """The submission set of the comprehensive profile; `address` is its fullUrl."""
    lot = _read_common(resource, at, faults, address)
    source = extension_of(resource, names.SOURCE_ID).get("valueIdentifier", {}).get("value", "")
    if not source:
        faults.add(
            f"{at}.extension('{names.SOURCE_ID}').value", "is missing: give the OID of the sending software"
        )
    lot.source_id = source.removeprefix(names.OID)
    lot.intended_recipients.extend(read_recipients(resource, at, faults))
    _read_source(resource, at, faults, lot)
    return lot


def _read_source(resource: Json, at: str, faults: Faults, lot: dmp_pb2.Lot) -> None:
    if source := resource.get("source"):
        organisation = extension_of(source, names.AUTHOR_ORGANISATION).get("valueReference")
        lot.author.CopyFrom(read_author(source, Contained(resource), f"{at}.source", faults, organisation))
    else:
        faults.add(f"{at}.source", "is missing: give the author of the lot")


def read_folder(
    resource: Json, at: str, faults: Faults, address: str, carried: Mapping[str, str], source_id: str
) -> dmp_pb2.Lot:
    """A folder, made by the software of its lot; `carried` are the unique ids of the documents of the Bundle
    by fullUrl.
    """
    folder = _read_common(resource, at, faults, address)
    folder.kind, folder.source_id = dmp_pb2.LOT_KIND_FOLDER, source_id
    if not resource.get("entry"):
        faults.add(f"{at}.entry", "is missing: a folder holds at least one document")
    for index, entry in enumerate(resource.get("entry", [])):
        item = entry.get("item", {})
        literal, identifier = item.get("reference", ""), item.get("identifier", {})
        known = carried.get(literal, "") if literal else identifier.get("value", "")
        if known:
            folder.documents.append(known)
        else:
            expected = (
                "the fullUrl of a DocumentReference of this Bundle, or a masterIdentifier in `identifier`"
            )
            faults.add(f"{at}.entry[{index}].item", f"must be {expected}")
    return folder


def _read_common(resource: Json, at: str, faults: Faults, address: str) -> dmp_pb2.Lot:
    for element, value in (("status", "current"), ("mode", "working")):
        if resource.get(element) != value:
            faults.add(f"{at}.{element}", f"must be {value}")
    notes = [note.get("text", "") for note in resource.get("note", [])]
    lot = dmp_pb2.Lot(title=resource.get("title", ""), comments="\n".join(notes))
    lot.unique_id = _usual_identifier(resource, at, faults, address)
    kind = extension_of(resource, names.DESIGNATION_TYPE).get("valueCodeableConcept")
    if found := read_concept(kind, f"{at}.extension('{names.DESIGNATION_TYPE}').value", faults):
        lot.content_type.CopyFrom(found)
    _read_date(resource, at, faults, lot)
    if "modifierExtension" in resource:
        faults.add(f"{at}.modifierExtension", "changes the meaning of the List, and is not understood here")
    for index, one in enumerate(resource.get("extension", [])):
        if one.get("url") not in KNOWN:
            not_kept(f"{at}.extension[{index}]", faults)
    return lot


def _usual_identifier(resource: Json, at: str, faults: Faults, address: str) -> str:
    """The unique id of the lot; its fullUrl where it gives none, as the published example of the DMP."""
    usual = [one.get("value", "") for one in resource.get("identifier", []) if one.get("use") == "usual"]
    if len(usual) > 1:
        faults.add(f"{at}.identifier", "must hold one unique id of the lot (use=usual)")
    return usual[0] if usual else address


def extension_of(element: Json, url: str) -> Json:
    """The first extension of this address; {} when there is none."""
    return first([one for one in element.get("extension", []) if one.get("url") == url])


def _read_date(resource: Json, at: str, faults: Faults, lot: dmp_pb2.Lot) -> None:
    try:
        lot.submitted_at.FromDatetime(instants.span(resource.get("date", "")).start)
    except ValueError as error:
        faults.add(f"{at}.date", str(error) if resource.get("date") else "is missing")


def write_lot(lot: dmp_pb2.Lot, ins: identity_ins_pb2.Ins | None) -> Json:
    """The List of a lot: its entries are the documents of it that the reader may see."""
    folder = lot.kind == dmp_pb2.LOT_KIND_FOLDER
    code = FOLDER if folder else SUBMISSION_SET
    contained: list[Json] = []
    resource: Json = {
        "resourceType": "List",
        "id": lot.lot_id,
        "meta": {
            "versionId": "1",
            "lastUpdated": instants.instant(lot.received_at),
            "profile": [names.PDSM_FOLDER if folder else names.PDSM_LOT],
        },
        "extension": [*_write_extensions(lot, folder), *write_recipients(lot, contained)],
        "identifier": [
            {"use": "usual", "system": names.URI, "value": lot.unique_id},
            {"use": "official", "system": names.URI, "value": f"urn:uuid:{lot.lot_id}"},
        ],
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": names.MHD_LIST_TYPES, "code": code}]},
        "subject": write_subject(lot.person_id, ins),
        "date": instants.text(lot.submitted_at),
    }
    _write_optional(lot, resource, contained)
    return resource


def _write_extensions(lot: dmp_pb2.Lot, folder: bool) -> list[Json]:
    written: list[Json] = [
        {"url": names.IS_ARCHIVED, "valueBoolean": lot.archived},
        {"url": names.DESIGNATION_TYPE, "valueCodeableConcept": write_concept(lot.content_type)},
    ]
    if not folder:
        oid = lot.source_id if ":" in lot.source_id else f"{names.OID}{lot.source_id}"
        source = {"system": names.URI, "value": oid}
        written.append({"url": names.SOURCE_ID, "valueIdentifier": source})
    return written


def _write_optional(lot: dmp_pb2.Lot, resource: Json, contained: list[Json]) -> None:
    if lot.title:
        resource["title"] = lot.title
    if lot.comments:
        resource["note"] = [{"text": lot.comments}]
    if lot.HasField("author"):
        resource["source"] = write_author(lot.author, "author", contained)
        if lot.author.organisation:
            organisation = {"reference": "#author-org"}
            resource["source"]["extension"] = [
                {"url": names.AUTHOR_ORGANISATION, "valueReference": organisation}
            ]
    if contained:
        resource["contained"] = contained
    if lot.documents:
        resource["entry"] = [{"item": {"reference": f"DocumentReference/{one}"}} for one in lot.documents]
