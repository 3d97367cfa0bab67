"""FHIR to the contracts and back, for persons, authors and dates: nothing is lost on the way."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.patient import Patient
from hypothesis import given
from hypothesis import strategies as st

from gateway.fhir import authors, capability, coding, instants, names, patient
from gateway.fhir.faults import Faults
from socle.dmp.v1 import dmp_pb2
from socle.identity_ins.v1 import identity_ins_pb2

INS = identity_ins_pb2.Ins(matricule="279035121518989", oid="1.2.250.1.213.1.4.10")


def _author(reference: Any, **resource: Any) -> tuple[dmp_pb2.Author, list[Any]]:
    faults = Faults()
    return authors.read_author(reference, authors.Contained(resource), "author", faults), faults.found


def test_authors_of_each_kind_are_read() -> None:
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "identifier": [{"system": names.PROFESSIONALS, "value": "8"}],
    }
    author, found = _author({"reference": "#r"}, contained=[role])
    assert (author.professional, found) == ("8", [])
    patient_author, _ = _author(
        {"reference": "#p"},
        contained=[{"resourceType": "Patient", "id": "p", "name": [{"family": "X", "given": ["A", "B"]}]}],
    )
    assert (patient_author.family_name, patient_author.given_name) == ("X", "A B")
    device, _ = _author(
        {"reference": "#d"},
        contained=[{"resourceType": "Device", "id": "d", "deviceName": [{"name": "ECG 3"}]}],
    )
    assert device.family_name == "ECG 3"
    logical, _ = _author(
        {
            "type": "Organization",
            "identifier": {"system": names.STRUCTURES, "value": "1990000010"},
            "display": "CH",
        }
    )
    assert (logical.organisation, logical.organisation_name) == ("1990000010", "CH")
    _, wrong = _author({"reference": "#p"}, contained=[{"resourceType": "Practitioner", "id": "p"}])
    assert "PS_IdNat" in wrong[0].problem


IDENTITY = identity_ins_pb2.Identity(
    id="i-1",
    domain="1990000010",
    ipp="IPP-7",
    traits=identity_ins_pb2.Traits(
        birth_name="PAT-TROIS",
        birth_first_names=["DOMINIQUE", "MARIE-LOUISE"],
        sex=identity_ins_pb2.SEX_FEMALE,
        birth_date="1979-03-28",
        birth_place="51215",
        used_name="MARTIN",
    ),
    ins=INS,
    version=4,
)


@pytest.mark.parametrize(
    ("status", "code", "leaves"),
    [
        ("PROVISOIRE", "PROV", False),
        ("RECUPEREE", "PROV", False),
        ("VALIDEE", "PROV", False),
        ("QUALIFIEE", "VALI", True),
    ],
)
def test_ins_leaves_only_when_qualified(status: str, code: str, leaves: bool) -> None:
    identity = identity_ins_pb2.Identity()
    identity.CopyFrom(IDENTITY)
    identity.status = identity_ins_pb2.IdentityStatus.Value(f"IDENTITY_STATUS_{status}")
    written = patient.write_identity(identity)
    Patient.model_validate(written)
    parts = {one["url"]: one for one in written["extension"][0]["extension"]}
    assert parts["identityStatus"]["valueCoding"]["code"] == code
    assert (INS.matricule in json.dumps(written)) is leaves
    assert (written["meta"]["profile"] == [names.FR_PATIENT_INS]) is leaves
    assert written["name"][0]["given"] == ["DOMINIQUE"]
    assert written["name"][0]["extension"][0]["valueString"] == "DOMINIQUE MARIE-LOUISE"
    assert written["name"][1] == {"use": "usual", "family": "MARTIN"}


def test_attributes_and_paper_are_told() -> None:
    identity = identity_ins_pb2.Identity()
    identity.CopyFrom(IDENTITY)
    identity.status = identity_ins_pb2.IDENTITY_STATUS_QUALIFIEE
    identity.attributes.extend(["homonyme", "homonyme_detectee"])
    identity.paper = "CN"
    identity.paper_checked_at.FromDatetime(datetime(2026, 5, 4, 9, tzinfo=UTC))
    parts = patient.write_identity(identity)["extension"][0]["extension"]
    assert {"url": "validationDate", "valueDate": "2026-05-04"} in parts
    told = [one["valueCoding"]["code"] for one in parts if one["url"] in ("validationMode", "comment")]
    assert told == ["CN", "HOMA", "HOMD"]


def test_person_is_shown_with_the_ins_but_not_as_qualified() -> None:
    written = patient.write_person(identity_ins_pb2.Person(person_id="p", traits=IDENTITY.traits, ins=INS))
    Patient.model_validate(written)
    assert written["identifier"][0]["type"]["coding"][0]["code"] == "INS-NIR-TEST"
    assert written["meta"]["profile"] == [names.FR_PATIENT]


def test_nia_is_temporary() -> None:
    ins = identity_ins_pb2.Ins(matricule="1" * 15, oid="1.2.250.1.213.1.4.9")
    assert coding.write_ins(ins)["use"] == "temp"


def test_capability_statement_is_one() -> None:
    endpoints = capability.oauth_endpoints("https://issuer.test/realms/pro")
    CapabilityStatement.model_validate(capability.capability("https://socle.test/fhir", "1", endpoints))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-12", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-02-28", "2026-02-28T00:00:00", "2026-03-01T00:00:00"),
        ("2026-06-12T10:00:00+02:00", "2026-06-12T08:00:00", "2026-06-12T08:00:01"),
        ("2026-06-12T10:00Z", "2026-06-12T10:00:00", "2026-06-12T10:01:00"),
        ("2026-06-12T10:00:00.5Z", "2026-06-12T10:00:00.500000", "2026-06-12T10:00:00.500001"),
    ],
)
def test_dates_cover_what_their_precision_says(text: str, start: str, end: str) -> None:
    found = instants.span(text)
    assert found.start.isoformat().removesuffix("+00:00") == start
    assert found.end.isoformat().removesuffix("+00:00") == end


@given(st.one_of(st.text(max_size=40), st.from_regex(instants.SHAPE, fullmatch=True)))
def test_any_date_is_read_or_refused(text: str) -> None:
    try:
        found = instants.span(text)
    except ValueError:
        return
    assert found.start < found.end
