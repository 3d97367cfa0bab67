"""What the FHIR server says of itself."""

from __future__ import annotations

import httpx
import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__
from gateway.context import Context, context
from gateway.fhir.capability import capability, oauth_endpoints, smart_configuration
from gateway.negotiation import fhir_reply, wants_fhir
from gateway.openapi import DirectRoute

router = APIRouter(include_in_schema=False, route_class=DirectRoute)
KNOWN = ("issuer", "jwks_uri", "authorization_endpoint", "token_endpoint")


@router.get("/fhir/metadata")
async def metadata(request: Request) -> Response:
    """The CapabilityStatement."""
    wants_fhir(request)
    here = context(request)
    endpoints = await _endpoints(here)
    return fhir_reply(request, capability(here.settings.fhir_url, __version__, endpoints))


@router.get("/fhir/.well-known/smart-configuration")
@router.get("/.well-known/smart-configuration")
async def smart(request: Request) -> Response:
    """Where to get a token."""
    here = context(request)
    others = [one.issuer for one in here.settings.issuers[1:]]
    body = smart_configuration(await _endpoints(here), others)
    return Response(orjson.dumps(body), media_type="application/json")


async def _endpoints(here: Context) -> dict[str, str]:
    """What the first issuer publishes; in Keycloak's shape when it does not answer."""
    issuer = here.settings.issuers[0].issuer
    if issuer in here.discovery:
        return here.discovery[issuer]
    guess = oauth_endpoints(issuer)
    try:
        answer = await here.web.get(f"{issuer}/.well-known/openid-configuration")
        published = answer.raise_for_status().json()
        found = {name: str(published.get(name, guess[name])) for name in KNOWN}
    except (httpx.HTTPError, ValueError, AttributeError):
        return guess
    here.discovery[issuer] = found
    return found
