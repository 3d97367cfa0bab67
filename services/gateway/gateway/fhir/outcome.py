"""XDS error codes (IHE ITI TF-3, table 4.2.4.1-2) beside the platform's own, where the national profiles give
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
SYSTEM = "urn:x-socle:xds-error"
# Reason of the platform -> XDS code. A service that knows a more precise one names it among its rules.
XDS = {
    "PERSON_UNKNOWN": "XDSUnknownPatientId",
    "RECORD_NOT_FOUND": "XDSUnknownPatientId",
    "DOCUMENT_HASH_MISMATCH": "XDSNonIdenticalHash",
    "DOCUMENT_SIZE_MISMATCH": "XDSRegistryMetadataError",
    "DEPOSIT_REFUSED": "XDSRegistryMetadataError",
    "FHIR_INVALID": "XDSRegistryMetadataError",
    "MALFORMED_REQUEST": "XDSRegistryMetadataError",
    "SAME_IDENTIFIER_TWICE": "XDSDuplicateUniqueIdInRegistry",
    "WRONG_SEARCH_PARAMETER": "XDSStoredQueryMissingParam",
}


def with_xds_codes(outcome: Json, rules: Sequence[str] = ()) -> Json:
    """Adds the XDS code of each issue to its details, when there is one."""
    named = next((rule for rule in rules if rule.startswith("XDS")), "")
    for issue in outcome["issue"]:
        codings = issue["details"].get("coding", [])
        found = [named or XDS.get(one.get("code", ""), "") for one in codings]
        codings.extend({"system": SYSTEM, "code": code} for code in found if code)
    return outcome
