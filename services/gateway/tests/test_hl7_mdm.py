"""MDM messages: each field read or refused by its place, whatever bytes come."""

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given as such_as
from hypothesis import strategies as st

from chassis.errors import InvalidInput, Violation
from chassis.testing import NOW, callers
from gateway.hl7v2 import ack, deposit, er7, faults, mdm
from gateway.hl7v2.faults import Fault, MessageRefused, MessageUnreadable
from gateway.hl7v2.mdm import Event, Mdm
from socle.dmp.v1 import dmp_pb2 as pb

from .mdm_given import INS, OID, OLD, CdaNotReadable, cda, entry, fields, flag
from .mdm_given import mdm as message

CHANGED: dict[str, tuple[str, str, str, str]] = {
    "control id": ("|015|P|", "||P|", "MSH-10", "101"),
    "type": ("MDM^T02", "ADT^A31", "MSH-9", "200"),
    "event": ("MDM^T02", "MDM^T11", "MSH-9", "201"),
    "processing": ("|015|P|", "|015|X|", "MSH-11", "202"),
    "version": ("|2.6|", "|2.5|", "MSH-12", "203"),
    "order": ("ORC|NW", "ORC|CA", "ORC-1", "103"),
    "patient class": ("PV1|1|I", "PV1|1|Z", "PV1-2", "103"),
    "status of the identity": ("|VALI", "|PROV", "PID-32", "101"),
    "no INS": ("&ISO^INS^", "&ISO^PI^", "PID-3", "101"),
    "no type": ("18748-4^CR d'imagerie médicale^LN|\rTXA", "|\rTXA", "OBR-4", "101"),
    "no identifier": (f"{OID}^", "^", "TXA-12", "101"),
    "identifier of nobody": (f"{OID}^", "DOC-7^", "TXA-12", "102"),
    "flag": (flag("DESTDMP", "Y"), flag("DESTDMP", "O"), "OBX-5", "103"),
    "flag twice": (flag("DESTDMP", "Y"), flag("DESTDMP", "Y") + "\r" + flag("DESTDMP", "N"), "OBX-5", "103"),
    "no destination": ("DESTDMP^", "OTHER^", "OBX-3", "101"),
    "not base64": ("^Base64^", "^Base64^...", "OBX-5", "102"),
    "not XML": ("^XML^", "^PDF^", "OBX-5", "102"),
    "no document": ("OBX|1|ED|", "OBX|1|ST|", "OBX-5", "101"),
}


def read(text: str) -> Mdm:
    return mdm.read(er7.parse(text.encode()))


def refusal(text: str) -> list[tuple[str, str]]:
    with pytest.raises(MessageRefused) as refused:
        read(text)
    return [(fault.place, fault.code) for fault in refused.value.faults]


def test_message_is_read_whole() -> None:
    made = read(
        message("T10", b"<x/>", parent=OLD, MASQUE_PS="Y", INVISIBLE_REP_LEGAUX="Y", CONNEXION_SECRETE="Y")
    )
    assert (made.event, made.matricule, made.oid) == (Event.REPLACE, *INS)
    assert (made.unique_id, made.parent_id) == (f"urn:oid:{OID}", f"urn:oid:{OLD}")
    assert (made.type_code, made.activity, made.content) == ("18748-4", "03", b"<x/>")
    assert made.hidden == ("MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX")
    assert (made.secret, made.changes_codes, made.to_dmp) == (True, False, True)
    assert (made.sender.family_name, made.sender.given_name) == ("TEST", "Anne")
    assert made.sender.professional == callers.doctor.subject


@pytest.mark.parametrize("ends", ["\r", "\n", "\r\n"])
def test_segments_may_end_in_any_way(ends: str) -> None:
    assert read(message(content=b"<x/>", ends=ends)).content == b"<x/>"


@pytest.mark.parametrize(("charset", "python"), [("8859/1", "latin-1"), ("8859/15", "iso8859-15")])
def test_character_set_is_the_one_of_msh_18(charset: str, python: str) -> None:
    raw = message(content=b"<x/>").replace("UNICODE UTF-8", charset).encode(python)
    assert mdm.read(er7.parse(raw)).sender.organisation_name == "Hôpital fictif"


def test_identifier_may_be_a_uuid() -> None:
    uuid = "90E1C8EC-F951-4B26-A305-A34848818DD6"
    assert read(message(content=b"<x/>", oid=uuid)).unique_id == f"urn:uuid:{uuid.lower()}"


@pytest.mark.parametrize("name", CHANGED)
def test_each_fault_is_told_at_its_field_with_its_code(name: str) -> None:
    good, bad, place, code = CHANGED[name]
    text = message(content=b"<x/>")
    assert good in text
    assert refusal(text.replace(good, bad)) == [(place, code)]


def test_all_faults_are_told_at_once_and_a_missing_segment_once() -> None:
    text = (
        message(content=b"<x/>")
        .replace("TXA|", "ZZZ|")
        .replace("PV1|1|I", "PV1|1|")
        .replace("ORC|NW", "ORC|RO")
    )
    assert refusal(text) == [("TXA", "100"), ("PV1-2", "103"), ("ORC-1", "103")]


def test_replacement_names_what_it_replaces() -> None:
    assert refusal(message("T10", b"<x/>")) == [("TXA-13", "101")]


def test_deletion_needs_no_document() -> None:
    assert read(message("T04", "...cut out...")).content == b""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PID|1",
        b"MSH#^~\\&#",
        message().encode("utf-16"),
        message().replace("UNICODE UTF-8", "KLINGON").encode(),
        "MSH|^~\\&|é".encode("latin-1"),
        (message() + message()).encode(),
        message().encode() + b"ZZZ|\r" * er7.MOST_SEGMENTS,
        # Cut into objects, these would hold a processor for half a minute.
        message().encode() + b"NTE" + b"|" * 5_000_000,
        message().encode() + b"NTE|" + b"~^&" * er7.MOST_PARTS,
        message().encode() + b"nothing of a segment",
    ],
)
def test_bytes_that_are_no_message_cannot_be_acknowledged(raw: bytes) -> None:
    with pytest.raises(MessageUnreadable) as refused:
        er7.parse(raw)
    assert refused.value.hint
    assert refused.value.field


@such_as(st.binary(max_size=400), st.integers(0, 900))
def test_noise_in_a_message_is_refused_or_read_never_a_crash(noise: bytes, at: int) -> None:
    raw = message(content=b"<x/>").encode()
    with suppress(InvalidInput):
        mdm.read(er7.parse(raw[:at] + noise + raw[at:]))


@such_as(st.text(max_size=40))
def test_any_text_stands_escaped_in_a_field_and_is_read_back(said: str) -> None:
    cleaned = " ".join(said.replace("\r", " ").replace("\n", " ").split())
    text = message(content=b"<x/>").replace("Hôpital fictif", er7.escape(cleaned))
    expected = "" if cleaned == '""' else cleaned
    with suppress(UnicodeEncodeError):
        assert " ".join(read(text).sender.organisation_name.split()) == expected


# -- the document of the message


class CdaHeaderIncomplete(InvalidInput):
    """The header of the CDA lacks what every document of a record has: see each place."""


def test_document_that_is_no_cda_is_told_at_obx_5() -> None:
    error = faults.of_document(CdaNotReadable(field="content", hint="At most 100 levels."))
    told = "The content is not a well-formed CDA R2 document. At most 100 levels."
    assert isinstance(error, MessageRefused)
    assert error.faults == (Fault("OBX-5", "102", told, "906"),)


def test_header_without_what_metadata_need_is_told_by_its_paths() -> None:
    places = ["/ClinicalDocument/title is missing", "/ClinicalDocument/code/@code is missing"]
    lacking = CdaHeaderIncomplete(violations=[Violation("content", place) for place in places])
    error = faults.of_document(lacking)
    assert isinstance(error, MessageRefused)
    assert error.faults == tuple(Fault("OBX-5", "101", place, "906") for place in places)


def test_refusal_of_something_else_is_not_told_of_the_document() -> None:
    error = InvalidInput(reason="UNKNOWN_PURPOSE")
    assert faults.of_document(error) is error


def test_message_and_document_must_speak_of_one_thing() -> None:
    asked, other = read(message(content=cda())), entry("1.2.3")
    other.type.code = "11488-4"
    with pytest.raises(MessageRefused) as refused:
        deposit.check_document(asked, other)
    assert [fault.place for fault in refused.value.faults] == ["TXA-12", "OBR-4"]


def test_identifier_of_the_document_may_be_told_in_another_form() -> None:
    uuid = UUID("90e1c8ec-f951-4b26-a305-a34848818dd6")
    asked = read(message(content=b"<x/>", oid=str(uuid)))
    deposit.check_document(asked, entry(f"2.25.{uuid.int}"))


@pytest.mark.parametrize(
    ("held", "wanted", "changes"),
    [
        ([], {}, None),
        ([], {"MASQUE_PS": "Y"}, [pb.DOCUMENT_CHANGE_MASK]),
        (["MASQUE_PS"], {}, [pb.DOCUMENT_CHANGE_UNMASK]),
        (["INVISIBLE_PATIENT"], {}, [pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT]),
        (["INVISIBLE_REPRESENTANTS_LEGAUX"], {}, [pb.DOCUMENT_CHANGE_SHOW_TO_REPRESENTATIVES]),
        ([], {"INVISIBLE_REP_LEGAUX": "Y"}, [pb.DOCUMENT_CHANGE_HIDE_FROM_REPRESENTATIVES]),
        (["MASQUE_PS"], {"MASQUE_PS": "Y"}, None),
    ],
)
def test_change_of_codes_is_what_leads_from_the_ones_to_the_others(
    held: list[str], wanted: dict[str, str], changes: list[int] | None
) -> None:
    asked = read(message("T10", cda(), parent=OID, MODIF_CONF_CODE="Y", **wanted))
    stored = pb.DocumentEntry(document_id="d", version=3, confidentiality=["N", *held])
    change = deposit.change_of_codes(asked, stored)
    assert (list(change.changes) if change else None) == changes
    assert change is None or (change.expected_version, change.confirmed) == (3, True)


def test_what_the_patient_saw_cannot_be_hidden_again() -> None:
    asked = read(message("T10", cda(), parent=OID, MODIF_CONF_CODE="Y", INVISIBLE_PATIENT="Y"))
    with pytest.raises(MessageRefused, match="cannot be taken"):
        deposit.change_of_codes(asked, pb.DocumentEntry(confidentiality=["N"]))


# -- acknowledgements


def test_acknowledgement_turns_the_header_round() -> None:
    found = fields(ack.accepted(er7.parse(message().encode()), NOW))
    msh = found["MSH"][0]
    assert msh[2:6] == ["PFI-Y", "Organisation-Y", "RIS-Y", "Organisation-Y"]
    assert (msh[8], msh[10], msh[11], msh[16], msh[17]) == ("ACK^T02^ACK", "P", "2.6", "FRA", "UNICODE UTF-8")
    assert 0 < len(msh[9]) <= 20
    assert found["MSA"] == [["MSA", "AA", "015"]]
    assert "ERR" not in found


def test_acknowledgement_of_a_refusal_tells_each_fault() -> None:
    faults = [Fault("OBX-5", "102", "n'est pas|lisible", "906"), Fault("", "207", "x" * 999, "904")]
    found = fields(ack.refused(er7.parse(message("T04").encode()), faults, NOW))
    assert found["MSA"] == [["MSA", "AE", "015"]]
    first, second = found["ERR"]
    assert (first[2], first[3], first[4]) == ("OBX^1^5", "102^Data type error^HL70357", "E")
    assert (first[5], first[8]) == ("906^Autre erreur", "n'est pas\\F\\lisible")
    assert (second[2], len(second[8])) == ("", ack.LONGEST_TEXT)


def test_message_of_another_kind_is_rejected() -> None:
    text = ack.refused(er7.parse(message().encode()), [Fault("MSH-9", "201", "x")], NOW)
    assert fields(text)["MSA"][0][1] == "AR"
