"""The header that both documents share (CI-SIS, structuration minimale)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from eprescription.domain.content import Prescriber

from . import codes
from .build import Child, Element, code, el, part_id, stamp, templates
from .patient import Patient

SEXES = {"M": "Masculin", "F": "Féminin"}
LEVELS = {"N": "Normal", "R": "Restreint"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a document is."""

    # Code and label (LOINC).
    type: tuple[str, str]
    templates: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True, repr=False)
class Heading:
    """What stands before the body; never printed, it names a patient."""

    kind: Kind
    # UUID.
    document: str
    created_at: datetime
    patient: Patient
    author: Prescriber
    # N, R.
    level: str = "N"


def of_document(heading: Heading) -> Iterator[Element]:
    """Identification: from the realm to the patient."""
    kind, label = heading.kind, LEVELS[heading.level]
    yield el("realmCode", code="FR")
    yield el("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    yield from templates(codes.HL7_FRANCE, codes.CI_SIS, *kind.templates[:-1])
    yield el("templateId", root=kind.templates[-1], extension=codes.VERSION)
    yield el("id", root=heading.document.upper())
    yield code(codes.LOINC, *kind.type)
    yield el("title", kind.title)
    yield el("effectiveTime", value=stamp(heading.created_at))
    yield code(codes.CONFIDENTIALITY, heading.level, label, tag="confidentialityCode")
    yield el("languageCode", code="fr-FR")
    yield el("setId", root=part_id(heading.document, "set"))
    yield el("versionNumber", value="1")
    yield _patient(heading.patient)


def _patient(patient: Patient) -> Element:
    number = (
        el("id", extension=patient.ins, root=patient.ins_oid) if patient.ins else el("id", nullFlavor="UNK")
    )
    return el(
        "recordTarget",
        el(
            "patientRole",
            number,
            el("addr", nullFlavor="NAV"),
            el("telecom", nullFlavor="NAV"),
            el(
                "patient",
                _name(patient),
                _sex(patient.sex),
                el("birthTime", value=patient.birth_date.replace("-", ""))
                if patient.birth_date
                else el("birthTime", nullFlavor="UNK"),
                _birthplace(patient.birth_place),
                classCode="PSN",
            ),
        ),
    )


def _name(patient: Patient) -> Element:
    return el(
        "name",
        el("family", patient.birth_name, qualifier="BR"),
        el("given", " ".join(patient.first_names)),
        el("given", patient.first_names[0], qualifier="BR") if patient.first_names else None,
        el("family", patient.used_name, qualifier="CL") if patient.used_name else None,
        el("given", patient.used_first_name, qualifier="CL") if patient.used_first_name else None,
    )


def _sex(sex: str) -> Element:
    if sex not in SEXES:
        return el("administrativeGenderCode", nullFlavor="UNK")
    return code(codes.GENDERS, sex, SEXES[sex], tag="administrativeGenderCode")


def _birthplace(cog: str) -> Element | None:
    return el("birthplace", el("place", el("addr", el("county", cog)))) if cog else None


def speciality_code(of: Prescriber) -> str:
    """Profession and know-how (JDV of CI-SIS): G15_10/SM26; empty without a profession."""
    know_how = f"/{of.know_how[0]}" if of.know_how else ""
    return f"G15_{of.profession}{know_how}" if of.profession else ""


def speciality(of: Prescriber) -> Element:
    known = speciality_code(of)
    if not known:
        return el("code", nullFlavor="UNK")
    return code(codes.SPECIALITIES, known, codes.PROFESSIONS.get(of.profession, known))


def named(name: str) -> tuple[str, str]:
    """The family and the given name of one text that begins with the given one.

    What is in capitals at its end is the family name; where all or nothing is, the given name is one word.
    """
    words = name.split()
    capitals = len(list(takewhile(str.isupper, reversed(words))))
    usual = min(1, len(words) - 1) if words else 0
    cut = len(words) - capitals if 0 < capitals < len(words) else usual
    return " ".join(words[cut:]), " ".join(words[:cut])


def person(name: str, tag: str = "assignedPerson") -> Element:
    family, given = named(name)
    if not family:
        return el(tag, el("name", nullFlavor="UNK"))
    return el(tag, el("name", el("given", given) if given else None, el("family", family)))


def structure(id: str, tag: str, *more: Child) -> Element:
    """A structure is known here by its identifier; its name is in the national directory."""
    known = el("id", root=codes.STRUCTURES, extension=id) if id else el("id", nullFlavor="UNK")
    return el(tag, known, el("name", nullFlavor="UNK"), *more)


def professional(of: Prescriber) -> Iterator[Element]:
    """The parts of any role that a professional plays."""
    yield el("id", root=codes.PROFESSIONALS, extension=of.id)
    yield speciality(of)
    yield el("addr", nullFlavor="NAV")
    yield el("telecom", nullFlavor="NAV")
    yield person(of.name)


def author(of: Prescriber, at: datetime) -> Element:
    assigned = el(
        "assignedAuthor",
        *professional(of),
        structure(of.organisation, "representedOrganization"),
        classCode="ASSIGNED",
    )
    return el("author", el("time", value=stamp(at)), assigned, typeCode="AUT", contextControlCode="OP")


def custodian(organisation: str) -> Element:
    kept = structure(organisation, "representedCustodianOrganization")
    return el("custodian", el("assignedCustodian", kept))


def authenticator(of: Prescriber, at: datetime, setting: str) -> Element:
    """Who answers for the document: whoever did what it tells."""
    return el(
        "legalAuthenticator",
        el("time", value=stamp(at)),
        el("signatureCode", code="S"),
        entity(of, setting),
    )


def entity(of: Prescriber, setting: str) -> Element:
    where = structure(of.organisation, "representedOrganization", practice(setting))
    return el("assignedEntity", *professional(of), where)


def practice(sector: str) -> Element:
    """Setting of whoever performed the act (TRE_A01), told by the kind of their structure."""
    known = (
        ("ETABLISSEMENT", "Etablissement") if sector in codes.HOSPITALS else ("AMBULATOIRE", "Ambulatoire")
    )
    return code(codes.PRACTICES, *known, tag="standardIndustryClassCode")


def encounter(organisation: str, sector: str, ended: str) -> Element:
    """Where and until when the person was seen."""
    facility = el(
        "healthCareFacility",
        el("id", root=codes.STRUCTURES, extension=organisation) if organisation else None,
        code(codes.SECTORS, sector, codes.SECTOR_NAMES.get(sector, "")),
    )
    return el(
        "componentOf",
        el(
            "encompassingEncounter",
            code(codes.ACTS, "AMB", "Ambulatoire (hors établissement)"),
            el("effectiveTime", el("high", value=ended)),
            el("location", facility),
        ),
    )
