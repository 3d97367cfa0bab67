"""XDS error codes (IHE ITI TF-3, table 4.2.4.1-2) and MHD warnings (ITI-65) beside the platform's own, where
the national profiles give one.

IHE publishes these codes as words, without the address of a code system: the system is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from chassis.errors import SocleError

from .faults import Fault, Notice

Json = dict[str, Any]
SYSTEM = "urn:x-socle:xds-error"
OWN = "urn:socle:error"
# Reason of the platform -> code. A service that knows a more precise one names it among its rules, and a
# fault that has one of its own goes before both.
XDS = {
    "PERSON_UNKNOWN": "XDSUnknownPatientId",
    "RECORD_NOT_FOUND": "XDSUnknownPatientId",
    "DOCUMENT_HASH_MISMATCH": "XDSNonIdenticalHash",
    "DOCUMENT_SIZE_MISMATCH": "XDSRegistryMetadataError",
    "DEPOSIT_REFUSED": "XDSRegistryMetadataError",
    "FHIR_INVALID": "XDSRegistryMetadataError",
    "MALFORMED_REQUEST": "XDSRegistryMetadataError",
    "SAME_IDENTIFIER_TWICE": "XDSDuplicateUniqueIdInRegistry",
    "DUPLICATE_LOT": "XDSDuplicateUniqueIdInRegistry",
    "DUPLICATE_DOCUMENT": "XDSNonIdenticalHash",
    "REPLACED_DOCUMENT_NOT_THERE": "XDSReplaceFailed",
    "DOCUMENT_ALREADY_REPLACED": "XDSReplaceFailed",
    "DOCUMENT_REPLACED_MEANWHILE": "XDSReplaceFailed",
    "RELATED_DOCUMENT_NOT_THERE": "XDSMissingDocument",
    "MISSING_SEARCH_PARAMETER": "XDSStoredQueryMissingParam",
    "FHIR_DOCUMENT_NOT_SUPPORTED": "FHIRDocumentNotSupported",
}


def with_xds_codes(outcome: Json, error: SocleError) -> Json:
    """Adds the XDS code of each issue to its details, when there is one."""
    named = next((rule for rule in error.rules if rule.startswith("XDS")), "")
    for issue, violation in zip_longest(outcome["issue"], error.violations):
        codings = issue["details"].get("coding", [])
        own = violation.code if isinstance(violation, Fault) else ""
        found = [own or named or XDS.get(one.get("code", ""), "") for one in codings]
        codings.extend({"system": SYSTEM, "code": code} for code in found if code)
    return outcome


def warnings(notices: Sequence[Notice]) -> Json:
    """An outcome of what was left aside."""
    return {"resourceType": "OperationOutcome", "issue": [_warning(one) for one in notices]}


def _warning(notice: Notice) -> Json:
    # The names of MHD begin with what is partial or unknown; the others are ours.
    system = OWN if notice.code == "ExtensionNotKept" else SYSTEM
    return {
        "severity": "warning",
        "code": "not-supported",
        "details": {"coding": [{"system": system, "code": notice.code}], "text": notice.text},
        "diagnostics": f"{notice.at} {notice.text}.",
        "expression": [notice.at],
    }
