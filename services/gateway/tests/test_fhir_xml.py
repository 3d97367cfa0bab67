"""FHIR XML: the same as JSON both ways, chosen as the caller asks, and parsed without trust."""

import copy
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from chassis.errors import InvalidInput
from chassis.testing import callers
from gateway import media
from gateway.fhir import capability, names, operations, transaction
from gateway.fhir.document import write_document
from gateway.fhir.faults import FhirInvalid
from gateway.fhir.xml_in import MalformedXml, from_xml
from gateway.fhir.xml_out import FHIR, to_xml
from gateway.negotiation import LARGEST_XML
from socle.dmp.v1 import dmp_pb2

from .conftest import INS, SAMPLES
from .desk import Desk

Json = dict[str, Any]
FHIR_JSON, FHIR_XML = names.FHIR_JSON, names.FHIR_XML
PATIENT: Json = json.loads((SAMPLES / "patient.json").read_text())
DEPOSIT: Json = json.loads((SAMPLES / "deposit.json").read_text())
ENDPOINTS = capability.oauth_endpoints("http://127.0.0.1/realms/pro")
OUTCOME: Json = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "invalid", "expression": ["Patient.name[0]"]}],
}


@pytest.fixture
async def desk(house: Any) -> AsyncIterator[Any]:
    async with house(identities=Desk()) as here:
        yield here


def document() -> Json:
    entry = dmp_pb2.DocumentEntry()
    entry.CopyFrom(transaction.read_submission(DEPOSIT).documents[0].entry)
    entry.document_id, entry.person_id, entry.version = "d-1", "p-1", 2
    entry.status = dmp_pb2.DOCUMENT_STATUS_CURRENT
    return write_document(entry, "http://127.0.0.1/fhir", INS)


RESOURCES = {
    "Patient": PATIENT,
    "Bundle": DEPOSIT,
    "DocumentReference": document(),
    "CapabilityStatement": capability.capability("http://127.0.0.1/fhir", "1", ENDPOINTS),
    "OperationOutcome": OUTCOME,
    "Parameters": {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "code", "valueCode": "00"},
            {"name": "score", "valueDecimal": 0.8765},
            {"name": "count", "valueInteger": -3},
            {"name": "sure", "valueBoolean": False},
            {"name": "at", "valueInstant": "2026-01-01T00:00:00.123456Z"},
            {"name": "patient", "resource": PATIENT},
        ],
    },
    **{one.id: operations.write_definition(one, "http://x") for one in operations.OPERATIONS.values()},
}


@pytest.mark.parametrize("name", RESOURCES)
def test_json_to_xml_to_json_is_the_same(name: str) -> None:
    assert from_xml(to_xml(RESOURCES[name])) == RESOURCES[name]


def test_elements_come_in_the_order_of_the_standard() -> None:
    """Whatever the order of the JSON, the schema of FHIR wants one order."""
    shuffled = dict(reversed(PATIENT.items()))
    assert to_xml(shuffled) == to_xml(PATIENT)
    root = etree.fromstring(to_xml(shuffled))
    tags = [etree.QName(child).localname for child in root]
    order = ["meta", "extension", "extension", "identifier", "identifier", "active", "name", "name", "gender"]
    assert tags == [*order, "birthDate"]


async def send(here: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    sent = here.as_(callers.staff, **headers)
    return await here.client.request(method, f"/fhir/{path}", content=body, headers=sent)


async def test_patient_goes_in_and_out_in_xml(desk: Any) -> None:
    made = await send(desk, "POST", "Patient", to_xml(PATIENT), Content_Type=FHIR_XML, Accept=FHIR_XML)
    assert made.status_code == 201, made.text
    assert made.headers["content-type"] == FHIR_XML
    created = from_xml(made.content)
    as_json = await send(desk, "GET", f"Patient/{created['id']}")
    assert as_json.json() == created
    for path in (
        f"Patient/{created['id']}/_history",
        "Patient?family=pat",
        "metadata",
        "OperationDefinition",
    ):
        answer = await send(desk, "GET", path, Accept=FHIR_XML)
        twin = await send(desk, "GET", path)
        assert from_xml(answer.content) == twin.json(), path


async def test_operations_speak_xml(desk: Any) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": PATIENT}]}
    found = await send(desk, "POST", "Patient/$match", to_xml(body), Content_Type=FHIR_XML, Accept=FHIR_XML)
    assert found.status_code == 200, found.text
    assert from_xml(found.content)["type"] == "searchset"
    assert desk.vigilance.asked[0][1].description.birth_name == "PAT-TROIS"


async def test_documents_are_deposited_and_found_in_xml(here: Any) -> None:
    headers = here.as_(callers.doctor, Content_Type=FHIR_XML, Accept=FHIR_XML)
    stored = await here.client.post("/fhir", content=to_xml(DEPOSIT), headers=headers)
    assert stored.status_code == 200, stored.text
    (document_id,) = here.records.entries
    read = await here.client.get(f"/fhir/DocumentReference/{document_id}", headers=headers)
    written = from_xml(read.content)
    given = DEPOSIT["entry"][0]["resource"]
    assert written["masterIdentifier"] == given["masterIdentifier"]
    binary = await here.client.get(f"/fhir/Binary/{document_id}", headers=headers)
    assert from_xml(binary.content)["data"] == DEPOSIT["entry"][1]["resource"]["data"]


async def test_errors_are_in_the_format_that_was_asked_for(desk: Any) -> None:
    for path, status in (("Patient/x/$no", 404), ("Patient?colour=red", 400), ("Observation", 404)):
        answer = await send(desk, "GET", path, Accept=FHIR_XML)
        assert (answer.status_code, answer.headers["content-type"]) == (status, FHIR_XML)
        assert from_xml(answer.content)["resourceType"] == "OperationOutcome"
    posted = await desk.client.post(
        "/fhir/Patient/_search", data={"colour": "red", "_format": "xml"}, headers=desk.as_(callers.staff)
    )
    assert posted.headers["content-type"] == FHIR_XML


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", FHIR_JSON),
        ("*/*", FHIR_JSON),
        ("application/*", FHIR_JSON),
        (FHIR_XML, FHIR_XML),
        ("application/xml", FHIR_XML),
        ("text/xml", FHIR_XML),
        ("text/html, application/xml;q=0.9, */*;q=0.8", FHIR_XML),
        (f"{FHIR_JSON};q=0.5, {FHIR_XML};q=0.9", FHIR_XML),
        (f"{FHIR_XML};q=0.5, {FHIR_JSON};q=0.9", FHIR_JSON),
        (f"{FHIR_XML}, {FHIR_JSON}", FHIR_XML),
        (f"{FHIR_JSON}, {FHIR_XML}", FHIR_JSON),
        (f"{FHIR_XML}, */*", FHIR_XML),
        (f"{FHIR_JSON};q=0, */*", FHIR_XML),
        (f"{FHIR_XML};q=0, {FHIR_XML}", ""),
        (f"{FHIR_XML}; fhirVersion=4.0", FHIR_XML),
        (f"{FHIR_XML}; fhirVersion=3.0", ""),
        ("text/html", ""),
        ("application/pdf;q=1, */*;q=0", ""),
    ],
)
def test_format_follows_the_weights(accept: str, expected: str) -> None:
    assert media.preferred(accept) == expected


@pytest.mark.parametrize(
    ("asked", "status", "kind"),
    [
        ("xml", 200, FHIR_XML),
        ("json", 200, FHIR_JSON),
        ("application/fhir%2Bxml", 200, FHIR_XML),
        ("application/fhir+xml", 200, FHIR_XML),
        ("text/xml", 200, FHIR_XML),
        ("ttl", 406, FHIR_JSON),
    ],
)
async def test_format_parameter_goes_before_accept(here: Any, asked: str, status: int, kind: str) -> None:
    answer = await here.client.get(f"/fhir/metadata?_format={asked}", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, kind)


async def test_what_is_not_taken_is_told_with_what_is(desk: Any) -> None:
    unreadable = await send(desk, "GET", "metadata", Accept="text/html")
    assert unreadable.status_code == 406
    assert FHIR_XML in unreadable.json()["issue"][0]["diagnostics"]
    for kind in ("text/plain", "", f"{FHIR_XML}; charset=utf-16", f"{FHIR_JSON}; fhirVersion=3.0"):
        refused = await send(desk, "POST", "Patient", b"x", Content_Type=kind)
        assert refused.status_code == 415
        assert refused.headers["accept"] == f"{FHIR_JSON}, {FHIR_XML}"


def xml(inner: str, root: str = "Patient", space: str = FHIR) -> bytes:
    return f'<{root} xmlns="{space}">{inner}</{root}>'.encode()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "lol">' for n in range(9))
MALFORMED: list[tuple[bytes, str]] = [
    (b"", "well-formed"),
    (b"{}", "well-formed"),
    (b"<Patient>", "well-formed"),
    (f"<!DOCTYPE p [{LAUGHS}]>".encode() + xml('<id value="&l8;"/>'), "document type"),
    (b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + xml('<id value="&x;"/>'), "document type"),
    (b'<!DOCTYPE p SYSTEM "http://127.0.0.1:1/p.dtd">' + xml(""), "document type"),
    (xml('<id value="&x;"/>'), "well-formed"),
    (b"<?xml version='1.0' encoding='utf-16'?>" + xml(""), "UTF-8"),
    (xml('<id value="a"/>').decode().encode("utf-16"), "UTF-8"),
    (xml('<id value="a"/>').decode().encode("utf-16-le"), ""),
    (b"<?xml version='1.0' encoding='utf-7'?>" + xml(""), "UTF-8"),
    (xml('<id value="\xff"/>').decode().encode("latin-1"), "UTF-8"),
    (xml("", space="http://hl7.org/fhir/other"), "namespace"),
    (b"<Patient/>", "namespace"),
    (xml("", root="Zebra"), "not a resource"),
    (xml("", root="HumanName"), "not a resource"),
    (xml("<a>" * 70 + "</a>" * 70), "levels"),
    (xml("<a>" * 5000 + "</a>" * 5000), ""),
]


@pytest.mark.parametrize(("raw", "what"), MALFORMED)
def test_malformed_xml_is_refused(raw: bytes, what: str) -> None:
    with pytest.raises(MalformedXml) as caught:
        from_xml(raw)
    assert what in caught.value.violations[0].problem
    assert "root:" not in str(caught.value.violations)


WRONG: list[tuple[str, str, str]] = [
    ('<colour value="red"/>', "Patient.colour", "not an element of Patient"),
    ('<x:id xmlns:x="urn:x" value="a"/>', "Patient.id", "namespace"),
    ("<active>true</active>", "Patient.active", "text"),
    ("hello", "Patient", "text"),
    ('<active value="yes"/>', "Patient.active", "true or false"),
    ('<active value="true" colour="x"/>', "Patient.active", "attribute colour"),
    ("<active/>", "Patient.active", "attribute `value`"),
    ('<gender value="male"/><gender value="female"/>', "Patient.gender", "twice"),
    ("<name/>", "Patient.name[0]", "empty"),
    ('<name><family value="A"/><family value="B"/></name>', "Patient.name[0].family", "twice"),
    ('<multipleBirthInteger value="1.5"/>', "Patient.multipleBirthInteger", "whole number"),
    ('<multipleBirthInteger value="99999999999"/>', "Patient.multipleBirthInteger", "whole number"),
    ("<contained/>", "Patient.contained[0]", "one resource"),
    ("<contained><HumanName/></contained>", "Patient.contained[0]", "one resource"),
    ('<extension url="u"><url value="x"/></extension>', "Patient.extension[0].url", "not an element"),
    ('<text><status value="empty"/><div>x</div></text>', "Patient.text.div", ""),
]


@pytest.mark.parametrize(("inner", "where", "what"), WRONG)
def test_wrong_fhir_is_told_at_its_place(inner: str, where: str, what: str) -> None:
    with pytest.raises(FhirInvalid) as caught:
        from_xml(xml(inner))
    told = {one.field: one.problem for one in caught.value.violations if what in one.problem}
    assert where in told, [(one.field, one.problem) for one in caught.value.violations]


def test_faults_are_many_but_not_endless() -> None:
    with pytest.raises(FhirInvalid) as caught:
        from_xml(xml('<colour value="x"/>' * 10_000))
    assert len(caught.value.violations) == 50


def test_comments_instructions_and_schema_hints_say_nothing() -> None:
    raw = (
        '<?xml version="1.0" encoding="UTF-8"?><?style x?><!-- a -->'
        f'<Patient xmlns="{FHIR}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://hl7.org/fhir fhir.xsd">\n <!-- b --><active value="true"/><?c d?>\n'
        "</Patient>"
    )
    assert from_xml(b"\xef\xbb\xbf" + raw.encode()) == {"resourceType": "Patient", "active": True}


def test_what_stands_beside_a_primitive_is_read() -> None:
    """It must not vanish: `birthDate` with an extension may say that the date was changed."""
    inner = (
        '<birthDate value="1979"><extension url="urn:x"><valueBoolean value="true"/></extension></birthDate>'
        '<name><given value="A"/>'
        '<given value="B"><extension url="u"><valueCode value="c"/></extension></given></name>'
    )
    read = from_xml(xml(inner))
    assert read["_birthDate"] == {"extension": [{"url": "urn:x", "valueBoolean": True}]}
    assert read["name"][0]["_given"] == [None, {"extension": [{"url": "u", "valueCode": "c"}]}]


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    resource = copy.deepcopy(OUTCOME)
    resource["issue"][0]["diagnostics"] = "a\x00b\ud800c"
    assert from_xml(to_xml(resource))["issue"][0]["diagnostics"] == "a\ufffdb\ufffdc"


async def test_bombs_get_an_answer(desk: Any) -> None:
    large = xml(f'<id value="{"x" * LARGEST_XML}"/>')
    for path, raw, status in (
        ("Patient", MALFORMED[3][0], 400),
        ("Patient", MALFORMED[4][0], 400),
        ("Patient", xml("<a>" * 300 + "</a>" * 300), 400),
        ("Patient", large, 413),
        ("DocumentReference", large, 413),
    ):
        answer = await send(desk, "POST", path, raw, Content_Type=FHIR_XML)
        assert answer.status_code == status, answer.text
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert "root:" not in answer.text


@given(st.binary(max_size=60), st.integers(0, 1500))
def test_any_bytes_are_read_or_refused(noise: bytes, place: int) -> None:
    whole = to_xml(PATIENT)
    with suppress(InvalidInput):
        from_xml(whole[:place] + noise + whole[place:])
