"""The token of the service itself: asked once, kept, never a reason to fail without saying so."""

from typing import Any

import httpx
import pytest

from chassis.auth import OwnToken
from chassis.errors import Unavailable
from chassis.settings import Settings


class TokenServer:
    """The token endpoint of the realm of services."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer, self.asked = answer, 0

    def own(self, tmp_path: Any) -> OwnToken:
        secret = tmp_path / "secret"
        secret.write_text("s3cret\n")
        settings = Settings(oidc_base="https://sso.test", oidc_client_secret_file=secret)
        return OwnToken(settings, "dmp", httpx.AsyncClient(transport=httpx.MockTransport(self._serve)))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "https://sso.test/realms/services/protocol/openid-connect/token"
        assert request.headers["authorization"] == httpx.BasicAuth("dmp", "s3cret")._auth_header
        self.asked += 1
        return self.answer


async def test_own_token_is_asked_once_and_kept(tmp_path: Any) -> None:
    server = TokenServer(httpx.Response(200, json={"access_token": "t", "expires_in": 300}))
    own = server.own(tmp_path)
    assert [await own.get() for _ in range(3)] == ["t"] * 3
    assert server.asked == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401),
        httpx.Response(200, content=b"x"),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
    ],
)
async def test_own_token_refused_is_unavailable(tmp_path: Any, answer: httpx.Response) -> None:
    with pytest.raises(Unavailable):
        await TokenServer(answer).own(tmp_path).get()
