"""The header of a CDA R2, as data.

Source: ANS, CI-SIS, volet Structuration minimale de documents de santé; HL7 CDA R2.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from . import bounds
from .errors import EnclosedFileNotReadable
from .moments import Span, span_of

V3 = {"v": bounds.NAMESPACE}
# INS of a NIR and a NIA, then the test and demonstration ones.
INS_AUTHORITIES = frozenset(f"1.2.250.1.213.1.4.{n}" for n in (8, 9, 10, 11))
PROFESSIONALS, STRUCTURES = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
UUID_URN, ARC = "urn:uuid:", "urn:oid:2.25."
BODY = "v:component/v:nonXMLBody/v:text"
ACT = "v:documentationOf/v:serviceEvent"
PRACTICE = "v:performer/v:assignedEntity/v:representedOrganization/v:standardIndustryClassCode"
FACILITY = "v:componentOf/v:encompassingEncounter/v:location/v:healthCareFacility/v:code"


@dataclass(frozen=True, slots=True)
class Coded:
    code: str
    system: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Ins:
    """A matricule with its key, and the OID of its authority; never printed."""

    matricule: str
    oid: str


@dataclass(frozen=True, slots=True, repr=False)
class HeaderPatient:
    """The patient as the producer knew them; what the header leaves out is empty. Never printed."""

    ins: Ins | None
    birth_name: str
    # As they are written: a list may stand in one text.
    first_names: tuple[str, ...]
    # M, F, or empty.
    sex: str
    # YYYY-MM-DD, YYYY-MM or YYYY.
    birth_date: str
    # COG code.
    birth_place: str
    used_name: str = ""
    used_first_name: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """What an INS is made of beside its number and the header does not say (INS reference, 2.2).

        The place of birth is not asked for: an INS may be given without one.
        """
        said = {
            "birth_name": self.birth_name,
            "birth_first_names": self.first_names,
            "sex": self.sex,
            "birth_date": self.birth_date,
        }
        return tuple(name for name, value in said.items() if not value)


@dataclass(frozen=True, slots=True, repr=False)
class Party:
    """A professional and the structure they worked for, or a structure alone."""

    professional: str = ""
    family_name: str = ""
    given_name: str = ""
    organisation: str = ""
    organisation_name: str = ""
    specialty: Coded | None = None
    role: Coded | None = None
    at: Span | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What is documented; the first of a document is its main act."""

    code: Coded | None = None
    start: Span | None = None
    end: Span | None = None
    # Setting of whoever performed it (TRE_A01).
    practice: Coded | None = None


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The file of a level 1 document."""

    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Header:
    """What stands before the body; an absent element is empty or None. Never printed: it names a patient."""

    # URN of the identifier as it is written, and each by which it may be told; empty without one.
    unique_id: str
    ids: frozenset[str]
    set_id: str
    version: str
    code: Coded
    title: str
    created: Span | None
    confidentiality: str
    language: str
    templates: tuple[str, ...]
    patient: HeaderPatient
    authors: tuple[Party, ...]
    custodian: Party | None
    authenticator: Party | None
    acts: tuple[Act, ...]
    # Kind of the place of care (TRE_R02).
    facility: Coded | None
    # Those it replaces (RPLC) and completes (APND), each by the URN of it.
    replaces: tuple[frozenset[str], ...]
    appends: tuple[frozenset[str], ...]
    # Of the file of a level 1 document; empty for one of level 3.
    enclosed_type: str


def read(root: etree._Element) -> Header:
    """The header of a document; what is absent is left empty, nothing is refused here."""
    body = root.find(BODY, V3)
    unique_id = _urn(root.find("v:id", V3))
    return Header(
        unique_id=unique_id,
        ids=spellings(unique_id),
        set_id=_urn(root.find("v:setId", V3)),
        version=_at(root, "v:versionNumber", "value"),
        code=_coded(root.find("v:code", V3)) or Coded(""),
        title=_text(root, "v:title"),
        created=span_of(_at(root, "v:effectiveTime", "value")),
        confidentiality=_at(root, "v:confidentialityCode", "code"),
        language=_at(root, "v:languageCode", "code"),
        templates=tuple(one.get("root", "") for one in root.findall("v:templateId", V3)),
        patient=patient_of(root),
        authors=tuple(_authors(root)),
        custodian=_party(root.find("v:custodian", V3)),
        authenticator=_party(root.find("v:legalAuthenticator", V3)),
        acts=tuple(map(_act, root.findall(ACT, V3))),
        facility=_coded(root.find(FACILITY, V3)),
        replaces=tuple(_related(root, "RPLC")),
        appends=tuple(_related(root, "APND")),
        enclosed_type=body.get("mediaType", "") if body is not None else "",
    )


def enclosed(root: etree._Element, field: str) -> Enclosed | None:
    """The file of a level 1 document, None for a level 3 one; raises EnclosedFileNotReadable."""
    body = root.find(BODY, V3)
    if body is None:
        return None
    written = "".join(str(part) for part in body.itertext())
    if body.get("representation", "TXT") != "B64":
        return Enclosed(body.get("mediaType", ""), written.encode())
    try:
        # White space may stand anywhere in it; any other stranger is a fault, not something to skip.
        content = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        hint = f"{place('component/nonXMLBody/text')} must be base64 in whole (representation B64)."
        raise EnclosedFileNotReadable(field=field, hint=hint) from None
    return Enclosed(body.get("mediaType", ""), content)


def place(path: str) -> str:
    """The XPath of a part of the header, for an error."""
    return f"/ClinicalDocument/{path}"


def patient_of(root: etree._Element) -> HeaderPatient:
    """The patient of the first recordTarget; a CDA about several is none of a personal record."""
    role = root.find("v:recordTarget/v:patientRole", V3)
    if role is None:
        return HeaderPatient(None, "", (), "", "", "")
    name = role.find("v:patient/v:name", V3)
    sex = _at(role, "v:patient/v:administrativeGenderCode", "code")
    born = span_of(_at(role, "v:patient/v:birthTime", "value"))
    return HeaderPatient(
        ins=_ins(role),
        birth_name=_named(name, "family", "BR"),
        first_names=_first_names(name),
        sex=sex if sex in ("M", "F") else "",
        birth_date=born.date_text if born else "",
        birth_place=_text(role, "v:patient/v:birthplace/v:place/v:addr/v:county"),
        used_name=_named(name, "family", "CL"),
        used_first_name=_named(name, "given", "CL"),
    )


def _ins(role: etree._Element) -> Ins | None:
    for one in role.findall("v:id", V3):
        if one.get("root") in INS_AUTHORITIES and one.get("extension"):
            return Ins("".join(one.get("extension", "").split()).upper(), one.get("root", ""))
    return None


def _first_names(name: etree._Element | None) -> tuple[str, ...]:
    """The list of the birth record, or the first of it where the list is not told."""
    if name is None:
        return ()
    listed = [_inner(one) for one in name.findall("v:given", V3) if not one.get("qualifier")]
    return tuple(filter(None, listed)) or tuple(filter(None, (_named(name, "given", "BR"),)))


def _named(name: etree._Element | None, tag: str, qualifier: str) -> str:
    if name is None:
        return ""
    found = (one for one in name.findall(f"v:{tag}", V3) if qualifier in one.get("qualifier", "").split())
    return next(map(_inner, found), "")


def _urn(one: etree._Element | None) -> str:
    """The URN of an instance identifier: its root alone, or followed by its extension where it is an OID."""
    if one is None:
        return ""
    root, extension = one.get("root", "").strip(), one.get("extension", "").strip()
    try:
        return f"urn:uuid:{UUID(root)}"
    except ValueError:
        whole = f"{root}.{extension}" if extension else root
        return f"urn:oid:{whole}" if OID.fullmatch(whole) else ""


def spellings(urn: str) -> frozenset[str]:
    """Each URN of one identifier: a UUID is told in lower case, and as the OID under 2.25 (ITU-T X.667)."""
    if urn.startswith(UUID_URN):
        return frozenset({urn, f"{ARC}{UUID(urn.removeprefix(UUID_URN)).int}"})
    last = urn.removeprefix(ARC)
    small = urn.startswith(ARC) and last.isdecimal() and len(last) <= 39 and int(last) < 1 << 128
    return frozenset(filter(None, (urn, f"{UUID_URN}{UUID(int=int(last))}" if small else "")))


def _related(root: etree._Element, kind: str) -> Iterator[frozenset[str]]:
    for one in root.findall("v:relatedDocument", V3):
        if one.get("typeCode") == kind:
            yield spellings(_urn(one.find("v:parentDocument/v:id", V3)))


def _act(one: etree._Element) -> Act:
    time = one.find("v:effectiveTime", V3)
    return Act(
        code=_coded(one.find("v:code", V3)),
        start=span_of(_at(time, "v:low", "value") or (time.get("value", "") if time is not None else "")),
        end=span_of(_at(time, "v:high", "value")),
        practice=_coded(one.find(PRACTICE, V3)),
    )


def _authors(root: etree._Element) -> Iterator[Party]:
    for one in root.findall("v:author", V3):
        party = _party(one)
        if party is not None:
            yield party


def _party(one: etree._Element | None) -> Party | None:
    """An author, authenticator or custodian: whichever of the entities of CDA it is made of."""
    if one is None:
        return None
    entity = next(
        (e for tag in ("Author", "Entity", "Custodian") for e in one.findall(f"v:assigned{tag}", V3)), one
    )
    structure = next((e for e in entity if e.tag in STRUCTURE_TAGS), None)
    name = entity.find("v:assignedPerson/v:name", V3)
    return Party(
        professional=_id(entity, PROFESSIONALS),
        family_name=_text(name, "v:family"),
        given_name=_text(name, "v:given"),
        organisation=_id(structure, STRUCTURES),
        organisation_name=_text(structure, "v:name"),
        specialty=_coded(entity.find("v:code", V3)),
        role=_coded(one.find("v:functionCode", V3)),
        at=span_of(_at(one, "v:time", "value")),
    )


STRUCTURE_TAGS = frozenset(
    f"{{{bounds.NAMESPACE}}}represented{kind}Organization" for kind in ("", "Custodian")
)


def _id(one: etree._Element | None, root: str) -> str:
    found = one.findall("v:id", V3) if one is not None else []
    return next((e.get("extension", "") for e in found if e.get("root") == root), "")


def _coded(one: etree._Element | None) -> Coded | None:
    if one is None or not one.get("code"):
        return None
    return Coded(one.get("code", ""), one.get("codeSystem", ""), one.get("displayName", ""))


def _at(one: etree._Element | None, path: str, name: str) -> str:
    found = one.find(path, V3) if one is not None else None
    return found.get(name, "").strip() if found is not None else ""


def _text(one: etree._Element | None, path: str) -> str:
    found = one.find(path, V3) if one is not None else None
    return _inner(found) if found is not None else ""


def _inner(one: etree._Element) -> str:
    return " ".join("".join(str(part) for part in one.itertext()).split())
