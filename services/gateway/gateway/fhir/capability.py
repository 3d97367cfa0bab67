"""CapabilityStatement and SMART configuration: exactly what is there, nothing that is planned."""

from __future__ import annotations

from typing import Any

from . import names, operations

Json = dict[str, Any]
PUBLISHED = "2026-11-22"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
PATIENT_SEARCH = {
    "_id": "token",
    "identifier": "token",
    "family": "string",
    "given": "string",
    "birthdate": "date",
    "gender": "token",
}
PATIENT = """\
Local identities of the caller's structure; for a citizen, themselves and those they represent.
`identifier:of-type` is known; `identifier` alone reads system|value as an INS, never as a billing
number, whose system is the same. `birthdate` may be given twice and takes eq, ge, gt, le, lt, sa, eb;
`_sort` takes one of family, given, birthdate, _lastUpdated. A create verifies the INS it carries at
INSi. An element that is not kept is refused; `Prefer: handling=lenient` leaves it aside."""
DOCUMENT_SEARCH = {
    "patient": "reference",
    "patient.identifier": "token",
    "status": "token",
    "type": "token",
    "category": "token",
    "identifier": "token",
    "date": "date",
    "creation": "date",
}


def capability(base: str, version: str, endpoints: dict[str, str]) -> Json:
    """The CapabilityStatement of this server; `endpoints` are the OAuth addresses."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": PUBLISHED,
        "kind": "instance",
        "name": "Socle",
        "title": "Socle, FHIR R4",
        "fhirVersion": "4.0.1",
        "format": [names.FHIR_JSON, names.FHIR_XML, "json", "xml"],
        "software": {"name": "Socle", "version": version},
        "implementation": {"description": "The FHIR door of the platform", "url": base},
        "implementationGuide": [f"{names.PDSM}/ImplementationGuide/ans.fhir.fr.pdsm"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Unknown parameters are refused; `Prefer: handling=lenient` ignores them.",
                "security": _security(endpoints),
                "resource": [_patient(base), _document(), _binary(), _definitions()],
                "interaction": [
                    {"code": "transaction", "documentation": "ITI-65: a List, documents, bytes."}
                ],
            }
        ],
    }


def _security(endpoints: dict[str, str]) -> Json:
    uris = [
        {"url": "authorize", "valueUri": endpoints["authorization_endpoint"]},
        {"url": "token", "valueUri": endpoints["token_endpoint"]},
    ]
    service = {
        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
        "code": "SMART-on-FHIR",
    }
    return {"extension": [{"url": OAUTH_URIS, "extension": uris}], "service": [{"coding": [service]}]}


def _patient(base: str) -> Json:
    return {
        "type": "Patient",
        "supportedProfile": [names.FR_PATIENT, names.FR_PATIENT_INS],
        "documentation": PATIENT.replace("\n", " "),
        "interaction": _interactions("read", "vread", "history-instance", "search-type", "create"),
        "versioning": "versioned",
        "readHistory": True,
        "conditionalCreate": False,
        "searchParam": _search(PATIENT_SEARCH),
        "operation": [_operation(one, base) for one in operations.OPERATIONS.values()],
    }


def _operation(operation: operations.Operation, base: str) -> Json:
    return {
        "name": operations.code_of(operation),
        "definition": f"{base}/OperationDefinition/{operation.id}",
        "documentation": operation.title,
    }


def _definitions() -> Json:
    return {
        "type": "OperationDefinition",
        "documentation": "The operations of this server; a search gives them all.",
        "interaction": _interactions("read", "search-type"),
        "versioning": "no-version",
    }


def _document() -> Json:
    return {
        "type": "DocumentReference",
        "supportedProfile": [names.PDSM_DOCUMENT, names.PDSM_SIMPLIFIED],
        "documentation": "ITI-67: a search needs the patient and the status. ITI-105: a create has bytes.",
        "interaction": _interactions("read", "search-type", "create"),
        "versioning": "versioned",
        "searchParam": _search(DOCUMENT_SEARCH),
    }


def _binary() -> Json:
    return {
        "type": "Binary",
        "documentation": "ITI-68: the bytes as deposited, or a Binary for who accepts application/fhir+json.",
        "interaction": _interactions("read"),
        "versioning": "no-version",
    }


def _interactions(*codes: str) -> list[Json]:
    return [{"code": code} for code in codes]


def _search(parameters: dict[str, str]) -> list[Json]:
    return [{"name": name, "type": kind} for name, kind in parameters.items()]


def oauth_endpoints(issuer: str) -> dict[str, str]:
    """The addresses of an issuer in Keycloak's URL shape."""
    base = f"{issuer}/protocol/openid-connect"
    return {
        "issuer": issuer,
        "jwks_uri": f"{base}/certs",
        "authorization_endpoint": f"{base}/auth",
        "token_endpoint": f"{base}/token",
    }


def smart_configuration(endpoints: dict[str, str], others: list[str]) -> Json:
    """SMART App Launch 2.2 discovery. The capabilities are those that hold: no launch context, no scope is
    enforced yet.
    """
    return {
        **endpoints,
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "capabilities": ["client-public", "client-confidential-symmetric"],
        # Professionals, citizens and machines have an issuer each; SMART knows one, the others are named
        # here.
        "associated_issuers": others,
    }
