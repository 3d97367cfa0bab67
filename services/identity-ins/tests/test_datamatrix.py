"""The Datamatrix INS: written for a qualifiée only, read whatever the separators, drawn and scanned."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from chassis.errors import InvalidInput
from identity_ins.api import symbol
from identity_ins.domain import Ins, Platform, Sex, Traits, datamatrix
from identity_ins.domain.datamatrix import GS, HEADER, DatamatrixNeedsDay, DatamatrixNeedsQualified
from identity_ins.domain.traits import Precision

from .exchange_given import (
    COMPOUND_NAMES,
    DATES,
    EVERY_STATUS,
    ID,
    INS,
    NAMES,
    PLACES,
    QUALIFIED,
    SEXES,
    TEST_NUMBERS,
    TODAY,
    TRAITS,
    qualified,
    refused,
    unhurried,
)

TEXT = (
    "IS010000000000000000000000S1279035121518989S21.2.250.1.213.1.4.10\x1dS3DOMINIQUE MARIE-LOUISE\x1d"
    "S4PAT-TROIS\x1dS5FS628-03-1979S763220"
)
# The sample of the specification: a number with a wrong key, under a production OID.
SAMPLE = (
    "IS010000000000000000000000S1123456789012345S21.2.250.1.213.1.4.8S3JOHN DOES4SMITHS5MS601-01-1990S799999"
)
STRICT = replace(TRAITS, used_name="", used_first_name="")


def read(text: str, platform: Platform = Platform.TEST) -> tuple[Ins, Traits]:
    return datamatrix.read(text, platform, TODAY)


def test_write_when_qualified_then_header_records_and_separators() -> None:
    assert datamatrix.write(QUALIFIED) == TEXT
    assert len(HEADER) == 26


@pytest.mark.parametrize("status", [status for status in EVERY_STATUS if status != "qualifiée"])
def test_write_when_not_qualified_then_refused(status: str) -> None:
    with pytest.raises(DatamatrixNeedsQualified):
        datamatrix.write(EVERY_STATUS[status])


def test_write_when_merged_away_then_refused() -> None:
    with pytest.raises(DatamatrixNeedsQualified):
        datamatrix.write(replace(QUALIFIED, merged_into=ID))


def test_write_when_the_day_of_birth_is_unknown_then_no_day_is_made_up() -> None:
    with pytest.raises(DatamatrixNeedsDay):
        datamatrix.write(qualified(birth_date=date(1979, 12, 31), birth_date_precision=Precision.YEAR))


def test_write_when_the_place_is_not_known_then_99999() -> None:
    assert datamatrix.write(qualified(birth_place="")).endswith("S799999")


@pytest.mark.parametrize(("length", "kept"), [(98, 3), (99, 2), (100, 2), (101, 1)])
def test_write_when_the_list_is_long_then_whole_names_within_100_characters(length: int, kept: int) -> None:
    names = ("A" * 49, "B" * (length - 50), "C")
    text = datamatrix.write(qualified(birth_first_names=names))
    assert f"S3{' '.join(names[:kept])}{GS}S4" in text
    assert read(text)[1].birth_first_names == names[:kept]


@pytest.mark.parametrize("end", ["", "\r", "\r\n", GS, GS + "\n"])
@pytest.mark.parametrize("separator", [GS, ""])
def test_read_when_with_or_without_separators_then_the_same(separator: str, end: str) -> None:
    assert read(TEXT.replace(GS, separator) + end) == (INS, STRICT)


def test_read_when_every_record_is_ended_then_the_same() -> None:
    ended = TEXT.replace("S2", GS + "S2", 1).replace("S6", GS + "S6").replace("S7", GS + "S7")
    assert read(ended) == (INS, STRICT)


def test_read_when_the_sample_of_the_specification_then_its_two_faults() -> None:
    assert refused(read, SAMPLE) == ("INS_OF_ANOTHER_PLATFORM", ["text.S2"])
    in_production = refused(lambda text: read(text, Platform.PRODUCTION), SAMPLE)
    assert in_production == ("INS_KEY_WRONG", ["text.S1"])


def test_read_when_the_sample_has_a_right_number_then_its_layout_is_understood() -> None:
    ins, traits = read(SAMPLE.replace("123456789012345", INS.matricule).replace("1.4.8", "1.4.10"))
    assert ins == INS
    assert traits == Traits("SMITH", ("JOHN", "DOE"), Sex.MALE, date(1990, 1, 1), "99999")


@pytest.mark.parametrize(
    ("first_names", "name"), [("THOMAS", "S"), ("S S S", "DOS SANTOS"), ("JESUS", "S'S-S")]
)
@pytest.mark.parametrize("separator", [GS, ""])
def test_read_when_names_end_with_the_letter_of_a_record_then_cut_right(
    separator: str, first_names: str, name: str
) -> None:
    text = TEXT.replace("DOMINIQUE MARIE-LOUISE", first_names).replace("PAT-TROIS", name)
    traits = read(text.replace(GS, separator))[1]
    assert (" ".join(traits.birth_first_names), traits.birth_name) == (first_names, name)


WRONG = [
    ("", "text"),
    ("IS02" + TEXT[4:], "text"),
    (TEXT[:26], "text.S1"),
    (TEXT.replace("S1279", "S9279"), "text.S1"),
    (TEXT[:40], "text.S1"),
    (TEXT.replace("S2", "S3", 1), "text.S2"),
    (TEXT.replace("1.4.10", "1.4.99"), "text.S2"),
    (TEXT.replace("1.2.250.1.213.1.4.10", ""), "text.S2"),
    (TEXT.replace("DOMINIQUE MARIE-LOUISE", ""), "text.S3"),
    (TEXT.replace("DOMINIQUE MARIE-LOUISE", "A" * 101), "text.S3"),
    # A name cannot hold the mark of a record: what follows is not taken for the birth name.
    (TEXT.replace("MARIE-LOUISE", "S4MARIE"), "text.S3"),
    (TEXT.replace("MARIE-LOUISE", "S4MARIE").replace(GS, ""), "text.S4"),
    (TEXT.replace("DOMINIQUE MARIE-LOUISE", "A " * 21), "text.S3"),
    (TEXT.replace("PAT-TROIS", "ПЕТРОВ"), "text.S4"),
    (TEXT.replace("PAT-TROIS", "B" * 101), "text.S4"),
    (TEXT.replace("S5F", "S5U"), "text.S5"),
    (TEXT.replace("28-03-1979", "30-02-1979"), "text.S6"),
    (TEXT.replace("28-03-1979", "1979-03-28"), "text.S6"),
    (TEXT.replace("28-03-1979", "28-03-2079"), "text.S6"),
    (TEXT.replace("28-03-1979", "²8-03-1979"), "text.S6"),
    (TEXT.replace("S763220", "S76322"), "text.S7"),
    (TEXT.replace("S763220", "S7ABCDE"), "text.S7"),
    (TEXT + "S8", "text"),
    (TEXT.replace("S5", GS + "S5"), "text.S5"),
]


@pytest.mark.parametrize(("text", "field"), WRONG)
def test_read_when_wrong_then_the_record_is_named_and_not_quoted(text: str, field: str) -> None:
    assert refused(read, text)[1] == [field]


@unhurried
@given(
    st.builds(
        Traits,
        NAMES,
        st.lists(COMPOUND_NAMES, min_size=1, max_size=5).map(tuple),
        SEXES,
        DATES,
        PLACES,
    ),
    TEST_NUMBERS,
    st.sampled_from([GS, ""]),
)
def test_read_when_written_then_the_same_person(traits: Traits, ins: Ins, separator: str) -> None:
    assert QUALIFIED.retrieval is not None
    identity = replace(QUALIFIED, traits=traits, retrieval=replace(QUALIFIED.retrieval, ins=ins))
    back, told = read(datamatrix.write(identity).replace(GS, separator))
    names, list_ = " ".join(told.birth_first_names), " ".join(traits.birth_first_names)
    assert back == ins
    assert list_ == names or list_.startswith(f"{names} ")
    assert replace(told, birth_first_names=()) == replace(traits, birth_first_names=())


@unhurried
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_read_when_anything_then_an_error_of_the_house_or_a_person(noise: str) -> None:
    for text in (noise, HEADER + noise, TEXT[: len(noise)] + noise):
        with suppress(InvalidInput):
            read(text)


@unhurried
@given(st.integers(0, len(TEXT) - 1), st.characters(), st.sampled_from([GS, ""]))
def test_read_when_one_character_is_wrong_then_never_another_number(
    at: int, char: str, separator: str
) -> None:
    text = TEXT.replace(GS, separator)
    try:
        ins, _ = read(text[:at] + char + text[at + 1 :])
    except InvalidInput:
        return
    assert ins.matricule == INS.matricule


# Of some, the smallest symbol of all is a rectangle that few scanners read.
LENGTHS = [TEXT, *(datamatrix.write(qualified(birth_name="B" * length)) for length in (1, 20, 60, 100))]


@pytest.mark.parametrize("text", LENGTHS)
def test_symbol_when_scanned_then_the_text_with_its_separators(text: str) -> None:
    png, svg = symbol.draw(text)
    image = Image.open(BytesIO(png))
    assert image.width == image.height
    (scanned,) = zxingcpp.read_barcodes(image)
    assert scanned.format == zxingcpp.BarcodeFormat.DataMatrix
    assert scanned.bytes == text.encode()
    assert read(scanned.bytes.decode()) == read(text)
    drawn = etree.fromstring(svg.encode())
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert drawn.findall(".//{*}rect")
    assert "PAT-TROIS" not in svg
