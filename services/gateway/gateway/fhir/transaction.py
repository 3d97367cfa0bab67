"""ITI-65: a transaction Bundle (one List, documents, their bytes) to a lot, and its answer."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from socle.dmp.v1 import dmp_pb2

from . import instants, names
from .authors import Contained, read_author
from .coding import first, read_concept
from .document import read_document
from .faults import Faults
from .structure import check_bundle
from .subject import Subject, read_subject, same

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Submission:
    """A lot ready to be sent, once its patient is known as a person."""

    subject: Subject
    lot: dmp_pb2.Lot
    documents: list[dmp_pb2.Document]
    # FHIRPath of the DocumentReference of each document and of its bytes, for the faults the service finds.
    places: list[tuple[str, str]]
    # What each entry of the request became: ("List" | "DocumentReference" | "Binary", index of the document).
    order: list[tuple[str, int]]
    lot_place: str = "Bundle.entry[0].resource"


@dataclass(slots=True)
class _Entry:
    at: str
    url: str
    kind: str
    resource: Json
    used: bool = False


def read_submission(bundle: Json) -> Submission:
    """Reads the whole Bundle; raises FhirInvalid with every fault found, so that nothing of it is sent."""
    faults = Faults()
    check_bundle(bundle, faults)
    faults.close()
    entries = _read_entries(bundle, faults)
    lists = [entry for entry in entries if entry.kind == "List"]
    documents = [entry for entry in entries if entry.kind == "DocumentReference"]
    if len(lists) != 1:
        faults.add("Bundle.entry", "must hold exactly one List, the submission set")
    if not documents:
        faults.add("Bundle.entry", "must hold at least one DocumentReference")
    faults.close()
    return _assemble(entries, lists[0], documents, faults)


def _read_entries(bundle: Json, faults: Faults) -> list[_Entry]:
    if bundle.get("type") != "transaction":
        faults.add("Bundle.type", "must be transaction")
    entries = []
    seen: set[str] = set()
    for index, raw in enumerate(bundle["entry"]):
        at = f"Bundle.entry[{index}]"
        entry = _Entry(
            f"{at}.resource", raw.get("fullUrl", ""), raw["resource"]["resourceType"], raw["resource"]
        )
        if not entry.url.startswith("urn:uuid:"):
            faults.add(
                f"{at}.fullUrl", "must be a urn:uuid: of its own, by which the other entries point to it"
            )
        elif entry.url in seen:
            faults.add(f"{at}.fullUrl", "is used by another entry")
        seen.add(entry.url)
        _check_request(raw.get("request", {}), entry.kind, f"{at}.request", faults)
        entries.append(entry)
    return entries


def _check_request(request: Json, kind: str, at: str, faults: Faults) -> None:
    if request.get("method") != "POST":
        faults.add(f"{at}.method", "must be POST")
    if request.get("url") != kind:
        faults.add(f"{at}.url", f"must be {kind}")
    if "ifNoneExist" in request:
        faults.add(f"{at}.ifNoneExist", "is not supported: the same lot again is recognised by its unique id")


def _assemble(entries: list[_Entry], lot: _Entry, documents: list[_Entry], faults: Faults) -> Submission:
    binaries = {entry.url: entry for entry in entries if entry.kind == "Binary"}
    built = [_read_one(entry, binaries, faults) for entry in documents]
    for entry in binaries.values():
        if not entry.used:
            faults.add(entry.at, "is not the content of any DocumentReference of this Bundle")
    subject = _one_subject([lot, *documents], faults)
    read = read_lot(lot.resource, lot.at, faults, lot.url)
    _check_members(lot, documents, faults)
    faults.close()
    places = [(entry.at, binary.at) for entry, (_, binary) in zip(documents, built, strict=True) if binary]
    return Submission(subject, read, [one for one, _ in built], places, _order(entries, documents), lot.at)


def _read_one(
    entry: _Entry, binaries: dict[str, _Entry], faults: Faults
) -> tuple[dmp_pb2.Document, _Entry | None]:
    read = read_document(entry.resource, entry.at, faults)
    attachment = attachment_of(entry.resource)
    at = f"{entry.at}.content[0].attachment"
    for element in ("language", "size", "hash"):
        if element not in attachment:
            faults.add(f"{at}.{element}", "is missing")
    if not entry.resource.get("date"):
        faults.add(f"{entry.at}.date", "is missing")
    binary = binaries.get(attachment.get("url", ""))
    if binary is None:
        faults.add(f"{at}.url", "must be the fullUrl of a Binary of this Bundle")
        return dmp_pb2.Document(entry=read), None
    if binary.used:
        faults.add(f"{at}.url", "points to a Binary that another DocumentReference uses")
    binary.used = True
    if binary.resource.get("contentType") != attachment.get("contentType"):
        faults.add(f"{binary.at}.contentType", "must be the contentType of its DocumentReference")
    content = read_data(binary.resource.get("data"), f"{binary.at}.data", faults)
    return dmp_pb2.Document(entry=read, content=content), binary


def attachment_of(resource: Json) -> Json:
    attachment: Json = first(resource.get("content")).get("attachment", {})
    return attachment


def read_data(text: Any, at: str, faults: Faults) -> bytes:
    """The bytes of a document, from base64."""
    if not isinstance(text, str) or not text:
        faults.add(at, "is missing: give the bytes of the document in base64")
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        faults.add(at, "must be base64, without line breaks")
        return b""


def _one_subject(entries: list[_Entry], faults: Faults) -> Subject:
    found = [read_subject(e.resource.get("subject"), e.resource, f"{e.at}.subject", faults) for e in entries]
    known = [subject for subject in found if subject is not None]
    for subject in known[1:]:
        if not same(subject, known[0]):
            faults.add(
                subject.at, "must be the same patient as the one of the List: a lot is about one person"
            )
    return known[0] if known else Subject("Bundle")


def read_lot(resource: Json, at: str, faults: Faults, address: str) -> dmp_pb2.Lot:
    """The submission set of the comprehensive profile; `address` is its fullUrl."""
    kinds = {one.get("code") for one in resource.get("code", {}).get("coding", [])}
    if "submissionset" not in kinds:
        faults.add(f"{at}.code", f"must be {names.MHD_LIST_TYPES}#submissionset; folders are not supported")
    for element, value in (("status", "current"), ("mode", "working")):
        if resource.get(element) != value:
            faults.add(f"{at}.{element}", f"must be {value}")
    lot = dmp_pb2.Lot(title=resource.get("title", ""))
    lot.unique_id = _usual_identifier(resource, at, faults, address)
    _read_extensions(resource, at, faults, lot)
    _read_date(resource, at, faults, lot)
    if source := resource.get("source"):
        organisation = _extension(source, names.AUTHOR_ORGANISATION).get("valueReference")
        lot.author.CopyFrom(read_author(source, Contained(resource), f"{at}.source", faults, organisation))
    else:
        faults.add(f"{at}.source", "is missing: give the author of the lot")
    return lot


def _usual_identifier(resource: Json, at: str, faults: Faults, address: str) -> str:
    """The unique id of the lot; its fullUrl where it gives none, as the published example of the DMP."""
    usual = [one.get("value", "") for one in resource.get("identifier", []) if one.get("use") == "usual"]
    if len(usual) > 1:
        faults.add(f"{at}.identifier", "must hold one unique id of the lot (use=usual)")
    return usual[0] if usual else address


def _extension(element: Json, url: str) -> Json:
    return first([one for one in element.get("extension", []) if one.get("url") == url])


def _read_extensions(resource: Json, at: str, faults: Faults, lot: dmp_pb2.Lot) -> None:
    kind = _extension(resource, names.DESIGNATION_TYPE).get("valueCodeableConcept")
    if found := read_concept(kind, f"{at}.extension('{names.DESIGNATION_TYPE}').value", faults):
        lot.content_type.CopyFrom(found)
    source = _extension(resource, names.SOURCE_ID).get("valueIdentifier", {}).get("value", "")
    if not source:
        faults.add(
            f"{at}.extension('{names.SOURCE_ID}').value", "is missing: give the OID of the sending software"
        )
    lot.source_id = source.removeprefix("urn:oid:")


def _read_date(resource: Json, at: str, faults: Faults, lot: dmp_pb2.Lot) -> None:
    try:
        lot.submitted_at.FromDatetime(instants.span(resource.get("date", "")).start)
    except ValueError as error:
        faults.add(f"{at}.date", str(error) if resource.get("date") else "is missing")


def _check_members(lot: _Entry, documents: list[_Entry], faults: Faults) -> None:
    named = [one.get("item", {}).get("reference", "") for one in lot.resource.get("entry", [])]
    carried = {entry.url for entry in documents}
    for index, reference in enumerate(named):
        if reference not in carried:
            faults.add(
                f"{lot.at}.entry[{index}].item", "must be the fullUrl of a DocumentReference of this Bundle"
            )
    for entry in documents:
        if entry.url not in named:
            faults.add(f"{lot.at}.entry", f"does not name the DocumentReference {entry.url} of this Bundle")


def _order(entries: list[_Entry], documents: list[_Entry]) -> list[tuple[str, int]]:
    """Which document each entry of the request belongs to, for an answer in the same order."""
    index = {entry.url: number for number, entry in enumerate(documents)}
    for number, entry in enumerate(documents):
        index[attachment_of(entry.resource)["url"]] = number
    return [(entry.kind, index.get(entry.url, 0)) for entry in entries]


def write_answer(submission: Submission, response: dmp_pb2.SubmitDocumentsResponse) -> Json:
    """The transaction-response: one entry per entry of the request, in the same order."""
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": _write_created(kind, number, response)} for kind, number in submission.order],
    }


def _write_created(kind: str, number: int, response: dmp_pb2.SubmitDocumentsResponse) -> Json:
    entry = response.entries[number]
    version = entry.version or 1
    location = {
        "List": f"List/{response.lot_id}",
        "Binary": f"Binary/{entry.document_id}",
        "DocumentReference": f"DocumentReference/{entry.document_id}",
    }[kind]
    created: Json = {"status": "201 Created", "location": location, "etag": f'W/"{version}"'}
    if entry.HasField("submitted_at"):
        created["lastModified"] = instants.text(entry.submitted_at)
    return created
