"""Machines: client credentials by secret and by signed assertion, introspection."""

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from socle_local.issuer.testing import Clock

Reader = Callable[[str, str], Awaitable[dict[str, Any]]]
TOKEN = "/realms/services/protocol/openid-connect/token"
ISSUER = "http://127.0.0.1:8081/realms/services"
SECRET = "kept-in-a-file"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def ask(http: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await http.post(TOKEN, data={"grant_type": "client_credentials", **form})


async def test_service_gets_a_token_by_basic_and_by_form(http: httpx.AsyncClient, read_token: Reader) -> None:
    by_form = await ask(http, client_id="dmp", client_secret=SECRET)
    by_basic = await http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=("dmp", SECRET))
    for answer in (by_form, by_basic):
        claims = await read_token(answer.json()["access_token"], "services")
        assert (claims["azp"], claims["client_id"], claims["aud"]) == ("dmp", "dmp", "socle")
        assert claims["realm_access"] == {"roles": ["socle-service"]}
        assert claims["preferred_username"] == "service-account-dmp"
        assert "refresh_token" not in answer.json()


async def test_integrator_acts_for_its_hospital(http: httpx.AsyncClient, read_token: Reader) -> None:
    answer = await ask(http, client_id="integrator", client_secret=SECRET)
    claims = await read_token(answer.json()["access_token"], "services")
    assert claims["realm_access"] == {"roles": ["socle-integrator"]}
    assert claims["SubjectOrganizationID"] == "1990000010"


async def test_service_created_later_needs_no_restart(http: httpx.AsyncClient, secrets: Path) -> None:
    assert (await ask(http, client_id="agenda", client_secret=SECRET)).status_code == 401
    (secrets / "agenda").write_text(SECRET)
    assert (await ask(http, client_id="agenda", client_secret=SECRET)).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"client_id": "dmp", "client_secret": "wrong"},
        {"client_id": "dmp", "client_secret": ""},
        {"client_id": "dmp"},
        {"client_id": "unknown", "client_secret": SECRET},
        {"client_id": "../dmp", "client_secret": SECRET},
        {"client_id": "", "client_secret": SECRET},
        {"client_id": "socle-portal"},
    ],
)
async def test_wrong_proof_is_refused_with_one_sentence(
    http: httpx.AsyncClient, form: dict[str, str]
) -> None:
    answer = await ask(http, **form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"] == "The client is unknown in this realm, or its proof is wrong."


async def test_empty_secret_file_opens_no_door(http: httpx.AsyncClient, secrets: Path) -> None:
    (secrets / "empty").write_text("\n")
    assert (await ask(http, client_id="empty", client_secret="")).status_code == 401


@pytest.mark.parametrize("header", ["Basic !!!", "Basic", "Basic " + base64.b64encode(b"\xff\xfe").decode()])
async def test_unreadable_basic_header_is_refused(http: httpx.AsyncClient, header: str) -> None:
    form = {"grant_type": "client_credentials"}
    assert (await http.post(TOKEN, data=form, headers={"authorization": header})).status_code == 401


async def test_two_methods_at_once_are_refused(http: httpx.AsyncClient) -> None:
    form = {"grant_type": "client_credentials", "client_secret": SECRET}
    answer = await http.post(TOKEN, data=form, auth=("dmp", SECRET))
    assert answer.json()["error"] == "invalid_request"


async def test_service_gets_no_token_in_the_realms_of_people(http: httpx.AsyncClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "dmp", "client_secret": SECRET}
    answer = await http.post("/realms/pro/protocol/openid-connect/token", data=form)
    assert answer.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("grant", ["password", "implicit", "urn:openid:params:grant-type:ciba"])
async def test_other_grants_are_refused(http: httpx.AsyncClient, grant: str) -> None:
    answer = await ask(http, grant_type=grant, client_id="dmp", client_secret=SECRET)
    assert answer.json()["error"] == "unsupported_grant_type"


@pytest.fixture
def key(secrets: Path) -> ECKey:
    """The key of `integrator`, its public part registered beside the secrets."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    (secrets / "integrator.jwks").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key


def about_itself(clock: Clock, **changes: Any) -> dict[str, Any]:
    """The claims of a right assertion but for `changes`; None leaves a claim out."""
    aud = f"{ISSUER}/protocol/openid-connect/token"
    right: dict[str, Any] = {"iss": "integrator", "sub": "integrator", "aud": aud, "jti": "first"}
    claims = {**right, "exp": clock.now + 60, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def signed(key: ECKey, claims: dict[str, Any]) -> dict[str, str]:
    assertion = jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)
    return {"client_assertion_type": ASSERTION, "client_assertion": assertion}


async def test_signed_assertion_is_accepted_once(http: httpx.AsyncClient, key: ECKey, clock: Clock) -> None:
    form = signed(key, about_itself(clock))
    assert (await ask(http, **form)).status_code == 200
    replayed = await ask(http, **form)
    assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")
    assert (
        await ask(http, **signed(key, about_itself(clock, jti="second", aud=[ISSUER])))
    ).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "http://127.0.0.1:8081/realms/pro"},
        {"aud": None},
        {"aud": [{"not": "text"}]},
        {"iss": "dmp"},
        {"sub": "dmp"},
        {"exp": 1_799_999_999},
        {"exp": 1_800_000_301},
        {"exp": None},
        {"exp": "soon"},
        {"jti": None},
        {"jti": ""},
    ],
)
async def test_assertion_with_a_wrong_claim_is_refused(
    http: httpx.AsyncClient, key: ECKey, clock: Clock, change: dict[str, Any]
) -> None:
    answer = await ask(http, **signed(key, about_itself(clock, **change)))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return f"{head}.{body}."


async def test_assertion_signed_with_none_is_refused(
    http: httpx.AsyncClient, key: ECKey, clock: Clock
) -> None:
    form = {"client_assertion_type": ASSERTION, "client_assertion": unsigned(about_itself(clock))}
    assert (await ask(http, **form)).status_code == 401


async def test_assertion_signed_with_the_secret_or_another_key_is_refused(
    http: httpx.AsyncClient, key: ECKey, clock: Clock
) -> None:
    by_secret = jwt.encode({"alg": "HS256"}, about_itself(clock), OctKey.import_key(SECRET * 4))
    by_stranger = jwt.encode({"alg": "RS256"}, about_itself(clock), RSAKey.generate_key(2048))
    for assertion in (by_secret, by_stranger, "not-a-token", "a.b.c"):
        form = {"client_assertion_type": ASSERTION, "client_assertion": assertion, "client_id": "integrator"}
        assert (await ask(http, **form)).status_code == 401


async def test_assertion_of_another_type_is_refused(
    http: httpx.AsyncClient, key: ECKey, clock: Clock
) -> None:
    form = {**signed(key, about_itself(clock)), "client_assertion_type": "saml"}
    assert (await ask(http, **form)).status_code == 401


async def introspect(http: httpx.AsyncClient, token: str, realm: str = "pro") -> dict[str, Any]:
    path = f"/realms/{realm}/protocol/openid-connect/token/introspect"
    answer = await http.post(path, data={"token": token}, auth=("dmp", SECRET))
    assert answer.status_code == 200
    return dict(answer.json())


async def test_introspection_tells_a_live_token_from_all_others(
    http: httpx.AsyncClient, clock: Clock
) -> None:
    token = (await http.post("/local/token", data={"persona": "doctor"})).json()["access_token"]
    told = await introspect(http, token)
    assert (told["active"], told["username"], told["client_id"]) == (True, "899900000011", "socle-cli")
    assert await introspect(http, token, "citoyen") == {"active": False}
    assert await introspect(http, token[:-4] + "AAAA") == {"active": False}
    clock.now += 900
    assert await introspect(http, token) == {"active": False}


async def test_introspection_is_closed_to_public_clients(http: httpx.AsyncClient) -> None:
    path = "/realms/pro/protocol/openid-connect/token/introspect"
    for form in ({"token": "x"}, {"token": "x", "client_id": "socle-portal"}):
        assert (await http.post(path, data=form)).status_code == 401
