"""The real application on a real folder, called in process; with a clock that the tests move."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from socle_local.issuer.app import create_app
from socle_local.issuer.settings import IssuerSettings
from socle_local.issuer.testing import Clock, Portal

BASE = "http://127.0.0.1:8081"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the session: making RSA keys is the slow part."""
    return tmp_path_factory.mktemp("issuer")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name in ("dmp", "integrator", "auditor"):
        (tmp_path / name).write_text("kept-in-a-file\n")
    return tmp_path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(home: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> IssuerSettings:
    for name in (
        "SOCLE_PROFILE",
        "SOCLE_ISSUER_LISTEN",
        "SOCLE_OIDC_BASE",
        "SOCLE_ISSUER_ACCESS_TOKEN_SECONDS",
    ):
        monkeypatch.delenv(name, raising=False)
    return IssuerSettings(issuer_home=home, issuer_client_secrets=secrets)


@pytest.fixture
async def http(settings: IssuerSettings, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(settings, clock))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.fixture
def portal(http: httpx.AsyncClient) -> Portal:
    return Portal(http)


@pytest.fixture
def read_token(http: httpx.AsyncClient) -> Callable[[str, str], Awaitable[dict[str, Any]]]:
    """Reads a token the way a service does: discovery, keys, signature."""

    async def read(token: str, realm: str) -> dict[str, Any]:
        discovery = (await http.get(f"/realms/{realm}/.well-known/openid-configuration")).json()
        keys = KeySet.import_key_set((await http.get(discovery["jwks_uri"])).json())
        return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)

    return read
