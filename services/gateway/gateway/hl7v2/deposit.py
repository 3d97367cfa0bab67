"""What an MDM message asks of the service that keeps the records."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

from gateway.fhir import names
from socle.dmp.v1 import dmp_pb2 as pb

from . import faults
from .faults import Fault, MessageRefused
from .mdm import Event, Mdm

ACTIVITY = "https://mos.esante.gouv.fr/NOS/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite"
UUID_URN = "urn:uuid:"
MASKED, NOT_PATIENT, NOT_REPRESENTATIVES = names.FLAGS
# (code, is to be carried) -> the change that leads there; nothing hides again what a patient may have read.
CHANGES: dict[tuple[str, bool], pb.DocumentChange.ValueType] = {
    (MASKED, True): pb.DOCUMENT_CHANGE_MASK,
    (MASKED, False): pb.DOCUMENT_CHANGE_UNMASK,
    (NOT_PATIENT, False): pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT,
    (NOT_REPRESENTATIVES, True): pb.DOCUMENT_CHANGE_HIDE_FROM_REPRESENTATIVES,
    (NOT_REPRESENTATIVES, False): pb.DOCUMENT_CHANGE_SHOW_TO_REPRESENTATIVES,
}


def only_codes_change(mdm: Mdm, entry: pb.DocumentEntry) -> bool:
    """The document that a replacement carries is the one replaced: its visibility is what changes.

    Raises MessageRefused when the message says otherwise (MODIF_CONF_CODE).
    """
    if mdm.event is not Event.REPLACE or canonical(entry.unique_id) != canonical(mdm.parent_id):
        return False
    if not mdm.changes_codes:
        problem = "the document is the one it replaces: give it a new identifier, or raise MODIF_CONF_CODE"
        raise MessageRefused(Fault("TXA-13", faults.VALUE_UNKNOWN, problem, faults.WRONG_VERSION))
    return True


def canonical(urn: str) -> str:
    """A URN in the one form that two spellings of an identifier share (ITU-T X.667 for UUID)."""
    if urn.startswith(UUID_URN):
        return f"{names.OID}2.25.{uuid.UUID(urn.removeprefix(UUID_URN)).int}"
    return urn


def check_document(mdm: Mdm, entry: pb.DocumentEntry) -> None:
    """Raises MessageRefused when the message and the document it carries speak of two things."""
    found = []
    if canonical(entry.unique_id) != canonical(mdm.unique_id):
        problem = "differs from /ClinicalDocument/id of the document"
        found.append(Fault("TXA-12", faults.VALUE_UNKNOWN, problem, faults.OTHER))
    if entry.type.code != mdm.type_code:
        problem = "differs from /ClinicalDocument/code of the document"
        found.append(Fault("OBR-4", faults.VALUE_UNKNOWN, problem, faults.OTHER))
    if found:
        raise MessageRefused(*found)


def submission(
    mdm: Mdm, entry: pb.DocumentEntry, person_id: str, client: str, now: datetime, *, replacing: bool
) -> pb.SubmitDocumentsRequest:
    """A lot of this one document; its identifier follows from the document's, so that again is the same."""
    entry.confidentiality.extend(mdm.hidden)
    if replacing:
        entry.relations.add(kind=pb.RELATION_KIND_REPLACES, unique_id=mdm.parent_id)
    lot = pb.Lot(
        unique_id=f"{UUID_URN}{uuid.uuid5(uuid.NAMESPACE_URL, entry.unique_id)}",
        source_id=f"urn:x-socle:client:{client}",
        content_type=pb.Coding(system=ACTIVITY, code=mdm.activity),
        title=entry.title,
        author=pb.Author(
            professional=mdm.sender.professional,
            family_name=mdm.sender.family_name,
            given_name=mdm.sender.given_name,
            organisation_name=mdm.sender.organisation_name,
        ),
    )
    lot.submitted_at.FromDatetime(now)
    document = pb.Document(entry=entry, content=mdm.content)
    return pb.SubmitDocumentsRequest(person_id=person_id, lot=lot, documents=[document])


def change_of_codes(mdm: Mdm, stored: pb.DocumentEntry) -> pb.ChangeDocumentRequest | None:
    """The changes from the codes that the record holds to those of the message; None when they are the same.

    Raises MessageRefused for what cannot be changed any more.
    """
    changes = list(_changes(set(stored.confidentiality), set(mdm.hidden)))
    if not changes:
        return None
    return pb.ChangeDocumentRequest(
        document_id=stored.document_id,
        changes=changes,
        expected_version=stored.version,
        # The message says so in a field of its own, MODIF_CONF_CODE.
        confirmed=True,
    )


def _changes(held: set[str], wanted: set[str]) -> Iterator[pb.DocumentChange.ValueType]:
    for code in names.FLAGS:
        if (code in held) == (code in wanted):
            continue
        change = CHANGES.get((code, code in wanted))
        if change is None:
            problem = f"{code}: what was shown to the patient cannot be hidden any more"
            raise MessageRefused(Fault("OBX-5", faults.VALUE_UNKNOWN, problem, faults.OTHER))
        yield change


def deletion(mdm: Mdm, person_id: str) -> pb.ChangeDocumentRequest:
    """The end of a document, named by its unique identifier: who deposits may not be able to search."""
    return pb.ChangeDocumentRequest(
        person_id=person_id, unique_id=mdm.unique_id, changes=[pb.DOCUMENT_CHANGE_DELETE], confirmed=True
    )
