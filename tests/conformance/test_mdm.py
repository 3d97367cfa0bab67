"""The official MDM messages: read field by field, and refused for exactly what stands in place of the CDA."""

import re
from pathlib import Path

import pytest

from chassis.testing import NOW
from dmp.domain.content import metadata
from dmp.domain.errors import CdaNotReadable
from gateway.hl7v2 import ack, er7, faults, mdm
from gateway.hl7v2.faults import MessageRefused
from gateway.hl7v2.mdm import Event
from tests.conformance.conftest import Reference

FOLDER = "hl7v2"
FIRST, SECOND = (f"urn:oid:1.2.250.1.71.4.2.2.120456789.7102400008{n}" for n in (1, 2))
INS = ("279035121518989", "1.2.250.1.213.1.4.10")


def raw(reference: Reference, name: str) -> bytes:
    file: Path = reference.folder / FOLDER / name
    return file.read_bytes()


def refusal(reference: Reference, name: str) -> list[tuple[str, str, str]]:
    """What an acknowledgement tells of the message, or of the document once dmp has read it."""
    with pytest.raises(MessageRefused) as refused:
        made = mdm.read(er7.parse(raw(reference, name)))
        try:
            metadata.generate(made.content)
        except CdaNotReadable as error:
            raise faults.of_document(error) from None
    return [(fault.place, fault.code, fault.problem) for fault in refused.value.faults]


def test_creation_is_read_and_its_placeholder_is_no_cda(reference: Reference) -> None:
    made = mdm.read(er7.parse(raw(reference, "MDM_INIT_N1.er7")))
    assert (made.event, made.matricule, made.oid) == (Event.CREATE, *INS)
    assert (made.unique_id, made.parent_id, made.type_code, made.activity) == (FIRST, "", "18748-4", "03")
    assert made.hidden == ("INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
    assert (made.secret, made.changes_codes, made.to_dmp) == (True, False, True)
    assert made.sender.professional == "801234564895"
    ((place, code, problem),) = refusal(reference, "MDM_INIT_N1.er7")
    assert (place, code) == ("OBX-5", "102")
    assert "not a well-formed CDA R2" in problem


def test_replacement_is_refused_for_a_document_that_is_not_base64(reference: Reference) -> None:
    assert refusal(reference, "MDM_RPLC_N1.er7") == [("OBX-5", "102", "component 5 is not base64")]


def test_replacement_without_its_placeholder_names_both_documents(reference: Reference) -> None:
    mended = re.sub(rb"\.\.\.BASE64-CDA-REMOVED\.\.\.", b"PHgvPg==", raw(reference, "MDM_RPLC_N1.er7"))
    made = mdm.read(er7.parse(mended))
    assert (made.event, made.unique_id, made.parent_id) == (Event.REPLACE, SECOND, FIRST)
    assert (made.hidden, made.changes_codes, made.content) == ((), True, b"<x/>")


def test_deletion_is_read_whatever_stands_for_the_document(reference: Reference) -> None:
    made = mdm.read(er7.parse(raw(reference, "MDM_DEL_N1.er7")))
    assert (made.event, made.unique_id, made.content) == (Event.DELETE, SECOND, b"")


def test_acknowledgement_has_the_fields_of_the_official_one(reference: Reference) -> None:
    """The sample answers from a PFI-X: identifiers and time apart, ours is the same, field by field."""
    published = [
        one.split("|") for one in re.split(r"[\r\n]+", raw(reference, "MDM_DEL_ack.er7").decode()) if one
    ]
    message = er7.parse(raw(reference, "MDM_DEL_N1.er7"))
    ours = [one.split("|") for one in ack.accepted(message, NOW).strip().split("\r")]
    assert ours[1] == published[1]
    header, expected = ours[0], published[0]
    assert len(header) == len(expected)
    sender, time, control = 2, 6, 9
    differing = {n for n, (one, other) in enumerate(zip(header, expected, strict=True)) if one != other}
    assert differing == {sender, time, control}
    assert header[sender] == "PFI-Y"
