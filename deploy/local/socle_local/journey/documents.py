"""A fictitious clinical document: CDA R2 level 1, a French header around a plain text."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]

from socle_local.personas import DOCTOR, Professional

NAMESPACE = "urn:hl7-org:v3"
# The builder has no types: what it makes is `lxml.etree._Element`.
Node = Any
E: Any = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})
LOINC = "2.16.840.1.113883.6.1"
PROFESSIONALS, STRUCTURES = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
# HL7 France, CI-SIS (ANS), and XDS-SD (IHE): what the document says it conforms to.
TEMPLATES = ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20")
LETTER = """Compte rendu de consultation

Motif : contrôle annuel d'une hypertension artérielle équilibrée.
Examen : tension 128/76, fréquence 68, auscultation sans particularité.
Conclusion : traitement inchangé, prochain contrôle dans douze mois.

Personne, professionnel et établissement sont fictifs.
"""


@dataclass(frozen=True, slots=True)
class Patient:
    """A seeded person: civil-status identity, and the INS (15 characters, OID of its authority)."""

    person_id: str
    birth_name: str
    first_names: tuple[str, ...]
    sex: str
    birth_date: str
    birth_place: str
    matricule: str
    oid: str

    @classmethod
    def seeded(cls, number: int) -> Patient:
        """Person `number` of the seeded registry (from 1), the same on every platform."""
        from identity_ins import seed

        person = seed.person(number)
        traits = person.traits
        return cls(
            person_id=person.id.value,
            birth_name=traits.birth_name,
            first_names=tuple(traits.birth_first_names),
            sex={"M": "male", "F": "female"}[traits.sex.value],
            birth_date=traits.birth_date_text,
            birth_place=traits.birth_place,
            matricule=person.ins.matricule,
            oid=person.ins.oid.value,
        )

    @property
    def traits(self) -> dict[str, object]:
        """The traits as `POST /v1/identities` takes them."""
        return {
            "birth_name": self.birth_name,
            "birth_first_names": list(self.first_names),
            "sex": self.sex,
            "birth_date": self.birth_date,
            "birth_place": self.birth_place,
        }

    @property
    def ins_token(self) -> str:
        """The INS as a FHIR search takes it: `system|value`."""
        return f"urn:oid:{self.oid}|{self.matricule}"


@dataclass(frozen=True, slots=True)
class ClinicalDocument:
    """The bytes of a document and what its producer says of it. Two documents never share `unique_id`."""

    unique_id: str
    content: bytes
    title: str
    type_code: str
    type_label: str
    class_code: str
    class_label: str
    created_at: datetime
    author: Professional

    @property
    def sha1(self) -> bytes:
        """The hash that XDS and FHIR carry."""
        return hashlib.sha1(self.content, usedforsecurity=False).digest()

    @property
    def sha256(self) -> str:
        """In hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def unique_oid() -> str:
    """An OID nobody else has: those under 2.25 are made of a UUID (ITU-T X.667)."""
    return f"2.25.{uuid.uuid4().int}"


def consultation_report(
    patient: Patient, now: datetime, author: Professional = DOCTOR, text: str = LETTER
) -> ClinicalDocument:
    """A consultation report about the patient, written `now` by the author."""
    oid = unique_oid()
    title = "Compte rendu de consultation"
    root = E.ClinicalDocument(
        *_identification(oid, title, now),
        _record_target(patient),
        _author(author, now),
        _custodian(author),
        _legal_authenticator(author, now),
        _service_event(author, now),
        _encounter(author, now),
        _body(text),
    )
    content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return ClinicalDocument(
        unique_id=f"urn:oid:{oid}",
        content=content,
        title=title,
        type_code="11488-4",
        type_label="CR ou fiche de consultation ou de visite",
        class_code="10",
        class_label="Compte rendu",
        created_at=now,
        author=author,
    )


def stamp(moment: datetime) -> str:
    """A CDA time stamp with its offset."""
    return moment.strftime("%Y%m%d%H%M%S%z")


def _identification(oid: str, title: str, now: datetime) -> list[Node]:
    return [
        E.realmCode(code="FR"),
        E.typeId(root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        *(E.templateId(root=template) for template in TEMPLATES),
        E.id(root=oid),
        E.code(code="11488-4", displayName="CR ou fiche de consultation ou de visite", codeSystem=LOINC),
        E.title(title),
        E.effectiveTime(value=stamp(now)),
        E.confidentialityCode(code="N", displayName="Normal", codeSystem="2.16.840.1.113883.5.25"),
        E.languageCode(code="fr-FR"),
        E.setId(root=unique_oid()),
        E.versionNumber(value="1"),
    ]


def _record_target(patient: Patient) -> Node:
    gender = {"female": ("F", "Féminin"), "male": ("M", "Masculin")}[patient.sex]
    name = E.name(
        E.family(patient.birth_name, qualifier="BR"),
        E.given(" ".join(patient.first_names)),
        E.given(patient.first_names[0], qualifier="BR"),
    )
    person = E.patient(
        name,
        E.administrativeGenderCode(code=gender[0], displayName=gender[1], codeSystem="2.16.840.1.113883.5.1"),
        E.birthTime(value=patient.birth_date.replace("-", "")),
        E.birthplace(E.place(E.addr(E.county(patient.birth_place)))),
        classCode="PSN",
    )
    number = E.id(extension=patient.matricule, root=patient.oid)
    return E.recordTarget(
        E.patientRole(number, E.addr(nullFlavor="NASK"), E.telecom(nullFlavor="NASK"), person)
    )


def _person(author: Professional) -> Node:
    return E.assignedPerson(
        E.name(
            E.prefix(author.civility),
            E.given(author.given_name),
            E.family(author.family_name),
            E.suffix(author.exercise_title),
        )
    )


def _organisation(author: Professional, tag: str = "representedOrganization") -> Node:
    structure = author.structure
    identifier = E.id(root=STRUCTURES, extension=structure.id_nat)
    return E(tag, identifier, E.name(structure.name), E.telecom(nullFlavor="NASK"), E.addr(nullFlavor="NASK"))


def _author(author: Professional, now: datetime) -> Node:
    return E.author(
        E.time(value=stamp(now)),
        E.assignedAuthor(
            E.id(root=PROFESSIONALS, extension=author.id_nat),
            E.code(code=f"G15_{author.profession}/{author.know_how}", codeSystem="1.2.250.1.213.1.1.4.5"),
            E.addr(nullFlavor="NASK"),
            E.telecom(nullFlavor="NASK"),
            _person(author),
            _organisation(author),
        ),
    )


def _custodian(author: Professional) -> Node:
    return E.custodian(E.assignedCustodian(_organisation(author, "representedCustodianOrganization")))


def _entity(author: Professional, *more: Node) -> Node:
    return E.assignedEntity(E.id(root=PROFESSIONALS, extension=author.id_nat), _person(author), *more)


def _legal_authenticator(author: Professional, now: datetime) -> Node:
    return E.legalAuthenticator(E.time(value=stamp(now)), E.signatureCode(code="S"), _entity(author))


def _service_event(author: Professional, now: datetime) -> Node:
    return E.documentationOf(
        E.serviceEvent(
            E.effectiveTime(E.low(value=stamp(now))),
            E.performer(_entity(author, _practice(author)), typeCode="PRF"),
        )
    )


def _practice(author: Professional) -> Node:
    """The structure of the act, with the setting that the metadata of a document are derived from."""
    organisation = _organisation(author)
    organisation.append(E.standardIndustryClassCode(code="AMBULATOIRE", codeSystem="1.2.250.1.213.1.1.4.9"))
    return organisation


def _encounter(author: Professional, now: datetime) -> Node:
    facility = E.healthCareFacility(
        E.id(root=STRUCTURES, extension=author.structure.id_nat),
        E.code(code=author.structure.sector, codeSystem="1.2.250.1.71.4.2.4"),
    )
    return E.componentOf(
        E.encompassingEncounter(E.effectiveTime(E.low(value=stamp(now))), E.location(facility))
    )


def _body(text: str) -> Node:
    encoded = base64.b64encode(text.encode()).decode()
    return E.component(E.nonXMLBody(E.text(encoded, mediaType="text/plain", representation="B64")))
