"""Signing in from a browser: authorization code, PKCE, refresh, sign-out."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from socle_local.issuer.testing import CALLBACK, Clock, Portal, returned

Reader = Callable[[str, str], Awaitable[dict[str, Any]]]
PRO = "/realms/pro/protocol/openid-connect"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_sign_in_gives_tokens_that_verify(portal: Portal, read_token: Reader, clock: Clock) -> None:
    back = await portal.pick("doctor")
    assert back["state"] == "state-of-the-portal"
    assert back["iss"] == "http://127.0.0.1:8081/realms/pro"
    tokens = (await portal.exchange(back["code"])).json()
    access, identity = (
        await read_token(tokens["access_token"], "pro"),
        await read_token(tokens["id_token"], "pro"),
    )
    assert (access["aud"], access["azp"], access["typ"]) == ("socle", "socle-portal", "Bearer")
    assert (access["iat"], access["exp"]) == (clock.now, clock.now + 900)
    assert access["scope"] == tokens["scope"] == "openid profile"
    assert (identity["aud"], identity["nonce"], identity["typ"]) == (
        "socle-portal",
        "nonce-of-the-portal",
        "ID",
    )
    assert identity["sub"] == access["sub"]


async def test_page_shows_every_professional_in_french_then_in_english(portal: Portal) -> None:
    french, english = await portal.open(), await portal.open(ui_locales="en-GB")
    assert '<html lang="fr">' in french.text
    assert "Quel professionnel êtes-vous ?" in french.text
    assert "Which professional are you?" in english.text
    assert french.text.count('class="card"') == 9
    assert 'src="http' not in french.text


@pytest.mark.parametrize(("realm", "cards"), [("pro", 9), ("citoyen", 4), ("services", 3)])
async def test_realm_page_tells_how_to_get_a_token(http: httpx.AsyncClient, realm: str, cards: int) -> None:
    page = (await http.get(f"/realms/{realm}")).text
    assert page.count("make token PERSONA=") == cards
    assert page.count("<article") == cards


async def test_page_may_not_be_framed_and_sends_its_form_home_only(portal: Portal) -> None:
    policy = (await portal.open("citoyen")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8080" in policy


async def test_what_a_client_sends_is_escaped_on_the_page(portal: Portal) -> None:
    page = await portal.open(state='"><script>alert(1)</script>', login_hint='"><b>')
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "<b>" not in page.text


async def test_page_without_a_session_never_answers_prompt_none(portal: Portal) -> None:
    assert returned(await portal.open(prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "openid patient/*.cruds"}, "invalid_scope"),
    ],
)
async def test_wrong_request_is_sent_back_with_its_state(
    portal: Portal, change: dict[str, str], error: str
) -> None:
    for back in (returned(await portal.open(**change)), await portal.pick("doctor", **change)):
        assert back["error"] == error
        assert back["state"] == "state-of-the-portal"
        assert "code" not in back


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example/callback",
        "http://127.0.0.1:8080@evil.example/callback",
        "http://evil.example\\@127.0.0.1:8080/callback",
        "http://127.0.0.1.evil.example/callback",
        "https://127.0.0.1:8080/callback",
        "http://127.0.0.1:8080/callback#fragment",
        "http://user@127.0.0.1:8080/callback",
        "http://127.0.0.1:8080/a/%2e%2e/b",
        "http://127.0.0.1:port/callback",
        "javascript:alert(1)",
        "//127.0.0.1:8080/callback",
    ],
)
async def test_unregistered_address_is_refused_on_the_page_itself(portal: Portal, address: str) -> None:
    page = await portal.open(redirect_uri=address)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "redirect_uri" in page.text


@pytest.mark.parametrize("address", [CALLBACK, "http://127.0.0.1:49152/x?y=1", "http://localhost:5173/"])
async def test_loopback_addresses_are_registered_on_any_port(portal: Portal, address: str) -> None:
    assert (await portal.open(redirect_uri=address)).status_code == 200


@pytest.mark.parametrize("client", ["", "unknown", "socle-cli", "dmp", "../dmp"])
async def test_client_without_a_browser_gets_no_page(portal: Portal, client: str) -> None:
    assert (await portal.open(client_id=client)).status_code == 400


async def test_portal_signs_nobody_in_among_services(portal: Portal) -> None:
    assert (await portal.open("services")).status_code == 400


@pytest.mark.parametrize("picked", ["", "nobody", "patient", "ops"])
async def test_picking_nobody_of_the_realm_is_denied(portal: Portal, picked: str) -> None:
    back = await portal.pick(picked)
    assert back["error"] == "access_denied"
    assert "code" not in back


async def test_parameter_given_twice_is_refused(http: httpx.AsyncClient, portal: Portal) -> None:
    twice = [*portal.request.items(), ("redirect_uri", "https://evil.example/")]
    answer = await http.get(f"{PRO}/auth?{urlencode(twice)}")
    assert answer.status_code == 400
    assert "given twice" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": "short"},
        {"redirect_uri": "http://127.0.0.1:8080/other"},
        {"code": "guessed"},
    ],
)
async def test_code_with_a_wrong_proof_is_refused_and_spent(portal: Portal, change: dict[str, str]) -> None:
    code = (await portal.pick("doctor"))["code"]
    refused = await portal.exchange(**{"code": code, **change})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert refused.headers["cache-control"] == "no-store"
    if "code" not in change:
        assert (await portal.exchange(code)).status_code == 400


async def test_code_without_a_verifier_is_refused(portal: Portal) -> None:
    refused = await portal.exchange((await portal.pick("doctor"))["code"], code_verifier="")
    assert refused.json()["error"] == "invalid_request"


async def test_code_of_one_realm_is_worth_nothing_in_another(portal: Portal) -> None:
    code = (await portal.pick("doctor"))["code"]
    assert (await portal.exchange(code, "citoyen")).json()["error"] == "invalid_grant"


async def test_code_older_than_a_minute_is_refused(portal: Portal, clock: Clock) -> None:
    code = (await portal.pick("doctor"))["code"]
    clock.now += 61
    assert (await portal.exchange(code)).json()["error"] == "invalid_grant"


async def test_code_replayed_closes_the_session_it_opened(portal: Portal, http: httpx.AsyncClient) -> None:
    code = (await portal.pick("doctor"))["code"]
    tokens = (await portal.exchange(code)).json()
    assert (await http.get(f"{PRO}/userinfo", headers=bearer(tokens["access_token"]))).status_code == 200
    assert (await portal.exchange(code)).json()["error"] == "invalid_grant"
    assert (await refresh(http, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await http.get(f"{PRO}/userinfo", headers=bearer(tokens["access_token"]))).status_code == 401


async def refresh(http: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "client_id": "socle-portal", "refresh_token": token, **more}
    return await http.post(f"{PRO}/token", data=form)


async def test_refresh_token_gives_new_ones_once(
    portal: Portal, http: httpx.AsyncClient, read_token: Reader
) -> None:
    first = await portal.sign_in("nurse")
    second = (await refresh(http, first["refresh_token"])).json()
    assert (await read_token(second["access_token"], "pro"))["SubjectNameID"] == "899900000045"
    assert (await refresh(http, first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await refresh(http, second["refresh_token"])).status_code == 200


async def test_refresh_narrows_the_scope_and_never_widens_it(portal: Portal, http: httpx.AsyncClient) -> None:
    wide = await portal.sign_in("nurse", scope="openid profile")
    narrow = (await refresh(http, wide["refresh_token"], scope="profile")).json()
    assert narrow["scope"] == "profile"
    assert "id_token" not in narrow
    widened = await refresh(http, narrow["refresh_token"], scope="profile scope_all")
    assert widened.json()["error"] == "invalid_scope"


async def test_refresh_token_expires(portal: Portal, http: httpx.AsyncClient, clock: Clock) -> None:
    token = (await portal.sign_in("nurse"))["refresh_token"]
    clock.now += 1_801
    assert (await refresh(http, token)).json()["error"] == "invalid_grant"


async def test_userinfo_of_a_professional_holds_the_exercises(
    portal: Portal, http: httpx.AsyncClient
) -> None:
    token = (await portal.sign_in("pharmacist"))["access_token"]
    told = (await http.get(f"{PRO}/userinfo", headers=bearer(token))).json()
    (exercise,) = told["SubjectRefPro"]["exercices"]
    assert exercise["codeProfession"] == "21"
    assert exercise["activities"][0]["codeSectionPharmacien"] == "A"
    assert told["otherIds"] == [{"identifiant": "899900000052", "origine": "RPPS", "qualite": 1}]


async def test_userinfo_of_a_citizen_follows_the_scope(portal: Portal, http: httpx.AsyncClient) -> None:
    path = "/realms/citoyen/protocol/openid-connect/userinfo"
    little = (await portal.sign_in("patient", "citoyen", scope="openid"))["access_token"]
    pivot = (await portal.sign_in("patient", "citoyen", scope="openid identite_pivot"))["access_token"]
    assert (await http.get(path, headers=bearer(little))).json().keys() == {"sub"}
    told = (await http.get(path, headers=bearer(pivot))).json()
    traits = {"given_name", "family_name", "birthdate", "gender", "birthplace", "birthcountry"}
    assert told.keys() == {"sub", *traits}


async def test_userinfo_refuses_what_is_not_a_live_access_token(
    portal: Portal, http: httpx.AsyncClient, clock: Clock
) -> None:
    tokens = await portal.sign_in("doctor")
    for token in ("", "x.y.z", tokens["id_token"], tokens["refresh_token"]):
        answer = await http.get(f"{PRO}/userinfo", headers=bearer(token))
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    clock.now += 900
    assert (await http.get(f"{PRO}/userinfo", headers=bearer(tokens["access_token"]))).status_code == 401


async def test_sign_out_closes_the_session_and_goes_back(portal: Portal, http: httpx.AsyncClient) -> None:
    tokens = await portal.sign_in("doctor")
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": CALLBACK, "state": "bye"}
    answer = await http.get(f"{PRO}/logout", params=asked)
    assert urlsplit(answer.headers["location"]).path == "/callback"
    assert returned(answer) == {"state": "bye"}
    assert (await refresh(http, tokens["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "asked",
    [
        {"post_logout_redirect_uri": CALLBACK},
        {"post_logout_redirect_uri": "https://evil.example/", "client_id": "socle-portal"},
        {
            "post_logout_redirect_uri": CALLBACK,
            "id_token_hint": "forged.hint.here",
            "client_id": "socle-portal",
        },
    ],
)
async def test_sign_out_goes_nowhere_unregistered(http: httpx.AsyncClient, asked: dict[str, str]) -> None:
    answer = await http.get(f"{PRO}/logout", params=asked)
    assert answer.status_code == 400
    assert "location" not in answer.headers
