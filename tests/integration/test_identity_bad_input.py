"""What an identity must never become: each wrong number, name, date and step is refused."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from socle_local.journey import Actor, Patient
from socle_local.platform import Platform
from tests.ledger import Ledger
from tests.reach import Actors, code_of, places_of

from .identities import REASON, created, path, qualified, read, retrieved

Json = dict[str, Any]
TEST_OID = "1.2.250.1.213.1.4.10"
SOMEONE = 501
# Names that no seeded person bears: found in a log or a table, they came from here.
ODD_NAME, ODD_FIRST = "QUENOUILLARD", "ZEPHYRINETTE"
TRAITS = {
    "birth_name": ODD_NAME,
    "birth_first_names": [ODD_FIRST],
    "sex": "female",
    "birth_date": "1990-01-01",
    "birth_place": "75056",
}
# The wrong ones of the published vectors of the CNAM, and what no vector has.
NUMBERS = {
    "wrong key": "255081416802500",
    "first digit 8": "884058832102523",
    "ten characters": "2840588321",
    "of the samples of the ANS": "123456789012345",
    "of the samples of HL7": "276037510669380",
    "month 13": "255131416802524",
    "Corsica in the key": "28405A832102579",
    "without its key": "2550814168025",
    "with spaces": "2 55 08 14 168 025 38",
    "digits of another script": "٢٥٥٠٨١٤١٦٨٠٢٥٣٨",
}
OIDS = {
    "production": "1.2.250.1.213.1.4.8",
    "NIA of production": "1.2.250.1.213.1.4.9",
    "INS-C": "1.2.250.1.213.1.4.2",
    "nobody's": "1.2.3.4.5",
}
NAMES = {
    "empty": "",
    "blank": "   ",
    "300 characters": "A" * 300,
    "bell": "QUENOUIL\x07LARD",
    "NUL": "QUENOUIL\x00LARD",
    "right-to-left override": "QUENOUIL\u202eLARD",
    "zero-width space": "QUENOUIL\u200bLARD",
    "mixed scripts": "QUENOU\u0406LLARD",
    "digit": "QUENOUILLARD2",
    "mark-up": "<b>QUENOUILLARD</b>",
    "hyphen alone": "-",
}
DATES = {
    "day that does not exist": "1990-02-30",
    "29 February of no leap year": "1990-02-29",
    "month 13": "1990-13-01",
    "month 0": "1990-00-01",
    "future": "2999-01-01",
    "year 0": "0000-01-01",
    "in French order": "01-01-1990",
    "with a time": "1990-01-01T00:00:00",
    "digits of another script": "\u0661\u0669\u0669\u0660-\u0660\u0661-\u0660\u0661",
}


@pytest.fixture
def secretary(actors: Actors) -> Actor:
    return actors["secretary"]


async def check_refused(
    secretary: Actor, ledger: Ledger, wrong: dict[str, Any], body: Callable[[Any], Json], place: str
) -> None:
    """Each is refused as wrong by itself, at the place; together they leave nothing but their audit."""
    async with ledger.no_trace():
        replies = {
            what: await secretary.send("POST", "/v1/identities", body(value)) for what, value in wrong.items()
        }
    for what, reply in replies.items():
        assert reply.status == 400, (what, reply.answered)
        assert any(one.startswith(place) for one in places_of(reply)), (what, reply.answered)
        value = str(wrong[what]).strip()
        assert len(value) < 2 or value not in reply.content.decode(), what


async def test_wrong_number_makes_no_identity(secretary: Actor, ledger: Ledger) -> None:
    def body(number: str) -> Json:
        return {"traits": TRAITS, "ins": {"matricule": number, "oid": TEST_OID}}

    await check_refused(secretary, ledger, NUMBERS, body, "ins.matricule")


async def test_number_of_another_authority_makes_no_identity(secretary: Actor, ledger: Ledger) -> None:
    def body(oid: str) -> Json:
        return {"traits": TRAITS, "ins": {"matricule": "255081416802538", "oid": oid}}

    await check_refused(secretary, ledger, OIDS, body, "ins.oid")


async def test_impossible_name_makes_no_identity(secretary: Actor, ledger: Ledger) -> None:
    await check_refused(
        secretary, ledger, NAMES, lambda name: {"traits": TRAITS | {"birth_name": name}}, "traits.birth_name"
    )


async def test_impossible_date_makes_no_identity(secretary: Actor, ledger: Ledger) -> None:
    await check_refused(
        secretary, ledger, DATES, lambda day: {"traits": TRAITS | {"birth_date": day}}, "traits.birth_date"
    )


async def test_number_that_insi_does_not_confirm_makes_no_identity(secretary: Actor, ledger: Ledger) -> None:
    """INSi was asked, so its journal has a line; the structure's identities have none."""
    before = await ledger["identity-ins"].fetchval("SELECT count(*) FROM local_identity")
    body = {"traits": TRAITS, "ins": {"matricule": "255081416802538", "oid": TEST_OID}}
    reply = await secretary.send("POST", "/v1/identities", body)
    assert (reply.status, code_of(reply)) == (422, "INS_NOT_CONFIRMED")
    assert await ledger["identity-ins"].fetchval("SELECT count(*) FROM local_identity") == before


@pytest.mark.parametrize("mark", ["doubt", "fictitious-mark"])
async def test_insi_is_never_asked_about_a_doubtful_or_fictitious_identity(
    mark: str, secretary: Actor, ledger: Ledger
) -> None:
    patient = Patient.seeded(SOMEONE)
    identity = await created(secretary, patient)
    (await secretary.send("POST", f"{path(identity)}/{mark}", REASON)).expect(200)
    ins = {"ins": {"matricule": patient.matricule, "oid": patient.oid}}
    async with ledger.no_trace():
        replies = [
            await secretary.send("POST", f"{path(identity)}/ins-retrieval"),
            await secretary.send("POST", f"{path(identity)}/ins-verification", ins),
            await secretary.send("POST", f"{path(identity)}/paper-check", {"paper": "CN"}),
            await secretary.send("POST", f"{path(identity)}/{mark}", REASON),
        ]
    assert {reply.status for reply in replies} == {422}
    codes = [code_of(reply) for reply in replies]
    assert len(set(codes[:3])) == 1
    assert codes[0] in ("IDENTITY_DOUBTFUL", "IDENTITY_FICTITIOUS")
    assert codes[3] == codes[0].replace("IDENTITY_", "IDENTITY_ALREADY_")


async def test_cleared_mark_does_not_give_back_what_it_cost(secretary: Actor) -> None:
    identity = await qualified(secretary, Patient.seeded(SOMEONE + 1))
    (await secretary.send("POST", f"{path(identity)}/doubt", REASON)).expect(200)
    clearance = {"mark": "douteuse", **REASON}
    cleared = (await secretary.send("POST", f"{path(identity)}/mark-clearance", clearance)).expect(200).json()
    assert (cleared["status"], cleared["attributes"], "ins" in cleared) == ("provisoire", [], False)
    again = await secretary.send("POST", f"{path(identity)}/mark-clearance", clearance)
    assert (again.status, code_of(again)) == (422, "MARK_ABSENT")


# A step that the status refuses: how the identity comes there, the step, its body, the error.
TRANSITIONS = {
    "paper of a validée": (["paper"], "paper-check", {"paper": "CN"}, "PAPER_ALREADY_CHECKED"),
    "paper of a qualifiée": (
        ["retrieve", "paper"],
        "paper-check",
        {"paper": "PA"},
        "IDENTITY_ALREADY_QUALIFIED",
    ),
    "retrieval of a récupérée": (["retrieve"], "ins-retrieval", None, "INS_ALREADY_RETRIEVED"),
    "retrieval of a qualifiée": (["retrieve", "paper"], "ins-retrieval", None, "IDENTITY_ALREADY_QUALIFIED"),
    "verification without a number": ([], "ins-verification", None, "INS_NOT_HELD"),
    "removal without a number": (["paper"], "ins-removal", REASON, "INS_NOT_HELD"),
    "no paper to cancel": (["retrieve"], "paper-check/cancellation", REASON, "PAPER_NOT_CHECKED"),
    "driving licence": ([], "paper-check", {"paper": "PC"}, "PAPER_REFUSED"),
}
STEPS = {"retrieve": ("ins-retrieval", None), "paper": ("paper-check", {"paper": "CN"})}


@pytest.mark.parametrize("what", TRANSITIONS)
async def test_step_that_the_status_refuses_changes_nothing(
    what: str, secretary: Actor, ledger: Ledger
) -> None:
    way, step, body, code = TRANSITIONS[what]
    identity = await created(secretary, Patient.seeded(SOMEONE + 2))
    for name in way:
        place, sent = STEPS[name]
        (await secretary.send("POST", f"{path(identity)}/{place}", sent)).expect(200)
    before = await read(secretary, identity)
    async with ledger.no_trace():
        refused = await secretary.send("POST", f"{path(identity)}/{step}", body)
    assert refused.status in (400, 422), refused.answered
    assert code_of(refused) == code
    assert await read(secretary, identity) == before


async def test_two_who_qualify_at_once_one_wins_and_the_others_are_told(secretary: Actor) -> None:
    identity = await retrieved(secretary, Patient.seeded(SOMEONE + 3))
    replies = await asyncio.gather(
        *(secretary.send("POST", f"{path(identity)}/paper-check", {"paper": "CN"}) for _ in range(6))
    )
    assert sorted(reply.status for reply in replies) == [200, *[422] * 5]
    losers = {code_of(reply) for reply in replies if reply.status != 200}
    assert losers == {"IDENTITY_ALREADY_QUALIFIED"}
    now = await read(secretary, identity)
    assert (now["status"], now["version"]) == ("qualifiee", identity["version"] + 1)


async def test_two_who_retrieve_at_once_one_wins_and_the_others_are_told(secretary: Actor) -> None:
    identity = await created(secretary, Patient.seeded(SOMEONE + 4))
    replies = await asyncio.gather(
        *(secretary.send("POST", f"{path(identity)}/ins-retrieval") for _ in range(6))
    )
    assert [reply.status for reply in replies].count(200) == 1
    losers = {(reply.status, code_of(reply)) for reply in replies if reply.status != 200}
    assert losers <= {(422, "INS_ALREADY_RETRIEVED"), (409, "ANSWER_OUTDATED")}
    assert (await read(secretary, identity))["version"] == 2


async def test_two_who_merge_both_ways_at_once_never_lose_an_identity(secretary: Actor) -> None:
    patient = Patient.seeded(SOMEONE + 5)
    one, other = await created(secretary, patient), await created(secretary, patient)
    pairs = [(one, other), (other, one)] * 3
    bodies = [{"kept_id": kept["id"], "absorbed_id": gone["id"], **REASON} for kept, gone in pairs]
    replies = await asyncio.gather(*(secretary.send("POST", "/v1/merges", body) for body in bodies))
    assert sorted(reply.status for reply in replies) == [201, *[422] * 5]
    merged = [("merged_into" in await read(secretary, identity)) for identity in (one, other)]
    assert sorted(merged) == [False, True]


async def test_two_persons_of_insi_are_never_merged(secretary: Actor, ledger: Ledger) -> None:
    one = await qualified(secretary, Patient.seeded(SOMEONE + 7))
    other = await qualified(secretary, Patient.seeded(SOMEONE + 8))
    async with ledger.no_trace():
        replies = [
            await secretary.send("POST", "/v1/merges", {"kept_id": kept, "absorbed_id": gone, **REASON})
            for kept, gone in ((one["id"], other["id"]), (one["id"], one["id"]))
        ]
    assert [(reply.status, code_of(reply)) for reply in replies] == [
        (422, "INS_DIFFER"),
        (400, "MERGE_WITH_ITSELF"),
    ]


async def test_identity_of_another_structure_is_not_there_for_any_step(
    secretary: Actor, actors: Actors, ledger: Ledger
) -> None:
    identity = await qualified(secretary, Patient.seeded(SOMEONE + 6))
    stranger = actors["other-doctor"]
    async with ledger.no_trace():
        replies = [
            await stranger.send("GET", f"{path(identity)}/history"),
            await stranger.send("GET", f"{path(identity)}/datamatrix"),
            await stranger.send("POST", f"{path(identity)}/doubt", REASON),
            await stranger.send("POST", f"{path(identity)}/ins-removal", REASON),
            await stranger.send("POST", f"{path(identity)}/ins-verification"),
        ]
    assert {(reply.status, code_of(reply)) for reply in replies} == {(404, "IDENTITY_NOT_FOUND")}


@pytest.mark.parametrize(
    "text", ["", "S1", "IS01", "IS010000000000000000000000S1255081416802500", "\x1d" * 50]
)
async def test_text_that_is_no_datamatrix_is_told_where(text: str, secretary: Actor, ledger: Ledger) -> None:
    async with ledger.no_trace():
        reply = await secretary.send("POST", "/v1/datamatrix/read", {"text": text})
    assert reply.status == 400, reply.answered
    assert places_of(reply) != [""]


@pytest.mark.parametrize("text", ["MSH", "PID|1", "MSH|^~\\&|A|B|C|D|20260612||ADT^A28\r", "\x0bMSH|\x1c\r"])
async def test_text_that_is_no_pam_message_is_told_where(text: str, secretary: Actor, ledger: Ledger) -> None:
    async with ledger.no_trace():
        reply = await secretary.send("POST", "/v1/pam-messages/read", {"content": text})
    assert reply.status == 400, reply.answered
    assert places_of(reply) != [""]


async def test_nothing_of_whom_was_refused_is_in_a_log_nor_in_an_audit(
    secretary: Actor, platform: Platform, ledger: Ledger
) -> None:
    """After one more refusal of each kind, so that this holds by itself."""
    number = {"matricule": "276037510669380", "oid": TEST_OID}
    (await secretary.send("POST", "/v1/identities", {"traits": TRAITS, "ins": number})).expect(400)
    (
        await secretary.send("POST", "/v1/identities", {"traits": TRAITS | {"birth_date": "2999-01-01"}})
    ).expect(400)
    written = "".join(log.read_text(errors="replace") for log in (platform.home / "logs").glob("*.log"))
    assert "http.refused" in written
    rows = await ledger["identity-ins"].fetch(
        "SELECT audit::text FROM audit UNION ALL SELECT outbox::text FROM outbox"
    )
    kept = "".join(row[0] for row in rows)
    for told in (ODD_NAME, ODD_FIRST, "276037510669380", "2550814168025"):
        assert told not in written.upper()
        assert told not in kept.upper()
