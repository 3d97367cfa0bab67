"""Each OIDC client of the platform signs in with the secret that is mounted for it at the issuer."""

import httpx

from tests.containers.platform import ContainerPlatform

TOKEN = "/realms/services/protocol/openid-connect/token"


def clients(pods: ContainerPlatform) -> dict[str, str]:
    """Client and secret, as the issuer has them mounted."""
    (mounted,) = (one for one in pods.cluster["issuer"].pod.volumes if one.name == "clients")
    return {file.path: file.content.decode() for file in mounted.files or ()}


async def test_every_client_is_given_a_token_for_its_secret(pods: ContainerPlatform) -> None:
    given = {}
    async with httpx.AsyncClient(base_url=pods.issuer_url) as http:
        for name, secret in clients(pods).items():
            answer = await http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(name, secret))
            given[name] = answer.status_code
    assert {one.name for one in pods.services} <= given.keys()
    assert set(given.values()) == {200}, given


async def test_another_secret_is_refused(pods: ContainerPlatform) -> None:
    async with httpx.AsyncClient(base_url=pods.issuer_url) as http:
        asked = {"grant_type": "client_credentials"}
        answer = await http.post(TOKEN, data=asked, auth=(pods.services[0].name, "another"))
    assert answer.status_code == 401
