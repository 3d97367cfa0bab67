"""The endpoints programs call: discovery, keys, tokens, UserInfo, introspection."""

import base64
import hashlib
import hmac
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import claims as claims_of
from .clients import ASSERTION_ALGORITHMS, Client
from .minting import Mint
from .oauth import OAuthError, Params
from .signing import ALGORITHM, BadToken
from .state import client_of, form_of, mint_of

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CLIENT_AUTHENTICATION = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


async def discovery(request: Request) -> Response:
    mint = mint_of(request)
    here = f"{mint.issuer}/protocol/openid-connect"
    for_people = mint.realm != "services"
    document: dict[str, Any] = {
        "issuer": mint.issuer,
        "authorization_endpoint": f"{here}/auth",
        "token_endpoint": f"{here}/token",
        "userinfo_endpoint": f"{here}/userinfo",
        "jwks_uri": f"{here}/certs",
        "introspection_endpoint": f"{here}/token/introspect",
        "end_session_endpoint": f"{here}/logout",
        "grant_types_supported": ["authorization_code", "refresh_token"]
        if for_people
        else ["client_credentials"],
        "response_types_supported": ["code"] if for_people else [],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["pairwise" if mint.realm == "citoyen" else "public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*CLIENT_AUTHENTICATION, *(["none"] if for_people else [])],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "scopes_supported": list(claims_of.SCOPES[mint.realm]),
        "ui_locales_supported": ["fr", "en"],
        "acr_values_supported": {"pro": ["eidas1"], "citoyen": ["eidas2"], "services": []}[mint.realm],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    return JSONResponse(document)


async def certs(request: Request) -> Response:
    return JSONResponse(mint_of(request).signer.public_jwks())


async def token(request: Request) -> Response:
    mint, form = mint_of(request), await form_of(request)
    client = client_of(request, form, mint)
    grant = GRANTS.get(form.need("grant_type"))
    if grant is None:
        raise OAuthError("unsupported_grant_type", f"grant_type must be one of: {', '.join(GRANTS)}.")
    return JSONResponse(grant(mint, client, form), headers=NO_STORE)


def _by_code(mint: Mint, client: Client, form: Params) -> dict[str, Any]:
    authorization, sid = mint.grants.redeem_code(form.need("code"))
    asked = (mint.realm, client.id, form.need("redirect_uri"))
    if asked != (authorization.realm, authorization.client_id, authorization.redirect_uri):
        raise OAuthError("invalid_grant", "This code was issued for another client, realm or redirect_uri.")
    if not proves(form.need("code_verifier"), authorization.challenge):
        raise OAuthError("invalid_grant", "code_verifier does not match the code_challenge. Sign in again.")
    return mint.for_session(authorization, sid, authorization.scope)


def _by_refresh(mint: Mint, client: Client, form: Params) -> dict[str, Any]:
    session = mint.grants.redeem_refresh(form.need("refresh_token"), client.id, mint.realm)
    # RFC 6749 section 6: a refresh may narrow what was granted, never widen it.
    scope = claims_of.granted_scope(mint.realm, form.get("scope", ""), tuple(session.scope.split()))
    return mint.for_session(session.authorization, session.sid, scope)


def _by_client(mint: Mint, client: Client, form: Params) -> dict[str, Any]:
    if client.public or mint.realm != "services":
        raise OAuthError(
            "unauthorized_client", "Client credentials are for machine clients of the realm services."
        )
    return mint.for_client(client, claims_of.granted_scope(mint.realm, form.get("scope", "")))


GRANTS = {"authorization_code": _by_code, "refresh_token": _by_refresh, "client_credentials": _by_client}


def proves(verifier: str, challenge: str) -> bool:
    """Whether `verifier` hashes to `challenge` by S256 (RFC 7636 section 4.6)."""
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest.decode(), challenge)


async def userinfo(request: Request) -> Response:
    mint = mint_of(request)
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        return _challenge("Send the access token as Authorization: Bearer.")
    try:
        read = mint.read(bearer)
    except BadToken as error:
        return _challenge(f"The access token was refused: {error}.")
    people = (claims_of.of_person(person) for person in claims_of.people_of(mint.realm))
    about = next((claims for claims in people if claims["sub"] == read["sub"]), None)
    if about is None:
        return _challenge("The access token does not speak of a person.")
    return JSONResponse(claims_of.userinfo(mint.realm, about, read["scope"]), headers=NO_STORE)


def _challenge(description: str) -> Response:
    # Only fixed sentences come here, so that nothing a caller sent can be written into a header.
    challenge = f'Bearer realm="socle", error="invalid_token", error_description="{description}"'
    body = {"error": "invalid_token", "error_description": description}
    return JSONResponse(body, 401, {**NO_STORE, "www-authenticate": challenge})


async def introspect(request: Request) -> Response:
    """RFC 7662: the same word, inactive, for a token that is forged, expired, closed or of another realm."""
    mint, form = mint_of(request), await form_of(request)
    if client_of(request, form, mint).public:
        raise OAuthError("invalid_client", "Introspection is for confidential clients.", 401)
    try:
        claims = mint.read(form.need("token"))
    except BadToken:
        return JSONResponse({"active": False}, headers=NO_STORE)
    known = {"active": True, "token_type": "Bearer", "username": claims["preferred_username"]}
    return JSONResponse({**claims, "client_id": claims["azp"], **known}, headers=NO_STORE)
