"""The rules that need neither database nor network."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given as such_as
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from chassis.testing import NOW, callers
from dmp import domain
from dmp.domain import Confidentiality, Document, DocumentId, Grant, GranteeKind, LotId, Masking, errors
from dmp.domain import content as contents
from dmp.domain import terminology as terms

from .dmp_given import CDA, PERSON, codes, deposit, entry, item

LEVELS = {"N", "R", "V"}
ALL_CODES = [c.value for c in Confidentiality]
SUBSETS = [list(s) for s in chain.from_iterable(combinations(ALL_CODES, n) for n in range(7))]


def stored(**changes: Any) -> Document:
    return Document(
        DocumentId.new(),
        PERSON,
        LotId.new(),
        entry(**changes),
        NOW,
        callers.doctor.subject,
        "1750000018",
        b"",
    )


# -- types and classes


def test_x04_has_its_124_pairs_and_the_11_classes_of_the_dmp() -> None:
    assert len(terms.X04) == 124
    assert {c for t in terms.X04 if (c := terms.class_of(t))} == set(terms.CLASSES)


@pytest.mark.parametrize(
    ("type_code", "class_code"),
    [
        ("11488-4", "10"),
        ("60591-5", "11"),
        ("18748-4", "31"),
        ("57833-6", "42"),
        ("60593-1", "43"),
        ("PROT_ALD", "44"),
        ("80565-5", "45"),
        ("11369-6", "52"),
        ("REMB", "60"),
        ("EXPPAT_1", "90"),
        ("ATTEST-RESID", "95"),
        ("DOCPAT01", "11"),
        ("28617-9", "11"),
    ],
)
def test_type_gives_its_class(type_code: str, class_code: str) -> None:
    assert domain.class_of(type_code) == class_code


@pytest.mark.parametrize("type_code", ["", "0000-0", "10213-7", "DOCPAT10", "FEUILLE-DE-STYLE", "E1762"])
def test_type_unknown_retired_or_technical_has_no_class(type_code: str) -> None:
    assert domain.class_of(type_code) is None


@pytest.mark.parametrize("type_code", sorted(set(terms.X04) | set(terms.NOT_YET_IN_X04)))
def test_class_of_another_type_is_refused(type_code: str) -> None:
    right = domain.class_of(type_code)
    other = "10" if right != "10" else "11"
    wrong = item(type=domain.Coding(type_code), category=domain.Coding(other))
    expected = errors.ClassDoesNotMatchType if right else errors.UnknownDocumentType
    with pytest.raises(expected):
        domain.examine(deposit(wrong), NOW)


def test_class_left_out_is_accepted() -> None:
    domain.examine(deposit(item(category=domain.Coding(""))), NOW)


# -- confidentiality


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_every_combination_of_codes(subset: list[str]) -> None:
    allowed = len(LEVELS & set(subset)) == 1 and not {"MASQUE_PS", "INVISIBLE_PATIENT"} <= set(subset)
    if allowed:
        assert [c.value for c in codes(*reversed(subset))] == [c for c in ALL_CODES if c in subset]
    else:
        with pytest.raises(errors.ConfidentialityNotAllowed):
            codes(*subset)


def test_unknown_code_is_refused_by_name() -> None:
    with pytest.raises(errors.ConfidentialityNotAllowed) as refused:
        codes("N", "INVISIBLE_REP_LEGAUX")
    assert "INVISIBLE_REP_LEGAUX" in refused.value.hint


# -- what a deposit must satisfy


def test_good_lot_passes() -> None:
    domain.examine(deposit(item(), item()), NOW)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"sha1": b"\0" * 20}, errors.DocumentHashMismatch, "documents[0].entry.sha1"),
        ({"sha1": b""}, errors.DocumentHashMismatch, "documents[0].entry.sha1"),
        ({"size": len(CDA) + 1}, errors.DocumentSizeMismatch, "documents[0].entry.size"),
        ({"size": 0}, errors.DocumentSizeMismatch, "documents[0].entry.size"),
        ({"mime_type": "application/zip"}, errors.MimeTypeNotAccepted, "documents[0].content"),
        ({"mime_type": "application/pdf"}, errors.ContentNotAsDeclared, "documents[0].content"),
        ({"created_at": NOW + timedelta(hours=1)}, errors.DatesInDisorder, "documents[0].entry.created_at"),
        ({"service_end": NOW - timedelta(days=9)}, errors.DatesInDisorder, "documents[0].entry.service_end"),
    ],
)
def test_one_fault_is_named_with_its_place(
    changes: dict[str, Any], error: type[InvalidInput], field: str
) -> None:
    with pytest.raises(error) as refused:
        domain.examine(deposit(item(**changes)), NOW)
    assert refused.value.field == field
    assert refused.value.hint


def test_several_faults_are_told_at_once() -> None:
    bad = deposit(item(size=1), item(sha1=b"", type=domain.Coding("nothing")))
    with pytest.raises(errors.DepositRefused) as refused:
        domain.examine(bad, NOW)
    assert [v.field for v in refused.value.violations] == [
        "documents[0].entry.size",
        "documents[1].entry.sha1",
        "documents[1].entry.type",
    ]


def test_same_identifier_twice_is_refused() -> None:
    with pytest.raises(errors.SameIdentifierTwice):
        domain.examine(deposit(item(unique_id="urn:oid:1.2.3"), item(unique_id="urn:oid:1.2.3")), NOW)


def test_clock_of_a_producer_may_be_minutes_ahead() -> None:
    domain.examine(deposit(item(created_at=NOW + timedelta(minutes=4))), NOW)


# -- content

BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3" id="&b;"/>'
)
ROOT = b'<ClinicalDocument xmlns="urn:hl7-org:v3">%s</ClinicalDocument>'


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"not xml",
        b"<ClinicalDocument/>",
        b'<Bundle xmlns="urn:hl7-org:v3"/>',
        b'<ClinicalDocument xmlns="urn:hl7-org:v3">',
        ROOT % b"&undefined;",
        ROOT % (b"<a>" * 101 + b"</a>" * 101),
        ROOT % (b"<a/>" * 200_001),
        BOMB,
        b'<!DOCTYPE ClinicalDocument SYSTEM "http://127.0.0.1:1/x.dtd">' + ROOT % b"",
        # Under UTF-16 or UTF-7 the bytes of a document type would pass unseen.
        ("<!DOCTYPE a>" + (ROOT % b"").decode()).encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a>' + ROOT % b"",
    ],
    ids=lambda xml: xml[:24],
)
def test_xml_that_is_no_plain_cda_is_refused(xml: bytes) -> None:
    with pytest.raises(errors.CdaNotReadable) as refused:
        contents.check("text/xml", xml, "content")
    assert refused.value.hint


def test_refusal_of_xml_never_quotes_the_document() -> None:
    with pytest.raises(errors.CdaNotReadable) as refused:
        contents.check("text/xml", b'<patient name="DURAND"><DURAND></patient>', "content")
    assert "DURAND" not in f"{refused.value} {refused.value.hint}"


def test_cda_with_a_long_base64_body_is_accepted() -> None:
    contents.check("text/xml", ROOT % (b"QUJD" * 3_000_000), "content")


@pytest.mark.parametrize(
    ("mime_type", "good", "bad"),
    [
        ("application/pdf", b"%PDF-1.7\n", b"PK\x03\x04"),
        ("image/jpeg", b"\xff\xd8\xff\xe0", b"\x89PNG"),
        ("image/tiff", b"II*\x00", b"\xff\xd8\xff"),
        ("image/tiff", b"MM\x00*", b"GIF89a"),
        ("text/rtf", b"{\\rtf1", b"rtf"),
        ("text/plain", "Compte rendu : fièvre\r\n".encode(), b"\xff\xfe"),
        ("text/plain", b"a", b"a\x00b"),
    ],
)
def test_first_bytes_must_be_those_of_the_mime_type(mime_type: str, good: bytes, bad: bytes) -> None:
    contents.check(mime_type, good, "content")
    with pytest.raises(errors.ContentNotAsDeclared):
        contents.check(mime_type, bad, "content")


@such_as(st.sampled_from(sorted(contents.READERS)), st.binary(max_size=300))
def test_any_bytes_are_accepted_or_refused_never_a_crash(mime_type: str, noise: bytes) -> None:
    # Anything but a refusal of ours would be a 500 that a client can cause at will.
    with suppress(InvalidInput):
        contents.check(mime_type, noise, "content")


@such_as(st.binary(max_size=120))
def test_noise_inside_a_cda_is_never_a_crash(noise: bytes) -> None:
    with suppress(errors.CdaNotReadable):
        contents.check("text/xml", ROOT % noise, "content")


# -- masking


def test_mask_then_unmask_gives_the_codes_back_and_counts_versions() -> None:
    document = stored(confidentiality=codes("R"))
    masked = domain.change_masking(document, Masking.MASK)
    assert (masked.entry.confidentiality, masked.version) == (codes("R", "MASQUE_PS"), 2)
    shown = domain.change_masking(masked, Masking.UNMASK)
    assert (shown.entry.confidentiality, shown.version) == (codes("R"), 3)


def test_mask_twice_is_refused() -> None:
    with pytest.raises(errors.DocumentAlreadyMasked):
        domain.change_masking(stored(confidentiality=codes("N", "MASQUE_PS")), Masking.MASK)


def test_unmask_what_is_shown_is_refused() -> None:
    with pytest.raises(errors.DocumentNotMasked):
        domain.change_masking(stored(), Masking.UNMASK)


def test_mask_while_hidden_from_the_patient_is_refused() -> None:
    with pytest.raises(errors.DocumentStillHiddenFromPatient):
        domain.change_masking(stored(confidentiality=codes("N", "INVISIBLE_PATIENT")), Masking.MASK)


# -- authors and authorisations


def test_document_is_by_its_depositor_and_by_its_authors_only() -> None:
    document = replace(stored(), submitted_by="810100000099")
    assert document.is_by("810100000099")
    assert document.is_by(callers.doctor.subject)
    assert not document.is_by(callers.nurse.subject)


def test_document_without_author_is_by_nobody() -> None:
    assert not replace(stored(authors=(domain.Author(),)), submitted_by="").is_by("")


def test_authorisation_that_is_over_already_is_refused() -> None:
    with pytest.raises(errors.AuthorisationAlreadyOver):
        Grant("810100000029", GranteeKind.PROFESSIONAL, NOW).check(NOW)
    Grant("810100000029", GranteeKind.PROFESSIONAL, NOW + timedelta(seconds=1)).check(NOW)
    Grant("810100000029", GranteeKind.PROFESSIONAL).check(NOW)
