"""CapabilityStatement and SMART configuration: exactly what is there, nothing that is planned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import (
    audit_search,
    dispense_search,
    document_search,
    lot_search,
    medicine,
    names,
    operations,
    patch,
    prescription_search,
    task_definitions,
)

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
REQUESTS = ("MedicationRequest", "DeviceRequest")
SERVER = (
    "Unknown parameters are refused; `Prefer: handling=lenient` ignores them. Whether a person has a DMP "
    "(TD0.2): GET dmp/Patient?identifier=system|INS."
)
TRANSACTION = (
    "ITI-65: a List, documents, their bytes, folders; a PATCH of status goes with the replacement it is of."
)
BINARY = "ITI-68: the bytes as deposited, or a Binary for who accepts application/fhir+json."
PATIENT = """\
Local identities of the caller's structure; for a citizen, themselves and those they represent.
`identifier:of-type` is known; `identifier` alone reads system|value as an INS, never as a billing
number, whose system is the same. `birthdate` may be given twice and takes eq, ge, gt, le, lt, sa, eb;
`_sort` takes one of family, given, birthdate, _lastUpdated. A create verifies the INS it carries at
INSi. An element that is not kept is refused; `Prefer: handling=lenient` leaves it aside."""
DOCUMENT = """\
ITI-67: a search needs the patient and the status. ITI-105: a create has its bytes in attachment.data.
`_sort` takes one of {sorts}; `_count` is at most 100. `:identifier` is known of author, related, relatesto
and patient; codes are searched with or without their system. Dates take eq, ge, gt, le, lt, sa, eb. A patch
changes status, securityLabel or isArchived, and nothing else; `If-Match` is honoured; by its patient and
identifier a document can be patched without its id."""
LOT = """\
ITI-66: a search needs the patient, the code (submissionset or folder) and the status. `_lastUpdated` is when
this server stored the lot: poll with it, `_sort=_lastUpdated`. A change of metadata is a lot too.
`_sort` takes one of {sorts}. A List is created in a transaction only."""
TASK = """\
A prescription on its way: its operations, after the German model. A search needs the patient, the number
(group-identifier), requester=me or owner=me. Access codes and secrets come in bodies alone. A Task may be
read by its number."""
REQUEST = """\
One line of a prescription; all lines have one groupIdentifier. Written by Task/$create. A search needs the
patient, the number (group-identifier) or requester=me; `_count` counts prescriptions, whose lines stay
together."""
DISPENSE = """\
What a pharmacist did about one line; recorded by Task/$dispense. A search needs the patient (the dispensing
history), the prescription (a MedicationRequest) or the number (group-identifier)."""
MEDICATION = (
    "The medicines base: a search by code (CIS, CIP13) or by name, one page, at most 100; the id is the CIS."
)


AUDIT = """\
The access journal of a patient, for its holder and for auditors: a search needs the patient. `subtype` is a
REST interaction, a transaction of IHE or an action of this platform. Dates take eq, ge, gt, le, lt, sa, eb.
`_sort` takes one of {sorts}. Events are written by this server alone."""


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
        "patchFormat": [patch.JSON_PATCH, patch.XML_PATCH, names.FHIR_JSON, names.FHIR_XML],
        "software": {"name": "Socle", "version": version},
        "implementation": {"description": "The FHIR door of the platform", "url": base},
        "implementationGuide": [f"{names.PDSM}/ImplementationGuide/ans.fhir.fr.pdsm"],
        "rest": [
            {
                "mode": "server",
                "documentation": SERVER,
                "security": _security(endpoints),
                "resource": [
                    _patient(base),
                    _document(),
                    _lot(),
                    _binary(),
                    _audit(),
                    _task(base),
                    *_prescribed(),
                    _definitions(),
                ],
                "interaction": [{"code": "transaction", "documentation": TRANSACTION}],
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
        "documentation": _told(DOCUMENT, document_search.SORTS),
        "interaction": _interactions("read", "search-type", "create", "patch"),
        "versioning": "versioned",
        "conditionalCreate": False,
        "conditionalUpdate": True,
        "searchInclude": [document_search.INCLUDE],
        "searchParam": _search(document_search.PARAMETERS),
    }


def _lot() -> Json:
    return {
        "type": "List",
        "supportedProfile": [names.PDSM_LOT, names.PDSM_FOLDER],
        "documentation": _told(LOT, lot_search.SORTS),
        "interaction": _interactions("read", "search-type"),
        "versioning": "versioned",
        "searchInclude": [lot_search.INCLUDE],
        "searchParam": _search(lot_search.PARAMETERS),
    }


def _audit() -> Json:
    return {
        "type": "AuditEvent",
        "documentation": _told(AUDIT, audit_search.ORDERS),
        "interaction": _interactions("read", "search-type"),
        "versioning": "no-version",
        "searchParam": _search(audit_search.PARAMETERS),
    }


def _task(base: str) -> Json:
    task = _listed("Task", TASK, prescription_search.PARAMETERS["Task"])
    return task | {"operation": [_operation(one, base) for one in task_definitions.OPERATIONS.values()]}


def _prescribed() -> list[Json]:
    requests = [_listed(kind, REQUEST, prescription_search.PARAMETERS[kind]) for kind in REQUESTS]
    dispense = _listed("MedicationDispense", DISPENSE, dispense_search.PARAMETERS)
    medication = _listed("Medication", MEDICATION, medicine.PARAMETERS)
    return [*requests, dispense, medication]


def _listed(kind: str, text: str, searched: dict[str, str]) -> Json:
    return {
        "type": kind,
        "documentation": text.replace("\n", " "),
        "interaction": _interactions("read", "search-type"),
        "versioning": "no-version",
        "searchParam": _search(searched),
    }


def _told(text: str, sorts: Iterable[str]) -> str:
    return text.replace("\n", " ").format(sorts=", ".join(sorts))


def _binary() -> Json:
    return {
        "type": "Binary",
        "documentation": BINARY,
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
