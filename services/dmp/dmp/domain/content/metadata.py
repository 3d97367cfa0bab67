"""The metadata of a CDA from its own header, for a producer that writes none (ITI-106).

Source: ANS, CI-SIS, volet Partage de documents de santé (CDA to XDS metadata).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from chassis.errors import Violation
from dmp.domain import terminology
from dmp.domain.documents import LEVELS, Author, Coding, Confidentiality, Entry

from . import bounds, cda, formats, sniffing
from .cda import Act, Coded, Header, Party, place
from .errors import CdaHeaderIncomplete

FORMATS = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
NOS = "https://mos.esante.gouv.fr/NOS"
OID = "urn:oid:"
# Code systems by OID, in the URI that FHIR gives them; any other stays an OID.
SYSTEMS = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "1.2.250.1.213.1.1.4.12": f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire",
    "1.2.250.1.71.4.2.4": f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite",
    "1.2.250.1.213.1.1.4.9": f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice",
}
NONE = Coding("")


def generate(content: bytes, field: str = "content") -> Entry:
    """What the header says, with the hash and the size of the bytes and the class of the type (ASS_X04).

    Relations are left to the producer: a header names what it replaces anywhere, metadata what they replace
    in one record. The patient and the enclosed file are not looked at: a deposit examines both.
    Raises CdaNotReadable, or CdaHeaderIncomplete with a violation for each missing element.
    """
    bounds.check_cda(content, field)
    header = cda.read(bounds.tree(content))
    act = header.acts[0] if header.acts else Act()
    missing = list(_missing(header, act, field))
    if missing or header.created is None or act.start is None:
        raise CdaHeaderIncomplete(violations=missing, field=field)
    entry = Entry(
        unique_id=header.unique_id,
        category=_class_of(header.code.code),
        type=_coding(header.code),
        format=Coding(formats.told_by(header.enclosed_type, header.templates), FORMATS),
        mime_type=sniffing.CDA,
        sha1=hashlib.sha1(content, usedforsecurity=False).digest(),
        size=len(content),
        title=header.title,
        created_at=header.created.first,
        service_start=act.start.first,
        authors=tuple(map(_author, header.authors)),
        confidentiality=(Confidentiality(header.confidentiality),),
        facility=_coding(header.facility),
        practice_setting=_coding(act.practice),
    )
    return _with_the_rest(entry, header, act)


def _with_the_rest(entry: Entry, header: Header, act: Act) -> Entry:
    """What a header may leave out."""
    return replace(
        entry,
        language=header.language,
        service_end=act.end.first if act.end else None,
        authenticator=_author(header.authenticator) if header.authenticator else None,
        custodian=_author(header.custodian) if header.custodian else None,
        events=tuple(_coding(one.code) for one in header.acts if one.code),
    )


def _missing(header: Header, act: Act, field: str) -> Iterator[Violation]:
    """What metadata need: more than an examined document has, since there a producer gives the rest."""
    format_code = formats.told_by(header.enclosed_type, header.templates)
    main = "documentationOf/serviceEvent"
    needed = {
        "id/@root": header.unique_id,
        "code/@code": header.code.code,
        "title": header.title,
        "effectiveTime/@value": header.created,
        "confidentialityCode/@code": header.confidentiality in set(LEVELS),
        "author/assignedAuthor": header.authors,
        f"{main}/effectiveTime/low/@value": act.start,
        f"{main}/performer//standardIndustryClassCode/@code": act.practice,
        "componentOf//healthCareFacility/code/@code": header.facility,
        "component/nonXMLBody/text/@mediaType": format_code,
    }
    for where, value in needed.items():
        if not value:
            yield Violation(field, f"{place(where)} is missing or cannot be read")


def _class_of(type_code: str) -> Coding:
    """Nothing for a type that no document of a record has: a deposit says so of the type itself."""
    code = terminology.class_of(type_code)
    return Coding(code, terminology.CLASS_SYSTEM, terminology.CLASSES[code]) if code else NONE


def _coding(coded: Coded | None) -> Coding:
    if coded is None:
        return NONE
    system = SYSTEMS.get(coded.system) or (f"{OID}{coded.system}" if coded.system else "")
    return Coding(coded.code, system, coded.label)


def _author(party: Party) -> Author:
    return Author(
        professional=party.professional,
        family_name=party.family_name,
        given_name=party.given_name,
        organisation=party.organisation,
        organisation_name=party.organisation_name,
        role=_coding(party.role) if party.role else None,
        specialty=_coding(party.specialty) if party.specialty else None,
    )
