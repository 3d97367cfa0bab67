"""What a Patient may not be: each fault at its place with its reason, whatever is sent an answer."""

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fhir import names
from gateway.fhir.admission import read_patient
from gateway.fhir.faults import FhirInvalid
from gateway.fhir.patient import write_identity
from socle.identity_ins.v1 import identity_ins_pb2 as pb

Json = dict[str, Any]
Edit = Callable[[Json], Any]
SAMPLE: Json = json.loads((Path(__file__).parent / "samples" / "patient.json").read_text())
DOMAIN = "1750000018"
HL7 = names.IDENTIFIER_TYPE


def sample(*edits: Edit) -> Json:
    made = copy.deepcopy(SAMPLE)
    for edit in edits:
        edit(made)
    return made


def claims(system: str, code: str, *, ins: bool = True, paper: bool = True) -> Edit:
    """A status in one of the code systems, with or without the INS and the paper."""

    def edit(made: Json) -> None:
        parts = made["extension"][0]["extension"]
        parts[0]["valueCoding"] = {"system": system, "code": code}
        if not paper:
            del parts[1:]
        if not ins:
            del made["identifier"][0]

    return edit


def part(url: str, **value: Any) -> Edit:
    return lambda made: made["extension"][0]["extension"].append({"url": url, **value})


def comment(code: str) -> Edit:
    return part("comment", valueCoding={"system": names.FR_STATUS_COMMENT, "code": code})


def put(*path: Any) -> Edit:
    """`put("name", 0, "family", "X")` sets the element at the path to the last value."""
    *steps, last, value = path

    def edit(made: Any) -> None:
        for step in steps:
            made = made[step]
        made[last] = value

    return edit


def drop(*path: Any) -> Edit:
    *steps, last = path

    def edit(made: Any) -> None:
        for step in steps:
            made = made[step]
        del made[last]

    return edit


def also(element: str, item: Any) -> Edit:
    return lambda made: made.setdefault(element, []).append(item)


def identifier(system: str, code: str, place: str, value: str, use: str = "official") -> Json:
    return {
        "use": use,
        "type": {"coding": [{"system": system, "code": code}]},
        "system": place,
        "value": value,
    }


FR, RNIV, FR_TYPE = names.FR_STATUS, names.FR_RNIV_STATUS, names.FR_IDENTIFIER_TYPE
INS_AT, STATUS_AT = "Patient.identifier[0]", "Patient.extension[0].extension[0].value"
LIST_AT = "Patient.name[0].extension[0]"
OID = "urn:oid:1.2.250.1.213.1.4"

# status told (system, code, ins, paper) -> INS and paper that reach the service.
ACCEPTED: list[tuple[Edit, bool, bool]] = [
    (claims(FR, "VALI"), True, True),
    (claims(RNIV, "QUAL"), True, True),
    (claims(RNIV, "RECUP", paper=False), True, False),
    (claims(RNIV, "VALI", ins=False), False, True),
    (claims(RNIV, "PROV", ins=False, paper=False), False, False),
    (claims(FR, "PROV", ins=False, paper=False), False, False),
    # In table 0445 an identity validée can only be told as PROV and a paper.
    (claims(FR, "PROV", ins=False), False, True),
]


@pytest.mark.parametrize(("edit", "ins", "paper"), ACCEPTED)
def test_status_is_read_by_the_table_of_its_version(edit: Edit, ins: bool, paper: bool) -> None:
    asked = read_patient(sample(edit), DOMAIN).request
    assert (asked.HasField("ins"), bool(asked.paper)) == (ins, paper)


def test_both_names_of_the_date_of_insi_are_read() -> None:
    for name in ("dateCollection", "dateInterrogationINSi"):
        read_patient(sample(part(name, valueDate="2026-01-02")), DOMAIN)


def test_compound_first_name_with_a_space_stays_one() -> None:
    edits = (
        put("name", 0, "given", ["Anne Marie"]),
        put("name", 0, "extension", 0, "valueString", "ANNE MARIE LOUISE"),
    )
    asked = read_patient(sample(*edits), DOMAIN).request
    assert list(asked.traits.birth_first_names) == ["ANNE MARIE", "LOUISE"]


def test_own_number_needs_no_authority() -> None:
    asked = read_patient(sample(put("identifier", 1, "system", f"urn:x-socle:ipp:{DOMAIN}")), DOMAIN).request
    assert (asked.ipp, asked.ipp_authority) == ("IPP-000123", "")


FAULTS: list[tuple[Edit, str, str]] = [
    (claims(FR, "VALI", ins=False), STATUS_AT, "fr-core-2"),
    (claims(FR, "VALI", paper=False), STATUS_AT, "validationMode"),
    (claims(RNIV, "QUAL", paper=False), STATUS_AT, "validationMode"),
    (claims(RNIV, "RECUP"), STATUS_AT, "leave validationMode out"),
    (claims(RNIV, "RECUP", ins=False, paper=False), STATUS_AT, "give it"),
    (claims(RNIV, "VALI"), STATUS_AT, "QUAL"),
    (claims(RNIV, "PROV", ins=False), STATUS_AT, "leave validationMode out"),
    (claims(FR, "PROV", paper=False), STATUS_AT, "leave the INS out"),
    (claims(FR, "QUAL"), STATUS_AT, "one of the codes PROV, VALI"),
    (claims("urn:other", "VALI"), STATUS_AT, "must have the system"),
    (drop("extension", 0), "Patient.extension", "fr-core-identity-reliability"),
    (drop("extension", 0), INS_AT, "no fr-core-identity-reliability"),
    (drop("extension", 0, "extension", 0), "Patient.extension[0]", "identityStatus"),
    (drop("extension", 0, "extension", 1), "Patient.extension[0].extension[1].value", "say which one"),
    (drop("extension", 1), "Patient.extension", "patient-birthPlace"),
    (
        put("extension", 0, "extension", 2, "valueDate", "2026-02"),
        "Patient.extension[0].extension[2].value",
        "a date",
    ),
    (part("identityStatus", valueCode="VALI"), "Patient.extension[0].extension[3]", "twice"),
    (part("colour", valueCode="red"), "Patient.extension[0].extension[3]", "is not kept"),
    (comment("DOUT"), "Patient.extension[0].extension[3].value", "identity vigilance"),
    (comment("HOMA"), "Patient.extension[0].extension[3].value", "identity vigilance"),
    (comment("USUR"), "Patient.extension[0].extension[3].value", "is not kept"),
    (comment("FICT"), STATUS_AT, "only be PROV"),
    (
        part("methodCollection", valueCoding={"system": names.FR_COLLECTION, "code": "XX"}),
        "Patient.extension[0].extension[3].value",
        "SM, CV",
    ),
    (also("extension", SAMPLE["extension"][0]), "Patient.extension[2]", "twice"),
    (also("extension", {"url": "urn:x", "valueCode": "x"}), "Patient.extension[2]", "not kept"),
    (drop("extension", 1, "valueAddress", "extension"), "Patient.extension[1].value", "COG code"),
    (
        put("extension", 1, "valueAddress", "extension", 0, "valueCoding", "system", "urn:x"),
        "Patient.extension[1].value.extension[0].value.system",
        "TRE_R13",
    ),
    (put("identifier", 0, "system", f"{OID}.8"), f"{INS_AT}.system", f"{OID}.10"),
    (put("identifier", 0, "use", "usual"), f"{INS_AT}.use", "must be official"),
    (drop("identifier", 0, "type"), f"{INS_AT}.type", "tells an INS from a billing number"),
    (drop("identifier", 0, "value"), f"{INS_AT}.value", "is missing"),
    (put("identifier", 0, "period", {"start": "2026-01-01"}), f"{INS_AT}.period", "not kept"),
    (put("identifier", 0, "use", "old"), INS_AT, "former INS"),
    (also("identifier", SAMPLE["identifier"][0]), "Patient.identifier[2]", "second ins"),
    (also("identifier", SAMPLE["identifier"][1]), "Patient.identifier[2]", "second ipp"),
    (
        also("identifier", identifier(FR_TYPE, "INS-C", f"{OID}.2", "1", "secondary")),
        "Patient.identifier[2]",
        "abolished",
    ),
    (
        also("identifier", identifier(FR_TYPE, "NDP", "urn:oid:1.2.250.1.176.1.2", "1")),
        "Patient.identifier[2]",
        "dossier pharmaceutique",
    ),
    (also("identifier", identifier("urn:x", "y", "urn:x", "1")), "Patient.identifier[2].type", "not kept"),
    (also("identifier", identifier(HL7, "NH", f"{OID}.10", "1")), "Patient.identifier[2].system", f"{OID}.8"),
    (put("identifier", 1, "system", "http://hospital.test"), "Patient.identifier[1].system", DOMAIN),
    (put("identifier", 1, "system", "urn:x-socle:ipp:1"), "Patient.identifier[1].system", DOMAIN),
    (put("identifier", 1, "system", "urn:oid:"), "Patient.identifier[1].system", DOMAIN),
    (also("name", {**SAMPLE["name"][0]}), "Patient.name[2]", "second official name"),
    (also("name", {"use": "usual", "family": "X"}), "Patient.name[2]", "second usual name"),
    (also("name", {"use": "maiden", "family": "X"}), "Patient.name[2]", "neither the official"),
    (drop("name", 0), "Patient.name", "use official"),
    (
        drop("name", 0, "extension"),
        f"Patient.name[0].extension.where(url='{names.FR_BIRTH_GIVEN_NAMES}')",
        "missing",
    ),
    (put("name", 0, "given", ["MARIE-LOUISE"]), "Patient.name[0].given[0]", "first of the list"),
    (put("name", 0, "given", ["DOMINIQUE", "MARIE"]), "Patient.name[0].given", "must be one"),
    (drop("name", 0, "given"), "Patient.name[0].given", "must be one"),
    (drop("name", 0, "family"), "Patient.name[0].family", "missing"),
    (put("name", 0, "text", "X"), "Patient.name[0].text", "not kept"),
    (put("name", 0, "extension", 0, "url", "urn:x"), LIST_AT, "not kept"),
    (put("name", 1, "given", ["A", "B"]), "Patient.name[1].given", "must be one"),
    (put("gender", "other"), "Patient.gender", "is `other`"),
    (put("gender", "homme"), "Patient.gender", "one of male"),
    (drop("gender"), "Patient.gender", "missing"),
    (drop("birthDate"), "Patient.birthDate", "missing"),
    (put("birthDate", "28/03/1979"), "Patient.birthDate", ""),
    (put("birthDate", "1979-02-30"), "Patient.birthDate", ""),
    (put("birthDate", 1979), "Patient.birthDate", ""),
    (
        put("_birthDate", {"extension": [{"url": "urn:x", "valueBoolean": True}]}),
        "Patient.birthDate.extension",
        "not kept",
    ),
    (put("active", False), "Patient.active", "is active"),
    (put("active", "true"), "Patient.active", "boolean"),
    (put("deceasedBoolean", True), "Patient.deceasedBoolean", "not kept"),
    (put("meta", "security", [{"code": "R"}]), "Patient.meta.security", "not kept"),
    (put("implicitRules", "urn:x"), "Patient.implicitRules", "not understood"),
    (
        put("modifierExtension", [{"url": "urn:x", "valueCode": "x"}]),
        "Patient.modifierExtension",
        "not understood",
    ),
    (put("contained", [{"resourceType": "Patient"}]), "Patient.contained", "not read"),
    (put("colour", "red"), "Patient.colour", "is not an element"),
    (put("telecom", []), "Patient.telecom", "may not be empty"),
    (put("name", {"family": "X"}), "Patient.name", "must be a list"),
    (put("identifier", [None]), "Patient.identifier", ""),
]


@pytest.mark.parametrize(("edit", "where", "what"), FAULTS)
def test_fault_is_told_at_its_place(edit: Edit, where: str, what: str) -> None:
    with pytest.raises(FhirInvalid) as caught:
        read_patient(sample(edit), DOMAIN)
    told = {one.field: one.problem for one in caught.value.violations if what in one.problem}
    assert where in told, [(one.field, one.problem) for one in caught.value.violations]


def test_faults_are_told_together() -> None:
    with pytest.raises(FhirInvalid) as caught:
        read_patient(sample(drop("gender"), put("identifier", 0, "use", "temp"), comment("DOUT")), DOMAIN)
    assert len(caught.value.violations) == 3


def test_faults_without_end_are_told_as_a_hundred() -> None:
    with pytest.raises(FhirInvalid) as caught:
        read_patient(sample(put("name", [{"use": "official"}] * 5_000)), DOMAIN)
    assert len(caught.value.violations) == 100
    assert "more" in caught.value.hint


@pytest.mark.parametrize(
    "edit",
    [
        comment("DOUT"),
        comment("HOMA"),
        put("modifierExtension", [{"url": "urn:x", "valueCode": "x"}]),
        put("gender", "other"),
        drop("identifier", 0, "type"),
        claims(FR, "PROV", paper=False),
    ],
)
def test_leniency_does_not_reach_what_changes_the_meaning(edit: Edit) -> None:
    with pytest.raises(FhirInvalid):
        read_patient(sample(edit), DOMAIN, lenient=True)


def test_fields_of_the_service_are_found_again_in_what_was_sent() -> None:
    found = read_patient(sample(), DOMAIN)
    assert found.locate("traits.birth_name") == "Patient.name[0].family"
    assert found.locate("traits.birth_first_names[1]").startswith("Patient.name[0].extension.where")
    assert found.locate("ins.matricule") == "Patient.identifier[0].value"
    assert found.locate("paper") == "Patient.extension[0].extension[1].value"
    assert found.locate("paper_checked_on") == "Patient.extension[0].extension[2].value"
    assert found.locate("traits") == "Patient"
    assert found.locate("page.size") == "page.size"


@pytest.mark.parametrize(
    ("status", "ins", "paper"),
    [
        (pb.IDENTITY_STATUS_PROVISOIRE, False, ""),
        (pb.IDENTITY_STATUS_RECUPEREE, True, ""),
        (pb.IDENTITY_STATUS_VALIDEE, False, "CN"),
        (pb.IDENTITY_STATUS_QUALIFIEE, True, "CN"),
    ],
)
def test_written_status_is_one_that_is_read(
    status: "pb.IdentityStatus.ValueType", ins: bool, paper: str
) -> None:
    """What leaves comes in again with the same facts; only a récupérée leaves its INS behind."""
    known = read_patient(sample(), DOMAIN).request
    identity = pb.Identity(id="i", domain=DOMAIN, ipp="I-1", status=status, version=1, paper=paper)
    identity.traits.CopyFrom(known.traits)
    if ins:
        identity.ins.CopyFrom(known.ins)
    if paper:
        identity.paper_checked_at.FromJsonString("2026-01-02T00:00:00Z")
    asked = read_patient(write_identity(identity), DOMAIN).request
    assert (asked.HasField("ins"), asked.paper) == (ins and bool(paper), paper)


ELEMENTS = ["identifier", "name", "extension", "meta", "gender", "birthDate", "active", "contained", "text"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "url",
                    "extension",
                    "type",
                    "coding",
                    "code",
                    "system",
                    "value",
                    "use",
                    "given",
                    "resourceType",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(ELEMENTS), st.booleans())
def test_any_element_is_read_or_refused(value: Any, element: str, lenient: bool) -> None:
    with suppress(FhirInvalid):
        read_patient(sample(put(element, value)), DOMAIN, lenient=lenient)


@given(VALUES)
def test_any_body_is_refused(value: Any) -> None:
    with pytest.raises(FhirInvalid):
        read_patient(value, DOMAIN)
