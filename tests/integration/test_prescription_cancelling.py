"""A prescription is cancelled, whole or by line, held or not: the answers of NHS EPS (R-0001 to R-0010)."""

from typing import Any

import pytest

from socle_local.journey import Actor, Patient
from tests.ledger import Ledger
from tests.reach import Actors, code_of

from . import prescriptions as rx
from .prescriptions import FIRST, PRESCRIBER, SECOND, Rx

Json = dict[str, Any]
SOMEONE = 640
ERROR = {"reason": "prescribing_error"}
PARACETAMOL, AMOXICILLINE = "paracétamol 500", "amoxicilline 1 g"


@pytest.fixture
def doctor(actors: Actors) -> Actor:
    return actors[PRESCRIBER]


async def two_lines(actors: Actors) -> Rx:
    return await rx.signed(actors, Patient.seeded(SOMEONE), (PARACETAMOL, 2, 8), (AMOXICILLINE, 2, 12))


async def cancelled(actor: Actor, made: Rx, *lines: str, **more: Any) -> Json:
    body = {**ERROR, "line_ids": list(lines), **more}
    answer: Json = (await actor.send("POST", f"{made.path}/cancellation", body)).expect(200).json()
    return answer


def codes(answer: Json) -> list[str]:
    return [line["code"] for line in answer["lines"]]


async def test_whole_prescription_that_nobody_holds_is_cancelled_at_once(
    actors: Actors, doctor: Actor, ledger: Ledger
) -> None:
    made = await two_lines(actors)
    answer = await cancelled(doctor, made)
    assert codes(answer) == ["R-0001", "R-0001"]
    assert (answer["prescription"]["state"], rx.states(answer["prescription"])) == (
        "cancelled",
        ["cancelled", "cancelled"],
    )
    async with ledger.no_trace():
        reply = await actors[FIRST].send("POST", "/v1/dispensings/claims", made.code)
        assert (reply.status, code_of(reply)) == (409, "PRESCRIPTION_CANCELLED"), reply.answered


async def test_one_line_is_cancelled_and_the_other_is_dispensed(actors: Actors, doctor: Actor) -> None:
    made = await two_lines(actors)
    answer = await cancelled(doctor, made, made.lines[0])
    assert codes(answer) == ["R-0001"]
    assert (answer["prescription"]["state"], rx.states(answer["prescription"])) == (
        "active",
        ["cancelled", "ordered"],
    )
    secret = (await rx.claimed(actors[FIRST], made))["secret"]
    refused = await rx.recorded_plainly(actors[FIRST], made, secret, rx.act(made, 0, 1))
    assert (refused.status, code_of(refused)) == (422, "LINE_CLOSED"), refused.answered
    (await rx.recorded(actors[FIRST], made, secret, rx.act(made, 1, 2))).expect(201)
    assert (await rx.closed(actors[FIRST], made, secret))["prescription"]["state"] == "completed"


async def test_held_prescription_is_marked_and_the_pharmacy_is_told(actors: Actors, doctor: Actor) -> None:
    """Boxes may be on the counter: what the pharmacy has not recorded yet is refused, not taken from it."""
    made = await two_lines(actors)
    secret = (await rx.claimed(actors[FIRST], made))["secret"]
    answer = await cancelled(doctor, made)
    assert codes(answer) == ["R-0002", "R-0002"]
    assert answer["prescription"]["state"] == "in_dispense"
    assert [line["cancel_requested"] for line in answer["prescription"]["lines"]] == [True, True]
    refused = await rx.recorded_plainly(actors[FIRST], made, secret, rx.act(made, 0, 1))
    assert refused.status == 422, refused.answered
    given_back = {"secret": secret, "reason": "error"}
    (await actors[FIRST].send("POST", f"{made.desk}/release", given_back)).expect(200)
    after = await rx.read(doctor, made)
    assert (after["state"], rx.states(after)) == ("cancelled", ["cancelled", "cancelled"])


async def test_what_was_delivered_is_never_cancelled(actors: Actors, doctor: Actor) -> None:
    made = await two_lines(actors)
    await rx.dispensed(actors[FIRST], made, rx.act(made, 0, 2), rx.act(made, 1, 1))
    answer = await cancelled(doctor, made)
    assert codes(answer) == ["R-0004", "R-0001"]
    after = await rx.read(doctor, made)
    assert rx.states(after)[0] == "delivered"
    assert after["lines"][1]["delivered"] == "1"
    reply = await actors[SECOND].send("POST", "/v1/dispensings/claims", made.code)
    assert (reply.status, code_of(reply)) == (409, "PRESCRIPTION_COMPLETED"), reply.answered


async def test_cancelling_again_says_so_and_changes_nothing(actors: Actors, doctor: Actor) -> None:
    made = await two_lines(actors)
    await cancelled(doctor, made)
    assert codes(await cancelled(doctor, made)) == ["R-0006", "R-0006"]


async def test_stranger_cannot_cancel_nor_know(actors: Actors, ledger: Ledger) -> None:
    made = await two_lines(actors)
    async with ledger.no_trace():
        for persona in ("other-doctor", "nurse", FIRST, "emergency-doctor"):
            reply = await actors[persona].send("POST", f"{made.path}/cancellation", ERROR)
            assert (reply.status, code_of(reply)) == (404, "PRESCRIPTION_NOT_FOUND"), persona


async def test_line_of_another_prescription_is_refused(actors: Actors, doctor: Actor, ledger: Ledger) -> None:
    one, other = await two_lines(actors), await two_lines(actors)
    async with ledger.no_trace():
        body = {**ERROR, "line_ids": [other.lines[0]]}
        reply = await doctor.send("POST", f"{one.path}/cancellation", body)
        assert (reply.status, code_of(reply)) == (404, "LINE_NOT_FOUND"), reply.answered
