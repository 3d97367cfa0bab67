"""ITI-65: a transaction Bundle (one List, documents, their bytes, folders, replacements) to one message."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import InvalidInput
from socle.dmp.v1 import dmp_pb2

from . import names
from .coding import first
from .document import read_document
from .faults import Faults, Notice
from .lot import FOLDER, SUBMISSION_SET, read_folder, read_lot, type_of
from .replacement import Target, check_patch, read_patch
from .source_patient import check_patients
from .structure import check_bundle
from .subject import Subject, read_subject, same

Json = dict[str, Any]
FHIR_DOCUMENT = (names.FHIR_JSON, names.FHIR_XML)


class FhirDocumentNotSupported(InvalidInput):
    """A document that is itself FHIR (a Bundle of type document) cannot be deposited here."""

    remedy = "Send it as CDA R2, PDF, RTF, JPEG, TIFF or text."


@dataclass(frozen=True, slots=True)
class Made:
    """What an entry of the request became: its kind, and its place among those of that kind."""

    # List, Folder, DocumentReference, Binary or Patch; a Binary has the place of its document.
    kind: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """A lot ready to be sent, once its patient is known as a person."""

    subject: Subject
    lot: dmp_pb2.Lot
    documents: list[dmp_pb2.Document]
    # FHIRPath of the DocumentReference of each document and of its bytes, for the faults the service finds.
    places: list[tuple[str, str]]
    # One for each entry of the request, in its order.
    order: list[Made]
    lot_place: str = "Bundle.entry[0].resource"
    # Of the documents together.
    all_place: str = "Bundle.entry"
    folders: list[dmp_pb2.Lot] = field(default_factory=list)
    folder_places: list[str] = field(default_factory=list)
    # What each patch supersedes.
    targets: list[Target] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    # Patients that contained resources name by their INS, when the subject is named otherwise.
    contained: list[Subject] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    at: str
    url: str
    kind: str
    resource: Json
    request: str
    used: bool = False


def read_submission(bundle: Json) -> Submission:
    """Reads the whole Bundle; raises FhirInvalid with every fault found, so that nothing of it is sent, or
    FhirDocumentNotSupported.
    """
    _refuse_fhir_documents(bundle)
    faults = Faults()
    check_bundle(bundle, faults)
    faults.close()
    entries = _read_entries(bundle, faults)
    lots = _of(entries, SUBMISSION_SET)
    if len(lots) != 1:
        faults.add("Bundle.entry", "must hold exactly one List of code submissionset")
    if not _of(entries, "DocumentReference"):
        faults.add("Bundle.entry", "must hold at least one DocumentReference")
    faults.close()
    return _assemble(entries, lots[0], faults)


def _refuse_fhir_documents(bundle: Any) -> None:
    """MHD has a name for this refusal: it goes before the faults of a body that is meant otherwise."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return
    if bundle.get("type") == "document":
        raise FhirDocumentNotSupported(field="Bundle.type")
    entries = bundle.get("entry")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Bundle":
            raise FhirDocumentNotSupported(field=f"Bundle.entry[{index}].resource")


def _of(entries: list[_Entry], kind: str) -> list[_Entry]:
    return [entry for entry in entries if entry.kind == kind]


def _read_entries(bundle: Json, faults: Faults) -> list[_Entry]:
    if bundle.get("type") != "transaction":
        faults.add("Bundle.type", "must be transaction")
    entries = []
    seen: set[str] = set()
    for index, raw in enumerate(bundle["entry"]):
        at = f"Bundle.entry[{index}]"
        entry = _entry(raw, at, faults)
        if entry.kind != "Parameters" and not entry.url.startswith("urn:uuid:"):
            faults.add(
                f"{at}.fullUrl", "must be a urn:uuid: of its own, by which the other entries point to it"
            )
        elif entry.url in seen:
            faults.add(f"{at}.fullUrl", "is used by another entry")
        seen |= {entry.url} - {""}
        _check_request(raw.get("request", {}), entry, f"{at}.request", faults)
        entries.append(entry)
    return entries


def _entry(raw: Json, at: str, faults: Faults) -> _Entry:
    resource = raw["resource"]
    kind = resource["resourceType"]
    if kind == "List":
        kind = type_of(resource)
        if not kind:
            faults.add(
                f"{at}.resource.code", f"must be {SUBMISSION_SET} or {FOLDER} of {names.MHD_LIST_TYPES}"
            )
    return _Entry(
        f"{at}.resource", raw.get("fullUrl", ""), kind, resource, raw.get("request", {}).get("url", "")
    )


def _check_request(request: Json, entry: _Entry, at: str, faults: Faults) -> None:
    method = "PATCH" if entry.kind == "Parameters" else "POST"
    if request.get("method") != method:
        faults.add(f"{at}.method", *_other_method(method, entry.kind))
    kind = entry.resource["resourceType"]
    if method == "POST" and request.get("url") != kind:
        faults.add(f"{at}.url", f"must be {kind}")
    if "ifNoneExist" in request:
        faults.add(f"{at}.ifNoneExist", "is not supported: the same lot again is recognised by its unique id")
    if "ifMatch" in request:
        faults.add(f"{at}.ifMatch", "is not supported in a transaction: leave it out")


def _other_method(method: str, kind: str) -> tuple[str, str]:
    if kind == FOLDER:
        problem = "must be POST: a folder is made whole, one that is stored is not added to"
        return problem, "PartialFolderContentNotProcessed"
    return f"must be {method}", ""


def _assemble(entries: list[_Entry], lot: _Entry, faults: Faults) -> Submission:
    documents, folders = _of(entries, "DocumentReference"), _of(entries, FOLDER)
    binaries = {entry.url: entry for entry in _of(entries, "Binary")}
    carried = {one.url: one.resource.get("masterIdentifier", {}).get("value", "") for one in documents}
    built = [_read_one(entry, binaries, carried, faults) for entry in documents]
    for entry in binaries.values():
        if not entry.used:
            problem = "is not the content of any DocumentReference of this Bundle"
            faults.add(entry.at, problem, "XDSMissingDocumentMetadata")
    subject = _one_subject([lot, *documents, *folders], faults)
    people = [
        one for each in (lot, *documents) for one in check_patients(each.resource, each.at, subject, faults)
    ]
    read = read_lot(lot.resource, lot.at, faults, lot.url)
    boxes = [read_folder(one.resource, one.at, faults, one.url, carried, read.source_id) for one in folders]
    _check_members(lot, documents, folders, faults)
    targets = _read_patches(entries, [one for one, _ in built], faults)
    faults.close()
    return Submission(
        subject,
        read,
        [one for one, _ in built],
        [(entry.at, binary.at) for entry, (_, binary) in zip(documents, built, strict=True) if binary],
        _order(entries, documents),
        lot.at,
        folders=boxes,
        folder_places=[one.at for one in folders],
        targets=targets,
        notices=faults.notices,
        contained=people,
    )


def _read_one(
    entry: _Entry, binaries: dict[str, _Entry], carried: dict[str, str], faults: Faults
) -> tuple[dmp_pb2.Document, _Entry | None]:
    read = read_document(entry.resource, entry.at, faults, carried)
    attachment = attachment_of(entry.resource)
    at = f"{entry.at}.content[0].attachment"
    check_not_fhir(attachment, at)
    for element in ("language", "size", "hash"):
        if element not in attachment:
            faults.add(f"{at}.{element}", "is missing")
    for element, path in (("date", "date"), ("custodian", "custodian")):
        if not entry.resource.get(element):
            faults.add(f"{entry.at}.{path}", "is missing")
    if "sourcePatientInfo" not in entry.resource.get("context", {}):
        problem = "is missing: a contained Patient, as the producer of the document knew them"
        faults.add(f"{entry.at}.context.sourcePatientInfo", problem)
    binary = binaries.get(attachment.get("url", ""))
    if binary is None:
        faults.add(f"{at}.url", "must be the fullUrl of a Binary of this Bundle", "XDSMissingDocument")
        return dmp_pb2.Document(entry=read), None
    return dmp_pb2.Document(entry=read, content=_bytes_of(binary, attachment, at, faults)), binary


def _bytes_of(binary: _Entry, attachment: Json, at: str, faults: Faults) -> bytes:
    if binary.used:
        faults.add(f"{at}.url", "points to a Binary that another DocumentReference uses")
    binary.used = True
    if binary.resource.get("contentType") != attachment.get("contentType"):
        faults.add(f"{binary.at}.contentType", "must be the contentType of its DocumentReference")
    return read_data(binary.resource.get("data"), f"{binary.at}.data", faults)


def check_not_fhir(attachment: Json, at: str) -> None:
    """Raises FhirDocumentNotSupported when the content is announced as FHIR."""
    if str(attachment.get("contentType", "")).partition(";")[0].strip().lower() in FHIR_DOCUMENT:
        raise FhirDocumentNotSupported(field=f"{at}.contentType")


def attachment_of(resource: Json) -> Json:
    """The one attachment of a DocumentReference; {} when there is none."""
    attachment: Json = first(resource.get("content")).get("attachment", {})
    return attachment


def read_data(text: Any, at: str, faults: Faults) -> bytes:
    """The bytes of a document, from base64."""
    if not isinstance(text, str) or not text:
        faults.add(at, "is missing: give the bytes of the document in base64", "XDSMissingDocument")
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
            problem = "must be the same patient as the one of the List: a lot is about one person"
            faults.add(subject.at, problem, "XDSPatientIdDoesNotMatch")
    return known[0] if known else Subject("Bundle")


def _check_members(lot: _Entry, documents: list[_Entry], folders: list[_Entry], faults: Faults) -> None:
    named = [one.get("item", {}).get("reference", "") for one in lot.resource.get("entry", [])]
    carried = {entry.url for entry in (*documents, *folders)}
    for index, reference in enumerate(named):
        if reference not in carried:
            faults.add(
                f"{lot.at}.entry[{index}].item",
                "must be the fullUrl of a DocumentReference or of a folder of this Bundle",
                "XDSMissingDocument",
            )
    for entry in documents:
        if entry.url not in named:
            problem = f"does not name the DocumentReference {entry.url} of this Bundle"
            faults.add(f"{lot.at}.entry", problem)


def _read_patches(entries: list[_Entry], documents: list[dmp_pb2.Document], faults: Faults) -> list[Target]:
    """A patch of a Bundle only repeats what a replacement does: its target is superseded with or without."""
    replaced = [
        Target(one.document_id, one.unique_id)
        for document in documents
        for one in document.entry.relations
        if one.kind == dmp_pb2.RELATION_KIND_REPLACES
    ]
    for target, times in Counter(replaced).items():
        if times > 1 and target != Target():
            problem = "holds two documents that replace the same one"
            faults.add("Bundle.entry", problem, "XDSReplaceFailed")
    found = []
    for entry in _of(entries, "Parameters"):
        target = read_patch(entry.request, entry.at, faults)
        check_patch(entry.resource, target, replaced, entry.at, faults)
        found.append(target)
    return found


def _order(entries: list[_Entry], documents: list[_Entry]) -> list[Made]:
    """What each entry of the request became, for an answer in the same order."""
    index = {entry.url: number for number, entry in enumerate(documents)}
    for number, entry in enumerate(documents):
        index[attachment_of(entry.resource)["url"]] = number
    count: Counter[str] = Counter()
    made = []
    for entry in entries:
        kind = {SUBMISSION_SET: "List", FOLDER: "Folder", "Parameters": "Patch"}.get(entry.kind, entry.kind)
        made.append(Made(kind, index.get(entry.url, count[kind])))
        count[kind] += 1
    return made
