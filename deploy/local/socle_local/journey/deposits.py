"""ITI-65: a lot of documents as a FHIR transaction (profiles PDSm of the ANS on MHD of the IHE)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from socle_local.personas import Professional

from .documents import ClinicalDocument, Patient, unique_oid

Json = dict[str, Any]
URI = "urn:ietf:rfc:3986"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
MHD = "https://profiles.ihe.net/ITI/MHD"
NOS = "https://mos.esante.gouv.fr/NOS"
VISIBILITY = f"{NOS}/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument"
ACTIVITY = f"{NOS}/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite"
PROFESSIONALS, STRUCTURES = "urn:oid:1.2.250.1.71.4.2.1", "urn:oid:1.2.250.1.71.4.2.2"
# The software that sends; under an arc of the samples of the ANS that is given to nobody.
SOURCE = "urn:oid:1.2.250.1.999.1"


@dataclass(frozen=True, slots=True)
class Deposit:
    """Documents about one patient, sent together. The same `unique_id` again is the same lot."""

    patient: Patient
    documents: Sequence[ClinicalDocument]
    unique_id: str = field(default_factory=lambda: f"urn:oid:{unique_oid()}")


def bundle(deposit: Deposit) -> Json:
    """The transaction: one List, then each DocumentReference with its Binary."""
    places = [(f"urn:uuid:{uuid.uuid4()}", f"urn:uuid:{uuid.uuid4()}") for _ in deposit.documents]
    entries = [_entry(f"urn:uuid:{uuid.uuid4()}", _lot(deposit, [reference for reference, _ in places]))]
    for document, (reference, content) in zip(deposit.documents, places, strict=True):
        entries.append(_entry(reference, _reference(document, deposit.patient, content)))
        entries.append(_entry(content, _binary(document)))
    profile = f"{PDSM}/pdsm-comprehensive-provide-document-bundle"
    return {"resourceType": "Bundle", "meta": {"profile": [profile]}, "type": "transaction", "entry": entries}


def _entry(url: str, resource: Json) -> Json:
    request = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": url, "resource": resource, "request": request}


def _lot(deposit: Deposit, references: list[str]) -> Json:
    first = deposit.documents[0]
    organisation = {
        "url": f"{MHD}/StructureDefinition/ihe-authorOrg",
        "valueReference": {"reference": "#org"},
    }
    return {
        "resourceType": "List",
        "meta": {"profile": [f"{PDSM}/pdsm-submissionset-comprehensive"]},
        "contained": _contained(first.author, deposit.patient),
        "extension": [
            {
                "url": f"{MHD}/StructureDefinition/ihe-designationType",
                "valueCodeableConcept": _coded(ACTIVITY, "07"),
            },
            {
                "url": f"{MHD}/StructureDefinition/ihe-sourceId",
                "valueIdentifier": {"system": URI, "value": SOURCE},
            },
        ],
        "identifier": [
            {"use": "usual", "system": URI, "value": deposit.unique_id},
            {"use": "official", "system": URI, "value": f"urn:uuid:{uuid.uuid4()}"},
        ],
        "status": "current",
        "mode": "working",
        "title": f"Lot du {first.created_at:%d/%m/%Y}",
        "code": _coded(f"{MHD}/CodeSystem/MHDlistTypes", "submissionset"),
        "subject": _subject(deposit.patient),
        "date": moment(first.created_at),
        "source": {"reference": "#author", "extension": [organisation]},
        "entry": [{"item": {"reference": reference}} for reference in references],
    }


def _reference(document: ClinicalDocument, patient: Patient, content: str) -> Json:
    normal = _coded("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N", "Normal")
    type_ = _coded("http://loinc.org", document.type_code, document.type_label)
    class_ = _coded(
        f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", document.class_code, document.class_label
    )
    return {
        "resourceType": "DocumentReference",
        "meta": {"profile": [f"{PDSM}/pdsm-comprehensive-document-reference"]},
        "contained": _contained(document.author, patient),
        "extension": [{"url": f"{PDSM}/pdsm-ext-is-archived", "valueBoolean": False}],
        "masterIdentifier": {"system": URI, "value": document.unique_id},
        "identifier": [{"use": "usual", "system": URI, "value": document.unique_id}],
        "status": "current",
        "type": type_,
        "category": [class_],
        "subject": _subject(patient),
        "date": moment(document.created_at),
        "author": [{"reference": "#author"}],
        "authenticator": {"reference": "#author"},
        "custodian": {"reference": "#org"},
        "securityLabel": [normal],
        "content": [_content(document, content)],
        "context": _context(document),
    }


def _content(document: ClinicalDocument, url: str) -> Json:
    return {
        "attachment": {
            "contentType": "text/xml",
            "language": "fr-FR",
            "url": url,
            "size": len(document.content),
            "hash": base64.b64encode(document.sha1).decode(),
            "title": document.title,
            "creation": moment(document.created_at),
        },
        "format": {
            "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
            "code": "urn:ihe:iti:xds-sd:text:2008",
        },
    }


def _context(document: ClinicalDocument) -> Json:
    sector = document.author.structure.sector
    return {
        "period": {"start": moment(document.created_at)},
        "facilityType": _coded(f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", sector),
        "practiceSetting": _coded(f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "AMBULATOIRE"),
        "sourcePatientInfo": {"reference": "#pat"},
    }


def _binary(document: ClinicalDocument) -> Json:
    data = base64.b64encode(document.content).decode()
    return {"resourceType": "Binary", "contentType": "text/xml", "data": data}


def _contained(author: Professional, patient: Patient) -> list[Json]:
    structure = author.structure
    profession = _coded(f"{NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante", author.profession)
    specialty = _coded(f"{NOS}/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale", author.know_how)
    return [
        {
            "resourceType": "Practitioner",
            "id": "ps",
            "identifier": [{"system": PROFESSIONALS, "value": author.id_nat}],
            "name": [{"family": author.family_name, "given": [author.given_name]}],
        },
        {
            "resourceType": "Organization",
            "id": "org",
            "identifier": [{"system": STRUCTURES, "value": structure.id_nat}],
            "name": structure.name,
        },
        {
            "resourceType": "PractitionerRole",
            "id": "author",
            "practitioner": {"reference": "#ps"},
            "organization": {"reference": "#org"},
            "code": [profession],
            "specialty": [specialty],
        },
        _patient(patient),
    ]


def _patient(patient: Patient) -> Json:
    return {
        "resourceType": "Patient",
        "id": "pat",
        "identifier": [_subject(patient)["identifier"]],
        "name": [{"use": "official", "family": patient.birth_name, "given": [patient.first_names[0]]}],
        "gender": patient.sex,
        "birthDate": patient.birth_date,
    }


def _subject(patient: Patient) -> Json:
    return {"identifier": {"system": f"urn:oid:{patient.oid}", "value": patient.matricule}}


def _coded(system: str, code: str, display: str = "") -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def moment(at: datetime) -> str:
    """A FHIR dateTime to the second, with its offset."""
    return at.isoformat(timespec="seconds")
