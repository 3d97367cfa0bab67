"""The journal of a patient as FHIR AuditEvents (ITI-81), and as a file that verifies without the platform."""

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from socle_local.journey import Actor, Patient, Reach
from socle_local.journey.record import resources
from socle_local.manifest import ROOT
from socle_local.personas import EMERGENCY_DOCTOR, OTHER_DOCTOR
from tests.integration import records
from tests.integration.records import BREAK_GLASS, REASON
from tests.reach import Actors

Json = dict[str, Any]
PROFESSIONALS = "urn:oid:1.2.250.1.71.4.2.1"


@pytest.fixture(scope="module")
async def story(actors: Actors, patient: Patient) -> dict[str, str]:
    """A document that a stranger could not read, and that an emergency opened; and when it began."""
    began = datetime.now(UTC).isoformat()
    await records.opened(actors, patient, "patient")
    document_id = await records.deposited(actors["doctor"], patient)
    await records.seen(actors["other-doctor"], patient, [document_id])
    await records.seen(actors["emergency-doctor"], patient, [document_id], BREAK_GLASS)
    (await actors["patient"].send("PUT", f"/v1/dmp/documents/{document_id}/mask")).expect(200)
    return {"document": document_id, "began": began}


async def events(actor: Actor, patient: Patient, story: dict[str, str], **more: str) -> list[Json]:
    asked = {"patient.identifier": patient.ins_token, "date": f"ge{story['began']}", "_count": "100", **more}
    return resources((await actor.send("GET", "/fhir/AuditEvent", params=asked)).expect(200))


def codes(event: Json) -> list[str]:
    return [one["code"] for one in event["subtype"]]


async def test_emergency_names_reader_structure_reason_and_rules(
    actors: Actors, patient: Patient, story: dict[str, str]
) -> None:
    agent = f"{PROFESSIONALS}|{EMERGENCY_DOCTOR.id_nat}"
    (event,) = await events(actors["patient"], patient, story, agent=agent, subtype="ITI-68")
    reader, structure = event["agent"]
    assert reader["who"]["identifier"]["value"] == EMERGENCY_DOCTOR.id_nat
    assert structure["who"]["identifier"]["value"] == EMERGENCY_DOCTOR.structure.id_nat
    assert {"urn:x-socle:rule:L1111-17-I", "urn:x-socle:rule:consent.BTG"} <= set(reader["policy"])
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "BTG"
    assert event["purposeOfEvent"][0]["text"] == REASON
    assert [one["what"].get("reference") for one in event["entity"][1:]] == [
        f"DocumentReference/{story['document']}"
    ]


async def test_refusals_are_there_with_their_rule(
    actors: Actors, patient: Patient, story: dict[str, str]
) -> None:
    refused = await events(actors["patient"], patient, story, outcome="4", agent=OTHER_DOCTOR.id_nat)
    assert {code for event in refused for code in codes(event) if code.startswith("dmp_")} >= {
        "dmp_document.search",
        "dmp_document.read",
        "dmp_document.retrieve",
    }
    assert all("urn:x-socle:rule:R1111-46" in event["agent"][0]["policy"] for event in refused)


async def test_search_line_names_what_it_showed(
    actors: Actors, patient: Patient, story: dict[str, str]
) -> None:
    """One line tells of all; a document that not every reader of the journal may know of has its own."""
    of = {"subtype": "ITI-67", "agent": EMERGENCY_DOCTOR.id_nat, "outcome": "0"}
    found = await events(actors["patient"], patient, story, **of)
    shown = {
        one["what"]["reference"]: one.get("detail", []) for event in found for one in event["entity"][1:]
    }
    assert f"DocumentReference/{story['document']}" in shown
    assert shown[f"DocumentReference/{story['document']}"], "each document says the rules that let it pass"


async def test_own_acts_and_entity_are_found(actors: Actors, patient: Patient, story: dict[str, str]) -> None:
    entity = f"DocumentReference/{story['document']}"
    (event,) = await events(actors["patient"], patient, story, entity=entity, action="U")
    assert event["agent"][0]["who"]["identifier"] == {
        "system": "urn:x-socle:person",
        "value": patient.person_id,
    }
    assert "dmp_document.mask" in codes(event)


async def test_pages_and_order_lose_nothing(actors: Actors, patient: Patient, story: dict[str, str]) -> None:
    whole = [one["id"] for one in await events(actors["patient"], patient, story, _sort="date")]
    asked = {"patient.identifier": patient.ins_token, "date": f"ge{story['began']}", "_sort": "date"}
    paged: list[str] = []
    reply = (await actors["patient"].send("GET", "/fhir/AuditEvent", params={**asked, "_count": "3"})).expect(
        200
    )
    while len(paged) < len(whole):
        paged += [one["id"] for one in resources(reply)]
        links = {one["relation"]: one["url"] for one in reply.json()["link"]}
        place = links["next"].rpartition("_page=")[2]
        params = {**asked, "_count": "3", "_page": place}
        reply = (await actors["patient"].send("GET", "/fhir/AuditEvent", params=params)).expect(200)
    # Reading the journal is written in it: later pages end with lines that were not there at first.
    assert paged[: len(whole)] == whole


async def test_each_event_has_an_address_of_its_own(
    actors: Actors, patient: Patient, story: dict[str, str]
) -> None:
    event = (await events(actors["patient"], patient, story))[-1]
    read = (await actors["patient"].send("GET", f"/fhir/AuditEvent/{event['id']}")).expect(200)
    stranger = await actors["other-patient"].send("GET", f"/fhir/AuditEvent/{event['id']}")
    doctor = await actors["doctor"].send("GET", f"/fhir/AuditEvent/{event['id']}")
    assert read.json() == event
    assert (stranger.status, doctor.status) == (404, 403)


async def test_auditor_reads_by_person_and_professionals_never(
    actors: Actors, patient: Patient, story: dict[str, str]
) -> None:
    params = {"patient": patient.person_id, "date": f"ge{story['began']}"}
    auditor = await actors["auditor"].send("GET", "/fhir/AuditEvent", params=params)
    assert resources(auditor.expect(200))
    of = {"patient.identifier": patient.ins_token}
    for persona in ("doctor", "secretary"):
        assert (await actors[persona].send("GET", "/fhir/AuditEvent", params=of)).status == 403


@pytest.mark.parametrize("name", ["policy", "source", "altid", "agent-name", "site"])
async def test_attribute_that_is_not_searched_is_refused_by_name(
    actors: Actors, patient: Patient, name: str
) -> None:
    params = {"patient.identifier": patient.ins_token, name: "x"}
    reply = await actors["patient"].send("GET", "/fhir/AuditEvent", params=params)
    assert reply.status == 400
    assert reply.json()["issue"][0]["expression"] == [name]


async def downloaded(actor: Actor, patient: Patient, folder: Path, since: int = 0) -> Path:
    """The journal, once what the story did is in the tree: lines enter it a moment after they are stored."""
    params = {"since": str(since)} if since else {}
    file = folder / f"journal-{since}.json"
    async with asyncio.timeout(10):
        while True:
            reply = await actor.send("GET", f"{records.path(patient)}/journal/export", params=params)
            file.write_bytes(reply.expect(200).content)
            if OTHER_DOCTOR.id_nat.encode() in file.read_bytes():
                return file
            await asyncio.sleep(0.1)


def verified(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The verifier as the citizen runs it: a process without the platform."""
    command = [ROOT / "tools" / "verify-journal", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


async def test_downloaded_journal_verifies_offline_and_not_once_altered(
    actors: Actors, patient: Patient, story: dict[str, str], tmp_path: Path
) -> None:
    first = await downloaded(actors["patient"], patient, tmp_path)
    head = json.loads(first.read_bytes())["head"]
    later = await downloaded(actors["patient"], patient, tmp_path, head["tree_size"])
    whole = verified(first)
    both = verified(later, "--previous", first)
    altered = tmp_path / "altered.json"
    altered.write_bytes(
        first.read_bytes().replace(OTHER_DOCTOR.id_nat.encode(), EMERGENCY_DOCTOR.id_nat.encode())
    )
    broken = verified(altered)
    assert altered.read_bytes() != first.read_bytes()
    assert (whole.returncode, both.returncode, broken.returncode) == (0, 0, 1), (whole, both, broken)


async def test_heads_grow_and_prove_it_to_anyone(
    reach: Reach, http: httpx.AsyncClient, story: dict[str, str]
) -> None:
    """A public key is public, and so is what two people compare: nobody needs a token for it."""
    head = (await http.get(f"{reach.gateway}/v1/journal/head")).raise_for_status().json()
    params = {"first": "1", "second": str(head["tree_size"])}
    proof = (await http.get(f"{reach.gateway}/v1/journal/consistency", params=params)).json()
    keys = (await http.get(f"{reach.gateway}/.well-known/socle-journal-keys")).json()
    beyond = await http.get(f"{reach.gateway}/v1/journal/head", params={"tree_size": str(2**40)})
    assert proof["head"] == head
    assert keys["keys"][0]["crv"] == "Ed25519"
    assert (beyond.status_code, beyond.json()["code"]) == (404, "HEAD_NOT_FOUND")
