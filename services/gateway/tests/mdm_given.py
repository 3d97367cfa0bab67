"""MDM messages, as a hospital's software would write them. All persons fictitious."""

import base64
import re

from chassis.errors import InvalidInput
from chassis.testing import callers
from socle.dmp.v1 import dmp_pb2 as pb

OID, OLD = "1.2.250.1.999.71024000082", "1.2.250.1.999.71024000081"
INS = ("279035121518989", "1.2.250.1.213.1.4.10")
ORDERS = {"T02": "NW", "T10": "RO", "T04": "CA"}


def cda(oid: str = OID) -> bytes:
    """What the gateway needs of a document, which it passes on unread: bytes that have an identifier."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="{oid}"/></ClinicalDocument>""".encode()


class CdaNotReadable(InvalidInput):
    """The content is not a well-formed CDA R2 document."""


def entry(oid: str = OID) -> pb.DocumentEntry:
    """The metadata of `cda(oid)`, without what a header may leave out."""
    made = pb.DocumentEntry(
        unique_id=f"urn:oid:{oid}",
        type=pb.Coding(system="http://loinc.org", code="18748-4"),
        format=pb.Coding(code="urn:ihe:iti:xds-sd:text:2008"),
        mime_type="text/xml",
        title="CR d'imagerie médicale",
        authors=[pb.Author(professional=callers.doctor.subject)],
        confidentiality=["N"],
        facility=pb.Coding(code="SA01"),
        practice_setting=pb.Coding(code="ETABLISSEMENT"),
    )
    made.created_at.FromJsonString("2026-05-03T10:00:00+02:00")
    made.service_start.FromJsonString("2026-05-03T09:30:00+02:00")
    return made


def generated(request: pb.GenerateMetadataRequest) -> pb.GenerateMetadataResponse:
    """What the service that reads documents answers about those made here."""
    found = re.search(rb'<id root="([0-9.]+)"/>', request.content)
    if found is None:
        raise CdaNotReadable(field="content", hint="The XML breaks at line 1, column 1.")
    return pb.GenerateMetadataResponse(entry=entry(found[1].decode()))


def flag(name: str, value: str) -> str:
    return f"OBX||CWE|{name}^x^MetaDMPMSS||{value}^^expandedYes-NoIndicator||||||F|"


def mdm(
    event: str = "T02",
    content: bytes | str = b"",
    *,
    oid: str = OID,
    parent: str = "",
    control: str = "015",
    ends: str = "\r",
    **flags: str,
) -> str:
    """A message of the CI-SIS; bytes are the document, text is what stands in its place."""
    encoded = content if isinstance(content, str) else base64.b64encode(content).decode()
    patient = f"{INS[0]}^^^ASIP-SANTE-INS-NIR&{INS[1]}&ISO^INS^^20101207"
    identity = "PAT-TROIS^DOMINIQUE^DOMINIQUE^^^^L||19790328|F|||^^^^^^BDL^^51215"
    said = {"DESTDMP": "Y", **flags}
    profile = "|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2"
    lines = [
        f"MSH|^~\\&|RIS-Y|Organisation-Y|PFI-Y|Organisation-Y|20260503||MDM^{event}^MDM_T02|{control}|P{profile}",
        "EVN||20260503100100+0200",
        f"PID|||{patient}||{identity}{'|' * 21}VALI",
        "PV1|1|I|UFRADIO",
        f"ORC|{ORDERS.get(event, 'NW')}|",
        "OBR|1|||18748-4^CR d'imagerie médicale^LN|",
        f"TXA|1|18748-4|TEXT|20260503100000+0200||||||||{oid}^Organisation-Y|{parent}||||AU",
        f"OBX|1|ED|18748-4^CR d'imagerie médicale^LN||^text^XML^Base64^{encoded}||||||F|",
        f"PRT||UC||SB^^participation|{callers.doctor.subject}^TEST^Anne|||Hôpital fictif^^^^^&1.2.250&ISO",
        *(flag(name, value) for name, value in said.items()),
    ]
    return ends.join([*lines, ""])


def fields(ack: str) -> dict[str, list[list[str]]]:
    """The segments of an acknowledgement by name, each cut into its fields."""
    found: dict[str, list[list[str]]] = {}
    for line in ack.strip("\r").split("\r"):
        found.setdefault(line[:3], []).append(line.split("|"))
    return found
