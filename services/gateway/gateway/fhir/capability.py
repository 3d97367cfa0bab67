"""CapabilityStatement and SMART configuration: exactly what is there, nothing that is planned."""

from __future__ import annotations

from typing import Any

from . import names

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
        "format": [names.FHIR_JSON, "json"],
        "software": {"name": "Socle", "version": version},
        "implementation": {"description": "The FHIR door of the platform", "url": base},
        "implementationGuide": [f"{names.PDSM}/ImplementationGuide/ans.fhir.fr.pdsm"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Unknown parameters are refused; `Prefer: handling=lenient` ignores them.",
                "security": _security(endpoints),
                "resource": [_patient(), _document(), _binary()],
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


def _patient() -> Json:
    return {
        "type": "Patient",
        "supportedProfile": [names.FR_PATIENT, names.FR_PATIENT_INS],
        "interaction": _interactions("read", "search-type"),
        "versioning": "versioned",
        "searchParam": _search(PATIENT_SEARCH),
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
