"""A bearer token for a persona, from the running development issuer."""

import httpx

from socle_local.personas import find


class NoToken(RuntimeError):
    """The issuer gave no token; the message says why and what to do."""


def fetch(base: str, persona: str, ttl: int | None = None) -> str:
    """The access token of `persona` from the issuer at `base` (such as http://127.0.0.1:8081).

    `ttl` is in seconds; zero or less gives a token that has already expired. Raises UnknownPersona, or
    NoToken.
    """
    find(persona)
    form = {"persona": persona} if ttl is None else {"persona": persona, "ttl": str(ttl)}
    try:
        answer = httpx.post(f"{base.rstrip('/')}/local/token", data=form, timeout=10)
    except httpx.HTTPError as error:
        raise NoToken(f"No development issuer answers at {base}. Start the platform: make up") from error
    if answer.status_code != 200:
        raise NoToken(f"The issuer at {base} refused ({answer.status_code}): {answer.text[:200]}")
    return str(answer.json()["access_token"])
