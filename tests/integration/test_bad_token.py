"""Tokens that are expired, forged, unsigned or meant for others: 401, at the gateway and at each service."""

from collections.abc import Callable

import grpc
import httpx
import pytest
from joserfc import jwt

from socle.identity_ins.v1 import identity_ins_pb2, identity_ins_pb2_grpc
from socle_local.issuer.tokens import fetch
from socle_local.journey import Reach
from socle_local.platform import Platform
from tests.integration import tokens
from tests.ledger import Ledger

BODY = {
    "traits": {
        "birth_name": "PERSONNE",
        "birth_first_names": ["UNE"],
        "sex": "female",
        "birth_date": "1990-01-01",
    }
}
Maker = Callable[[Reach, Platform, dict[str, object]], str]
WRONG: dict[str, tuple[Maker, str]] = {
    "expired": (lambda reach, platform, key: tokens.expired(reach), "TOKEN_EXPIRED"),
    "forged": (lambda reach, platform, key: tokens.forged(reach), "TOKEN_REFUSED"),
    "alg-none": (lambda reach, platform, key: tokens.unsigned(reach), "TOKEN_REFUSED"),
    "key-confusion": (lambda reach, platform, key: tokens.confused(reach, key), "TOKEN_REFUSED"),
    "tampered": (lambda reach, platform, key: tokens.tampered(reach), "TOKEN_REFUSED"),
    "wrong-audience": (
        lambda reach, platform, key: tokens.for_another_audience(reach, platform),
        "TOKEN_REFUSED",
    ),
    "unknown-issuer": (
        lambda reach, platform, key: tokens.of_unknown_issuer(reach, platform),
        "TOKEN_REFUSED",
    ),
    "no-expiry": (lambda reach, platform, key: tokens.without_expiry(reach, platform), "TOKEN_REFUSED"),
    "not-a-jwt": (lambda reach, platform, key: "not.a-token", "TOKEN_REFUSED"),
    "missing": (lambda reach, platform, key: "", "TOKEN_MISSING"),
}


@pytest.fixture(scope="module")
def public_key(reach: Reach) -> dict[str, object]:
    keys: list[dict[str, object]] = httpx.get(
        f"{reach.issuer}/realms/pro/protocol/openid-connect/certs"
    ).json()["keys"]
    return keys[0]


def header(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_token_at_the_gateway_is_401_and_leaves_no_trace(
    wrong: str,
    reach: Reach,
    platform: Platform,
    public_key: dict[str, object],
    http: httpx.AsyncClient,
    ledger: Ledger,
) -> None:
    make, code = WRONG[wrong]
    sent = header(make(reach, platform, public_key))
    async with ledger.no_trace() as refused:
        answer = await http.post(f"{reach.gateway}/v1/identities", json=BODY, headers=sent)
    problem = answer.json()
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (problem["status"], problem["code"]) == (401, code)
    assert refused == [], "an anonymous attempt has no name to write down"


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_token_at_a_fhir_address_is_an_operation_outcome(
    wrong: str, reach: Reach, platform: Platform, public_key: dict[str, object], http: httpx.AsyncClient
) -> None:
    make, code = WRONG[wrong]
    sent = header(make(reach, platform, public_key))
    answer = await http.get(
        f"{reach.gateway}/fhir/Patient/01890000-0000-7000-8000-000000000000", headers=sent
    )
    issue = answer.json()["issue"][0]
    assert answer.status_code == 401
    assert issue["code"] == "login"
    assert issue["details"]["coding"][0]["code"] == code


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_token_at_a_service_alone_is_unauthenticated(
    wrong: str, reach: Reach, platform: Platform, public_key: dict[str, object]
) -> None:
    """No service trusts the gateway: it checks the token itself."""
    make, _ = WRONG[wrong]
    metadata = tuple(header(make(reach, platform, public_key)).items())
    async with grpc.aio.insecure_channel(platform.ports.address("identity-ins")) as channel:
        stub = identity_ins_pb2_grpc.IdentityInsServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.CreateIdentity(identity_ins_pb2.CreateIdentityRequest(), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_right_token_passes(reach: Reach, platform: Platform, http: httpx.AsyncClient) -> None:
    """The tokens above are refused for what is wrong with them: the same one untouched is let in."""
    head, claims = tokens.read(fetch(reach.issuer, "secretary"))
    again = jwt.encode(head, claims, tokens.signing_key(platform, str(head["kid"])))
    answer = await http.get(
        f"{reach.gateway}/v1/identities/01890000-0000-7000-8000-000000000000", headers=header(again)
    )
    assert answer.status_code == 404
