"""The DMP, given the documents of prescriptions and dispensings on this service's own account."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from chassis import rpc
from chassis.call import Call
from chassis.errors import AlreadyExists, Forbidden, NotFound, RuleViolated
from eprescription.domain.cda import codes, heading
from eprescription.domain.cda.heading import Heading
from eprescription.domain.content import Prescriber
from eprescription.domain.ids import PersonId
from eprescription.domain.sendings import Outcome, SendingId
from socle.dmp.v1 import dmp_pb2 as pb
from socle.dmp.v1 import dmp_pb2_grpc as stubs

# Type of the document to its class (JDV_J57) and its format (ASS_A11).
CLASSES = {codes.PRESCRIPTION_TYPE[0]: "42", codes.DISPENSATION_TYPE[0]: "43"}
FORMATS = {
    codes.PRESCRIPTION_TYPE[0]: "urn:ihe:pharm:pre:2010",
    codes.DISPENSATION_TYPE[0]: "urn:ihe:pharm:dis:2010",
}
NOS = "https://mos.esante.gouv.fr/NOS"
LOINC = "http://loinc.org"
FORMAT_CODES = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
FACILITIES = f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
PRACTICES = f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
# TRE_R209: activity outside a stay.
OUTPATIENT = "07"
# Of the lots of this platform; no registered OID.
SOURCE = "1.2.250.1.999.5"
# What a refusal means for a document that will not change: by its rule, or its reason.
OPPOSED = "consent.feeding"
OUTCOMES: Mapping[str, Outcome] = {
    "RECORD_NOT_FOUND": Outcome.NO_RECORD,
    "RECORD_CLOSED": Outcome.NO_RECORD,
    "RECORD_DESTROYED": Outcome.NO_RECORD,
    # It arrived before, in other bytes: a trait was corrected since.
    "DUPLICATE_DOCUMENT": Outcome.SENT,
    "IDEMPOTENCY_KEY_REUSED": Outcome.SENT,
}


@dataclass(frozen=True, slots=True, repr=False)
class Sent:
    """A document to deposit; never printed."""

    sending: SendingId
    person: PersonId
    heading: Heading
    # TRE_R02 of the place of care.
    sector: str
    # When the act was, and until when.
    began_at: datetime
    cda: bytes


class Record:
    """The record of any person: fed, never read."""

    def __init__(self, channel: grpc.aio.Channel, own_call: Callable[[Call], Awaitable[Call]]) -> None:
        self._stub = stubs.DmpServiceStub(channel)
        self._own_call = own_call

    async def submit(self, sent: Sent, call: Call) -> Outcome:
        """What became of it; raises Unavailable, TimedOut or Conflict when it is to be tried again, and any
        other refusal as it came.

        The id of the sending is the key of the request and the document has one identifier for ever: whatever
        answer was lost, the record holds the document once.
        """
        key = [("idempotency-key", sent.sending.value)]
        own = await self._own_call(call)
        try:
            await rpc.invoke(self._stub.SubmitDocuments, request_of(sent, call.now()), own, more=key)
        except (AlreadyExists, Forbidden, NotFound, RuleViolated) as refused:
            if OPPOSED in refused.rules:
                return Outcome.OPPOSED
            if refused.reason not in OUTCOMES:
                raise
            return OUTCOMES[refused.reason]
        return Outcome.SENT


def request_of(sent: Sent, now: datetime) -> pb.SubmitDocumentsRequest:
    """A lot of one document."""
    entry = entry_of(sent)
    lot = pb.Lot(
        unique_id=f"urn:uuid:{sent.sending.value}",
        source_id=SOURCE,
        content_type=pb.Coding(code=OUTPATIENT, system="urn:oid:1.2.250.1.213.2.2"),
        # Of the document, not of this attempt: the request tried again is the same one.
        submitted_at=entry.created_at,
        author=entry.authors[0],
        title=entry.title,
    )
    document = pb.Document(entry=entry, content=sent.cda)
    return pb.SubmitDocumentsRequest(person_id=sent.person.value, lot=lot, documents=[document])


def entry_of(sent: Sent) -> pb.DocumentEntry:
    """The metadata (CI-SIS, volet Partage de documents de santé), compared with the header."""
    head = sent.heading
    type_code, label = head.kind.type
    hospital = sent.sector in codes.HOSPITALS
    entry = pb.DocumentEntry(
        unique_id=f"urn:uuid:{head.document.lower()}",
        type=pb.Coding(code=type_code, system=LOINC, display=label),
        format=pb.Coding(code=FORMATS[type_code], system=FORMAT_CODES),
        mime_type="text/xml",
        sha1=hashlib.sha1(sent.cda, usedforsecurity=False).digest(),
        size=len(sent.cda),
        title=head.kind.title,
        created_at=_moment(head.created_at),
        service_start=_moment(sent.began_at),
        authors=[_author(head.author)],
        confidentiality=[head.level],
        language="fr-FR",
        facility=pb.Coding(code=sent.sector, system=FACILITIES),
        practice_setting=pb.Coding(code="ETABLISSEMENT" if hospital else "AMBULATOIRE", system=PRACTICES),
    )
    # `class` is a word of the language.
    getattr(entry, "class").CopyFrom(pb.Coding(code=CLASSES[type_code]))
    return entry


def _author(of: Prescriber) -> pb.Author:
    family, given = heading.named(of.name)
    profession = codes.PROFESSIONS.get(of.profession, "")
    return pb.Author(
        professional=of.id,
        family_name=family,
        given_name=given,
        organisation=of.organisation,
        specialty=pb.Coding(
            code=heading.speciality_code(of), system=f"urn:oid:{codes.SPECIALITIES}", display=profession
        ),
    )


def _moment(at: datetime) -> Timestamp:
    moment = Timestamp()
    # To the second, as the stamps of a CDA.
    moment.FromDatetime(at.replace(microsecond=0))
    return moment
