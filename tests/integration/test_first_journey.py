"""The first journey, through public interfaces only: every step of `make demo`, and what it leaves behind."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from lxml import etree

from socle_local.journey import ACTS, Act, Patient, Reach, Reply, Story, UnexpectedAnswerError, opened, play
from socle_local.journey.record import resources
from socle_local.journey.traces import check_order, expected_lines, moment, short_type
from socle_local.personas import DOCTOR, HOSPITAL, OTHER_DOCTOR
from tests.reach import Actors

FHIR = "{http://hl7.org/fhir}"
NOT_PLAYED = "an earlier step failed"


@dataclass
class Told:
    """The story once it was played, and how each act ended: its outcome, or why it failed."""

    story: Story
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def reply(self, act: str) -> Reply:
        assert act in self.outcomes, self.failures.get(act, NOT_PLAYED)
        return self.story.reply(act)


@pytest.fixture(scope="module")
async def told(reach: Reach) -> Told:
    async with opened(reach) as story:
        result = Told(story)
        for act in ACTS:
            try:
                result.outcomes[act.name] = await play(story, act)
            except UnexpectedAnswerError as failure:
                result.failures[act.name] = str(failure)
                break
        return result


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
async def test_each_act_ends_as_it_should(told: Told, act: Act) -> None:
    assert act.name in told.outcomes, told.failures.get(act.name, NOT_PLAYED)


async def test_identity_when_created_is_provisoire_and_has_no_ins(told: Told) -> None:
    reply = told.reply("create")
    identity = reply.json()
    assert identity["status"] == "provisoire"
    assert identity["domain"] == HOSPITAL.id_nat
    assert not {"ins", "person_id", "retrieved_at", "paper"} & identity.keys()
    assert reply.headers["location"] == f"/v1/identities/{identity['id']}"
    assert reply.headers["etag"] == 'W/"1"'


async def test_insi_when_not_one_person_names_nobody(told: Told) -> None:
    for act, code in (("nobody", "01"), ("several", "02")):
        answer = told.reply(act).json()
        assert answer["code"] == code
        assert "person" not in answer


async def test_insi_by_any_first_name_gives_traits_and_ins(told: Told, patient: Patient) -> None:
    answer = told.reply("any-first-name").json()
    assert answer["code"] == "00"
    assert answer["person"]["ins"] == {"matricule": patient.matricule, "oid": patient.oid}
    assert {name: answer["person"]["traits"][name] for name in patient.traits} == patient.traits


async def test_identity_once_retrieved_and_checked_is_qualifiee(told: Told, patient: Patient) -> None:
    retrieved, qualified = told.reply("retrieve").json()["identity"], told.reply("paper").json()
    assert (retrieved["status"], qualified["status"]) == ("recuperee", "qualifiee")
    assert retrieved["person_id"] == qualified["person_id"] == patient.person_id
    assert qualified["ins"] == {"matricule": patient.matricule, "oid": patient.oid}
    assert (retrieved["version"], qualified["version"], qualified["paper"]) == (2, 3, "CN")


async def test_record_opened_again_is_the_same(told: Told, actors: Actors) -> None:
    first = told.reply("open").json()
    reply = await actors["secretary"].send("POST", f"/v1/dmp/{told.story.person_id}")
    again = reply.expect(200, 201).json()
    assert again["opened_at"] == first["opened_at"]


async def test_deposit_is_answered_entry_by_entry_in_the_order_sent(told: Told) -> None:
    reply = told.reply("deposit")
    answered = [entry["response"] for entry in reply.json()["entry"]]
    sent = [entry["resource"]["resourceType"] for entry in reply.sent["entry"]]
    assert reply.json()["type"] == "transaction-response"
    assert [one["location"].split("/")[0] for one in answered] == sent
    assert all(one["status"].startswith("201") and one["etag"] == 'W/"1"' for one in answered)


async def test_search_before_the_grant_finds_nothing(told: Told) -> None:
    body = told.reply("find-nothing").json()
    assert (body["type"], body.get("entry", [])) == ("searchset", [])


async def test_search_after_the_grant_describes_what_was_deposited(told: Told) -> None:
    sent = told.reply("deposit").sent["entry"][1]["resource"]
    found = next(one for one in resources(told.reply("find")) if one["id"] == told.story.document_id)
    assert found["masterIdentifier"] == sent["masterIdentifier"]
    for element in ("status", "type", "category", "securityLabel"):
        assert found[element] == sent[element], element
    assert moment(found["date"]) == told.story.deposited.created_at
    described, given = found["content"][0]["attachment"], sent["content"][0]["attachment"]
    assert {name: described[name] for name in ("contentType", "language", "size", "hash", "title")} == {
        name: given[name] for name in ("contentType", "language", "size", "hash", "title")
    }


async def test_retrieved_bytes_are_those_deposited(told: Told) -> None:
    reply = told.reply("retrieve-bytes")
    assert reply.content == told.story.deposited.content
    assert reply.headers["content-type"].startswith("text/xml")


async def test_masked_document_is_not_revealed_by_its_refusal(told: Told, actors: Actors) -> None:
    """Same status and same words as for a document that does not exist."""
    refused = told.reply("masked-other")
    path, accept = "/fhir/Binary/01890000-0000-7000-8000-000000000000", {"accept": "text/xml"}
    unknown = await actors["other-doctor"].send("GET", path, headers=accept)
    assert refused.status == unknown.status == 404
    assert words_of(refused) == words_of(unknown) != []


def words_of(outcome: Reply) -> list[str]:
    """What an OperationOutcome in XML says, but for the diagnostics, which hold the trace."""
    root = etree.fromstring(outcome.content)
    return [str(one.get("value")) for one in root.iter(f"{FHIR}code", f"{FHIR}text", f"{FHIR}severity")]


async def test_blocked_doctor_sees_nothing_in_any_mode(told: Told) -> None:
    replies = told.story.replies["blocked"]
    assert len(replies) == 6, told.failures
    searches = [reply for reply in replies if "DocumentReference" in reply.path]
    assert [resources(reply) for reply in searches] == [[], [], []]
    assert {reply.status for reply in replies if "Binary" in reply.path} == {404}


async def test_journal_says_who_when_why_and_by_which_rule(told: Told) -> None:
    told.reply("journal")
    story = told.story
    for actor, action, outcome, rule, purpose in expected_lines(story):
        lines = [
            line
            for line in story.journal
            if (line["actor"], line["action"], line["outcome"], line["purpose"])
            == (actor, action, outcome, purpose)
            and rule in line["rules"]
        ]
        assert lines, (actor, action, outcome, rule, purpose)
        assert all(story.began <= moment(line["occurred_at"]) <= datetime.now(UTC) for line in lines)


async def test_journal_names_the_real_reader(told: Told) -> None:
    told.reply("journal")
    readers = {line["actor"]: line for line in told.story.journal}
    other = readers[OTHER_DOCTOR.id_nat]
    assert other["actor_name"] == f"{OTHER_DOCTOR.given_name} {OTHER_DOCTOR.family_name}"
    assert other["organisation"] == OTHER_DOCTOR.structure.id_nat
    assert other["actor_kind"] == "professional"
    assert readers[DOCTOR.id_nat]["organisation"] == HOSPITAL.id_nat


async def test_journal_is_newest_first(told: Told) -> None:
    """In the order of recording, which the ids carry: two accesses at once may begin in the other order."""
    told.reply("journal")
    recorded = [line["id"] for line in told.story.journal]
    assert len(recorded) > 1
    assert recorded == sorted(recorded, reverse=True)


async def test_journal_is_closed_to_others(told: Told, actors: Actors) -> None:
    """Nobody else learns who looked, and the attempt is written down."""
    story = told.story
    for persona in ("doctor", "secretary"):
        reply = await actors[persona].send("GET", f"/v1/dmp/{story.person_id}/journal")
        assert reply.status == 403, reply.answered


async def test_events_of_the_run_come_in_order_without_a_gap(told: Told) -> None:
    told.reply("journal")
    for service in ("identity_ins", "dmp", "eprescription"):
        check_order(told.story.listener.of(service))
    identity = [
        short_type(one) for one in told.story.events if one.data.get("identity_id") == told.story.identity_id
    ]
    assert [one.rpartition(".")[2] for one in identity] == ["created", "retrieved", "qualified"]


async def test_each_event_names_the_one_before_it_on_the_same_aggregate(told: Told) -> None:
    told.reply("journal")
    mine = [one for one in told.story.events if one.data.get("identity_id") == told.story.identity_id]
    assert "previous" not in mine[0].body
    assert [after.body["previous"] for before, after in pairwise(mine)] == [
        one.body["id"] for one in mine[:-1]
    ]


async def test_events_hold_opaque_ids_and_states_only(told: Told) -> None:
    """What an event may tell is a closed list: a new field has to be argued here."""
    told.reply("journal")
    known = {
        "identity_id",
        "person_id",
        "domain",
        "version",
        "document_id",
        "lot_id",
        "authorisation_id",
        "block_id",
        "case_id",
        "kind",
        "outcome",
        "kept_id",
        "absorbed_id",
        "merge_id",
        "automatic",
        "prescription_id",
        "line_id",
        "line_ids",
        "intervention_id",
        "dispensing_id",
        "state",
        "expires_on",
        "next_on",
        "requested",
    }
    assert told.story.events
    for event in told.story.events:
        assert set(event.data) <= known | {"journal_id"}, event.subject
