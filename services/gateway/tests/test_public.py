"""What anyone may know of the journal without a token, asked on the gateway's own account."""

from typing import Any

import pytest

from chassis.caller import CallerKind
from chassis.errors import NotFound, Unavailable
from socle.dmp.v1 import journal_pb2

ADDRESSES = [
    "/.well-known/socle-journal-keys",
    "/v1/journal/head",
    "/v1/journal/head?tree_size=2",
    "/v1/journal/consistency?first=1&second=2",
]
# Verifies a QR code without asking who holds the paper: see test_prescription_rest.py.
PRESCRIPTION_KEYS = "/.well-known/socle-prescription-keys"


@pytest.fixture
def journal(before_dmp: Any) -> Any:
    before_dmp.journal.answers["GetTreeHead"] = journal_pb2.GetTreeHeadResponse(keys='{"keys":[]}')
    return before_dmp.journal


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("authorization", ["", "Bearer x.y.z", "Basic eDp5"])
async def test_stranger_reads_heads_and_keys(
    before_dmp: Any, journal: Any, address: str, authorization: str
) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answer = await before_dmp.client.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    ((_, _, call),) = journal.asked
    assert (call.caller.kind, call.caller.subject) == (CallerKind.SERVICE, "gateway")


async def test_purpose_of_a_stranger_goes_nowhere(before_dmp: Any, journal: Any) -> None:
    headers = {"socle-purpose": "bris_de_glace", "socle-reason": "curiosity"}
    assert (await before_dmp.client.get(ADDRESSES[0], headers=headers)).status_code == 200
    assert journal.asked[0][2].caller.purpose == "normal"


async def test_service_is_asked_once_for_many_strangers(before_dmp: Any, journal: Any) -> None:
    for _ in range(20):
        assert (await before_dmp.client.get("/v1/journal/head")).status_code == 200
    assert (await before_dmp.client.get("/v1/journal/head?tree_size=1")).status_code == 200
    assert [request.tree_size for _, request, _ in journal.asked] == [0, 1]


async def test_error_is_told_and_not_kept(before_dmp: Any, journal: Any) -> None:
    good = journal.answers["GetTreeHead"]
    journal.answers["GetTreeHead"] = NotFound(field="tree_size", hint="Ask for a size that was signed.")
    refused = await before_dmp.client.get("/v1/journal/head")
    assert (refused.status_code, refused.json()["field"]) == (404, "tree_size")
    journal.answers["GetTreeHead"] = good
    assert (await before_dmp.client.get("/v1/journal/head")).status_code == 200


async def test_strangers_are_counted_by_address(house: Any) -> None:
    async with house(refused_rate_limit="3/minute") as here:
        told = [(await here.client.get("/v1/journal/head")).status_code for _ in range(4)]
        assert told == [200, 200, 200, 429]


async def test_issuer_that_is_away_is_503(before_dmp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: Any) -> str:
        raise Unavailable(hint="Try again.")

    own = before_dmp.app.state.context.public._own
    monkeypatch.setattr(type(own), "get", away)
    assert (await before_dmp.client.get("/v1/journal/head")).status_code == 503


async def test_everything_else_still_needs_a_token(before_dmp: Any) -> None:
    document = (await before_dmp.client.get("/openapi.json")).json()
    open_to_all = {
        path for path, one in document["paths"].items() for how in one.values() if not how["security"]
    }
    assert open_to_all == {*(one.partition("?")[0] for one in ADDRESSES), PRESCRIPTION_KEYS}
    export = f"/v1/dmp/{'0' * 8}-0000-0000-0000-{'0' * 12}/journal/export"
    assert (await before_dmp.client.get(export)).status_code == 401
