"""The way of a prescription by operations of Task: what each asks of eprescription, and what it answers."""

from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, NotFound, RuleViolated, Violation
from chassis.testing import callers
from gateway.fhir.names import FHIR_XML
from gateway.fhir.xml_in import from_xml
from gateway.fhir.xml_out import to_xml
from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from .conftest import PERSON
from .prescribed_given import (
    BY_CODE,
    CODE,
    DEVICE,
    HERE,
    ID,
    LINE,
    NUMBER,
    OURS,
    PARACETAMOL,
    SECRET,
    WARNING,
    call,
    codes,
    create,
    dosed,
    entries,
    issues,
    line,
    outputs,
    prescription,
    with_parameters,
)

Json = dict[str, Any]


def given_draft(here: Any) -> None:
    made = pb.CreatePrescriptionResponse(prescription=prescription(pb.PRESCRIPTION_STATE_DRAFT))
    here.prescriptions.answers["CreatePrescription"] = made


async def test_create_sends_the_lines_and_what_stands_beside(here: Any) -> None:
    given_draft(here)
    body = create(
        PARACETAMOL,
        DEVICE,
        flag={"valueCode": "MED-1096"},
        weight={"valueQuantity": {"value": 12.5, "system": "http://unitsofmeasure.org", "code": "kg"}},
        namedPharmacy={"valueIdentifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1750000042"}},
        plannedDischarge={"valueDate": "2026-12-01"},
        hospital={"valueBoolean": True},
        comment={"valueString": "À revoir"},
    )
    answer = await call(here, "Task/$create", body)
    task = entries(answer, 201)["Task"][0]
    assert (task["status"], task["groupIdentifier"]["value"], task["id"]) == ("draft", NUMBER, ID)
    assert answer.headers["location"].endswith(HERE)
    (_, asked, _) = here.prescriptions.asked[0]
    content = asked.content
    assert (asked.person_id, [one.kind for one in content.lines]) == (PERSON, [1, 3])
    assert (content.bizone, content.weight_grams, content.named_pharmacy) == (True, 12500, "1750000042")
    assert (content.planned_discharge_on, content.hospital, content.comment) == (
        "2026-12-01",
        True,
        "À revoir",
    )


async def test_inputs_of_the_task_say_what_was_sent_beside_the_lines(here: Any) -> None:
    whole = prescription()
    whole.content.MergeFrom(
        pb.PrescriptionContent(
            secure=True, weight_grams=12500, height_millimetres=905, pregnant=True, comment="x", urgent=True,
            named_pharmacy="1750000042", initial_written_on="2026-01-02",
        )
    )  # fmt: skip
    here.prescriptions.answers["GetPrescription"] = pb.GetPrescriptionResponse(prescription=whole)
    task = (await here.client.get(f"/fhir/{HERE}", headers=here.as_(callers.doctor))).json()
    said = [
        (one["type"]["coding"][0]["code"], value)
        for one in task["input"]
        for name, value in one.items()
        if name != "type"
    ]
    assert ("flag", "MED-1098") in said
    assert [value["value"] for name, value in said if name in ("weight", "height")] == [12.5, 90.5]
    assert (task["priority"], len(said)) == ("urgent", 9)


async def test_bundle_of_lines_is_enough_and_xml_is_the_same(here: Any) -> None:
    given_draft(here)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PARACETAMOL}]}
    assert (await call(here, "Task/$create", bundle)).status_code == 201
    headers = here.as_(callers.doctor, Content_Type=FHIR_XML, Accept=FHIR_XML)
    answer = await here.client.post("/fhir/Task/$create", content=to_xml(bundle), headers=headers)
    assert answer.status_code == 201
    assert from_xml(answer.content)["entry"][0]["resource"]["resourceType"] == "Task"
    first, second = (asked for _, asked, _ in here.prescriptions.asked)
    assert first == second


OTHER = "Parameters.parameter[1].resource"
REQUEST = "Parameters.parameter[0].resource"
WRONG = [
    (create(line(subject=None)), f"{REQUEST}.subject"),
    (create(PARACETAMOL, flag={"valueCode": "X"}), "Parameters.parameter[1].value"),
    (create(PARACETAMOL, flag={"valueBoolean": True}), "Parameters.parameter[1]"),
    (create(PARACETAMOL, weight={"valueQuantity": {"value": -3}}), "Parameters.parameter[1].value.value"),
    ({"resourceType": "Parameters"}, "Parameters"),
    (create({"resourceType": "Patient"}), REQUEST),
    (create(dosed(patientInstruction="x")), f"{REQUEST}.dosageInstruction[0].patientInstruction"),
    (
        create(PARACETAMOL, line(subject={"reference": "Patient/1"})),
        "Parameters.parameter[1].resource.subject",
    ),
    ({"resourceType": "Bundle", "type": "collection"}, "Bundle.entry"),
    ({"resourceType": "Bundle", "type": "batch", "entry": [{"resource": PARACETAMOL}]}, "Bundle.type"),
    (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": 3}]},
        "Bundle.entry[0].resource",
    ),
    ([], "$this"),
]


@pytest.mark.parametrize(("body", "place"), WRONG, ids=[place for _, place in WRONG])
async def test_wrong_prescription_is_refused_whole_and_asks_nobody(here: Any, body: Any, place: str) -> None:
    found = issues(await call(here, "Task/$create", body), 400)
    assert place in [one["expression"][0] for one in found]
    assert here.prescriptions.asked == []


async def test_huge_body_is_refused(here: Any) -> None:
    body = create(line(note=[{"text": "x" * 1_100_000}]))
    assert (await call(here, "Task/$create", body)).status_code == 413


async def test_fault_of_the_service_stands_where_the_line_was_sent(here: Any) -> None:
    problem = [Violation("content.lines[1].product.cip13", "has a wrong check digit")]
    here.prescriptions.answers["CreatePrescription"] = RuleViolated(violations=problem, rules=["V6"])
    found = issues(await call(here, "Task/$create", create(PARACETAMOL, DEVICE)), 422)
    assert found[0]["expression"] == ["Parameters.parameter[1].resource.medicationCodeableConcept"]


async def test_what_the_platform_gives_is_named_in_the_answer(here: Any) -> None:
    given_draft(here)
    number = {"system": "urn:oid:1.2.250.1.215.500.1.1", "value": NUMBER}
    answer = await call(here, "Task/$create", create(line(groupIdentifier=number)))
    outcome = entries(answer, 201)["OperationOutcome"][0]
    assert outcome["issue"][0]["expression"] == ["Parameters.parameter[0].resource.groupIdentifier"]


async def test_check_explains_a_warning_before_anything_is_signed(here: Any) -> None:
    here.prescriptions.answers["CheckPrescription"] = pb.CheckPrescriptionResponse(findings=[WARNING])
    here.prescriptions.answers["GetPrescription"] = pb.GetPrescriptionResponse(
        prescription=prescription(pb.PRESCRIPTION_STATE_DRAFT)
    )
    found = entries(await call(here, f"{HERE}/$check"))
    assert found["Task"][0]["status"] == "draft"
    assert found["OperationOutcome"][0]["issue"][0]["details"]["text"] == WARNING.sentence
    assert [name for name, _, _ in here.prescriptions.asked] == ["CheckPrescription", "GetPrescription"]


async def test_activate_gives_the_access_code_and_says_the_findings(here: Any) -> None:
    here.prescriptions.answers["SignPrescription"] = pb.SignPrescriptionResponse(
        prescription=prescription(), findings=[WARNING], access_code=CODE, signature="a..b"
    )
    parts = [{"name": "code", "valueString": WARNING.code}, {"name": "reason", "valueString": "Surveillé"}]
    answer = await call(here, f"{HERE}/$activate", with_parameters({"name": "decision", "part": parts}))
    assert outputs(answer) == {"access-code": CODE, "signature": "a..b"}
    assert entries(answer)["Task"][0]["status"] == "ready"
    issue = entries(answer)["OperationOutcome"][0]["issue"][0]
    assert codes(issue, "urn:x-socle:rule") == ["I1"]
    assert (issue["severity"], issue["expression"]) == ("warning", ["Bundle.entry[1].resource"])
    asked = here.prescriptions.asked[0][1]
    assert (asked.prescription_id, asked.signature) == (ID, "")
    assert asked.decisions[0] == pb.Decision(code=WARNING.code, reason="Surveillé")


async def test_activate_again_and_without_a_body_is_the_same_success(here: Any) -> None:
    here.prescriptions.answers["SignPrescription"] = pb.SignPrescriptionResponse(
        prescription=prescription(), access_code=CODE
    )
    first, second = [await call(here, f"{HERE}/$activate") for _ in range(2)]
    assert first.json() == second.json()


async def test_activate_is_of_the_version_that_was_read(here: Any) -> None:
    here.prescriptions.answers["SignPrescription"] = pb.SignPrescriptionResponse(prescription=prescription())
    headers = here.as_(callers.doctor, If_Match='W/"3"')
    answer = await here.client.post(f"/fhir/{HERE}/$activate", headers=headers)
    assert (answer.status_code, here.prescriptions.asked[0][1].version) == (200, 3)
    wrong = here.as_(callers.doctor, If_Match="3")
    assert (await here.client.post(f"/fhir/{HERE}/$activate", headers=wrong)).status_code == 400


async def test_refusal_of_the_law_names_its_rule_and_the_code_of_a_decision(here: Any) -> None:
    violations = [
        Violation("content.lines[0]", "V7: Un stupéfiant n'est jamais renouvelable."),
        Violation("content.lines[0]", f"I1/{LINE}/x: Association déconseillée."),
    ]
    refused = RuleViolated(violations=violations, rules=["I1", "V7"], reason="RULE_REFUSED")
    here.prescriptions.answers["SignPrescription"] = refused
    first, second = issues(await call(here, f"{HERE}/$activate"), 422)
    assert (codes(first, "urn:x-socle:rule"), codes(second, "urn:x-socle:rule")) == (["V7"], ["I1"])
    assert codes(second, "urn:x-socle:finding") == [f"I1/{LINE}/x"]
    assert first["expression"] == ["Bundle.entry[1].resource"]


ACCEPTS = [
    (f"Task/{NUMBER}/$accept", [BY_CODE], {"number": NUMBER, "access_code": CODE}),
    (
        "Task/$accept",
        [{"name": "number", "valueString": NUMBER}, BY_CODE],
        {"number": NUMBER, "access_code": CODE},
    ),
    ("Task/$accept", [{"name": "token", "valueString": "SOCLE1:X"}], {"token": "SOCLE1:X"}),
    (
        f"Task/{NUMBER}/$accept",
        [{"name": "birthDate", "valueDate": "1979-03-28"}],
        {"number": NUMBER, "birth_date": "1979-03-28"},
    ),
]


@pytest.mark.parametrize(("path", "given", "asked"), ACCEPTS)
async def test_accept_takes_by_code_by_token_or_by_birth_date(
    here: Any, path: str, given: list[Json], asked: Json
) -> None:
    held = db.ClaimPrescriptionResponse(
        prescription=prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE),
        secret=SECRET,
        findings=[WARNING],
        entitlements=[db.Entitlement(line_id=LINE, quantity="2", unit=pb.COUNT_UNIT_BOX, days=28)],
    )
    held.held_until.FromJsonString("2026-11-22T10:00:00Z")
    here.dispensing.answers["ClaimPrescription"] = held
    answer = await call(here, path, with_parameters(*given), callers.pharmacist)
    found = entries(answer)
    assert outputs(answer) == {"secret": SECRET, "held-until": "2026-11-22T10:00:00Z"}
    assert (found["Task"][0]["status"], len(found["OperationOutcome"])) == ("in-progress", 1)
    allowed = [
        one for one in found["MedicationRequest"][0]["extension"] if one["url"] == f"{OURS}entitlement"
    ]
    assert allowed[0]["extension"][0]["valueQuantity"]["value"] == 2
    assert here.dispensing.asked[0][1] == db.ClaimPrescriptionRequest(**asked)


async def test_accept_by_id_asks_the_number_first(here: Any) -> None:
    here.prescriptions.answers["GetPrescription"] = pb.GetPrescriptionResponse(prescription=prescription())
    await call(here, f"{HERE}/$accept", with_parameters(BY_CODE), callers.pharmacist)
    assert here.dispensing.asked[0][1].number == NUMBER


async def test_accept_by_an_id_that_says_nothing_is_told_to_name_the_number(here: Any) -> None:
    here.prescriptions.answers["GetPrescription"] = NotFound()
    answer = await call(here, f"{HERE}/$accept", with_parameters(BY_CODE), callers.pharmacist)
    assert "number" in issues(answer, 404)[0]["diagnostics"]


@pytest.mark.parametrize(
    "given",
    [[], [{"name": "number", "valueString": NUMBER}], [BY_CODE], [{"name": "ac", "valueCode": CODE}]],
)
async def test_accept_without_a_way_to_prove_is_refused(here: Any, given: list[Json]) -> None:
    issues(await call(here, "Task/$accept", with_parameters(*given), callers.pharmacist), 400)
    assert here.dispensing.asked == []


REFUSALS = [
    (RuleViolated("x", reason="PRESCRIPTION_IN_DISPENSE"), 409),
    (RuleViolated("x", reason="PRESCRIPTION_EXPIRED"), 409),
    (RuleViolated("x", reason="PRESCRIPTION_CANCELLED"), 410),
    (Conflict(reason="HELD_BY_ANOTHER_PHARMACY"), 409),
    (Forbidden(reason="ACCESS_CODE_WRONG", field="access_code"), 403),
    (NotFound(), 404),
]


@pytest.mark.parametrize(
    ("error", "status"), REFUSALS, ids=[str(status) + e.reason for e, status in REFUSALS]
)
async def test_refusal_to_accept_has_its_status(here: Any, error: Exception, status: int) -> None:
    here.dispensing.answers["ClaimPrescription"] = error
    answer = await call(here, f"Task/{NUMBER}/$accept", with_parameters(BY_CODE), callers.pharmacist)
    issue = issues(answer, status)[0]
    assert codes(issue, "urn:socle:error") != []
    assert codes(issue, "urn:x-socle:xds-error") == []
