"""The access journal as AuditEvents: what a line becomes, and what each search parameter asks for."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from chassis.caller import Caller, CallerKind
from chassis.errors import Forbidden, NotFound
from gateway.fhir import audit_event, audit_search, names
from socle.common.v1 import common_pb2
from socle.dmp.v1 import dmp_pb2 as pb
from socle.options.v1 import options_pb2

from .conftest import INS, PERSON
from .dmp_given import DOCUMENT, LINE, line

HOLDER = Caller(CallerKind.CITIZEN, "sub", person_id=PERSON)
PATIENT = {"patient.identifier": f"urn:oid:{INS.oid}|{INS.matricule}"}
BOUNDS = [("date", "ge2026-06-12"), ("date", "le2026-06-13")]
EVENT_ID = audit_event.line_id(LINE, PERSON)


def given(here: Any, *entries: common_pb2.AuditEntry, more: str = "") -> None:
    here.records.answers["ListJournal"] = pb.ListJournalResponse(entries=entries, next_token=more)


async def search(here: Any, **parameters: str) -> Any:
    asked = {**PATIENT, **{name.replace("__", "-"): value for name, value in parameters.items()}}
    return await here.client.get("/fhir/AuditEvent", params=asked, headers=here.as_(HOLDER))


async def asked_by(here: Any, **parameters: str) -> pb.ListJournalRequest:
    answer = await search(here, **parameters)
    assert answer.status_code == 200, answer.text
    request: pb.ListJournalRequest = here.records.asked[-1][1]
    return request


async def test_line_tells_the_real_reader_why_and_by_which_rules(before_dmp: Any) -> None:
    given(before_dmp, line())
    body = (await search(before_dmp)).json()
    (event,) = [one["resource"] for one in body["entry"]]
    reader, structure = event["agent"]
    assert reader["who"]["identifier"] == {"system": names.PROFESSIONALS, "value": "899900000029"}
    assert (reader["name"], reader["requestor"]) == ("IDRISS BELLECOMBE", True)
    assert reader["policy"] == ["urn:x-socle:rule:L1111-17-I", "urn:x-socle:rule:consent.BTG"]
    assert structure["who"]["identifier"]["value"] == "399900001100018"
    assert [one["code"] for one in event["purposeOfEvent"][0]["coding"]] == ["BTG", "bris_de_glace"]
    assert event["purposeOfEvent"][0]["text"] == "coma à domicile"
    assert (event["action"], event["outcome"], event["recorded"]) == ("R", "0", "2026-06-12T10:00:00.250Z")
    assert [one["code"] for one in event["subtype"]] == ["read", "ITI-68", "dmp_document.retrieve"]
    patient, document = event["entity"]
    assert patient["what"]["identifier"] == {"system": names.PERSON, "value": PERSON}
    assert document["what"]["reference"] == f"DocumentReference/{DOCUMENT}"
    assert "total" not in body


async def test_search_line_names_each_document_it_showed_with_its_rules(before_dmp: Any) -> None:
    hits = [common_pb2.AuditHit(object_id=DOCUMENT, rules=["R1111-46", "matrix.10.11488-4"])]
    given(before_dmp, line("dmp_document.search", object_id="", hits=hits))
    event = (await search(before_dmp)).json()["entry"][0]["resource"]
    shown = event["entity"][1]
    assert shown["what"]["reference"] == f"DocumentReference/{DOCUMENT}"
    assert [one["valueString"] for one in shown["detail"]] == ["R1111-46", "matrix.10.11488-4"]


async def test_holder_and_refusal_are_told_as_such(before_dmp: Any) -> None:
    own = line(
        "dmp_document.mask",
        actor_kind=options_pb2.CALLER_KIND_CITIZEN,
        actor="self",
        actor_name="",
        organisation="",
        purpose="normal",
        reason="",
    )
    refused = line(outcome="refused", rules=["dmp.blocked"])
    given(before_dmp, own, refused)
    events = [one["resource"] for one in (await search(before_dmp)).json()["entry"]]
    (reader,) = events[0]["agent"]
    assert reader["who"] == {"type": "Patient", "identifier": {"system": names.PERSON, "value": PERSON}}
    assert events[0]["purposeOfEvent"][0]["coding"][0]["code"] == "PATRQT"
    assert (events[0]["action"], events[1]["outcome"]) == ("U", "4")


async def test_xml_says_the_same(before_dmp: Any) -> None:
    given(before_dmp, line())
    headers = before_dmp.as_(HOLDER, Accept=names.FHIR_XML)
    answer = await before_dmp.client.get("/fhir/AuditEvent", params=PATIENT, headers=headers)
    root = etree.fromstring(answer.content)
    space = {"f": "http://hl7.org/fhir"}
    assert root.xpath("//f:AuditEvent/f:agent/f:name/@value", namespaces=space) == ["IDRISS BELLECOMBE"]


async def test_read_finds_the_line_in_the_journal_of_its_person(before_dmp: Any) -> None:
    given(before_dmp, line())
    answer = await before_dmp.client.get(f"/fhir/AuditEvent/{EVENT_ID}", headers=before_dmp.as_(HOLDER))
    assert (answer.status_code, answer.json()["id"]) == (200, EVENT_ID)
    asked = before_dmp.records.asked[-1][1]
    assert (asked.person_id, asked.entry_id) == (PERSON, LINE)


@pytest.mark.parametrize("event_id", [LINE, "x", "0" * 63, EVENT_ID.upper()])
async def test_id_of_another_shape_is_404(before_dmp: Any, event_id: str) -> None:
    answer = await before_dmp.client.get(f"/fhir/AuditEvent/{event_id}", headers=before_dmp.as_(HOLDER))
    assert answer.status_code == 404
    assert before_dmp.records.asked == []


async def test_read_of_no_line_is_404(before_dmp: Any) -> None:
    given(before_dmp)
    answer = await before_dmp.client.get(f"/fhir/AuditEvent/{EVENT_ID}", headers=before_dmp.as_(HOLDER))
    assert answer.status_code == 404


async def test_bounds_sort_and_page_are_asked_for(before_dmp: Any) -> None:
    given(before_dmp, line(), more="next-place")
    answer = await before_dmp.client.get(
        "/fhir/AuditEvent",
        params=[*PATIENT.items(), *BOUNDS, ("_sort", "date"), ("_count", "7")],
        headers=before_dmp.as_(HOLDER),
    )
    asked = before_dmp.records.asked[-1][1]
    assert getattr(asked.occurred, "from").ToJsonString() == "2026-06-12T00:00:00Z"
    assert asked.occurred.to.ToJsonString() == "2026-06-14T00:00:00Z"
    assert (asked.oldest_first, asked.page.size) == (True, 7)
    links = {one["relation"]: one["url"] for one in answer.json()["link"]}
    assert "_page=next-place" in links["next"]


async def test_agent_outcome_and_entity_are_asked_for(before_dmp: Any) -> None:
    asked = await asked_by(
        before_dmp,
        agent=f"{names.PROFESSIONALS}|899900000029",
        outcome="4",
        entity=f"DocumentReference/{DOCUMENT}",
    )
    assert (list(asked.actors), asked.outcome, asked.object_id) == (["899900000029"], "refused", DOCUMENT)


@pytest.mark.parametrize(
    ("parameters", "actions"),
    [
        ({"action": "R", "subtype": "ITI-68"}, ["dmp_document.retrieve"]),
        ({"subtype": "urn:ihe:event-type-code|ITI-65"}, ["dmp_document.submit"]),
        ({"subtype": "search"}, ["dmp_document.search", "dmp_lot.search"]),
        ({"subtype": "urn:x-socle:action|dmp_document.mask"}, ["dmp_document.mask"]),
        ({"action": "E"}, ["dmp_document.search", "dmp_lot.search"]),
    ],
)
async def test_action_and_subtype_narrow_the_actions(
    before_dmp: Any, parameters: dict[str, str], actions: list[str]
) -> None:
    assert list((await asked_by(before_dmp, **parameters)).actions) == actions


@pytest.mark.parametrize(
    "parameters",
    [{"outcome": "8"}, {"subtype": "urn:another|read"}, {"action": "R", "subtype": "search"}, {"_id": LINE}],
)
async def test_search_that_nothing_can_match_asks_nobody(before_dmp: Any, parameters: dict[str, str]) -> None:
    answer = await search(before_dmp, **parameters)
    assert (answer.status_code, "entry" in answer.json()) == (200, False)
    assert before_dmp.records.asked == []


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({"outcome": "1"}, "outcome"),
        ({"action": "X"}, "action"),
        ({"_sort": "agent"}, "_sort"),
        ({"date": "2026-13"}, "date"),
        ({"policy": "x"}, "policy"),
        ({"agent__name": "x"}, "agent-name"),
    ],
)
async def test_wrong_parameter_is_told_by_name(
    before_dmp: Any, parameters: dict[str, str], place: str
) -> None:
    answer = await search(before_dmp, **parameters)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [place]


async def test_search_without_patient_is_refused(before_dmp: Any) -> None:
    answer = await before_dmp.client.get("/fhir/AuditEvent", headers=before_dmp.as_(HOLDER))
    assert answer.status_code == 400


async def test_auditor_names_the_person(before_dmp: Any) -> None:
    given(before_dmp, line())
    auditor = Caller(CallerKind.AUDITOR, "auditor", client="auditor")
    answer = await before_dmp.client.post(
        "/fhir/AuditEvent/_search", data={"patient": f"Patient/{PERSON}"}, headers=before_dmp.as_(auditor)
    )
    assert answer.status_code == 200, answer.text
    assert before_dmp.records.asked[-1][1].person_id == PERSON


@pytest.mark.parametrize(("error", "status"), [(Forbidden(), 403), (NotFound(), 404)])
async def test_refusal_of_the_service_is_passed_on(before_dmp: Any, error: Exception, status: int) -> None:
    before_dmp.records.answers["ListJournal"] = error
    assert (await search(before_dmp)).status_code == status


async def test_events_are_read_only(before_dmp: Any) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        path = "/fhir/AuditEvent" if method == "POST" else f"/fhir/AuditEvent/{EVENT_ID}"
        answer = await before_dmp.client.request(method, path, headers=before_dmp.as_(HOLDER))
        assert answer.status_code == 405, method


def test_every_permission_of_the_contracts_has_a_meaning() -> None:
    """An action that is not in the table would be an "operation", and found by no letter but E."""
    told = {
        method.GetOptions().Extensions[options_pb2.rule].permission
        for service in pb.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    # Metadata are generated of no record: no journal has a line of it.
    assert told - {"dmp_document.generate_metadata"} <= audit_event.ACTIONS.keys()
    letters = {name: means.letter for name, means in audit_event.ACTIONS.items()}
    # The contract takes twenty actions at most.
    assert all(list(letters.values()).count(letter) <= 20 for letter in audit_search.LETTERS)
