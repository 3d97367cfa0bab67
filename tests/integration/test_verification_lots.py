"""A lot of verifications: sent whole as a file, worked on, its result read; broken lines told one by one."""

import asyncio
import csv
import io
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from socle_local.journey import Actor, Patient, Reach
from socle_local.journey.events import listening
from socle_local.platform import Platform
from tests.ledger import Ledger
from tests.reach import Actors, code_of

Json = dict[str, Any]
LOTS = "/v1/insi/verification-lots"
HEADER = "num_identifiant;cle;oid;nom_naissance;liste_prenom;sexe;date_naissance;lieu_naissance;reference"
SEX = {"female": "F", "male": "M"}
# More than one batch of the gateway, of persons that no other journey changes; seconds for a busy machine.
FIRST, LINES, PATIENCE = 1_000, 8_900, 60.0
UNKNOWN = "01890000-0000-7000-8000-000000000000"


def row(number: int, **other: str) -> str:
    """The line of a seeded person, as the téléservice names its fields."""
    one = Patient.seeded(number)
    fields = {
        "num_identifiant": one.matricule[:13],
        "cle": one.matricule[13:],
        "oid": one.oid,
        "nom_naissance": one.birth_name,
        "liste_prenom": " ".join(one.first_names),
        "sexe": SEX[one.sex],
        "date_naissance": one.birth_date,
        "lieu_naissance": one.birth_place,
        "reference": f"IPP-{number}",
    }
    return ";".join({**fields, **other}[name] for name in HEADER.split(";"))


# What is wrong with a line, and the field its problem must name.
BROKEN = {
    1501: (row(1501, cle="00"), "cle"),
    1502: (row(1502, date_naissance="31/12/1979"), "date_naissance"),
    1503: (row(1503, oid="1.2.250.1.213.1.4.8"), "oid"),
    1504: (row(1504, nom_naissance="MA\x07RTIN"), "nom_naissance"),
    1505: (row(1505, sexe="X"), "sexe"),
    1506: (row(1506).rpartition(";")[0].rpartition(";")[0].rpartition(";")[0], "date_naissance"),
    1507: (row(1507, num_identifiant="12345"), "num_identifiant"),
    1508: (row(1508, nom_naissance="M\u0410RTIN"), "nom_naissance"),
}
REFUTED = {
    1520: row(1520, nom_naissance="AUTREMENT"),
    1521: row(1521, lieu_naissance="99999"),
    1522: row(1522, date_naissance="1901-01-01"),
}


def content(rows: Iterable[str]) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def mixed() -> bytes:
    """8,900 lines: eight broken, three refuted, one in another charset, the others good."""
    lines = {**{number: text for number, (text, _) in BROKEN.items()}, **REFUTED}
    whole = content(lines.get(number) or row(number) for number in range(FIRST, FIRST + LINES))
    return whole.replace(row(1601).encode(), row(1601, nom_naissance="É").encode("latin-1"))


@pytest.fixture(scope="module")
def machine(actors: Actors) -> Actor:
    return actors["integrator"]


async def sent(reach: Reach, actor: Actor, body: bytes, **more: Any) -> httpx.Response:
    headers = {
        "authorization": f"Bearer {await actor.token()}",
        "content-type": "text/csv",
        **more.pop("headers", {}),
    }
    async with httpx.AsyncClient(timeout=120) as http:
        return await http.post(reach.gateway + LOTS, content=body, headers=headers, **more)


async def done(actor: Actor, lot: str) -> Json:
    """The lot once every line has its result."""
    limit = time.monotonic() + PATIENCE
    while True:
        state: Json = (await actor.send("GET", f"{LOTS}/{lot}")).expect(200).json()
        assert state["done"] <= state["lines"]
        if state["state"] == "done":
            return state
        assert time.monotonic() < limit, f"the lot is not done after {PATIENCE} s: {state}"
        await asyncio.sleep(0.2)


async def results(actor: Actor, lot: str) -> list[Json]:
    reply = (await actor.send("GET", f"{LOTS}/{lot}/results", headers={"accept": "text/csv"})).expect(200)
    return list(csv.DictReader(io.StringIO(reply.content.decode())))


@pytest.fixture(scope="module")
async def lot(reach: Reach, machine: Actor) -> Json:
    """The mixed lot, done; `told` is the event that said so."""
    async with listening(reach, ["identity_ins"]) as listener:
        answer = await sent(reach, machine, mixed(), params={"label": "Reprise 2026"})
        assert answer.status_code == 201, answer.text
        opened = answer.json()
        assert answer.headers["location"] == f"{LOTS}/{opened['id']}"
        assert (opened["state"], opened["lines"], opened["label"]) == ("submitted", LINES, "Reprise 2026")
        finished = await done(machine, opened["id"])
        events = await listener.until(lambda events: any("lot_id" in one.data for one in events))
        return {**finished, "told": [one for one in events if "lot_id" in one.data]}


async def test_every_line_has_one_result_in_its_place(lot: Json, machine: Actor) -> None:
    lines = await results(machine, lot["id"])
    assert [int(line["position"]) for line in lines] == list(range(LINES))
    outcomes = Counter(line["outcome"] for line in lines)
    assert outcomes == {"confirmed": LINES - 12, "not_confirmed": 3, "broken": 9}
    assert outcomes == {name: lot[name] for name in outcomes}
    assert (lot["done"], lot["lines"]) == (LINES, LINES)


async def test_broken_line_says_which_field_and_never_its_content(lot: Json, machine: Actor) -> None:
    lines = await results(machine, lot["id"])
    for number, (text, field) in BROKEN.items():
        line = lines[number - FIRST]
        assert line["outcome"] == "broken"
        assert field in line["problem"], (number, line["problem"])
        assert not [word for word in text.split(";")[:5] if len(word) > 4 and word in line["problem"]]
    other_charset = lines[1601 - FIRST]
    assert (other_charset["outcome"], "nom_naissance" in other_charset["problem"]) == ("broken", True)


async def test_results_are_the_same_in_ndjson(lot: Json, machine: Actor) -> None:
    accept = {"accept": "application/x-ndjson"}
    reply = (await machine.send("GET", f"{LOTS}/{lot['id']}/results", headers=accept)).expect(200)
    told = [json.loads(line) for line in reply.content.splitlines()]
    lines = await results(machine, lot["id"])
    assert [(str(one["position"]), one["outcome"], one.get("problem", "")) for one in told] == [
        (line["position"], line["outcome"], line["problem"]) for line in lines
    ]


async def test_end_of_a_lot_is_an_event_that_names_nobody(lot: Json) -> None:
    (event,) = lot["told"]
    assert event.subject == "socle.identity_ins.verification_lot.done.v1"
    assert event.data == {"lot_id": lot["id"], "domain": lot["domain"]}


async def test_calls_of_a_lot_are_in_the_journal_of_insi(lot: Json, machine: Actor) -> None:
    """Not one a line: what INSi was asked at once is one call; they add up to the lines that were asked."""
    lines, token = 0, ""
    while True:
        page = (await machine.send("GET", f"/v1/insi/calls?size=200&token={token}")).expect(200).json()
        lines += sum(one["lines"] for one in page["calls"] if one["operation"] == "verify_lot")
        token = page.get("next_token", "")
        if not token:
            break
    assert lines >= LINES - 9


async def test_lot_is_listed_for_its_structure_and_invisible_to_others(
    lot: Json, machine: Actor, actors: Actors
) -> None:
    listed = (await machine.send("GET", LOTS)).expect(200).json()["lots"]
    assert lot["id"] in [one["id"] for one in listed]
    for path in (f"{LOTS}/{lot['id']}", f"{LOTS}/{lot['id']}/results"):
        assert (await actors["doctor"].send("GET", path, headers={"accept": "*/*"})).status == 403
        assert (await actors["patient"].send("GET", path, headers={"accept": "*/*"})).status == 403


async def test_lot_that_is_not_there_is_a_problem_not_an_empty_file(machine: Actor) -> None:
    reply = await machine.send("GET", f"{LOTS}/{UNKNOWN}/results", headers={"accept": "text/csv"})
    assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")


async def test_same_key_again_is_the_same_lot_and_no_line_is_doubled(
    reach: Reach, machine: Actor, ledger: Ledger
) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    body = content(row(number) for number in range(1, 51))
    first = await sent(reach, machine, body, headers=key)
    assert first.status_code == 201, first.text
    await done(machine, first.json()["id"])
    before = await ledger.settled()
    again = await sent(reach, machine, body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert await ledger.settled() == before


async def test_same_key_with_another_content_is_refused(reach: Reach, machine: Actor) -> None:
    key = {"idempotency-key": secrets.token_hex(8)}
    first = await sent(reach, machine, content([row(1)]), headers=key)
    other = await sent(reach, machine, content([row(2)]), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), other.text
    assert (await done(machine, first.json()["id"]))["lines"] == 1


REFUSED = {
    "no header": (row(1).encode(), "text/csv", 400, "LOT_HEADER_WRONG"),
    "header in other words": (b"matricule;nom\n1;2\n", "text/csv", 400, "LOT_HEADER_WRONG"),
    "nothing but a header": (content([]), "text/csv", 400, "LOT_EMPTY"),
    "nothing": (b"", "text/csv", 400, "LOT_HEADER_WRONG"),
    "a line without an end": (HEADER.encode() + b"\n" + b"x" * 10_000, "text/csv", 400, "LOT_LINE_TOO_LONG"),
    "a spreadsheet": (b"PK\x03\x04", "application/vnd.ms-excel", 415, ""),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_file_that_is_no_lot_is_refused_and_leaves_nothing(
    what: str, reach: Reach, machine: Actor, ledger: Ledger
) -> None:
    body, kind, status, code = REFUSED[what]
    async with ledger.no_trace():
        answer = await sent(reach, machine, body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert not code or answer.json()["code"] == code
    assert Patient.seeded(1).matricule[:13] not in answer.text


async def test_professional_may_not_send_a_lot(reach: Reach, actors: Actors, ledger: Ledger) -> None:
    """Bulk is for the structure's own software and staff (RNIV: one person at a time, in front of you)."""
    async with ledger.no_trace() as refused:
        answer = await sent(reach, actors["doctor"], content([row(1)]))
    assert answer.status_code == 403
    assert [line["action"] for line in refused] == ["verification_lot.open"]


async def test_lot_cut_short_is_abandoned_not_worked_on(reach: Reach, machine: Actor, ledger: Ledger) -> None:
    """A sender that dies after 6,000 lines has not asked for 5,000 verifications."""
    whole = content(row(number) for number in range(1, 6_001))
    host, _, port = reach.gateway.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = [
        f"POST {LOTS}?label=cut HTTP/1.1",
        f"host: {host}:{port}",
        f"authorization: Bearer {await machine.token()}",
        "content-type: text/csv",
        f"content-length: {len(whole) + 1000}",
    ]
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + whole)
    await writer.drain()
    await asyncio.sleep(0.5)
    writer.close()
    limit = time.monotonic() + PATIENCE
    while (state := await state_of(ledger, "cut")) != "abandoned":
        assert time.monotonic() < limit, state
        await asyncio.sleep(0.1)


async def state_of(ledger: Ledger, label: str) -> str | None:
    state: str | None = await ledger["identity-ins"].fetchval(
        "SELECT state FROM verification_lot WHERE label = $1", label
    )
    return state


async def test_abandoned_lot_takes_no_more_steps(reach: Reach, machine: Actor) -> None:
    """Abandoned while it runs or once done: the one stops it, the other is told that it is too late."""
    answer = await sent(reach, machine, content(row(number) for number in range(1, 3001)))
    reply = await machine.send("POST", f"{LOTS}/{answer.json()['id']}/abandonment")
    if reply.status == 200:
        assert reply.json()["state"] == "abandoned"
        again = await machine.send("POST", f"{LOTS}/{answer.json()['id']}/abandonment")
        assert (again.status, code_of(again)) == (422, "LOT_ABANDONED")
    else:
        assert (reply.status, code_of(reply)) == (422, "LOT_DONE")


async def test_logs_hold_nobody(lot: Json, reach: Reach, actors: Actors, platform: Platform) -> None:
    """Neither of a lot that was worked on, nor of one that was refused with its content in hand."""
    (await actors["integrator"].send("GET", f"{LOTS}/{lot['id']}")).expect(200)
    refused = await sent(reach, actors["doctor"], content([row(1700)]))
    assert refused.status_code == 403
    written = "".join(log.read_text(errors="replace") for log in (platform.home / "logs").glob("*.log"))
    assert refused.headers["traceparent"][3:35] in written, (
        "the refusal is there, whoever it was about is not"
    )
    one = Patient.seeded(1700)
    for told in (one.matricule[:13], " ".join(one.first_names), "IPP-1700", "AUTREMENT"):
        assert told not in written.upper()
