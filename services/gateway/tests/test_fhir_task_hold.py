"""What is done with a signed prescription by operations of Task; secrets in addresses."""

from typing import Any

import pytest

from chassis.errors import Forbidden, RuleViolated, Violation
from chassis.testing import callers
from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

from .prescribed_given import (
    BY_CODE,
    BY_SECRET,
    CODE,
    HERE,
    ID,
    LINE,
    NUMBER,
    OURS,
    PARACETAMOL,
    SECRET,
    call,
    codes,
    dispensed,
    entries,
    intervention,
    issues,
    outputs,
    prescription,
    with_parameters,
)

Json = dict[str, Any]


@pytest.mark.parametrize("query", [f"ac={CODE}", f"secret={CODE}", f"accessCode={CODE}", f"Token={CODE}"])
@pytest.mark.parametrize(
    "path", [f"Task/{NUMBER}/$accept", "Task/$accept", f"{HERE}/$close", f"{HERE}/$nothing"]
)
async def test_secret_in_an_address_is_refused_and_said_by_nobody(
    here: Any, path: str, query: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await call(here, f"{path}?{query}", with_parameters(BY_CODE), callers.pharmacist)
    issue = issues(answer, 400)[0]
    assert "body" in issue["diagnostics"]
    assert here.dispensing.asked == []
    said = "".join(capsys.readouterr())
    assert CODE not in answer.text + said
    for read in (path, HERE):
        get = await here.client.get(f"/fhir/{read}?{query}", headers=here.as_(callers.pharmacist))
        assert (get.status_code, CODE in get.text) == (400, False)


async def test_body_of_a_refused_operation_is_not_logged(
    here: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    here.dispensing.answers["ClaimPrescription"] = Forbidden(reason="ACCESS_CODE_WRONG")
    answer = await call(
        here, "Task/$accept", with_parameters(BY_CODE, {"name": "number", "valueString": NUMBER})
    )
    assert answer.status_code == 403
    said = "".join(capsys.readouterr())
    assert CODE not in said + answer.text


async def test_reject_gives_back_with_a_reason(here: Any) -> None:
    here.dispensing.answers["ReleasePrescription"] = db.ReleasePrescriptionResponse(
        prescription=prescription()
    )
    body = with_parameters(BY_SECRET, {"name": "reason", "valueCode": "product-missing"})
    assert entries(await call(here, f"{HERE}/$reject", body, callers.pharmacist))["Task"]
    expected = db.ReleasePrescriptionRequest(
        prescription_id=ID, secret=SECRET, reason=db.RELEASE_REASON_PRODUCT_MISSING
    )
    assert here.dispensing.asked[0][1] == expected
    wrong = with_parameters(BY_SECRET, {"name": "reason", "valueCode": "tired"})
    assert "product-missing" in issues(await call(here, f"{HERE}/$reject", wrong), 400)[0]["diagnostics"]


def dispense_body(*dispenses: Json) -> Json:
    return with_parameters(BY_SECRET, *({"name": "dispense", "resource": one} for one in dispenses))


async def test_dispense_records_and_answers_the_records(here: Any) -> None:
    here.dispensing.answers["RecordDispensing"] = db.RecordDispensingResponse(
        prescription=prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE, delivered="1"),
        interventions=[intervention()],
    )
    body = dispense_body(dispensed(whenHandedOver="2026-11-22T09:00:00+01:00"))
    found = entries(await call(here, f"{HERE}/$dispense", body, callers.pharmacist))
    assert found["MedicationDispense"][0]["quantity"]["value"] == 1
    asked = here.dispensing.asked[0][1]
    assert (asked.secret, asked.delivered_on, asked.acts[0].line_id) == (SECRET, "2026-11-22", LINE)
    assert (asked.acts[0].kind, asked.acts[0].packs) == (pb.INTERVENTION_KIND_AS_PRESCRIBED, "1")


async def test_check_by_the_pharmacy_records_nothing(here: Any) -> None:
    here.dispensing.answers["CheckDispensing"] = db.CheckDispensingResponse(
        entitlements=[db.Entitlement(line_id=LINE, quantity="1", unit=pb.COUNT_UNIT_BOX)]
    )
    held = prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE)
    here.prescriptions.answers["GetPrescription"] = pb.GetPrescriptionResponse(prescription=held)
    found = entries(await call(here, f"{HERE}/$check", dispense_body(dispensed()), callers.pharmacist))
    told = [one["url"] for one in found["MedicationRequest"][0]["extension"]]
    assert f"{OURS}entitlement" in told
    assert [name for name, _, _ in here.dispensing.asked] == ["CheckDispensing"]
    assert here.dispensing.asked[0][1].acts[0].packs == "1"


async def test_dispense_to_another_patient_is_refused_before_anything_is_written(here: Any) -> None:
    whole = prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE)
    whole.person_id = "01900000-0000-7000-8000-000000000002"
    here.prescriptions.answers["GetPrescription"] = pb.GetPrescriptionResponse(prescription=whole)
    body = dispense_body(dispensed(subject=PARACETAMOL["subject"]))
    found = issues(await call(here, f"{HERE}/$dispense", body, callers.pharmacist), 400)
    assert found[0]["expression"] == ["Parameters.parameter[1].resource.subject"]
    assert here.dispensing.asked == []


async def test_act_refused_by_the_service_is_told_at_its_dispense(here: Any) -> None:
    violation = Violation("acts[1].cip13", "has a wrong check digit")
    here.dispensing.answers["RecordDispensing"] = RuleViolated(violations=[violation])
    body = dispense_body(dispensed(), dispensed())
    found = issues(await call(here, f"{HERE}/$dispense", body, callers.pharmacist), 422)
    assert found[0]["expression"] == ["Parameters.parameter[2].resource.medicationCodeableConcept"]


async def test_close_gives_the_receipt(here: Any) -> None:
    here.dispensing.answers["CloseDispensing"] = db.CloseDispensingResponse(
        prescription=prescription(pb.PRESCRIPTION_STATE_COMPLETED), receipt="h.p.s", dispensing_id=LINE
    )
    answer = await call(here, f"{HERE}/$close", with_parameters(BY_SECRET), callers.pharmacist)
    assert outputs(answer) == {"receipt": "h.p.s", "dispensing-id": LINE}
    assert here.dispensing.asked[0][1].secret == SECRET


async def test_abort_says_what_became_of_each_line(here: Any) -> None:
    marked = pb.LineCancellation(line_id=LINE, outcome=pb.CANCEL_OUTCOME_MARKED_WITH_DISPENSER, code="R-0002")
    here.prescriptions.answers["CancelPrescription"] = pb.CancelPrescriptionResponse(
        prescription=prescription(pb.PRESCRIPTION_STATE_IN_DISPENSE), lines=[marked]
    )
    lines = [{"name": "line", "valueString": f"MedicationRequest/{ID}{LINE}".replace("-", "")}]
    body = with_parameters({"name": "reason", "valueCode": "0003"}, *lines)
    issue = entries(await call(here, f"{HERE}/$abort", body))["OperationOutcome"][0]["issue"][0]
    assert codes(issue, "urn:x-socle:cancel-outcome") == ["R-0002", "marked-with-dispenser"]
    asked = here.prescriptions.asked[0][1]
    assert (asked.reason, list(asked.line_ids)) == (pb.CANCEL_REASON_CHANGE_OF_TREATMENT, [LINE])


async def test_abort_of_a_draft_gives_it_up(here: Any) -> None:
    here.prescriptions.answers["CancelPrescription"] = RuleViolated(reason="PRESCRIPTION_DRAFT")
    here.prescriptions.answers["GetPrescription"] = pb.GetPrescriptionResponse(
        prescription=prescription(pb.PRESCRIPTION_STATE_DRAFT)
    )
    body = with_parameters({"name": "reason", "valueCode": "prescribing-error"})
    assert entries(await call(here, f"{HERE}/$abort", body))["Task"][0]["status"] == "cancelled"
    assert here.prescriptions.asked[-1][0] == "DiscardPrescription"


@pytest.mark.parametrize(
    "given",
    [
        [],
        [{"name": "reason", "valueCode": "whim"}],
        [{"name": "reason", "valueCode": "death"}, {"name": "line", "valueString": "1"}],
    ],
)
async def test_abort_without_a_known_reason_or_line_is_refused(here: Any, given: list[Json]) -> None:
    issues(await call(here, f"{HERE}/$abort", with_parameters(*given)), 400)
    assert here.prescriptions.asked == []


async def test_unknown_operation_names_those_there_are(here: Any) -> None:
    issue = issues(await call(here, f"{HERE}/$ship", with_parameters()), 404)[0]
    assert "$accept" in issue["diagnostics"]
