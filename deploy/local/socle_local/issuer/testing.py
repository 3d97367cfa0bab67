"""The test kit of the issuer: a clock moved by hand, a relying party that signs in as a browser would."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

CALLBACK = "http://127.0.0.1:8080/callback"


@dataclass
class Clock:
    """Unix seconds, moved by hand."""

    now: int = 1_800_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Portal:
    """A relying party: what `socle-portal` does in a browser, step by step."""

    http: httpx.AsyncClient
    verifier: str = "v" * 64
    request: dict[str, str] = field(
        default_factory=lambda: {
            "client_id": "socle-portal",
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid profile",
            "state": "state-of-the-portal",
            "nonce": "nonce-of-the-portal",
            "code_challenge_method": "S256",
        }
    )

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.request["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    async def open(self, realm: str = "pro", **changes: str) -> httpx.Response:
        """The sign-in page; a change to the empty string leaves the parameter out."""
        asked = {name: value for name, value in {**self.request, **changes}.items() if value}
        return await self.http.get(f"/realms/{realm}/protocol/openid-connect/auth", params=asked)

    async def pick(self, persona: str, realm: str = "pro", **changes: str) -> dict[str, str]:
        """What comes back to the redirect address when a card is picked."""
        asked = {name: value for name, value in {**self.request, **changes}.items() if value}
        path = f"/realms/{realm}/login-actions/authenticate"
        answer = await self.http.post(path, params=asked, data={"persona": persona})
        return returned(answer)

    async def exchange(self, code: str, realm: str = "pro", **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "socle-portal",
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "code": code,
            **changes,
        }
        return await self.http.post(f"/realms/{realm}/protocol/openid-connect/token", data=form)

    async def sign_in(self, persona: str, realm: str = "pro", **changes: str) -> dict[str, Any]:
        """The token response of a whole sign-in."""
        answer = await self.exchange((await self.pick(persona, realm, **changes))["code"], realm)
        return dict(answer.raise_for_status().json())


def returned(answer: httpx.Response) -> dict[str, str]:
    """What a redirect carries back to the relying party; raises ValueError when there is no redirect."""
    location = answer.headers.get("location", "")
    if answer.status_code != 303 or not location:
        raise ValueError(f"no redirect: {answer.status_code} {answer.text[:300]}")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
