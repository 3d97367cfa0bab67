"""The national rules of a local identity, from its creation to the loss of its status, and who is told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from socle_local.journey import Actor, Deposit, Patient, Reach, bundle, consultation_report
from socle_local.journey.events import Event, listening
from socle_local.personas import SECRETARY
from tests.ledger import Ledger
from tests.reach import Actors, code_of

from .identities import REASON, created, path, qualified, read, retrieved

Json = dict[str, Any]
# Persons that no other journey touches.
SOMEONE = 401


@pytest.fixture
def secretary(actors: Actors) -> Actor:
    return actors["secretary"]


def person(offset: int = 0) -> Patient:
    return Patient.seeded(SOMEONE + offset)


@pytest.mark.parametrize(
    ("odd", "field", "code"),
    [
        ({"birth_place": "96001"}, "traits.birth_place", "PLACE_UNKNOWN"),
        ({"birth_date": "1950-03"}, "traits.birth_date", "BIRTH_DATE_INCOMPLETE"),
    ],
)
async def test_odd_trait_is_kept_and_remarked_upon(
    secretary: Actor, odd: Json, field: str, code: str
) -> None:
    made = await created(secretary, person(), traits={**person().traits, **odd})
    assert (field, code) in {(one["field"], one["code"]) for one in made["warnings"]}
    kept = (await read(secretary, made))["traits"]
    assert {name: kept[name] for name in odd} == odd


async def test_names_are_kept_as_the_civil_status_writes_them(secretary: Actor) -> None:
    typed = {**person().traits, "birth_name": "d'Hérault-l’Œuf", "birth_first_names": ["Zoé", "Marie-Noëlle"]}
    kept = (await created(secretary, person(), traits=typed))["traits"]
    assert (kept["birth_name"], kept["birth_first_names"]) == ("D'HERAULT-L'OEUF", ["ZOE", "MARIE-NOELLE"])


async def test_history_tells_each_step_its_author_and_the_status(secretary: Actor) -> None:
    identity = await qualified(secretary, person(1))
    await secretary.send("POST", f"{path(identity)}/doubt", REASON)
    changes = (await secretary.send("GET", f"{path(identity)}/history")).expect(200).json()["changes"]
    assert [(one["step"], one["status_after"]) for one in reversed(changes)] == [
        ("create", "provisoire"),
        ("retrieve_ins", "recuperee"),
        ("check_paper", "qualifiee"),
        ("mark_doubtful", "provisoire"),
    ]
    assert {one["author"] for one in changes} == {SECRETARY.id_nat}
    assert changes[0]["reason"] == REASON["reason"]
    assert changes[1]["identity"]["ins"] == identity["ins"], "what stood before is still there to read"
    (second,) = (await secretary.send("GET", f"{path(identity)}/history?version=2")).json()["changes"]
    assert second["step"] == "retrieve_ins"


async def test_traits_of_a_qualifiee_are_locked_but_not_its_names_in_use(
    secretary: Actor, ledger: Ledger
) -> None:
    identity = await qualified(secretary, person(2))
    other = {**person(2).traits, "birth_name": "AUTREMENT"}
    async with ledger.no_trace():
        refused = await secretary.send("PUT", f"{path(identity)}/traits", {"traits": other, **REASON})
    assert (refused.status, code_of(refused)) == (422, "TRAITS_LOCKED")
    used = {"traits": {**person(2).traits, "used_name": "VALJEAN"}, **REASON}
    changed = (await secretary.send("PUT", f"{path(identity)}/traits", used)).expect(200).json()
    assert (changed["status"], changed["traits"]["used_name"]) == ("qualifiee", "VALJEAN")


async def test_correction_of_a_strict_trait_undoes_what_was_established_on_it(secretary: Actor) -> None:
    identity = await retrieved(secretary, person(3))
    body = {"traits": {**person(3).traits, "birth_name": "AUTREMENT"}, **REASON}
    changed = (await secretary.send("PUT", f"{path(identity)}/traits", body)).expect(200).json()
    assert (changed["status"], "ins" in changed) == ("provisoire", False)


async def test_card_finds_the_person_and_an_old_reading_does_not(secretary: Actor) -> None:
    patient = person(4)
    identity = await created(secretary, patient)
    read_at = datetime.now(UTC)
    card = {
        "num_assure": patient.matricule,
        "date_naissance": patient.birth_date,
        "nom": patient.birth_name,
        "prenom": patient.first_names[0],
    }
    stale = {"card": {**card, "read_at": read_at.replace(year=read_at.year - 1).isoformat()}}
    refused = await secretary.send("POST", f"{path(identity)}/ins-retrieval", stale)
    assert refused.status in (400, 422), refused.answered
    fresh = {"card": {**card, "read_at": read_at.isoformat()}}
    reply = (await secretary.send("POST", f"{path(identity)}/ins-retrieval", fresh)).expect(200).json()
    assert (reply["code"], reply["identity"]["ins"]["matricule"]) == ("00", patient.matricule)
    found = (await secretary.send("POST", "/v1/insi/card-search", fresh)).expect(200).json()
    assert found["person"]["person_id"] == patient.person_id


async def test_number_replaced_in_the_registry_is_taken_up_by_the_next_verification(
    secretary: Actor, actors: Actors
) -> None:
    patient = person(5)
    identity = await qualified(secretary, patient)
    former = {"matricule": patient.matricule, "oid": patient.oid}
    resolved = {"ins": former}
    for _ in range(2):
        asked = await secretary.send("POST", "/v1/persons/resolve", resolved)
        assert asked.expect(200).json()["person_id"] == patient.person_id
    new = {"matricule": another_number(patient), "oid": patient.oid}
    replaced = await actors["ops"].send(
        "PUT", f"/v1/persons/{patient.person_id}/number", {"ins": new, **REASON}
    )
    assert replaced.expect(200).json()["former"] == [former]
    verified = (await secretary.send("POST", f"{path(identity)}/ins-verification")).expect(200).json()
    assert (verified["result"], verified["identity"]["ins"]) == ("replaced", new)
    assert verified["identity"]["status"] == "qualifiee"


def another_number(patient: Patient) -> str:
    """A number with a valid key and another order number."""
    body = patient.matricule[:10] + f"{(int(patient.matricule[10:13]) + 500) % 999 + 1:03d}"
    plain = int(body.replace("2A", "19").replace("2B", "18"))
    return f"{body}{97 - plain % 97:02d}"


# How qualifiée is lost, and what is left.
LOSSES = {
    "doubt": ("doubt", "provisoire"),
    "fiction": ("fictitious-mark", "provisoire"),
    "INS removed": ("ins-removal", "provisoire"),
    "paper cancelled": ("paper-check/cancellation", "recuperee"),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_loss_of_qualifiee_stops_all_that_stood_on_it(
    loss: str, secretary: Actor, actors: Actors, reach: Reach, ledger: Ledger
) -> None:
    step, left = LOSSES[loss]
    patient = person(10 + list(LOSSES).index(loss))
    identity = await qualified(secretary, patient)
    (await secretary.send("POST", f"/v1/dmp/{patient.person_id}")).expect(200, 201)
    (await deposited(actors["doctor"], patient)).expect(200)
    (await secretary.send("GET", f"{path(identity)}/datamatrix")).expect(200)
    async with listening(reach, ["identity_ins"]) as listener:
        lost = (await secretary.send("POST", f"{path(identity)}/{step}", REASON)).expect(200).json()
        assert (lost["status"], "ins" in lost) == (left, left == "recuperee")
        (told,) = await listener.until(bool)
    check_downgraded(told, identity, left)
    await ledger.settled()
    assert (await deposited(actors["doctor"], patient)).status == 403
    refused = await secretary.send("GET", f"{path(identity)}/datamatrix")
    assert (refused.status, code_of(refused)) == (422, "DATAMATRIX_NEEDS_QUALIFIED")
    await check_messages(secretary, identity)


async def deposited(doctor: Actor, patient: Patient) -> Any:
    report = consultation_report(patient, datetime.now(UTC).replace(microsecond=0))
    return await doctor.send("POST", "/fhir", bundle(Deposit(patient, [report])))


def check_downgraded(told: Event, identity: Json, left: str) -> None:
    """The event says whose number to drop, by the opaque id, and what is left."""
    assert told.subject == "socle.identity_ins.identity.downgraded.v1"
    assert told.data["identity_id"] == identity["id"]
    assert told.data["person_id"] == identity["person_id"]
    assert told.data["status"] == f"IDENTITY_STATUS_{left.upper()}"
    assert identity["ins"]["matricule"] not in told.raw.decode()


async def check_messages(secretary: Actor, identity: Json) -> None:
    """Hospital software reads: created, qualifiée with the number, then that the number is to be dropped."""
    listed = await secretary.send("GET", "/v1/pam-messages", params={"identity_id": identity["id"]})
    messages = listed.expect(200).json()["messages"]
    triggers = [one["trigger"] for one in messages]
    assert (triggers[0], {"A31", "A47"} <= set(triggers)) == ("A28", True)
    readings = [await read_back(secretary, one) for one in messages]
    qualifying = [one for one in readings if one["qualified"]]
    assert {one["ins"]["matricule"] for one in qualifying} == {identity["ins"]["matricule"]}
    assert all("ins" not in one for one in readings if not one["qualified"]), "only with VALI"
    dropping = readings[triggers.index("A47")]
    assert (dropping["removed"], dropping["qualified"]) == ([identity["ins"]], False)


async def read_back(secretary: Actor, message: Json) -> Json:
    """A message fetched as hospital software fetches it, read again by the French rules."""
    hl7 = {"accept": "application/hl7-v2"}
    reply = (await secretary.send("GET", f"/v1/pam-messages/{message['id']}", headers=hl7)).expect(200)
    assert reply.headers["content-type"].startswith("application/hl7-v2")
    content = reply.content.decode()
    assert (content, content.endswith("\r")) == (message["content"], True)
    reading = await secretary.send("POST", "/v1/pam-messages/read", {"content": content})
    result: Json = reading.expect(200).json()
    assert result["trigger"] == message["trigger"]
    return result


@pytest.mark.parametrize("separator", ["\x1d", ""])
async def test_datamatrix_of_a_qualifiee_reads_back_as_the_identity(secretary: Actor, separator: str) -> None:
    identity = await qualified(secretary, person(20))
    symbol = (await secretary.send("GET", f"{path(identity)}/datamatrix")).expect(200).json()
    text = symbol["text"].replace("\x1d", separator)
    reading = (await secretary.send("POST", "/v1/datamatrix/read", {"text": text})).expect(200).json()
    assert reading["ins"] == identity["ins"]
    strict = ("birth_name", "birth_first_names", "sex", "birth_date", "birth_place")
    assert {name: reading["traits"][name] for name in strict} == person(20).traits
    png = await secretary.send("GET", f"{path(identity)}/datamatrix", headers={"accept": "image/png"})
    assert png.expect(200).content.startswith(b"\x89PNG")
    svg = await secretary.send("GET", f"{path(identity)}/datamatrix", headers={"accept": "image/svg+xml"})
    assert b"<svg" in svg.expect(200).content[:300]


async def test_scanned_number_makes_an_identity_once_insi_confirms_it(secretary: Actor) -> None:
    """What a wristband says is proof of nothing: INSi is asked, and a human has seen the paper."""
    patient = person(21)
    ins = {"matricule": patient.matricule, "oid": patient.oid}
    made = await created(secretary, patient, ins=ins, collection_method="bar_code")
    assert (made["status"], made["collection_method"]) == ("recuperee", "bar_code")
    whole = await created(secretary, patient, ins=ins, paper="CN")
    assert whole["status"] == "qualifiee"


async def test_search_sorts_and_limits_by_birth(secretary: Actor) -> None:
    made = [
        await created(secretary, person(30), traits={**person(30).traits, "birth_date": day}) for day in DAYS
    ]
    asked = {
        "family": person(30).birth_name,
        "born_from": DAYS[1],
        "born_to": DAYS[0],
        "sort": "birth_date",
        "descending": True,
    }
    found = (await secretary.send("POST", "/v1/identities/search", asked)).expect(200).json()["identities"]
    assert [one["id"] for one in found] == [made[0]["id"], made[1]["id"]]


DAYS = ["1901-02-03", "1901-02-01", "1901-01-31"]
