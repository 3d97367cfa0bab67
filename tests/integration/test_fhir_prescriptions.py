"""A prescription from end to end by FHIR alone: Task and its operations, two pharmacies, the law, XML."""

import asyncio
import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from gateway.fhir.xml_in import from_xml
from gateway.fhir.xml_out import to_xml
from socle_local.journey import Actor, Patient, Reach
from tests.reach import Actors, code_of, places_of

Json = dict[str, Any]
ANSM = "http://data.esante.gouv.fr/ansm/medicament"
EDQM, UCUM = "http://standardterms.edqm.eu", "http://unitsofmeasure.org"
SEVERITY = "urn:x-socle:finding-severity"
DOCTOR, FIRST, SECOND = "family-doctor", "pharmacist", "other-pharmacist"
XML = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}


def days(number: int) -> Json:
    return {"value": number, "unit": "d", "system": UCUM, "code": "d"}


def boxes(number: int, **more: Any) -> Json:
    return {"value": number, "unit": "Boîte", "system": EDQM, "code": "30009000", **more}


def with_parameters(*given: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(given)}


@dataclass
class Desk:
    """Everyone, the patient, and the medicines by what is typed."""

    actors: Actors
    patient: Patient

    async def medicine(self, name: str) -> Json:
        """The first one that is marketed and has a pack."""
        found = await self.actors[DOCTOR].send("GET", "/fhir/Medication", params={"name": name})
        resources = [one["resource"] for one in found.expect(200).json()["entry"]]
        return next(one for one in resources if one["status"] == "active" and self.packs(one))

    @staticmethod
    def packs(medicine: Json) -> list[str]:
        codings = medicine["code"]["coding"]
        return [one["code"] for one in codings if one["system"] == f"{ANSM}/Presentation"]

    def request(self, medicine: Json, **elements: Any) -> Json:
        """Two boxes for a week, of a brand."""
        return {
            "resourceType": "MedicationRequest",
            "status": "draft",
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [{"system": f"{ANSM}/SpecialitePharmaceutique", "code": medicine["id"]}]
            },
            "subject": {
                "identifier": {"system": f"urn:oid:{self.patient.oid}", "value": self.patient.matricule}
            },
            "dosageInstruction": [
                {
                    "text": "1 matin et soir pendant 7 jours",
                    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "unité"}}],
                }
            ],
            "dispenseRequest": {"quantity": boxes(2), "expectedSupplyDuration": days(7)},
            **elements,
        }

    async def created(self, *requests: Json, **values: Json) -> Json:
        """The Task of a new draft."""
        lines = [{"name": "request", "resource": one} for one in requests]
        body = with_parameters(*lines, *({"name": name, **value} for name, value in values.items()))
        reply = (await self.actors[DOCTOR].send("POST", "/fhir/Task/$create", body)).expect(201)
        task: Json = reply.json()["entry"][0]["resource"]
        return task

    async def signed(self, *requests: Json) -> tuple[Json, str]:
        """The Task once ready, and its access code; warnings are decided about."""
        task = await self.created(*requests)
        path = f"/fhir/Task/{task['id']}/$activate"
        reply = await self.actors[DOCTOR].send("POST", path)
        if reply.status == 422:
            decided = [decision(code) for code in coded(reply.json(), "urn:x-socle:finding")]
            reply = await self.actors[DOCTOR].send("POST", path, with_parameters(*decided))
        task = reply.expect(200).json()["entry"][0]["resource"]
        return task, outputs(task)["access-code"]

    async def accept(self, who: str, task: Json, code: str) -> Any:
        number = task["groupIdentifier"]["value"]
        body = with_parameters({"name": "ac", "valueString": code})
        return await self.actors[who].send("POST", f"/fhir/Task/{number}/$accept", body)

    async def dispense(self, who: str, task: Json, secret: str, *dispenses: Json) -> Any:
        given = [{"name": "dispense", "resource": one} for one in dispenses]
        path, held = f"/fhir/Task/{task['id']}/$dispense", {"name": "secret", "valueString": secret}
        reply = await self.actors[who].send("POST", path, with_parameters(held, *given))
        if reply.status == 422 and code_of(reply) == "DECISION_NEEDED":
            decided = [decision(code) for code in coded(reply.json(), "urn:x-socle:finding")]
            reply = await self.actors[who].send("POST", path, with_parameters(held, *given, *decided))
        return reply


def decision(code: str) -> Json:
    parts = [{"name": "code", "valueString": code}, {"name": "reason", "valueString": "Vérifié (fictif)"}]
    return {"name": "decision", "part": parts}


def coded(outcome: Json, system: str) -> list[str]:
    codings = [one for issue in outcome["issue"] for one in issue["details"]["coding"]]
    return [one["code"] for one in codings if one["system"] == system]


def outputs(task: Json) -> dict[str, str]:
    return {one["type"]["coding"][0]["code"]: one.get("valueString", "") for one in task.get("output", [])}


def held(reply: Any) -> tuple[str, list[Json]]:
    """The secret of a hold, and the requests."""
    resources = [one["resource"] for one in reply.expect(200).json()["entry"]]
    return outputs(resources[0])["secret"], resources[1:]


def box(request: Json, pack: str, number: int = 1) -> Json:
    return {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "authorizingPrescription": [{"reference": f"MedicationRequest/{request['id']}"}],
        "medicationCodeableConcept": {"coding": [{"system": f"{ANSM}/Presentation", "code": pack}]},
        "quantity": boxes(number),
    }


@pytest.fixture
def desk(actors: Actors, patient: Patient) -> Desk:
    return Desk(actors, patient)


async def test_two_pharmacies_one_after_the_other_and_never_more(desk: Desk) -> None:
    medicine = await desk.medicine("paracetmol 500")
    task, code = await desk.signed(desk.request(medicine))
    first, again = [await desk.accept(FIRST, task, code) for _ in range(2)]
    secret, (request, *_) = held(first)
    assert held(again)[0] == secret
    refused = await desk.accept(SECOND, task, code)
    assert (refused.status, code_of(refused)) == (409, "HELD_BY_ANOTHER_PHARMACY")
    assert medicine["code"]["text"] not in refused.content.decode()

    pack = desk.packs(medicine)[0]
    (await desk.dispense(FIRST, task, secret, box(request, pack))).expect(200)
    close = with_parameters({"name": "secret", "valueString": secret})
    closed = await desk.actors[FIRST].send("POST", f"/fhir/Task/{task['id']}/$close", close)
    resource = closed.expect(200).json()["entry"][0]["resource"]
    assert resource["businessStatus"]["coding"][0]["code"] == "partially-dispensed"
    assert outputs(resource)["receipt"].count(".") == 2

    secret, (request, *_) = held(await desk.accept(SECOND, task, code))
    beyond = await desk.dispense(SECOND, task, secret, box(request, pack, 2))
    assert (beyond.status, code_of(beyond)) == (422, "BEYOND_WHAT_WAS_PRESCRIBED")
    assert places_of(beyond) == ["Parameters.parameter[1].resource.quantity"]
    last = (await desk.dispense(SECOND, task, secret, box(request, pack))).expect(200)
    kinds = [one["resource"]["resourceType"] for one in last.json()["entry"]]
    assert kinds[:3] == ["Task", "MedicationRequest", "MedicationDispense"]

    own = {"prescription": f"MedicationRequest/{request['id']}"}
    seen = await desk.actors["patient"].send("GET", "/fhir/MedicationDispense", params=own)
    assert len(seen.expect(200).json()["entry"]) == 2
    line = await desk.actors["patient"].send("GET", f"/fhir/MedicationRequest/{request['id']}")
    assert line.expect(200).json()["status"] == "completed"


async def test_many_pharmacies_at_once_and_one_holds(desk: Desk) -> None:
    task, code = await desk.signed(desk.request(await desk.medicine("paracetmol 500")))
    replies = await asyncio.gather(*(desk.accept(who, task, code) for who in (FIRST, SECOND) * 4))
    winners = {reply.who for reply in replies if reply.status == 200}
    assert len(winners) == 1
    assert {reply.status for reply in replies} == {200, 409}
    assert len({held(reply)[0] for reply in replies if reply.status == 200}) == 1


async def test_law_refuses_and_names_its_rule(desk: Desk) -> None:
    """A narcotic is never renewable, and its paper is a secure one (R.5132-5, R.5132-30)."""
    asked = {"numberOfRepeatsAllowed": 1, "quantity": boxes(1), "expectedSupplyDuration": days(7)}
    task = await desk.created(desk.request(await desk.medicine("morphine 10"), dispenseRequest=asked))
    reply = await desk.actors[DOCTOR].send("POST", f"/fhir/Task/{task['id']}/$activate")
    assert (reply.status, code_of(reply)) == (422, "RULE_REFUSED")
    assert "V7" in coded(reply.json(), "urn:x-socle:rule")
    assert set(places_of(reply)) <= {"Bundle.entry[1].resource", "content"}
    still = await desk.actors[DOCTOR].send("GET", f"/fhir/Task/{task['id']}")
    assert still.expect(200).json()["status"] == "draft"
    reason = with_parameters({"name": "reason", "valueCode": "prescribing-error"})
    given_up = await desk.actors[DOCTOR].send("POST", f"/fhir/Task/{task['id']}/$abort", reason)
    assert given_up.expect(200).json()["entry"][0]["resource"]["status"] == "cancelled"


async def test_warning_is_explained_then_decided_about(desk: Desk) -> None:
    lines = [desk.request(await desk.medicine(name)) for name in ("warfarine 5", "acetylsalicylique 75")]
    task = await desk.created(*lines)
    path = f"/fhir/Task/{task['id']}"
    checked = await desk.actors[DOCTOR].send("POST", f"{path}/$check")
    outcome = checked.expect(200).json()["entry"][-1]["resource"]
    warnings = [one for one in outcome["issue"] if "warning" in coded({"issue": [one]}, SEVERITY)]
    assert any(
        "WARF" in one["details"]["text"] and "SALICYLIQUE" in one["details"]["text"] for one in warnings
    )
    codes = [code for one in warnings for code in coded({"issue": [one]}, "urn:x-socle:finding")]
    refused = await desk.actors[DOCTOR].send("POST", f"{path}/$activate")
    assert (refused.status, code_of(refused)) == (422, "DECISION_NEEDED")
    assert set(coded(refused.json(), "urn:x-socle:finding")) == set(codes)
    body = with_parameters(*(decision(code) for code in codes))
    (await desk.actors[DOCTOR].send("POST", f"{path}/$activate", body)).expect(200)


async def test_wrong_check_digit_is_not_signed(desk: Desk) -> None:
    pack = desk.packs(await desk.medicine("paracetmol 500"))[0]
    wrong = f"{pack[:-1]}{(int(pack[-1]) + 1) % 10}"
    concept = {"coding": [{"system": f"{ANSM}/Presentation", "code": wrong}]}
    task = await desk.created(desk.request({"id": ""}, medicationCodeableConcept=concept))
    reply = await desk.actors[DOCTOR].send("POST", f"/fhir/Task/{task['id']}/$activate")
    assert reply.status in (400, 422)
    assert places_of(reply) == ["Bundle.entry[1].resource.medicationCodeableConcept"]


async def test_held_prescription_is_marked_and_a_free_one_cancelled(desk: Desk) -> None:
    task, code = await desk.signed(desk.request(await desk.medicine("paracetmol 500")))
    secret, _ = held(await desk.accept(FIRST, task, code))
    path, reason = f"/fhir/Task/{task['id']}", {"name": "reason", "valueCode": "0003"}
    marked = await desk.actors[DOCTOR].send("POST", f"{path}/$abort", with_parameters(reason))
    outcome = marked.expect(200).json()["entry"][-1]["resource"]
    assert coded(outcome, "urn:x-socle:cancel-outcome")[0] == "R-0002"
    back = with_parameters(
        {"name": "secret", "valueString": secret}, {"name": "reason", "valueCode": "patient-left"}
    )
    (await desk.actors[FIRST].send("POST", f"{path}/$reject", back)).expect(200)
    (await desk.actors[DOCTOR].send("POST", f"{path}/$abort", with_parameters(reason))).expect(200, 409)
    gone = await desk.accept(SECOND, task, code)
    assert (gone.status, code_of(gone)) == (410, "PRESCRIPTION_GONE")


async def test_birth_date_opens_and_a_wrong_one_does_not(desk: Desk) -> None:
    task, _ = await desk.signed(desk.request(await desk.medicine("paracetmol 500")))
    path = f"/fhir/Task/{task['groupIdentifier']['value']}/$accept"
    born = str(desk.patient.traits["birth_date"])
    other = (date.fromisoformat(born) + timedelta(days=1)).isoformat()
    statuses = []
    for day in (other, born):
        body = with_parameters({"name": "birthDate", "valueDate": day})
        statuses.append((await desk.actors[FIRST].send("POST", path, body)).status)
    assert statuses == [403, 200]


@pytest.mark.parametrize("who", ["pharmacist", "patient", "secretary"])
async def test_only_a_prescriber_prescribes(desk: Desk, who: str) -> None:
    body = with_parameters({"name": "request", "resource": desk.request({"id": "69996010"})})
    assert (await desk.actors[who].send("POST", "/fhir/Task/$create", body)).status == 403


async def test_xml_from_the_draft_to_the_hold(desk: Desk, reach: Reach, http: httpx.AsyncClient) -> None:
    async def sent(who: str, path: str, body: Json) -> Json:
        headers = XML | {"authorization": f"Bearer {await desk.actors[who].token()}"}
        reply = await http.post(f"{reach.gateway}/fhir/{path}", content=to_xml(body), headers=headers)
        assert reply.status_code in (200, 201), reply.text
        task: Json = from_xml(reply.content)["entry"][0]["resource"]
        return task

    request = desk.request(await desk.medicine("paracetmol 500"))
    draft = await sent(DOCTOR, "Task/$create", with_parameters({"name": "request", "resource": request}))
    ready = await sent(DOCTOR, f"Task/{draft['id']}/$activate", {"resourceType": "Parameters"})
    code = {"name": "ac", "valueString": outputs(ready)["access-code"]}
    number = {"name": "number", "valueString": ready["groupIdentifier"]["value"]}
    taken = await sent(FIRST, "Task/$accept", with_parameters(code, number))
    assert (taken["status"], bool(outputs(taken)["secret"])) == ("in-progress", True)


async def test_code_in_an_address_opens_nothing(desk: Desk) -> None:
    task, code = await desk.signed(desk.request(await desk.medicine("paracetmol 500")))
    pharmacist: Actor = desk.actors[FIRST]
    path = f"/fhir/Task/{task['groupIdentifier']['value']}/$accept"
    reply = await pharmacist.send("POST", path, params={"ac": code})
    assert (reply.status, code_of(reply)) == (400, "SECRET_IN_ADDRESS")
    assert code not in json.dumps(reply.json())
