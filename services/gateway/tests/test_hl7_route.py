"""MDM over HTTP: what each message asks of the services, and the acknowledgement it gets."""

from typing import Any

import httpx
import pytest

from chassis.caller import Caller, Purpose
from chassis.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RuleViolated,
    SocleError,
    Unavailable,
    Violation,
)
from chassis.testing import callers
from socle.dmp.v1 import dmp_pb2 as pb

from .conftest import PERSON
from .mdm_given import OID, OLD, cda, fields, generated
from .mdm_given import mdm as message

MACHINE = callers.machine
ER7 = "x-application/hl7-v2+er7"


class RecordNotFound(NotFound):
    """There is no record that you may see for this person."""


class DocumentNotFound(NotFound):
    """There is no document that you may see under this identifier."""


class PatientDiffers(RuleViolated):
    """The patient of the CDA is not the person of the record."""


class DuplicateDocument(AlreadyExists):
    """The record holds another document under this unique identifier."""


@pytest.fixture
def before_dmp(before_dmp: Any) -> Any:
    """A gateway before a dmp that reads documents, and answers the rest as it is told."""
    before_dmp.records.answers["GenerateMetadata"] = generated
    return before_dmp


async def sent(house: Any, text: str | bytes, caller: Caller = MACHINE, kind: str = ER7) -> httpx.Response:
    raw = text.encode() if isinstance(text, str) else text
    headers = house.as_(caller, content_type=kind)
    answer: httpx.Response = await house.client.post("/hl7/v2/mdm", content=raw, headers=headers)
    return answer


def verdict(answer: httpx.Response) -> tuple[str, list[tuple[str, str]]]:
    """AA, AE or AR, and place and application code of each fault."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(ER7)
    found = fields(answer.text)
    errors = [[*one, *[""] * 9] for one in found.get("ERR", [])]
    return found["MSA"][0][1], [(one[2], one[5].partition("^")[0]) for one in errors]


def asked(house: Any, name: str) -> list[Any]:
    return [request for method, request, _ in house.records.asked if method == name]


def changed(house: Any) -> list[str]:
    """What was asked for beside the reading of the document, which changes nothing."""
    return [method for method, *_ in house.records.asked if method != "GenerateMetadata"]


def answering(house: Any, *codes: str, document_id: str = "d") -> None:
    entry = pb.DocumentEntry(document_id=document_id, version=4, confidentiality=["N", *codes])
    house.records.answers["SubmitDocuments"] = pb.SubmitDocumentsResponse(lot_id="l", entries=[entry])


async def test_t02_deposits_the_document_with_its_flags(before_dmp: Any) -> None:
    content = cda()
    answer = await sent(before_dmp, message(content=content, MASQUE_PS="Y"))
    assert verdict(answer) == ("AA", [])
    assert fields(answer.text)["MSH"][0][8] == "ACK^T02^ACK"
    (lot,) = asked(before_dmp, "SubmitDocuments")
    assert lot.person_id == PERSON
    (document,) = lot.documents
    assert (document.content, document.entry.unique_id) == (content, f"urn:oid:{OID}")
    assert list(document.entry.confidentiality) == ["N", "MASQUE_PS"]
    assert (lot.lot.content_type.code, lot.lot.author.family_name) == ("03", "TEST")
    assert lot.lot.source_id.startswith("urn:x-socle:client:")


async def test_same_message_again_is_the_same_lot(before_dmp: Any) -> None:
    text = message(content=cda())
    for _ in range(2):
        assert verdict(await sent(before_dmp, text)) == ("AA", [])
    first, second = asked(before_dmp, "SubmitDocuments")
    assert first.lot.unique_id == second.lot.unique_id


async def test_t10_replaces(before_dmp: Any) -> None:
    text = message("T10", cda(), parent=OLD)
    assert verdict(await sent(before_dmp, text)) == ("AA", [])
    (lot,) = asked(before_dmp, "SubmitDocuments")
    (relation,) = lot.documents[0].entry.relations
    assert (relation.kind, relation.unique_id) == (pb.RELATION_KIND_REPLACES, f"urn:oid:{OLD}")
    assert asked(before_dmp, "ChangeDocument") == []


async def test_t10_of_the_same_document_changes_its_codes_only(before_dmp: Any) -> None:
    answering(before_dmp, "MASQUE_PS", document_id="01900000-0000-7000-8000-0000000000d1")
    text = message("T10", cda(OLD), parent=OLD, MODIF_CONF_CODE="Y", INVISIBLE_REP_LEGAUX="Y")
    assert verdict(await sent(before_dmp, text)) == ("AA", [])
    (lot,) = asked(before_dmp, "SubmitDocuments")
    assert not lot.documents[0].entry.relations
    (change,) = asked(before_dmp, "ChangeDocument")
    assert (change.document_id, change.expected_version) == ("01900000-0000-7000-8000-0000000000d1", 4)
    expected = [pb.DOCUMENT_CHANGE_UNMASK, pb.DOCUMENT_CHANGE_HIDE_FROM_REPRESENTATIVES]
    assert list(change.changes) == expected


async def test_t10_whose_codes_are_those_already_changes_nothing(before_dmp: Any) -> None:
    answering(before_dmp)
    text = message("T10", cda(OLD), parent=OLD, MODIF_CONF_CODE="Y")
    assert verdict(await sent(before_dmp, text)) == ("AA", [])
    assert asked(before_dmp, "ChangeDocument") == []


async def test_t10_of_the_same_document_that_changes_nothing_is_900(before_dmp: Any) -> None:
    answer = await sent(before_dmp, message("T10", cda(OLD), parent=OLD))
    assert verdict(answer) == ("AE", [("TXA^1^13", "900")])
    assert changed(before_dmp) == []


async def test_t04_deletes_by_the_unique_identifier_and_may_be_sent_again(before_dmp: Any) -> None:
    text = message("T04", "...cut out...")
    for _ in range(2):
        answer = await sent(before_dmp, text)
        assert verdict(answer) == ("AA", [])
        assert fields(answer.text)["MSH"][0][8] == "ACK^T04^ACK"
    first, _ = asked(before_dmp, "ChangeDocument")
    assert (first.person_id, first.unique_id, first.document_id) == (PERSON, f"urn:oid:{OID}", "")
    assert list(first.changes) == [pb.DOCUMENT_CHANGE_DELETE]
    keys = [call.idempotency.key for name, _, call in before_dmp.records.asked if name == "ChangeDocument"]
    assert keys[0] == keys[1]


async def test_document_for_another_receiver_is_accepted_and_not_deposited(before_dmp: Any) -> None:
    answer = await sent(before_dmp, message(content=cda(), DESTDMP="N"))
    assert verdict(answer) == ("AA", [("", "")])
    assert "not deposited" in answer.text
    assert changed(before_dmp) == []


async def test_secret_connection_is_the_purpose_of_the_call(before_dmp: Any) -> None:
    secret = {"CONNEXION_SECRETE": "Y", "INVISIBLE_REP_LEGAUX": "Y"}
    await sent(before_dmp, message(content=cda(), **secret))
    await sent(before_dmp, message(content=cda(), control="016"))
    purposes = [
        call.caller.purpose for name, _, call in before_dmp.records.asked if name == "SubmitDocuments"
    ]
    assert purposes == [Purpose.SECRET, Purpose.NORMAL]


REFUSALS: list[tuple[SocleError, str, str]] = [
    (RecordNotFound(field="person_id"), "T02", "902"),
    (DuplicateDocument(rules=["XDSNonIdenticalHash"]), "T02", "900"),
    (RuleViolated(rules=["XDSReplaceFailed"]), "T10", "900"),
    (DocumentNotFound(field="document_id"), "T04", "900"),
    (Forbidden(), "T04", "901"),
    (Forbidden(), "T02", "906"),
    (InvalidInput(rules=["CISIS_903"]), "T02", "903"),
    (PatientDiffers(rules=["CISIS_904", "XDSPatientIdDoesNotMatch"]), "T02", "904"),
    (InvalidInput(rules=["CISIS_905"]), "T02", "905"),
    (Conflict(), "T02", "906"),
]


@pytest.mark.parametrize(("error", "event", "code"), REFUSALS, ids=[f"{r[1]} {r[2]}" for r in REFUSALS])
async def test_refusal_of_a_service_has_its_code(
    before_dmp: Any, error: SocleError, event: str, code: str
) -> None:
    before_dmp.records.answers.update({"SubmitDocuments": error, "ChangeDocument": error})
    text = message(event, cda(), parent=OLD)
    assert verdict(await sent(before_dmp, text)) == ("AE", [("", code)])


async def test_each_violation_of_a_refusal_is_an_error_of_the_acknowledgement(before_dmp: Any) -> None:
    violations = [
        Violation("documents[0].entry.type", "differs"),
        Violation("documents[0].entry.format", "is not"),
    ]
    before_dmp.records.answers["SubmitDocuments"] = InvalidInput(violations=violations)
    answer = await sent(before_dmp, message(content=cda()))
    assert verdict(answer) == ("AE", [("", "906")] * 2)
    assert "documents[0].entry.format" in answer.text


@pytest.mark.parametrize(("matricule", "oid"), [("255081416802538", ".4.10"), ("279035121518989", ".4.8")])
async def test_patient_that_nobody_knows_is_902(before_dmp: Any, matricule: str, oid: str) -> None:
    text = message(content=cda()).replace("279035121518989^", f"{matricule}^").replace(".4.10&", f"{oid}&")
    kind, ((_, code),) = verdict(await sent(before_dmp, text))
    assert (kind, code) == ("AE", "902")
    assert changed(before_dmp) == []
    assert matricule not in (await sent(before_dmp, text)).text


async def test_document_that_is_no_cda_is_refused_at_obx_5(before_dmp: Any) -> None:
    assert verdict(await sent(before_dmp, message(content=b"no CDA"))) == ("AE", [("OBX^1^5", "906")])
    assert verdict(await sent(before_dmp, message(content=b""))) == ("AE", [("OBX^1^5", "906")])
    assert changed(before_dmp) == []


async def test_message_of_another_type_is_rejected(before_dmp: Any) -> None:
    assert verdict(await sent(before_dmp, message().replace("MDM^T02", "ORU^R01")))[0] == "AR"


async def test_service_that_is_away_is_not_an_acknowledgement(before_dmp: Any) -> None:
    before_dmp.records.answers["SubmitDocuments"] = Unavailable()
    answer = await sent(before_dmp, message(content=cda()))
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")


async def test_faults_of_the_transport_have_their_status(before_dmp: Any, house: Any) -> None:
    text = message(content=cda())
    assert (await sent(before_dmp, text, kind="text/plain")).status_code == 415
    assert (await sent(before_dmp, "no message")).status_code == 400
    unknown = await before_dmp.client.post(
        "/hl7/v2/mdm", content=text.encode(), headers={"content-type": ER7}
    )
    assert unknown.status_code == 401
    assert (await before_dmp.client.get("/hl7/v2/mdm")).status_code == 405
    async with house(fhir_body_limit=100) as narrow:
        assert (await sent(narrow, text)).status_code == 413
    assert changed(before_dmp) == []


async def test_both_names_of_the_media_type_are_taken(before_dmp: Any) -> None:
    for kind in ("application/hl7-v2; charset=ISO-8859-1", f"{ER7}; charset=utf-8"):
        assert verdict(await sent(before_dmp, message(content=cda()), kind=kind))[0] == "AA"
