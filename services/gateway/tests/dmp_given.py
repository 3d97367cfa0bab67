"""What a dmp may answer, in the messages of its contracts."""

from __future__ import annotations

from typing import Any

from gateway.fhir import names
from socle.common.v1 import common_pb2
from socle.dmp.v1 import dmp_pb2 as pb
from socle.options.v1 import options_pb2

from .conftest import PERSON

DOCUMENT = "01900000-0000-7000-8000-00000000d0c1"
LINE = "01900000-0000-7000-8000-0000000011e1"
MASKED = {"coding": [{"system": names.VISIBILITY, "code": "MASQUE_PS"}]}


def entry(*flags: str, version: int = 3, **more: Any) -> pb.DocumentEntry:
    """A document as dmp gives it."""
    found = pb.DocumentEntry(
        document_id=DOCUMENT,
        person_id=PERSON,
        entry_id="01900000-0000-7000-8000-00000000e0e1",
        unique_id="urn:oid:1.2.250.1.999.2.1001",
        status=pb.DOCUMENT_STATUS_CURRENT,
        version=version,
        type=pb.Coding(system=names.LOINC, code="11488-4"),
        format=pb.Coding(system=names.FORMAT, code="urn:ihe:iti:xds-sd:text:2008"),
        mime_type="text/xml",
        title="Compte rendu",
        confidentiality=["N", *flags],
        facility=pb.Coding(code="SA01"),
        practice_setting=pb.Coding(code="AMBULATOIRE"),
        authors=[pb.Author(professional="899900000011", family_name="BRANDICOURT")],
        **more,
    )
    getattr(found, "class").CopyFrom(pb.Coding(system=names.DOCUMENT_CLASS, code="10"))
    for moment in (found.created_at, found.service_start, found.submitted_at):
        moment.FromJsonString("2026-06-12T10:00:00Z")
    return found


def line(action: str = "dmp_document.retrieve", **more: Any) -> common_pb2.AuditEntry:
    """A line of the journal: the other doctor opened a document by break-glass."""
    given: dict[str, Any] = {
        "id": LINE,
        "actor_kind": options_pb2.CALLER_KIND_PROFESSIONAL,
        "actor": "899900000029",
        "actor_name": "IDRISS BELLECOMBE",
        "organisation": "399900001100018",
        "action": action,
        "outcome": "permitted",
        "object_id": DOCUMENT,
        "purpose": "bris_de_glace",
        "reason": "coma à domicile",
        "rules": ["L1111-17-I", "consent.BTG"],
    }
    found = common_pb2.AuditEntry(**{**given, **more})
    found.occurred_at.FromJsonString("2026-06-12T10:00:00.250Z")
    return found
