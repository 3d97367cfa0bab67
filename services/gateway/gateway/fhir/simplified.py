"""ITI-105: one DocumentReference that carries its own bytes; the server makes the Binary and the lot."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from socle.dmp.v1 import dmp_pb2

from . import names
from .document import read_document
from .faults import Faults
from .relations import NOT_PROCESSED
from .source_patient import check_patients
from .structure import check_document
from .subject import Subject, read_subject
from .transaction import Made, Submission, attachment_of, check_not_fhir, read_data

Json = dict[str, Any]
# The type of activity of a lot that holds one document deposited by itself (TRE_R209: outpatient).
ACTIVITY = dmp_pb2.Coding(
    system="https://mos.esante.gouv.fr/NOS/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite", code="07"
)
NORMAL = {"coding": [{"system": names.CONFIDENTIALITY, "code": "N", "display": "Normal"}]}
ANY_FORMAT = {"system": names.FORMAT, "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient"}


def read_simplified(resource: Json, client: str) -> Submission:
    """A deposit of one document by the software `client`; raises FhirInvalid with every fault, or
    FhirDocumentNotSupported."""
    faults = Faults()
    check_document(resource, faults)
    faults.close()
    here = "DocumentReference"
    entry = read_document(_completed(resource), here, faults)
    attachment = attachment_of(resource)
    at = f"{here}.content[0].attachment"
    check_not_fhir(attachment, at)
    _refuse_partial(faults)
    if "url" in attachment:
        faults.add(f"{at}.url", "is not allowed here: give the bytes in data")
    content = read_data(attachment.get("data"), f"{at}.data", faults)
    if "hash" not in attachment:
        entry.sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
    if "size" not in attachment:
        entry.size = len(content)
    subject = read_subject(resource.get("subject"), resource, f"{here}.subject", faults) or Subject(here)
    people = check_patients(resource, here, subject, faults)
    faults.close()
    document = dmp_pb2.Document(entry=entry, content=content)
    places = [(here, f"{at}.data")]
    return Submission(
        subject, _lot(entry, client), [document], places, [Made(here)], here, here, contained=people
    )


def _refuse_partial(faults: Faults) -> None:
    """The answer is the document itself and has no room for a warning: what would be one is a fault here."""
    for notice in faults.notices:
        if notice.code == NOT_PROCESSED:
            faults.add(notice.at, "is a relation that is not kept: leave it out")


def _completed(resource: Json) -> Json:
    """What the simplified profile leaves out has one safe reading: normal, at the time of writing, format by
    MIME.
    """
    completed = {"securityLabel": [NORMAL], **resource}
    completed["content"] = [{"format": ANY_FORMAT, **one} for one in resource.get("content", [])]
    written = attachment_of(resource).get("creation") or resource.get("date")
    context = dict(resource.get("context", {}))
    if written:
        context.setdefault("period", {"start": written})
    completed["context"] = context
    return completed


def _lot(entry: dmp_pb2.DocumentEntry, client: str) -> dmp_pb2.Lot:
    """The lot's id follows from the document's, so that the same deposit again is the same lot."""
    lot = dmp_pb2.Lot(
        unique_id=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, entry.unique_id)}",
        source_id=client,
        content_type=ACTIVITY,
        submitted_at=entry.created_at,
        title=entry.title,
    )
    if entry.authors:
        lot.author.CopyFrom(entry.authors[0])
    return lot
