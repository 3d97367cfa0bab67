"""Metadata from the header of a CDA: what an examination accepts, or each missing element by its place."""

import hashlib
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.caller import Caller
from chassis.db import Database
from chassis.testing import NOW, Served, callers
from dmp import domain
from dmp.domain import Coding, errors
from dmp.domain.content import metadata
from dmp.domain.content.errors import CdaHeaderIncomplete
from dmp.domain.deposit import Item
from socle.dmp.v1 import dmp_pb2 as pb

from .cda_given import ACT, PLACE, SECTIONS, SYNTHESIS, described, enclosing
from .dmp_given import deposit, nothing_stored, opened, refused, rows

CONTENT = described()
NOS = "https://mos.esante.gouv.fr/NOS"
NEW = "90E1C8EC-F951-4B26-A305-A34848818DD6"
# Where it is told to be missing -> what is taken out of the document.
LACKING = {
    "id/@root": rb'<id root="1\.2\.250\.1\.999\.1"/>',
    "code/@code": rb'<code code="11488-4"[^>]*>',
    "title": rb"<title>.*?</title>",
    "effectiveTime/@value": rb"<effectiveTime value=[^>]*>",
    "confidentialityCode/@code": rb"<confidentialityCode[^>]*>",
    "author/assignedAuthor": rb"<author>.*?</author>",
    "documentationOf/serviceEvent/effectiveTime/low/@value": rb"<low [^>]*>",
    "documentationOf/serviceEvent/performer//standardIndustryClassCode/@code": rb"<standardIndustry[^>]*>",
    "componentOf//healthCareFacility/code/@code": rb"<healthCareFacility>.*?</healthCareFacility>",
}


def without(where: str, content: bytes = CONTENT) -> bytes:
    made, times = re.subn(LACKING[where], b"", content, count=1, flags=re.DOTALL)
    assert times == 1
    return made


def missing(content: bytes) -> list[str]:
    """The places that the refusal tells, each once."""
    with pytest.raises(CdaHeaderIncomplete) as refused:
        metadata.generate(content)
    assert {v.field for v in refused.value.violations} == {"content"}
    told = [v.problem.removesuffix(" is missing or cannot be read") for v in refused.value.violations]
    return [place.removeprefix("/ClinicalDocument/") for place in told]


def test_metadata_come_from_the_header_with_hash_size_and_class() -> None:
    entry = metadata.generate(CONTENT)
    assert (entry.unique_id, entry.title) == ("urn:oid:1.2.250.1.999.1", "Consultation")
    assert entry.category == Coding("10", domain.CLASS_SYSTEM, "Compte rendu")
    assert entry.type == Coding("11488-4", "http://loinc.org", "CR de consultation")
    assert entry.format.code == "urn:ihe:iti:xds-sd:text:2008"
    assert (entry.mime_type, entry.language, entry.size) == ("text/xml", "fr-FR", len(CONTENT))
    assert entry.sha1 == hashlib.sha1(CONTENT, usedforsecurity=False).digest()
    assert entry.service_start == datetime(2026, 5, 3, 7, 30, tzinfo=UTC)
    assert entry.service_end == datetime(2026, 5, 3, 7, 45, tzinfo=UTC)
    assert entry.facility.system == f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
    assert (entry.facility.code, entry.practice_setting.code) == ("SA01", "AMBULATOIRE")
    assert entry.events == (Coding("ZBQK002", "urn:oid:1.2.250.1.213.2.5"),)
    assert [str(code) for code in entry.confidentiality] == ["N"]


def test_authors_custodian_and_authenticator_come_from_the_header() -> None:
    function = b'<author><functionCode code="ATTPHYS" codeSystem="2.16.840.1.113883.5.88"/>'
    doctor = f'<id root="1.2.250.1.71.4.2.1" extension="{callers.doctor.subject}"/>'
    signed = f"<legalAuthenticator><assignedEntity>{doctor}</assignedEntity></legalAuthenticator>"
    more = f"{signed}{ACT}{PLACE}"
    entry = metadata.generate(described(more=more).replace(b"<author>", function))
    (author,) = entry.authors
    assert (author.professional, author.organisation) == (callers.doctor.subject, callers.doctor.organisation)
    assert author.role == Coding("ATTPHYS", "urn:oid:2.16.840.1.113883.5.88")
    assert author.specialty is not None
    assert author.specialty.code == "G15_10/SM26"
    assert entry.custodian is not None
    assert entry.custodian.organisation_name == "Cabinet"
    assert entry.authenticator is not None
    assert entry.authenticator.professional == callers.doctor.subject
    assert metadata.generate(CONTENT).authenticator is None


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        described(oid=NEW),
        described(oid=f"2.25.{UUID(NEW).int}"),
        described(oid='1.2.250.1.999.1" extension="7'),
        described(created="20260503"),
        described(created="20260503103005.25+0200"),
        described(level="R"),
        described(body=SECTIONS, template=SYNTHESIS),
        described(body=SECTIONS, template="1.2.250.1.999.45"),
        described(body=enclosing(b"%PDF-1.4", "application/pdf")),
    ],
)
def test_what_is_generated_agrees_with_the_document_it_was_read_from(content: bytes) -> None:
    made = deposit(Item(metadata.generate(content), content))
    domain.examine(made, domain.arrival_of(callers.doctor, NOW))


def test_identifier_is_the_one_that_is_written() -> None:
    assert metadata.generate(described(oid=NEW)).unique_id == f"urn:uuid:{NEW.lower()}"
    arc = f"2.25.{UUID(NEW).int}"
    assert metadata.generate(described(oid=arc)).unique_id == f"urn:oid:{arc}"


def test_date_without_an_offset_is_taken_for_utc() -> None:
    assert metadata.generate(described(created="20260503")).created_at == datetime(2026, 5, 3, tzinfo=UTC)


def test_format_of_a_structured_document_follows_its_template() -> None:
    known = metadata.generate(described(body=SECTIONS, template=SYNTHESIS))
    assert known.format.code == "urn:asip:ci-sis:vsm:2012"
    unknown = metadata.generate(described(body=SECTIONS, template="1.2.250.1.999.45"))
    assert unknown.format.code == "urn:asipSante:modelesHorsProfils:2011"


def test_type_of_no_class_is_left_for_the_deposit_to_refuse() -> None:
    assert metadata.generate(CONTENT.replace(b'"11488-4"', b'"0-0"')).category == Coding("")


@pytest.mark.parametrize("where", LACKING)
def test_each_missing_element_is_told_by_its_xpath(where: str) -> None:
    assert missing(without(where)) == [where]


def test_everything_that_is_missing_is_told_at_once() -> None:
    assert missing(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>') == list(LACKING)


def test_file_of_no_known_type_has_no_format() -> None:
    assert missing(described(body=enclosing(b"x", "application/x-unknown"))) == [
        "component/nonXMLBody/text/@mediaType"
    ]


def test_level_that_is_none_is_told_as_unreadable() -> None:
    assert missing(described(level="MASQUE_PS")) == ["confidentialityCode/@code"]


@pytest.mark.parametrize(
    "content",
    [
        b"Document medical au format CDA niveau 1",
        b"<!DOCTYPE x []><x/>",
        b"<ClinicalDocument/>",
        b'<ClinicalDocument xmlns="urn:hl7-org:v3">' + b"<a>" * 200 + b"</a>" * 200 + b"</ClinicalDocument>",
        b"<a/>" * 3,
    ],
)
def test_bytes_that_are_no_cda_are_refused(content: bytes) -> None:
    with pytest.raises(errors.CdaNotReadable) as refused:
        metadata.generate(content)
    assert refused.value.field == "content"
    assert refused.value.hint


# -- through the service


@pytest.mark.parametrize("caller", [callers.doctor, callers.machine])
async def test_generated_metadata_are_those_a_deposit_takes(
    service: Served, database: Database, caller: Caller
) -> None:
    person = await opened(service)
    before = await rows(database, "SELECT count(*) FROM audit")
    # Larger than what is read in line.
    content = described(body=enclosing(b"Tout va bien. " * 8_000))
    made = await service.ask("GenerateMetadata", pb.GenerateMetadataRequest(content=content), caller)
    assert (made.entry.unique_id, made.entry.size) == ("urn:oid:1.2.250.1.999.1", len(content))
    assert getattr(made.entry, "class").code == "10"
    assert (made.entry.document_id, made.entry.person_id, made.entry.relations) == ("", "", [])
    assert await rows(database, "SELECT count(*) FROM audit") == before
    await nothing_stored(database, person)


async def test_refusals_keep_their_reason_and_their_places(service: Served) -> None:
    lacking = pb.GenerateMetadataRequest(content=without("title"))
    error = await refused(service.ask("GenerateMetadata", lacking, callers.doctor))
    assert error.reason == "CDA_HEADER_INCOMPLETE"
    assert [v.problem.split()[0] for v in error.violations] == ["/ClinicalDocument/title"]
    other = pb.GenerateMetadataRequest(content=b"%PDF-1.4")
    error = await refused(service.ask("GenerateMetadata", other, callers.doctor))
    assert (error.reason, error.field) == ("CDA_NOT_READABLE", "content")
    empty = pb.GenerateMetadataRequest()
    error = await refused(service.ask("GenerateMetadata", empty, callers.doctor))
    assert error.reason == "MALFORMED_REQUEST"
