"""A prescription from the draft to the last box: who sees what, what is told, what can be proven."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from lxml import etree

from socle_local.journey import Actor, Patient, Reach
from socle_local.journey.events import Event, listening
from socle_local.personas import FAMILY_DOCTOR, PERSONAS, PHARMACIST
from socle_local.platform import Platform
from tests.reach import Actors, code_of

from . import prescriptions as rx
from .prescriptions import FIRST, PHARMACIES, PRESCRIBER, SECOND, THIRD, Rx

Json = dict[str, Any]
SOMEONE = 680
PARACETAMOL, AMOXICILLINE = "paracétamol 500", "amoxicilline 1 g"
CDA = "{urn:hl7-org:v3}"
LOINC_PRESCRIPTION = "57833-6"


@pytest.fixture
def doctor(actors: Actors) -> Actor:
    return actors[PRESCRIBER]


async def two_lines(actors: Actors, patient: Patient, **more: Any) -> Rx:
    return await rx.signed(actors, patient, (PARACETAMOL, 2, 8), (AMOXICILLINE, 2, 12), **more)


# ------------------------------------------------------------------------------------- the pharmacies


async def test_two_pharmacies_complete_it_and_each_line_tells_how_far_it_is(actors: Actors) -> None:
    made = await two_lines(actors, Patient.seeded(SOMEONE))
    first = await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 2), rx.act(made, 1, 1))
    assert (first["prescription"]["state"], rx.states(first["prescription"])) == (
        "partially_dispensed",
        ["delivered", "partially_delivered"],
    )
    held = await rx.claimed(actors[SECOND], made)
    left = {one["line_id"]: one["quantity"] for one in held["entitlements"]}
    assert float(left[made.lines[1]]) == 1
    (await rx.recorded(actors[SECOND], made, held["secret"], rx.act(made, 1, 1))).expect(201)
    last = await rx.closed(actors[SECOND], made, held["secret"])
    assert (last["prescription"]["state"], rx.states(last["prescription"])) == (
        "completed",
        ["delivered", "delivered"],
    )


async def test_lost_answer_of_a_claim_costs_nothing(actors: Actors) -> None:
    made = await two_lines(actors, Patient.seeded(SOMEONE + 1))
    lost, again = [await rx.claimed(actors[FIRST], made) for _ in range(2)]
    assert lost["secret"] == again["secret"]
    (await rx.recorded(actors[FIRST], made, again["secret"], rx.act(made, 0, 1))).expect(201)


async def test_lost_answer_of_a_record_is_not_recorded_twice(actors: Actors) -> None:
    made = await two_lines(actors, Patient.seeded(SOMEONE + 2))
    secret = (await rx.claimed(actors[FIRST], made))["secret"]
    body, key = {"secret": secret, "acts": [rx.act(made, 0, 1)]}, {"idempotency-key": f"visit-{made.id}"}
    answers = [
        (await actors[FIRST].send("POST", f"{made.desk}/interventions", body, headers=key)).expect(201)
        for _ in range(3)
    ]
    assert len({one.content for one in answers}) == 1
    assert (await rx.read(actors[PRESCRIBER], made))["lines"][0]["delivered"] == "1"


async def test_pharmacies_at_once_never_share_a_hold_nor_a_box(actors: Actors) -> None:
    """Three pharmacies, one paper copied three times, all at the same moment."""
    made = await rx.signed(actors, Patient.seeded(SOMEONE + 3), (PARACETAMOL, 1, 4))
    sent = [actors[name].send("POST", "/v1/dispensings/claims", made.code) for name in PHARMACIES * 4]
    replies = await asyncio.gather(*sent)
    holders = {reply.who for reply in replies if reply.status == 200}
    assert len(holders) == 1
    assert {reply.status for reply in replies} <= {200, 409}
    assert {code_of(reply) for reply in replies if reply.status == 409} == {"HELD_BY_ANOTHER_PHARMACY"}
    (holder,) = holders
    secret = next(reply.json()["secret"] for reply in replies if reply.status == 200)
    body = {"secret": secret, "acts": [rx.act(made, 0, 1)]}
    records = [actors[holder].send("POST", f"{made.desk}/interventions", body) for _ in range(6)]
    statuses = sorted(reply.status for reply in await asyncio.gather(*records))
    assert statuses.count(201) == 1, statuses
    assert (await rx.read(actors[PRESCRIBER], made))["lines"][0]["delivered"] == "1"


async def test_wrong_record_is_undone_and_the_box_can_be_given_again(actors: Actors) -> None:
    made = await rx.signed(actors, Patient.seeded(SOMEONE + 4), (PARACETAMOL, 1, 4))
    secret = (await rx.claimed(actors[FIRST], made))["secret"]
    wrong = (await rx.recorded(actors[FIRST], made, secret, rx.act(made, 0, 1))).expect(201).json()
    place = f"{made.desk}/interventions/{wrong['interventions'][0]['intervention_id']}/undoing"
    stranger = await actors[SECOND].send("POST", place, {"reason": "curiosité"})
    assert stranger.status in (403, 404)
    undone = (await actors[FIRST].send("POST", place, {"reason": "Boîte restée au comptoir"})).expect(200)
    assert undone.json()["prescription"]["lines"][0]["delivered"] == "0"
    (await rx.recorded(actors[FIRST], made, secret, rx.act(made, 0, 1))).expect(201)


async def test_released_prescription_is_free_for_the_next_pharmacy(actors: Actors) -> None:
    made = await two_lines(actors, Patient.seeded(SOMEONE + 5))
    secret = (await rx.claimed(actors[FIRST], made))["secret"]
    given_back = {"secret": secret, "reason": "product_missing"}
    (await actors[FIRST].send("POST", f"{made.desk}/release", given_back)).expect(200)
    await rx.claimed(actors[THIRD], made)
    stale = await rx.recorded_plainly(actors[FIRST], made, secret, rx.act(made, 0, 1))
    assert stale.status in (403, 404), stale.answered


async def test_receipt_of_a_visit_verifies_with_the_published_keys(
    actors: Actors, reach: Reach, http: httpx.AsyncClient
) -> None:
    made = await rx.signed(actors, Patient.seeded(SOMEONE + 6), (PARACETAMOL, 1, 4))
    receipt = (await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 1)))["receipt"]
    keys = KeySet.import_key_set(
        (await http.get(f"{reach.gateway}/.well-known/socle-prescription-keys")).json()
    )
    told = json.loads(jws.deserialize_compact(receipt, keys, algorithms=["Ed25519", "EdDSA"]).payload or b"")
    assert made.id in json.dumps(told)
    assert PHARMACIST.structure.id_nat in json.dumps(told)


# --------------------------------------------------------------------------------- papers, documents


async def test_paper_is_a_pdf_and_document_a_cda_of_the_patient(actors: Actors, doctor: Actor) -> None:
    someone = Patient.seeded(SOMEONE + 7)
    made = await two_lines(actors, someone)
    paper = (await doctor.send("GET", f"{made.path}/paper")).expect(200)
    assert (paper.headers["content-type"], paper.content[:5]) == ("application/pdf", b"%PDF-")
    cda = (await doctor.send("GET", f"{made.path}/document")).expect(200)
    root = etree.fromstring(cda.content)
    assert root.xpath("string(*[local-name()='code']/@code)") == LOINC_PRESCRIPTION
    assert someone.matricule in {one.get("extension") for one in root.iter(f"{CDA}id")}
    read = await doctor.send(
        "POST", "/v1/prescription-documents", {"cda": base64.b64encode(cda.content).decode()}
    )
    assert len(read.expect(200).json()["content"]["lines"]) == 2


async def test_closed_dispensing_has_a_document_for_its_pharmacy_and_the_person(actors: Actors) -> None:
    made = await rx.signed(actors, Patient.seeded(PERSONAS["patient"].number), (AMOXICILLINE, 1, 6))  # type: ignore[union-attr]
    done = await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 1))
    place = f"/v1/dispensing-documents/{done['dispensing_id']}"
    for persona in (FIRST, "patient"):
        cda = (await actors[persona].send("GET", place)).expect(200)
        assert etree.fromstring(cda.content).tag == f"{CDA}ClinicalDocument", persona
    assert (await actors["other-doctor"].send("GET", place)).status == 404


# --------------------------------------------------------------------------------------- who sees what


async def test_patient_sees_it_and_who_looked_and_nobody_else_does(actors: Actors, patient: Patient) -> None:
    made = await rx.signed(actors, patient, (AMOXICILLINE, 1, 6))
    await rx.claimed(actors[FIRST], made)
    for persona in ("other-doctor", "nurse", SECOND, "guardian", "secretary"):
        assert (await actors[persona].send("GET", made.path)).status in (403, 404), persona
    mine = await rx.read(actors["patient"], made)
    assert (mine["number"], mine["held_by"]) == (made.number, PHARMACIST.structure.id_nat)
    asked = {"size": "200"}
    journal = await actors["patient"].send("GET", f"{made.path}/journal", params=asked)
    lines = journal.expect(200).json()["entries"]
    seen = {(line["actor"], line["action"], line["outcome"]) for line in lines}
    assert (FAMILY_DOCTOR.id_nat, "prescription.sign", "permitted") in seen
    assert (PHARMACIST.id_nat, "prescription.claim", "permitted") in seen
    assert any(actor == PERSONAS["other-doctor"].id_nat and how == "refused" for actor, _, how in seen)  # type: ignore[union-attr]
    for persona in (PRESCRIBER, FIRST):
        assert (await actors[persona].send("GET", f"{made.path}/journal")).status == 403


async def test_draft_is_of_its_author_alone(actors: Actors, doctor: Actor, patient: Patient) -> None:
    line = rx.written(await rx.medicine(doctor, PARACETAMOL), 1, 4)
    made = await rx.draft(doctor, patient, [line])
    for persona, status in (("patient", 404), ("other-doctor", 404), (FIRST, 404), ("auditor", 403)):
        reply = await actors[persona].send("GET", f"/v1/prescriptions/{made}")
        assert reply.status == status, persona


async def test_opposed_history_is_closed_to_pharmacists_and_open_again(
    actors: Actors, patient: Patient
) -> None:
    made = await rx.signed(actors, patient, (AMOXICILLINE, 1, 6))
    await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 1))
    place = f"/v1/dispensings/oppositions/{patient.person_id}"
    ins = {"ins": {"matricule": patient.matricule, "oid": patient.oid}}
    try:
        (await actors["patient"].send("PATCH", place, {"history_opposed": True})).expect(200)
        closed = await actors[SECOND].send("POST", "/v1/dispensings/search", ins)
        assert closed.status in (403, 404), closed.answered
    finally:
        (await actors["patient"].send("PATCH", place, {"history_opposed": False})).expect(200)
    own = await actors["patient"].send("GET", "/v1/dispensings", params={"person_id": patient.person_id})
    assert made.id in [one["prescription_id"] for one in own.expect(200).json()["dispensings"]]


# ------------------------------------------------------------------------------------------ the events


async def test_events_name_nobody_and_no_medicine(actors: Actors, reach: Reach) -> None:
    someone = Patient.seeded(SOMEONE + 8)
    async with listening(reach, ["eprescription"]) as listener:
        made = await two_lines(actors, someone)
        await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 2), rx.act(made, 1, 2))
        heard = await listener.until(lambda events: {"closed", "completed"} <= set(kinds(events, made)), 15)
    assert kinds(heard, made)[:3] == ["signed", "activated", "locked"]
    assert {"intervened", "closed", "completed"} <= set(kinds(heard, made))
    secrets = [
        someone.matricule,
        someone.birth_name,
        someone.birth_date,
        FAMILY_DOCTOR.id_nat,
        PHARMACIST.id_nat,
        PHARMACIST.structure.id_nat,
        made.number,
        made.access_code,
        *(one["cis"] for one in made.medicines),
        *(code for one in made.medicines for code in one["cip13"]),
    ]
    for event in heard:
        assert not [word for word in secrets if word.upper() in event.raw.decode().upper()], event.subject


def kinds(events: list[Event], made: Rx) -> list[str]:
    """What happened to one prescription, in order, by the past participle of each subject."""
    mine = [one for one in events if one.data.get("prescription_id") == made.id]
    return [one.subject.split(".")[3] for one in mine]


async def test_logs_hold_no_name_no_number_and_no_code(actors: Actors, platform: Platform) -> None:
    someone = Patient.seeded(SOMEONE + 9)
    made = await two_lines(actors, someone)
    secret = (await rx.claimed(actors[FIRST], made))["secret"]
    log = (platform.home / "logs" / "eprescription.log").read_text()
    gateway = (platform.home / "logs" / "gateway.log").read_text()
    words = (someone.matricule, someone.birth_name, made.number, made.access_code, secret)
    assert not [word for word in words if word in log or word in gateway]
