"""The issuer beyond loopback: only when two settings say so, loudly, and still by its own names alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from socle_local.issuer.app import create_app
from socle_local.issuer.settings import IssuerSettings, RefusesToStart, own_addresses
from socle_local.ports import Ports

BASE = "http://issuer:8081"
# The very address it must not take without being told.
EVERYWHERE = "0.0.0.0:8081"
OPEN = {"issuer_listen": EVERYWHERE, "issuer_open_door": True, "oidc_base": BASE}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"issuer_open_door": False}, "set SOCLE_ISSUER_OPEN_DOOR=true"),
        ({"oidc_base": ""}, "set without SOCLE_OIDC_BASE"),
        ({"profile": "production"}, "SOCLE_PROFILE is 'production'"),
        ({"issuer_listen": "issuer"}, "has no port"),
    ],
)
def test_each_condition_is_needed(settings: IssuerSettings, changed: dict[str, object], told: str) -> None:
    with pytest.raises(RefusesToStart, match=told):
        create_app(settings.model_copy(update={**OPEN, **changed}))


def test_the_open_door_alone_opens_nothing_on_loopback(settings: IssuerSettings) -> None:
    closed = settings.model_copy(update={"issuer_open_door": True})
    assert not closed.is_open
    assert "issuer" not in closed.known_hosts


@pytest.mark.parametrize(
    ("host", "status"),
    [("issuer:8081", 200), ("127.0.0.1", 200), ("evil.example", 400), ("issuer.evil", 400)],
)
async def test_it_answers_to_its_own_names_alone(settings: IssuerSettings, host: str, status: int) -> None:
    transport = httpx.ASGITransport(create_app(settings.model_copy(update=OPEN)))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as web:
        answer = await web.post("/local/token", data={"persona": "doctor"}, headers={"host": host})
    assert answer.status_code == status
    assert ("access_token" in answer.text) is (status == 200)


@pytest.mark.parametrize("address", [*own_addresses(), "127.0.0.1"])
async def test_a_probe_by_address_is_answered(settings: IssuerSettings, address: str) -> None:
    transport = httpx.ASGITransport(create_app(settings.model_copy(update=OPEN)))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}:8081") as web:
        assert (await web.get("/healthz")).status_code == 200


async def test_tokens_name_the_address_that_services_know(settings: IssuerSettings) -> None:
    transport = httpx.ASGITransport(create_app(settings.model_copy(update=OPEN)))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as web:
        document = (await web.get("/realms/pro/.well-known/openid-configuration")).json()
    assert document["issuer"] == f"{BASE}/realms/pro"


def test_the_container_s_command_warns_and_serves_until_it_is_told_to_stop(home: Path) -> None:
    port = Ports.free([])["issuer"]
    environment = {
        **os.environ,
        "SOCLE_SERVE_HOME": str(home.parent),
        # Keys that another test made: making RSA keys is the slow part.
        "SOCLE_ISSUER_HOME": str(home),
        "SOCLE_SERVE_CLIENTS": str(home),
        "SOCLE_SERVE_ISSUER_PORT": str(port),
        "SOCLE_ISSUER_OPEN_DOOR": "true",
        "SOCLE_OIDC_BASE": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "socle_local.serve", "issuer"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert healthy(port)
        finally:
            process.terminate()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "WITHOUT A PASSWORD" in said
    assert f"0.0.0.0:{port}" in said


def healthy(port: int) -> bool:
    for _ in range(200):
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)
    return False
