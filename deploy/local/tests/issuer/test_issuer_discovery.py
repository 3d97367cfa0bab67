"""Discovery, keys and the settings without which the issuer does not start."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.errors import JoseError

from socle_local.issuer.app import create_app
from socle_local.issuer.settings import IssuerSettings, RefusesToStart
from socle_local.issuer.testing import Clock

Reader = Callable[[str, str], Awaitable[dict[str, Any]]]


@pytest.mark.parametrize("realm", ["pro", "citoyen", "services"])
async def test_discovery_has_keycloak_addresses(http: httpx.AsyncClient, realm: str) -> None:
    document = (await http.get(f"/realms/{realm}/.well-known/openid-configuration")).json()
    issuer = f"http://127.0.0.1:8081/realms/{realm}"
    assert document["issuer"] == issuer
    assert document["token_endpoint"] == f"{issuer}/protocol/openid-connect/token"
    assert document["authorization_endpoint"] == f"{issuer}/protocol/openid-connect/auth"
    assert document["introspection_endpoint"] == f"{issuer}/protocol/openid-connect/token/introspect"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "none" not in document["token_endpoint_auth_signing_alg_values_supported"]


async def test_unknown_realm_is_not_found_and_the_known_ones_are_named(http: httpx.AsyncClient) -> None:
    answer = await http.get("/realms/master/.well-known/openid-configuration")
    assert answer.status_code == 404
    assert "pro, citoyen, services" in answer.json()["error_description"]


async def test_published_keys_hold_no_private_part(http: httpx.AsyncClient) -> None:
    (key,) = (await http.get("/realms/pro/protocol/openid-connect/certs")).json()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert key["kid"]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()


async def test_each_realm_signs_with_its_own_key(http: httpx.AsyncClient, read_token: Reader) -> None:
    token = (await http.post("/local/token", data={"persona": "doctor"})).json()["access_token"]
    assert (await read_token(token, "pro"))["SubjectNameID"] == "899900000011"
    with pytest.raises((JoseError, ValueError)):
        await read_token(token, "citoyen")


async def test_tokens_outlive_a_restart(
    http: httpx.AsyncClient, settings: IssuerSettings, clock: Clock
) -> None:
    token = (await http.post("/local/token", data={"persona": "doctor"})).json()["access_token"]
    restarted = httpx.ASGITransport(create_app(settings, clock))
    async with httpx.AsyncClient(transport=restarted, base_url="http://127.0.0.1:8081") as again:
        path = "/realms/pro/protocol/openid-connect/userinfo"
        answer = await again.get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_keys_are_kept_for_their_owner_alone(settings: IssuerSettings, tmp_path: Path) -> None:
    create_app(settings)
    key = settings.issuer_home / "keys" / "pro.jwk"
    assert key.stat().st_mode & 0o777 == 0o600
    copy = tmp_path / "elsewhere" / "keys" / "pro.jwk"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(key.read_bytes())
    copy.chmod(0o644)
    with pytest.raises(RefusesToStart, match="chmod 600"):
        create_app(settings.model_copy(update={"issuer_home": tmp_path / "elsewhere"}))


def test_damaged_key_is_told(settings: IssuerSettings, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged" / "keys" / "pro.jwk"
    damaged.parent.mkdir(parents=True)
    damaged.write_text('{"kty": "RSA"')
    damaged.chmod(0o600)
    with pytest.raises(RefusesToStart, match=r"pro\.jwk is damaged"):
        create_app(settings.model_copy(update={"issuer_home": tmp_path / "damaged"}))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SOCLE_PROFILE", "production", "SOCLE_PROFILE is 'production'"),
        ("SOCLE_PROFILE", "", "SOCLE_PROFILE is ''"),
        ("SOCLE_ISSUER_LISTEN", "0.0.0.0:8081", "can be reached from other machines"),
        ("SOCLE_ISSUER_LISTEN", "[::]:8081", "can be reached from other machines"),
        ("SOCLE_ISSUER_LISTEN", "socle.example:8081", "can be reached from other machines"),
        ("SOCLE_ISSUER_LISTEN", "127.0.0.1", "has no port"),
        ("SOCLE_ISSUER_ACCESS_TOKEN_SECONDS", "0", "SOCLE_ISSUER_ACCESS_TOKEN_SECONDS"),
    ],
)
def test_process_refuses_to_start_in_one_sentence(tmp_path: Path, name: str, value: str, told: str) -> None:
    environment = {**os.environ, "SOCLE_ISSUER_HOME": str(tmp_path), name: value}
    command = [sys.executable, "-m", "socle_local.issuer"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("listen", ["127.0.0.1:8081", "localhost:9000", "[::1]:8081", "127.0.0.2:8081"])
def test_loopback_addresses_are_accepted(settings: IssuerSettings, listen: str) -> None:
    create_app(settings.model_copy(update={"issuer_listen": listen}))


async def test_foreign_host_name_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/local/token", data={"persona": "doctor"}, headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "access_token" not in answer.text


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:5173", True),
        ("https://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("null", False),
    ],
)
async def test_browsers_may_call_from_this_machine_only(
    http: httpx.AsyncClient, origin: str, allowed: bool
) -> None:
    answer = await http.get("/local/personas", headers={"origin": origin})
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


async def test_healthz(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
