"""The official PAM-FR and MDM messages, read by the French rules."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from identity_ins.domain import (
    Authority,
    Identity,
    IdentityId,
    Ins,
    Paper,
    PaperCheck,
    PersonId,
    Platform,
    Retrieval,
    Sex,
    Traits,
    pam,
)
from identity_ins.domain.pam import PamMalformed
from tests.conformance.conftest import Reference

FOLDER = "hl7v2"
TODAY = date(2026, 6, 12)
# The test person of the ANS, whose key is right.
PERSON = Traits("PAT-TROIS", ("DOMINIQUE",), Sex.FEMALE, date(1979, 3, 28), "63220")
NUMBER = Ins("279035121518989", Authority.NIR_TEST)
# What the text of the extension prints as an example: its key is wrong, and its OID one of production.
PRINTED = "276037510669380^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS"


def samples(reference: Reference, kind: str) -> list[Path]:
    """The messages of a kind (ADT, MDM, ACK)."""
    files = sorted((reference.folder / FOLDER).glob("*.er7"))
    return [file for file in files if re.match(rf"MSH.*\|{kind}\^", file.read_text())]


def test_every_admission_is_read_with_the_number_and_the_traits(reference: Reference) -> None:
    files = samples(reference, "ADT")
    assert len(files) == 7
    for file in files:
        read = pam.read(file.read_text(), Platform.TEST, TODAY)
        assert (read.ins, read.traits, read.qualified) == (NUMBER, PERSON, True), file.name
        assert (read.ipp, read.comments, read.removed, read.remarks) == ("000003", (), (), ()), file.name
    assert {pam.read(file.read_text(), Platform.TEST, TODAY).trigger for file in files} == {"A01", "A03"}


def test_production_platform_drops_the_test_number_of_every_admission_and_keeps_the_rest(
    reference: Reference,
) -> None:
    for file in samples(reference, "ADT"):
        read = pam.read(file.read_text(), Platform.PRODUCTION, TODAY)
        assert (read.ins, read.traits, read.ipp) == (None, PERSON, "000003"), file.name
        assert [remark.code for remark in read.remarks] == ["INS_OF_ANOTHER_PLATFORM"], file.name


@pytest.mark.parametrize(
    ("platform", "code"),
    [(Platform.TEST, "INS_OF_ANOTHER_PLATFORM"), (Platform.PRODUCTION, "INS_KEY_WRONG")],
)
def test_number_that_the_extension_prints_is_dropped_with_the_reason(
    reference: Reference, platform: Platform, code: str
) -> None:
    for file in samples(reference, "ADT"):
        text = re.sub(r"279035121518989[^|~]*", PRINTED, file.read_text())
        read = pam.read(text, platform, TODAY)
        assert (read.ins, read.traits) == (None, PERSON), file.name
        assert [remark.code for remark in read.remarks] == [code], file.name


@pytest.mark.parametrize("status", ["PROV", "", "PROV~HOMA"])
def test_number_without_vali_is_dropped_whatever_the_message(reference: Reference, status: str) -> None:
    for file in samples(reference, "ADT"):
        read = pam.read(file.read_text().replace("|VALI|", f"|{status}|"), Platform.TEST, TODAY)
        assert (read.ins, read.qualified) == (None, False), file.name
        assert [remark.code for remark in read.remarks] == ["INS_WITHOUT_VALI"], file.name


def test_transport_of_documents_is_refused_by_its_type(reference: Reference) -> None:
    files = samples(reference, "MDM") + samples(reference, "ACK")
    assert len(files) == 4
    for file in files:
        with pytest.raises(PamMalformed) as refused:
            pam.read(file.read_text(), Platform.TEST, TODAY)
        assert [one.field for one in refused.value.violations] == ["content.MSH-9"], file.name


def _identity(traits: Traits) -> Identity:
    at = datetime(2026, 6, 12, tzinfo=UTC)
    retrieval, check = Retrieval(NUMBER, PersonId.new(), at), PaperCheck(Paper.PASSPORT, at)
    return Identity(IdentityId.new(), "1750000018", "000003", traits, at, retrieval, check)


def _fields(message: str) -> list[str]:
    (segment,) = [line for line in re.split(r"[\r\n]+", message) if line.startswith("PID|")]
    return segment.split("|")


def test_what_we_send_of_the_test_person_has_the_fields_of_the_official_messages(
    reference: Reference,
) -> None:
    """PID-3 differs by CX-7, which the French data types leave empty for an INS, PID-11 by the country."""
    (official,) = [file for file in samples(reference, "ADT") if file.name == "SGL-admission.er7"]
    sent = pam.read(official.read_text(), Platform.TEST, TODAY)
    assert sent.traits is not None
    ours = _fields(pam.update(_identity(sent.traits)).content)
    theirs = _fields(official.read_text())
    for number in (7, 8, 32):
        assert ours[number] == theirs[number]
    assert ours[5].split("~")[0] == theirs[5]
    assert ours[3].split("~")[1] == theirs[3].split("~")[1].removesuffix("^^20101207")
    assert ours[11] == theirs[11].split("~")[1].replace("^^^^^^BDL", "^^^^^FRA^BDL")
