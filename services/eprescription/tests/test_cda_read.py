"""A CDA prescription read into a draft: what is kept, what is named as left out, what is refused and why."""

from codecs import BOM_UTF8
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from chassis.bounded_xml import MAX_DEPTH
from chassis.errors import InvalidInput
from eprescription.domain.cda import bounds, build
from eprescription.domain.cda.errors import (
    DocumentNotReadable,
    LineNotReadable,
    ModelUnknown,
    NotAPrescription,
    NothingPrescribed,
)
from eprescription.domain.cda.read_prescription import read
from eprescription.domain.cda.write_prescription import write
from eprescription.domain.content import Content, CountUnit, Posology

from .signed_cda_given import COPY, PATIENT, TAPERED, WHOLE, line, prescription, without_ids

N = {"v": build.V3, "p": build.PHARM}
MEDICINE = ".//v:section[v:code/@code='57828-6']/v:entry/v:substanceAdministration"
ONE = Content(lines=(line(),))


def tree(content: Content = ONE) -> Any:
    """The tree of a document that this platform wrote, to be changed."""
    return etree.fromstring(write(prescription(content), PATIENT, COPY))


def first(root: Any, path: str) -> Any:
    return root.xpath(path, namespaces=N)[0]


def reread(root: Any) -> Any:
    return read(etree.tostring(root, encoding="utf-8"))


def test_document_with_a_byte_order_mark_is_read() -> None:
    assert read(BOM_UTF8 + write(prescription(ONE), PATIENT, COPY)).content == without_ids(ONE)


# -- what is no prescription

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><ClinicalDocument>&b;</ClinicalDocument>'
OUTSIDE = b'<!DOCTYPE x SYSTEM "http://example.test/x.dtd"><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
EMPTY = b'<ClinicalDocument xmlns="urn:hl7-org:v3">'
UNREADABLE: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "line 1"),
    ("a PDF", b"%PDF-1.7", "line 1"),
    ("HTML", b"<html/>", "ClinicalDocument"),
    ("a CDA of no namespace", b"<ClinicalDocument/>", "urn:hl7-org:v3"),
    ("entity bomb", BOMB, "document type"),
    ("an outside DTD", OUTSIDE, "document type"),
    ("UTF-16", '<?xml version="1.0"?><a/>'.encode("utf-16"), "UTF-8"),
    ("cut", write(prescription(ONE), PATIENT, COPY)[:-40], "breaks at line"),
    ("too deep", EMPTY + b"<a>" * (MAX_DEPTH + 1), "levels deep"),
    ("too many", EMPTY + b"<a/>" * (bounds.MAX_ELEMENTS + 1), "elements"),
]


@pytest.mark.parametrize(("name", "content", "said"), UNREADABLE, ids=[u[0] for u in UNREADABLE])
def test_what_is_no_cda_is_refused_with_its_place(name: str, content: bytes, said: str) -> None:
    with pytest.raises(DocumentNotReadable) as told:
        read(content)
    assert said in told.value.hint
    assert told.value.field == "cda"


def test_text_of_the_document_is_in_no_error() -> None:
    with pytest.raises(DocumentNotReadable) as told:
        read(b'<ClinicalDocument xmlns="urn:hl7-org:v3"><DURAND marie="secret"></x>')
    assert "DURAND" not in f"{told.value.hint}{told.value}"


def test_another_type_of_document_is_refused() -> None:
    root = tree()
    first(root, "v:code").set("code", "60593-1")
    with pytest.raises(NotAPrescription) as told:
        reread(root)
    assert "57833-6" in told.value.hint


@pytest.mark.parametrize("version", ["2025.01", ""])
def test_version_that_is_not_known_is_refused(version: str) -> None:
    root = tree()
    first(root, "v:templateId[@root='1.2.250.1.213.1.1.1.39']").set("extension", version)
    with pytest.raises(ModelUnknown) as told:
        reread(root)
    assert "2022.01, 2023.01, 2024.01" in told.value.hint


def test_document_without_lines_is_refused() -> None:
    root = tree()
    body = first(root, "v:component")
    body.clear()
    body.append(build.el("nonXMLBody", build.el("text", "JVBERi0=", mediaType="application/pdf")))
    with pytest.raises(NothingPrescribed):
        reread(root)


# -- lines that cannot be kept without guessing

BROKEN: list[tuple[str, str, Any, str]] = [
    # what, where, what is done there, what is said
    ("negated", MEDICINE, lambda e: e.set("negationInd", "true"), "not to take"),
    ("cancelled", f"{MEDICINE}/v:statusCode", lambda e: e.set("code", "aborted"), "in force"),
    ("no number", f"{MEDICINE}/v:repeatNumber", lambda e: e.set("value", "trois"), "repeatNumber"),
    ("negative", f"{MEDICINE}/v:repeatNumber", lambda e: e.set("value", "-1"), "repeatNumber"),
    ("endless", f"{MEDICINE}/v:repeatNumber", lambda e: e.set("value", "1e9"), "repeatNumber"),
    ("not a number", f"{MEDICINE}/v:repeatNumber", lambda e: e.set("value", "NaN"), "repeatNumber"),
    ("half a renewal", f"{MEDICINE}/v:repeatNumber", lambda e: e.set("value", "1.5"), "whole number"),
    ("no such day", f"{MEDICINE}/v:effectiveTime/v:low", lambda e: e.set("value", "20260231"), "calendar"),
    ("ends first", f"{MEDICINE}/v:effectiveTime/v:high", lambda e: e.set("value", "20260101"), "ends before"),
]


@pytest.mark.parametrize(("name", "path", "change", "said"), BROKEN, ids=[b[0] for b in BROKEN])
def test_line_that_contradicts_itself_is_refused(name: str, path: str, change: Any, said: str) -> None:
    root = tree(Content(lines=(TAPERED,)))
    change(first(root, path))
    with pytest.raises(LineNotReadable) as told:
        reread(root)
    assert any(said in violation.problem for violation in told.value.violations)


def test_line_without_a_posology_is_refused_and_named() -> None:
    root = tree(Content(lines=(line(), line())))
    text = first(root, ".//*[@ID='med-002-posologie']")
    text.getparent().remove(text)
    with pytest.raises(LineNotReadable) as told:
        reread(root)
    assert [v.problem for v in told.value.violations] == [
        "médicament 2: it has no posology, neither structured nor in words"
    ]


def test_entry_that_is_no_product_is_refused_rather_than_dropped() -> None:
    root = tree()
    section = first(root, ".//v:section[v:code/@code='57828-6']")
    section.append(build.el("entry", build.el("act", classCode="ACT", moodCode="INT")))
    with pytest.raises(LineNotReadable):
        reread(root)


def test_lines_of_two_sections_of_one_kind_are_all_read() -> None:
    root = tree()
    body = first(root, "v:component/v:structuredBody")
    body.append(
        etree.fromstring(etree.tostring(first(root, ".//v:component[v:section/v:code/@code='57828-6']")))
    )
    assert len(reread(root).content.lines) == 2


# -- what a draft does not keep

LEFT: list[tuple[str, str]] = [
    ("v:approachSiteCode", "région anatomique"),
    ("v:rateQuantity", "rythme d'administration"),
]


@pytest.mark.parametrize(("tag", "said"), LEFT)
def test_element_that_is_not_kept_is_named(tag: str, said: str) -> None:
    content = Content(
        lines=(replace(TAPERED, posology=replace(TAPERED.posology, doses=TAPERED.posology.doses[:1])),)
    )
    root = tree(content)
    target = first(root, MEDICINE) if "Site" in tag else first(root, f"{MEDICINE}//v:substanceAdministration")
    target.append(build.el(tag.removeprefix("v:"), nullFlavor="OTH"))
    assert any(said in left for left in reread(root).left_out)


def test_section_that_is_not_known_is_named() -> None:
    root = tree()
    extra = build.el("section", build.code("2.16.840.1.113883.6.1", "48765-2", "Allergies"))
    first(root, "v:component/v:structuredBody").append(build.el("component", extra))
    assert "section 48765-2 (Allergies)" in reread(root).left_out


def test_dose_whose_text_and_code_differ_is_told() -> None:
    """The prescriber saw the text, a machine would give the code: the draft warns before it is signed."""
    dose = replace(TAPERED.posology.doses[1], when=())
    root = tree(Content(lines=(line(posology=Posology(doses=(dose,))),)))
    low = first(root, f"{MEDICINE}//v:doseQuantity/v:low")
    told = build.el("reference", value="#dose-texte")
    low.append(build.el("translation", build.el("originalText", told)))
    cell = first(root, ".//v:td")
    cell.append(build.el("content", "2 comprimés", ID="dose-texte"))
    assert any("diffèrent" in left for left in reread(root).left_out)


def test_non_substitution_without_a_legal_reason_keeps_its_words_and_no_effect() -> None:
    root = tree(Content(lines=(TAPERED,)))
    first(root, ".//*[@ID='med-001-substitution']").text = "Non (le patient préfère)"
    motif = first(root, ".//*[@ID='med-001-motif']")
    motif.getparent().remove(motif)
    found = reread(root)
    kept = found.content.lines[0]
    assert (kept.non_substitution.value, kept.non_substitution_text) == ("", "Non (le patient préfère)")
    assert any("non-substitution" in left for left in found.left_out)


def test_maximum_over_another_time_than_a_day_is_not_kept_as_one_a_day() -> None:
    root = tree(Content(lines=(TAPERED,)))
    first(root, f"{MEDICINE}/v:maxDoseQuantity/v:denominator").set("unit", "wk")
    found = reread(root)
    assert found.content.lines[0].posology.max_per_day is None
    assert any("maxDoseQuantity" in left for left in found.left_out)


def test_packaging_that_is_not_known_is_read_as_its_code() -> None:
    root = tree()
    first(root, f"{MEDICINE}/v:entryRelationship/v:supply/v:quantity").set("unit", "30069000")
    quantity = reread(root).content.lines[0].quantity
    assert (quantity.unit, quantity.unit_label) == (CountUnit.BOX, "30069000")


def test_reference_that_points_nowhere_is_no_text() -> None:
    root = tree(Content(lines=(TAPERED,)))
    for text in root.xpath(".//*[@ID='med-001-instrPatient']"):
        text.getparent().remove(text)
    assert reread(root).content.lines[0].patient_note == ""


@pytest.mark.parametrize("content", [ONE, WHOLE])
def test_every_refusal_is_of_the_input(content: Content) -> None:
    """Cut at any place, a document is refused as what it is: never a fault of the service."""
    whole = write(prescription(content), PATIENT, COPY)
    for cut in range(0, len(whole), max(1, len(whole) // 40)):
        with pytest.raises(InvalidInput):
            read(whole[:cut])
