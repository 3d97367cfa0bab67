"""The endpoints that no Keycloak has: tokens without a browser, and the list of personas."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from socle_local.personas import PERSONAS, Citizen, Machine, UnknownPersona, find, realm_of

from . import claims as claims_of
from .clients import CLI, Client
from .machine import NO_STORE
from .oauth import OAuthError, Params, once
from .state import form_of, issuer_of

# Twelve hours: a working day. A longer token would be forgotten in a file.
MAX_TTL = 43_200


async def token(request: Request) -> Response:
    """A bearer token for a persona, for `make token`, the demonstration and the tests.

    Body, form or JSON: `persona`, and optionally `ttl` in seconds; zero or less gives a token that has
    expired.
    """
    asked = await _body(request)
    try:
        persona = find(asked.need("persona"))
    except UnknownPersona as error:
        raise OAuthError("invalid_request", str(error)) from error
    issuer = issuer_of(request)
    mint = issuer.mints[realm_of(persona)]
    ttl = _ttl(asked.get("ttl", str(mint.access_seconds)))
    scope = " ".join(claims_of.SCOPES[mint.realm])
    about, client_id = _about(persona)
    access = mint.access(about, client_id=client_id, scope=scope, ttl=ttl)
    body = {"access_token": access, "token_type": "Bearer", "expires_in": ttl, "scope": scope}
    return JSONResponse(body, headers=NO_STORE)


def _about(persona: Any) -> tuple[dict[str, Any], str]:
    if not isinstance(persona, Machine):
        return claims_of.of_person(persona), CLI.id
    organisation = persona.structure.id_nat if persona.structure else ""
    client = Client(persona.name, frozenset(("services",)), False, persona.role, organisation)
    return claims_of.machine(client), client.id


async def _body(request: Request) -> Params:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return await form_of(request)
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise OAuthError("invalid_request", "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise OAuthError("invalid_request", 'The body must be an object such as {"persona": "doctor"}.')
    return once((name, str(value) if isinstance(value, int) else value) for name, value in body.items())


def _ttl(text: str) -> int:
    try:
        ttl = int(text)
    except ValueError:
        ttl = MAX_TTL + 1
    if not -MAX_TTL <= ttl <= MAX_TTL:
        raise OAuthError("invalid_request", f"ttl is a number of seconds between -{MAX_TTL} and {MAX_TTL}.")
    return ttl


async def personas(request: Request) -> Response:
    """The personas as the landing page shows them."""
    return JSONResponse([_card(persona) for persona in PERSONAS.values()])


def _card(persona: Any) -> dict[str, str]:
    structure = None if isinstance(persona, Citizen) else persona.structure
    return {
        "name": persona.name,
        "realm": realm_of(persona),
        "title_fr": persona.title_fr,
        "title_en": persona.title_en,
        "summary_fr": persona.summary_fr,
        "summary_en": persona.summary_en,
        "organisation": structure.name if structure else "",
    }


async def healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})
