"""What the tests of the policy are given: papers of every kind, and a secret connection."""

from dataclasses import replace
from typing import Any

from chassis.caller import Caller, Purpose
from chassis.testing import NOW, callers
from dmp.domain.documents import Confidentiality, Document, DocumentId, EntryId, Facts, LotId
from dmp.domain.records import PersonId

MASK, PATIENT, REPRESENTATIVES = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"


def secret(caller: Caller) -> Caller:
    """The same caller in a secret connection."""
    return replace(caller, purpose=Purpose.SECRET)


def paper(person: PersonId, *flags: str, type_code: str = "11488-4", **changes: Any) -> Document:
    """A document deposited by the doctor for her structure, with these codes; `changes` replaces the rest."""
    facts = Facts(
        unique_id="urn:oid:1.2.3",
        class_code="10",
        type_code=type_code,
        format_code="urn:ihe:iti:xds-sd:text:2008",
        facility_code="SA01",
        practice_code="ETABLISSEMENT",
        event_codes=(),
        mime_type="text/xml",
        sha1=b"",
        size=1,
        created_at=NOW,
        service_start=NOW,
        service_end=None,
        confidentiality=tuple(Confidentiality(flag) for flag in flags or ("N",)),
        author_ids=(),
        structure_ids=(),
    )
    usual = Document(
        id=DocumentId.new(),
        person_id=person,
        lot_id=LotId.new(),
        entry_id=EntryId.new(),
        facts=facts,
        sealed=b"",
        blob="",
        sha256=b"",
        submitted_at=NOW,
        submitted_by=callers.doctor.subject,
        submitted_for=callers.doctor.organisation,
        changed_at=NOW,
    )
    return replace(usual, **changes)
