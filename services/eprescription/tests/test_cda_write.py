"""A prescription written as a CDA: nothing that was signed is lost, and the header says who and when."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from eprescription.domain.cda import build, codes, heading
from eprescription.domain.cda.errors import NothingToTell
from eprescription.domain.cda.read_prescription import read
from eprescription.domain.cda.write_prescription import write
from eprescription.domain.content import Content, Posology
from eprescription.domain.states import State

from .signed_cda_given import (
    COPY,
    NUMBER,
    PATIENT,
    PRESCRIBER,
    TAPERED,
    WHOLE,
    contents,
    line,
    prescription,
    without_ids,
)

N = {"v": build.V3, "p": build.PHARM}


def written(content: Content = WHOLE, **changes: Any) -> Any:
    return etree.fromstring(write(prescription(content, **changes), PATIENT, COPY))


def found(root: Any, path: str, name: str) -> list[str]:
    return [one.get(name, "") for one in root.iterfind(path, N)]


def test_written_then_read_is_the_same_content() -> None:
    of = prescription()
    back = read(write(of, PATIENT, COPY))
    assert back.content == without_ids(WHOLE)
    assert back.number == NUMBER
    assert back.line_ids == tuple(one.line_id for one in WHOLE.lines)


@settings(max_examples=60, deadline=None)
@given(contents())
def test_written_then_read_is_the_same_content_whatever_it_is(content: Content) -> None:
    back = read(write(prescription(content), PATIENT, COPY))
    assert back.content == without_ids(content)


def test_written_twice_gives_the_same_bytes() -> None:
    """A sending that is tried again must be known again by the record."""
    of = prescription()
    assert write(of, PATIENT, COPY) == write(of, PATIENT, COPY)


def test_draft_is_refused() -> None:
    draft = prescription(state=State.DRAFT, signed_at=None, written_on=None)
    with pytest.raises(NothingToTell):
        write(draft, PATIENT, COPY)


def test_header_names_the_model_the_patient_the_author_and_the_number() -> None:
    root = written()
    assert ("1.2.250.1.213.1.1.1.39", "2024.01") in [
        (one.get("root"), one.get("extension")) for one in root.findall("v:templateId", N)
    ]
    assert found(root, "v:code", "code") == ["57833-6"]
    role = "v:recordTarget/v:patientRole"
    assert found(root, f"{role}/v:id", "extension") == [PATIENT.ins]
    assert found(root, f"{role}/v:patient/v:birthTime", "value") == ["19790328"]
    assert [one.text for one in root.iterfind(f"{role}//v:county", N)] == ["51215"]
    author = "v:author/v:assignedAuthor"
    assert found(root, f"{author}/v:id", "extension") == [PRESCRIBER.id]
    assert found(root, f"{author}/v:code", "code") == ["G15_10/SM26"]
    assert [one.text for one in root.iterfind(f"{author}/v:assignedPerson/v:name/*", N)] == [
        "Anne",
        "DOCTEUR",
    ]
    act = "v:documentationOf/v:serviceEvent[@classCode='ACT']"
    assert found(root, f"{act}/v:id", "extension") == [NUMBER]
    assert found(root, f"{act}/v:effectiveTime/v:low", "value") == ["20260612103000+0200"]
    assert found(root, f"{act}/v:effectiveTime/v:high", "value") == ["20270612"]


@pytest.mark.parametrize(("field", "code"), [(name, known[0]) for name, known in codes.FLAGS.items()])
def test_flags_are_acts_of_information(field: str, code: str) -> None:
    one = Content(lines=(line(),))
    assert found(written(one), "v:documentationOf/v:serviceEvent[@classCode='INFO']/v:code", "code") == []
    raised = replace(one, **{field: True})  # type: ignore[arg-type]
    assert found(written(raised), "v:documentationOf/v:serviceEvent[@classCode='INFO']/v:code", "code") == [
        code
    ]


def test_each_statement_of_a_line_is_said_true_or_false() -> None:
    path = "v:component//v:substanceAdministration/v:entryRelationship/v:observation"
    root = written(Content(lines=(line(ald=True, off_label=True),)))
    said = dict(
        zip(found(root, f"{path}/v:code", "code"), found(root, f"{path}/v:value", "value"), strict=True)
    )
    assert said == {
        "MED-574": "true",
        "GEN-180": "false",
        "GEN-295": "false",
        "GEN-181": "false",
        "GEN-179": "true",
    }


def test_substitution_is_said_either_way_with_the_reason_in_words() -> None:
    path = ".//v:entryRelationship/v:act/v:code[@codeSystem='2.16.840.1.113883.5.1070']"
    assert found(written(Content(lines=(line(),))), path, "code") == ["G"]
    root = written(Content(lines=(TAPERED,)))
    assert found(root, path, "code") == ["N"]
    assert "contre-indication formelle à un excipient" in etree.tostring(root, encoding="unicode")


def test_every_reference_of_an_entry_has_its_text() -> None:
    root = written()
    ids = {one.get("ID") for one in root.iterfind(".//*[@ID]")}
    assert len(ids) == sum(1 for _ in root.iterfind(".//*[@ID]"))
    assert {value.removeprefix("#") for value in found(root, ".//v:reference", "value")} <= ids


def test_ids_of_parts_are_all_different() -> None:
    ids = found(written(), ".//v:id", "root")
    uuids = [one for one in ids if "-" in one]
    assert len(uuids) == len(set(uuids))


def test_three_times_a_day_is_eight_hours_at_free_times_and_says_so_exactly() -> None:
    dose = replace(TAPERED.posology.doses[0], frequency=3, when=(), days=0)
    root = written(Content(lines=(line(posology=Posology(doses=(dose,))),)))
    [period] = root.findall(".//v:period", N)
    assert (period.get("value"), period.get("unit")) == ("8", "h")
    assert period.getparent().get("institutionSpecified") == "true"
    assert [(t.get("value"), t.get("code")) for t in period] == [("3", "/d")]


def test_control_character_in_a_note_does_not_stop_the_document() -> None:
    noted = line(patient_note="avant\x0b après\x00")
    back = read(write(prescription(Content(lines=(noted,))), PATIENT, COPY))
    assert back.content.lines[0].patient_note == "avant après"


def test_patient_without_an_ins_has_no_number_and_no_invented_trait() -> None:
    unknown = replace(PATIENT, ins="", ins_oid="", sex="", birth_place="", birth_date="1979")
    root = etree.fromstring(write(prescription(), unknown, COPY))
    assert found(root, "v:recordTarget/v:patientRole/v:id", "nullFlavor") == ["UNK"]
    assert found(root, ".//v:birthTime", "value") == ["1979"]
    assert root.find(".//v:birthplace", N) is None


def test_restricted_prescription_says_so() -> None:
    secret = replace(WHOLE, restricted=True)
    assert found(written(secret), "v:confidentialityCode", "code") == ["R"]


@pytest.mark.parametrize(
    ("name", "family", "given"),
    [
        ("Anne DOCTEUR", "DOCTEUR", "Anne"),
        ("Jean Paul DE LA TOUR", "DE LA TOUR", "Jean Paul"),
        ("HELENE BRANDICOURT", "BRANDICOURT", "HELENE"),
        ("Anne Docteur", "Docteur", "Anne"),
        ("DOCTEUR", "DOCTEUR", ""),
        ("", "", ""),
    ],
)
def test_name_of_a_professional_is_cut_where_the_family_begins(name: str, family: str, given: str) -> None:
    assert heading.named(name) == (family, given)
