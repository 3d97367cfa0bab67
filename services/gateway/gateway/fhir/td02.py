"""TD0.2 in FHIR (draft of the ANS): whether a person has a DMP, and in which state, as Patients.

The Patient says nothing of the person but the INS that was asked with: a record knows no traits, and a
software may not show those of the DMP over those of INSi.
"""

from __future__ import annotations

from typing import Any

from chassis.caller import Caller
from socle.dmp.v1 import dmp_pb2 as pb

from . import instants
from .coding import write_ins
from .search import Query
from .subject import EXPECTED, Subject, token

Json = dict[str, Any]
DMP = "https://interop.esante.gouv.fr/ig/fhir/dmp"
CLOSURE = f"{DMP}/StructureDefinition/dmp-fermeture"
ATTACHED = f"{DMP}/StructureDefinition/dmp-rattachement-mes"
REFERRING = f"{DMP}/StructureDefinition/dmp-medecin-traitant"
# The guide names one reason; the others are the platform's own.
OFFICIAL, OURS = f"{DMP}/CodeSystem/dmp-motif-fermeture", "urn:x-socle:close-reason"
REASONS = {
    pb.CLOSE_REASON_PATIENT_REQUEST: (OFFICIAL, "patient-demande"),
    pb.CLOSE_REASON_DEATH: (OURS, "death"),
    pb.CLOSE_REASON_FRAUD: (OURS, "fraud"),
}
PARAMETERS = {"identifier"}


def read_subject(query: Query) -> Subject:
    """The INS that is asked about; raises with what is wrong with the parameters."""
    given = query.single("identifier")
    found = token(given, "identifier") if given else None
    if not given:
        query.lack("identifier", "is mandatory: give urn:oid:1.2.250.1.213.1.4.8|INS (.9 for a NIA)")
    elif found is None:
        query.faults.add("identifier", EXPECTED)
    query.close()
    return found or Subject("identifier")


def write_record(record: pb.Record, subject: Subject, caller: Caller) -> Json | None:
    """The Patient of a record that is open or closed; None when nothing is left of it."""
    if record.state == pb.RECORD_STATE_DESTROYED:
        return None
    return {
        "resourceType": "Patient",
        "id": record.person_id,
        "extension": _extensions(record, caller),
        "identifier": [write_ins(subject.ins)],
        "active": record.state != pb.RECORD_STATE_CLOSED,
    }


def _extensions(record: pb.Record, caller: Caller) -> list[Json]:
    referring = bool(record.referring_doctor) and record.referring_doctor == caller.subject
    found: list[Json] = [
        {"url": ATTACHED, "valueBoolean": record.attached},
        {"url": REFERRING, "valueBoolean": referring},
    ]
    if record.state == pb.RECORD_STATE_CLOSED:
        found.append({"url": CLOSURE, "extension": _closure(record)})
    return found


def _closure(record: pb.Record) -> list[Json]:
    parts: list[Json] = []
    if record.HasField("closed_at"):
        parts.append({"url": "dateFermeture", "valueDateTime": instants.text(record.closed_at)})
    if reason := REASONS.get(record.close_reason):
        coding = {"system": reason[0], "code": reason[1]}
        parts.append({"url": "motifFermeture", "valueCodeableConcept": {"coding": [coding]}})
    return parts
