"""CDA documents that the tests make: a French header around a file or sections. All persons fictitious."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from chassis.testing import callers
from dmp import domain
from dmp.domain import Item

from .dmp_given import EARLIER, entry

INS = ("279035121518989", "1.2.250.1.213.1.4.10")
LEVEL_1, SYNTHESIS = "1.3.6.1.4.1.19376.1.2.20", "1.2.250.1.213.1.1.1.13"
PATIENT = """
    <name><family qualifier="BR">PAT-TROIS</family><given>DOMINIQUE MARIE-LOUISE</given>
      <given qualifier="BR">DOMINIQUE</given><family qualifier="CL">MARTIN</family></name>
    <administrativeGenderCode code="F"/><birthTime value="19790328"/>
    <birthplace><place><addr><county>51215</county></addr></place></birthplace>"""
ACT = """
  <documentationOf><serviceEvent><code code="ZBQK002" codeSystem="1.2.250.1.213.2.5"/>
    <effectiveTime><low value="20260503093000+0200"/><high value="20260503094500+0200"/></effectiveTime>
    <performer typeCode="PRF"><assignedEntity><representedOrganization>
      <standardIndustryClassCode code="AMBULATOIRE" codeSystem="1.2.250.1.213.1.1.4.9"/>
    </representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>"""
PLACE = """
  <componentOf><encompassingEncounter><location><healthCareFacility>
    <code code="SA01" codeSystem="1.2.250.1.71.4.2.4" displayName="Etablissement public de santé"/>
  </healthCareFacility></location></encompassingEncounter></componentOf>"""
SECTIONS = """<structuredBody><component><section><title>Motif</title>
    <text><paragraph>Contrôle annuel</paragraph></text></section></component></structuredBody>"""


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")


def enclosing(content: bytes, mime_type: str = "text/plain") -> str:
    """The body of a level 1 document."""
    encoded = base64.b64encode(content).decode()
    return f'<nonXMLBody><text mediaType="{mime_type}" representation="B64">{encoded}</text></nonXMLBody>'


def cda(
    oid: str = "1.2.250.1.999.1",
    *,
    body: str = enclosing(b"Tout va bien."),
    template: str = LEVEL_1,
    ins: tuple[str, str] | None = INS,
    patient: str = PATIENT,
    created: str = stamp(EARLIER),
    level: str = "N",
    more: str = "",
) -> bytes:
    """A document whose header agrees with `metadata_of`; each argument changes one part of it."""
    number = f'<id root="{ins[1]}" extension="{ins[0]}"/>' if ins else ""
    doctor, structure = callers.doctor.subject, callers.doctor.organisation
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/><templateId root="{template}"/>
  <id root="{oid}"/>
  <code code="11488-4" codeSystem="2.16.840.1.113883.6.1" displayName="CR de consultation"/>
  <title>Consultation</title><effectiveTime value="{created}"/>
  <confidentialityCode code="{level}"/><languageCode code="fr-FR"/>
  <setId root="1.2.250.1.999.2"/><versionNumber value="1"/>
  <recordTarget><patientRole>{number}<patient>{patient}</patient></patientRole></recordTarget>
  <author><time value="{created}"/><assignedAuthor>
    <id root="1.2.250.1.71.4.2.1" extension="{doctor}"/>
    <code code="G15_10/SM26" displayName="Médecin - Qualifié en Médecine Générale (SM)"/>
    <assignedPerson><name><family>TEST</family><given>Anne</given></name></assignedPerson>
    <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="{structure}"/><name>Cabinet</name>
    </representedOrganization></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="{structure}"/><name>Cabinet</name>
  </representedCustodianOrganization></assignedCustodian></custodian>{more}
  <component>{body}</component>
</ClinicalDocument>""".encode()


def described(**changes: Any) -> bytes:
    """A document whose header says all that metadata need: the act, who did it and where, beside the rest."""
    return cda(**{"more": ACT + PLACE, **changes})


def metadata_of(content: bytes, oid: str = "1.2.250.1.999.1", **changes: Any) -> domain.Entry:
    """What the producer of `cda(oid)` says of it; `changes` replaces any part."""
    usual: dict[str, Any] = {
        "unique_id": f"urn:oid:{oid}",
        "mime_type": "text/xml",
        "language": "fr-FR",
        "created_at": EARLIER,
    }
    return entry(content, **{**usual, **changes})


def item_of(content: bytes | None = None, **changes: Any) -> Item:
    """A document ready to be examined; under a new identifier when none is given."""
    if content is None:
        oid = f"2.25.{UUID(str(uuid4())).int}"
        content = cda(oid)
        changes = {"unique_id": f"urn:oid:{oid}", **changes}
    return Item(metadata_of(content, **changes), content)


def sections(*texts: str) -> str:
    """A structured body of these narratives."""
    made: Sequence[str] = [
        f"<component><section><title>S{n}</title><text>{text}</text></section></component>"
        for n, text in enumerate(texts, 1)
    ]
    return f"<structuredBody>{''.join(made)}</structuredBody>"
