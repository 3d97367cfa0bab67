"""The header of a CDA: read as data, compared with the metadata one by one, its INS whole or refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dmp import domain
from dmp.domain import Confidentiality, Link, LinkKind, content, errors
from dmp.domain.content import bounds, formats
from dmp.domain.content.cda import read
from dmp.domain.content.errors import (
    ActiveContent,
    CdaHeaderContradicts,
    CdaHeaderIncomplete,
    EnclosedFileNotReadable,
    InsIncomplete,
    InsMissing,
)
from dmp.domain.content.moments import span_of

from .cda_given import PATIENT, SECTIONS, SYNTHESIS, cda, enclosing, metadata_of
from .dmp_given import EARLIER

CONTENT = cda()
OLD = "90E1C8EC-F951-4B26-A305-A34848818DD6"
PARENT = f'<parentDocument><id root="{OLD}"/></parentDocument>'
REPLACING = f'<relatedDocument typeCode="RPLC">{PARENT}</relatedDocument>'
CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "unique_id": {"unique_id": "urn:oid:1.2.250.1.999.2"},
    "type": {"type": domain.Coding("34112-3")},
    "created_at": {"created_at": EARLIER + timedelta(seconds=1)},
    "confidentiality": {"confidentiality": (Confidentiality.RESTRICTED,)},
    "language": {"language": "en-GB"},
    "authors[0].professional": {"authors": (domain.Author(professional="801234567897"),)},
    "format": {"format": domain.Coding("urn:ihe:iti:xds-sd:pdf:2008")},
    "relations[0].unique_id": {"relations": (Link(LinkKind.REPLACES, unique_id="urn:oid:1.2.3"),)},
}


def check(made: bytes, **changes: Any) -> None:
    content.check(metadata_of(made, **changes), made, "documents[0]")


def test_header_is_read_whole() -> None:
    header = read(bounds.tree(cda(more=REPLACING)))
    assert header.ids == {"urn:oid:1.2.250.1.999.1"}
    assert (header.code.code, header.title, header.version) == ("11488-4", "Consultation", "1")
    assert (header.confidentiality, header.language, header.enclosed_type) == ("N", "fr-FR", "text/plain")
    assert [(a.family_name, a.given_name) for a in header.authors] == [("TEST", "Anne")]
    assert header.custodian is not None
    assert header.custodian.organisation_name == "Cabinet"
    patient = header.patient
    assert patient.ins is not None
    assert (patient.ins.matricule, patient.ins.oid) == ("279035121518989", "1.2.250.1.213.1.4.10")
    assert (patient.birth_name, patient.first_names) == ("PAT-TROIS", ("DOMINIQUE MARIE-LOUISE",))
    assert (patient.sex, patient.birth_date, patient.birth_place) == ("F", "1979-03-28", "51215")
    assert (patient.used_name, patient.used_first_name) == ("MARTIN", "")
    assert header.replaces == (frozenset({f"urn:uuid:{OLD.lower()}", f"urn:oid:2.25.{UUID(OLD).int}"}),)


def test_header_when_printed_then_shows_no_patient() -> None:
    header = read(bounds.tree(CONTENT))
    assert "PAT-TROIS" not in repr(header) + repr(header.patient) + repr(header.patient.ins)


def test_header_and_metadata_that_agree_pass() -> None:
    check(CONTENT)
    check(cda(body=SECTIONS, template=SYNTHESIS), format=domain.Coding("urn:asip:ci-sis:vsm:2012"))
    link = Link(LinkKind.REPLACES, unique_id=f"urn:uuid:{OLD.lower()}")
    check(cda(more=REPLACING), relations=(link,))


@pytest.mark.parametrize("field", CONTRADICTIONS)
def test_each_contradiction_is_told_at_its_field_with_its_xpath(field: str) -> None:
    with pytest.raises(CdaHeaderContradicts) as refused:
        check(CONTENT, **CONTRADICTIONS[field])
    (violation,) = refused.value.violations
    assert violation.field == f"documents[0].entry.{field}"
    assert field == "format" or "/ClinicalDocument/" in violation.problem


def test_all_contradictions_are_told_at_once() -> None:
    changes = {name: value for change in CONTRADICTIONS.values() for name, value in change.items()}
    with pytest.raises(CdaHeaderContradicts) as refused:
        check(CONTENT, **changes)
    assert [v.field.removeprefix("documents[0].entry.") for v in refused.value.violations] == [
        *CONTRADICTIONS
    ]


@pytest.mark.parametrize("lacking", ["<id root=", "<title>", "<effectiveTime", "<author>", "<custodian>"])
def test_header_without_what_every_document_has_is_refused_with_its_place(lacking: str) -> None:
    name = lacking.strip("<>").split()[0]
    made = CONTENT.replace(f"<{name}".encode(), b"<other").replace(f"</{name}>".encode(), b"</other>")
    with pytest.raises(CdaHeaderIncomplete) as refused:
        check(made)
    assert any(f"/ClinicalDocument/{name}" in v.problem for v in refused.value.violations)
    assert refused.value.field == "documents[0].content"


@pytest.mark.parametrize(
    ("unique_id", "root"),
    [
        (f"urn:uuid:{OLD}", OLD),
        (f"urn:uuid:{OLD.lower()}", f"2.25.{UUID(OLD).int}"),
        (f"urn:oid:2.25.{UUID(OLD).int}", OLD),
        ("urn:oid:1.2.250.1.999.1.7", '1.2.250.1.999.1" extension="7'),
    ],
)
def test_identifier_may_be_told_in_each_of_its_forms(unique_id: str, root: str) -> None:
    check(cda(root), unique_id=unique_id)


def test_instant_may_be_told_under_another_offset_and_to_the_second() -> None:
    moment = datetime(2026, 5, 3, 8, 30, 5, tzinfo=UTC)
    check(cda(created="20260503103005+0200"), created_at=moment)
    check(cda(created="20260503083005+0000"), created_at=moment + timedelta(milliseconds=900))
    with pytest.raises(CdaHeaderContradicts):
        check(cda(created="20260503083005+0200"), created_at=moment)


def test_format_of_a_template_newer_than_the_table_must_have_the_right_level() -> None:
    newer = cda(body=SECTIONS, template="1.2.250.1.213.1.1.1.9999")
    check(newer, format=domain.Coding("urn:ans:ci-sis:new:2030"))
    with pytest.raises(CdaHeaderContradicts):
        check(newer)


def test_format_that_leaves_it_to_the_mime_type_contradicts_nothing() -> None:
    check(CONTENT, format=domain.Coding(formats.ANY))


def test_table_of_formats_has_its_62_pairs() -> None:
    assert len(formats.OF_TEMPLATE) + len(formats.OF_ENCLOSED) == 62
    assert formats.OF_TEMPLATE[f"{formats.CI_SIS}29"] == "urn:asip:ci-sis:ldl-ses:2017"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (enclosing(b"GIF89a", "image/jpeg"), errors.ContentNotAsDeclared),
        (enclosing(b"%PDF-1.4 /JavaScript", "application/pdf"), ActiveContent),
        (enclosing(b"x", "application/zip"), CdaHeaderIncomplete),
        (enclosing(CONTENT, "text/xml"), CdaHeaderIncomplete),
        (enclosing(b""), errors.ContentNotAsDeclared),
        (
            '<nonXMLBody><text mediaType="text/plain" representation="B64">§</text></nonXMLBody>',
            EnclosedFileNotReadable,
        ),
    ],
)
def test_enclosed_file_is_looked_at_as_any_content(body: str, error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        check(cda(body=body))
    assert refused.value.field == "documents[0].content"  # type: ignore[attr-defined]


def test_enclosed_file_is_given_decoded_whatever_its_line_breaks() -> None:
    wrapped = enclosing("Bonjour à tous".encode()).replace("Qm9u", "Qm9\n  u")
    patient, file = content.opened(cda(body=wrapped), "content")
    assert file is not None
    assert (file.mime_type, file.content.decode()) == ("text/plain", "Bonjour à tous")
    assert patient.birth_name == "PAT-TROIS"
    assert content.opened(cda(body=SECTIONS, template=SYNTHESIS), "content")[1] is None


def test_document_that_names_no_ins_is_903() -> None:
    for ins in (None, ("12345", "1.2.250.1.999.77")):
        with pytest.raises(InsMissing) as refused:
            content.opened(cda(ins=ins), "documents[0].content")
        assert (refused.value.rules, refused.value.field) == (("CISIS_903",), "documents[0].content")


@pytest.mark.parametrize(
    ("gone", "name"),
    [
        ('<family qualifier="BR">PAT-TROIS</family>', "birth_name"),
        (
            '<given>DOMINIQUE MARIE-LOUISE</given>\n      <given qualifier="BR">DOMINIQUE</given>',
            "birth_first_names",
        ),
        ('<administrativeGenderCode code="F"/>', "sex"),
        ('<birthTime value="19790328"/>', "birth_date"),
    ],
)
def test_ins_without_one_of_its_traits_is_905(gone: str, name: str) -> None:
    assert gone in PATIENT
    with pytest.raises(InsIncomplete) as refused:
        content.opened(cda(patient=PATIENT.replace(gone, "")), "content")
    assert refused.value.rules == ("CISIS_905",)
    assert name in refused.value.hint
    assert "PAT-TROIS" not in str(vars(refused.value))


def test_ins_without_a_place_of_birth_is_whole() -> None:
    patient, _ = content.opened(cda(patient=PATIENT.partition("<birthplace>")[0]), "content")
    assert patient.birth_place == ""


@pytest.mark.parametrize(
    ("stamp", "seconds", "date"),
    [
        ("20260503103005+0200", 1, "2026-05-03"),
        ("202605031030+0200", 60, "2026-05-03"),
        ("2026050310-0300", 3600, "2026-05-03"),
        ("20240229000000.123+0000", 1, "2024-02-29"),
        ("20260503", 86_400 + 26 * 3600, "2026-05-03"),
        ("202402", 29 * 86_400 + 26 * 3600, "2024-02"),
        ("2024", 366 * 86_400 + 26 * 3600, "2024"),
    ],
)
def test_time_stamp_leaves_open_what_it_does_not_say(stamp: str, seconds: int, date: str) -> None:
    span = span_of(stamp)
    assert span is not None
    assert ((span.end - span.start).total_seconds(), span.date_text) == (seconds, date)


@pytest.mark.parametrize(
    "stamp", ["", "26", "20261301", "20260230", "20260503250000", "0001", "99991231235959+0000", "x"]
)
def test_time_stamp_outside_the_calendar_is_none(stamp: str) -> None:
    assert span_of(stamp) is None
