"""Two identities of one person: found, merged, seen by that person, taken apart again; all published."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from socle_local.journey import Actor, Patient, Reach
from socle_local.journey.events import Event, Listener, listening
from socle_local.personas import HOSPITAL, OTHER_PATIENT, SECRETARY
from tests.ledger import Ledger
from tests.reach import Actors, code_of

from .identities import REASON, created, path, qualified, read

Json = dict[str, Any]
PREFIX = "socle.identity_ins."


@dataclass
class Told:
    """What happened, in its order: each answer under a name, and the events heard."""

    patient: Patient
    answers: dict[str, Json] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __getitem__(self, name: str) -> Json:
        return self.answers[name]


@pytest.fixture(scope="module")
async def told(actors: Actors, reach: Reach) -> Told:
    """The whole story, once: two creations, a case, a merge, an unmerge."""
    story = Told(Patient.seeded(OTHER_PATIENT.number))
    async with listening(reach, ["identity_ins"]) as listener:
        await play(story, actors["secretary"], actors["other-patient"])
        story.events = await heard(listener, story)
    return story


async def play(story: Told, secretary: Actor, citizen: Actor) -> None:
    answers = story.answers
    answers["kept"] = await qualified(secretary, story.patient)
    twice = {**story.patient.traits, "birth_name": story.patient.birth_name[:-1]}
    answers["twin"] = await created(secretary, story.patient, traits=twice)
    answers["case"] = await case_of(secretary, answers["kept"], answers["twin"])
    ids = {"kept_id": answers["kept"]["id"], "absorbed_id": answers["twin"]["id"]}
    answers["merge"] = (await secretary.send("POST", "/v1/merges", ids | REASON)).expect(201).json()
    answers["settled"] = await case_at(secretary, answers["case"])
    answers["absorbed"] = await read(secretary, answers["twin"])
    answers["seen"] = await seen_by(citizen, story)
    undo = f"/v1/merges/{answers['merge']['merge']['id']}/undo"
    answers["undone"] = (await secretary.send("POST", undo, REASON)).expect(200).json()
    answers["seen-after"] = await seen_by(citizen, story)
    answers["reopened"] = await case_at(secretary, answers["case"])


async def case_of(secretary: Actor, one: Json, other: Json) -> Json:
    """The case of the worklist about these two; there must be one, and only one."""
    listed = await secretary.send("GET", "/v1/vigilance-cases", params={"identity_id": other["id"]})
    pair = {one["id"], other["id"]}
    cases = listed.expect(200).json()["cases"]
    (found,) = [case for case in cases if {case["first"]["id"], case["second"]["id"]} == pair]
    result: Json = found
    return result


async def case_at(secretary: Actor, case: Json) -> Json:
    answer: Json = (await secretary.send("GET", f"/v1/vigilance-cases/{case['id']}")).expect(200).json()
    return answer


async def seen_by(citizen: Actor, story: Told) -> Json:
    """What the person is shown."""
    person = f"/v1/persons/{story.patient.person_id}"
    merges = (await citizen.send("GET", f"{person}/merges")).expect(200).json()["merges"]
    journal = (await citizen.send("GET", f"{person}/journal?size=200")).expect(200).json()["entries"]
    return {"merges": merges, "journal": journal}


async def heard(listener: Listener, story: Told) -> list[Event]:
    undone = f"{PREFIX}identity.unmerged.v1"
    events = await listener.until(lambda events: any(event.subject == undone for event in events))
    mine = {story[name]["id"] for name in ("kept", "twin", "case")}
    return [event for event in events if mine & set(map(str, event.data.values()))]


def test_second_creation_names_the_first_with_its_reasons(told: Told) -> None:
    (candidate,) = [one for one in told["twin"]["candidates"] if one["identity"]["id"] == told["kept"]["id"]]
    assert candidate["grade"] in ("certain", "probable")
    agreement = {one["field"]: one["agreement"] for one in candidate["fields"]}
    assert (agreement["birth_name"], agreement["birth_date"]) == ("near", "exact")
    assert candidate["score"] == pytest.approx(sum(one["weight"] for one in candidate["fields"]), abs=0.01)


def test_case_is_on_the_worklist_until_the_merge_settles_it(told: Told) -> None:
    assert (told["case"]["kind"], told["case"]["state"]) == ("duplicate", "open")
    settled = told["settled"]
    assert (settled["state"], settled["settled_by"]) == ("merged", SECRETARY.id_nat)
    assert settled["reason"] == REASON["reason"]


def test_identity_merged_away_is_read_and_says_into_which(told: Told) -> None:
    assert told["absorbed"]["merged_into"] == told["kept"]["id"]
    assert told["merge"]["kept"]["status"] == "qualifiee"


async def test_identity_merged_away_is_only_read(told: Told, actors: Actors) -> None:
    """Played on a pair of its own: the story above ends with the unmerge."""
    secretary, patient = actors["secretary"], Patient.seeded(451)
    kept, twin = await qualified(secretary, patient), await created(secretary, patient)
    ids = {"kept_id": kept["id"], "absorbed_id": twin["id"]}
    (await secretary.send("POST", "/v1/merges", ids | REASON)).expect(201)
    for step in ("ins-retrieval", "paper-check", "doubt"):
        body = {"paper-check": {"paper": "CN"}, "doubt": REASON}.get(step)
        refused = await secretary.send("POST", f"{path(twin)}/{step}", body)
        assert (refused.status, code_of(refused)) == (422, "IDENTITY_MERGED"), step
    searched = {"family": patient.birth_name, "birth_date": patient.birth_date}
    found = (await secretary.send("POST", "/v1/identities/search", searched)).json()["identities"]
    assert [one["id"] for one in found] == [kept["id"]]
    all_of_them = (
        await secretary.send("POST", "/v1/identities/search", {**searched, "with_merged": True})
    ).json()
    assert {one["id"] for one in all_of_them["identities"]} == {kept["id"], twin["id"]}


def test_person_sees_the_merge_and_later_that_it_was_undone(told: Told) -> None:
    (before,) = told["seen"]["merges"]
    assert (before["id"], "unmerged_at" in before) == (told["merge"]["merge"]["id"], False)
    assert (before["domain"], before["merged_by"]) == (HOSPITAL.id_nat, SECRETARY.id_nat)
    (after,) = told["seen-after"]["merges"]
    assert after["unmerge_reason"] == REASON["reason"]


def test_person_reads_in_the_journal_who_merged_and_who_undid(told: Told) -> None:
    lines = {(one["action"], one["actor"], one["outcome"]) for one in told["seen-after"]["journal"]}
    for action in ("identity.retrieve_ins", "identity.merge", "identity.unmerge"):
        assert (action, SECRETARY.id_nat, "permitted") in lines, action
    assert ("person.read_merges", "self", "permitted") in lines


async def test_representative_sees_it_and_a_stranger_does_not(told: Told, actors: Actors) -> None:
    person = f"/v1/persons/{told.patient.person_id}"
    for what in ("merges", "journal"):
        (await actors["guardian"].send("GET", f"{person}/{what}")).expect(200)
        refused = await actors["patient"].send("GET", f"{person}/{what}")
        assert (refused.status, code_of(refused)) == (404, "PERSON_UNKNOWN"), what


async def test_other_structure_sees_neither_case_nor_merge(
    told: Told, actors: Actors, ledger: Ledger
) -> None:
    stranger, merge = actors["other-doctor"], told["merge"]["merge"]["id"]
    async with ledger.no_trace():
        replies = [
            await stranger.send("GET", f"/v1/vigilance-cases/{told['case']['id']}"),
            await stranger.send("GET", f"{path(told['kept'])}/merges"),
            await stranger.send("POST", f"/v1/merges/{merge}/undo", REASON),
        ]
    assert [reply.status for reply in replies] == [404, 404, 404]


async def test_unmerge_makes_the_twin_again_what_it_was(told: Told, actors: Actors) -> None:
    now = await read(actors["secretary"], told["twin"])
    kept = ("status", "traits", "ipp", "attributes")
    assert {name: now[name] for name in kept} == {name: told["twin"][name] for name in kept}
    assert "merged_into" not in now
    assert told["reopened"]["state"] == "dismissed", "the pair is not asked about again"


async def test_merge_undone_twice_is_refused(told: Told, actors: Actors, ledger: Ledger) -> None:
    async with ledger.no_trace():
        undo = f"/v1/merges/{told['merge']['merge']['id']}/undo"
        refused = await actors["secretary"].send("POST", undo, REASON)
    assert refused.status == 422, refused.answered


def test_subscriber_hears_each_fact_once_in_order_and_nobody_is_named(told: Told) -> None:
    assert [event.subject.removeprefix(PREFIX) for event in told.events] == [
        "identity.created.v1",
        "identity.retrieved.v1",
        "identity.qualified.v1",
        "identity.created.v1",
        "vigilance_case.opened.v1",
        "vigilance_case.settled.v1",
        "identity.merged.v1",
        "vigilance_case.settled.v1",
        "identity.unmerged.v1",
    ]
    outcomes = [event.data["outcome"] for event in told.events if "outcome" in event.data]
    assert outcomes == ["merged", "dismissed"]
    text = b" ".join(event.raw for event in told.events).decode().upper()
    for word in (told.patient.birth_name[:-1], *told.patient.first_names, told.patient.matricule[:13]):
        assert word not in text


async def test_homonyms_are_settled_and_both_marked(actors: Actors) -> None:
    """One is born the same day under the same names, and is someone else."""
    secretary, patient = actors["secretary"], Patient.seeded(452)
    one, other = await created(secretary, patient), await created(secretary, patient)
    case = await case_of(secretary, one, other)
    body = {"outcome": "homonyms", **REASON}
    settled = await secretary.send("POST", f"/v1/vigilance-cases/{case['id']}/settlement", body)
    assert settled.expect(200).json()["state"] == "homonyms"
    for identity in (one, other):
        assert "homonyme" in (await read(secretary, identity))["attributes"]
    again = await secretary.send("POST", f"/v1/vigilance-cases/{case['id']}/settlement", body)
    assert again.status == 422, again.answered


async def test_match_finds_near_names_and_explains_itself(actors: Actors) -> None:
    secretary, patient = actors["secretary"], Patient.seeded(453)
    identity = await created(secretary, patient)
    near = {"birth_name": patient.birth_name[:-1], "birth_first_names": [patient.first_names[0]]}
    asked = {"description": {**near, "birth_date": patient.birth_date, "sex": patient.sex}}
    found = (await secretary.send("POST", "/v1/identities/match", asked)).expect(200).json()["candidates"]
    assert found[0]["identity"]["id"] == identity["id"]
    assert {one["field"] for one in found[0]["fields"]} >= {"birth_name", "first_names", "birth_date", "sex"}
