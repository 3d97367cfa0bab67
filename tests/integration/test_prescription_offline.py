"""The platform was away: the paper verifies with published keys alone, is told of later, doubles surface."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from socle_local.journey import Actor, Patient, Reach, Reply
from tests.ledger import Ledger
from tests.reach import Actors

from . import prescriptions as rx
from .prescriptions import FIRST, PRESCRIBER, SECOND, Rx

Json = dict[str, Any]
SOMEONE = 660
PARACETAMOL = "paracétamol 500"
KEYS = "/.well-known/socle-prescription-keys"
GENUINE, FORGED, UNREADABLE, UNKNOWN_KEY = 0, 1, 2, 4


async def one_line(actors: Actors, boxes: int = 2) -> Rx:
    return await rx.signed(actors, Patient.seeded(SOMEONE), (PARACETAMOL, boxes, 4 * boxes))


async def delivered_from_paper(
    actor: Actor, made: Rx, boxes: int, reference: str, moment: datetime | None = None
) -> Reply:
    """What a delivery of a moment ago is answered, once the platform is back."""
    # Not hours: after midnight they would be before the day that the prescription was written on.
    when = moment or datetime.now(UTC) - timedelta(seconds=1)
    body = {
        **made.code,
        "acts": [rx.act(made, 0, boxes)],
        "delivered_at": when.isoformat(timespec="seconds"),
        "paper_reference": reference,
    }
    return await actor.send("POST", "/v1/dispensings/offline", body)


def verified(folder: Path, keys: bytes, *arguments: str) -> tuple[int, str]:
    """The command of the how-to, in a process without a network of its own to ask."""
    file = folder / "keys.json"
    file.write_bytes(keys)
    command = [sys.executable, "-m", "eprescription.verify", "--keys", str(file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


async def token_of(actors: Actors, made: Rx) -> Json:
    answer: Json = (await actors[PRESCRIBER].send("GET", f"{made.path}/token")).expect(200).json()
    return answer


async def published(reach: Reach, http: httpx.AsyncClient) -> bytes:
    """The keys, as anyone downloads them: without a token."""
    answer = await http.get(reach.gateway + KEYS)
    assert answer.status_code == 200
    return answer.content


async def test_code_verifies_with_published_keys_alone(
    actors: Actors, reach: Reach, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    made = await one_line(actors)
    token, keys = (await token_of(actors, made))["token"], await published(reach, http)
    code, told = verified(tmp_path, keys, "--number", made.number, token)
    assert (code, made.number in told, "AUTHENTIQUE" in told) == (GENUINE, True, True), told


async def test_image_of_the_code_verifies_too(
    actors: Actors, reach: Reach, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    made = await one_line(actors)
    image = tmp_path / "code.png"
    reply = await actors[PRESCRIBER].send("GET", f"{made.path}/token", headers={"accept": "image/png"})
    image.write_bytes(reply.expect(200).content)
    assert verified(tmp_path, await published(reach, http), str(image))[0] == GENUINE


async def test_altered_code_and_strange_keys_are_told_apart(
    actors: Actors, reach: Reach, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    made = await one_line(actors)
    token, keys = (await token_of(actors, made))["token"], await published(reach, http)
    altered = token[:60] + ("0" if token[60] != "0" else "1") + token[61:]
    assert verified(tmp_path, keys, altered)[0] in (FORGED, UNREADABLE)
    assert verified(tmp_path, json.dumps({"keys": []}).encode(), token)[0] == UNKNOWN_KEY


async def test_delivery_from_paper_counts_once_told(actors: Actors) -> None:
    made = await one_line(actors)
    answer = (await delivered_from_paper(actors[FIRST], made, 1, "papier-1")).expect(201).json()
    assert answer["duplicates"] == []
    assert [one["offline"] for one in answer["interventions"]] == [True]
    after = await rx.read(actors[PRESCRIBER], made)
    assert (after["state"], after["lines"][0]["delivered"]) == ("partially_dispensed", "1")


async def test_same_paper_told_twice_is_one_delivery(actors: Actors) -> None:
    made = await one_line(actors)
    moment = datetime.now(UTC) - timedelta(seconds=1)
    answers = [
        (await delivered_from_paper(actors[FIRST], made, 1, "papier-2", moment)).expect(201).json()
        for _ in range(2)
    ]
    told = [[one["intervention_id"] for one in answer["interventions"]] for answer in answers]
    assert told[0] == told[1]
    assert (await rx.read(actors[PRESCRIBER], made))["lines"][0]["delivered"] == "1"


async def test_two_pharmacies_gave_the_same_boxes_and_it_surfaces(actors: Actors) -> None:
    """What happened is kept: the count never exceeds, the excess is told to those concerned."""
    made = await one_line(actors)
    await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 2))
    answer = (await delivered_from_paper(actors[SECOND], made, 2, "papier-3")).expect(201).json()
    (found,) = answer["duplicates"]
    assert (found["excess"], found["pharmacy"]) == ("2", "1990000044")
    assert "1990000036" in found["others"]
    after = await rx.read(actors[PRESCRIBER], made)
    assert (after["state"], after["lines"][0]["delivered"]) == ("completed", "2")
    for persona in (FIRST, SECOND, PRESCRIBER):
        asked = {"prescription_id": made.id}
        listed = await actors[persona].send("GET", "/v1/dispensings/duplicates", params=asked)
        told = [one["duplicate_id"] for one in listed.expect(200).json()["duplicates"]]
        assert told == [found["duplicate_id"]], persona
    stranger = await actors["other-doctor"].send(
        "GET", "/v1/dispensings/duplicates", params={"prescription_id": made.id}
    )
    assert stranger.status == 404 or stranger.json()["duplicates"] == []


async def test_delivery_of_tomorrow_is_refused(actors: Actors, ledger: Ledger) -> None:
    made = await one_line(actors)
    async with ledger.no_trace():
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        reply = await delivered_from_paper(actors[FIRST], made, 1, "papier-4", tomorrow)
        assert reply.status in (400, 422), reply.answered
