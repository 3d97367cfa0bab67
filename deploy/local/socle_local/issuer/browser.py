"""The pages people see: pick who to be, sign out.

French first, English with `ui_locales=en`; no script, nothing fetched from the internet.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from socle_local.personas import PERSONAS, Citizen, Machine, Professional, realm_of

from . import claims as claims_of
from .clients import Client, redirect_allowed
from .grants import Authorization
from .minting import Mint
from .oauth import OAuthError, Params, once
from .signing import BadToken
from .state import form_of, issuer_of, mint_of
from .words import WORDS, Words

PAGES = Jinja2Templates(Path(__file__).parent / "templates")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class Untrusted(OAuthError):
    """Nothing may be sent to the address given: the refusal is shown here, never redirected."""


async def about(request: Request) -> Response:
    """Who lives in a realm, and the command that gives each a token."""
    mint, words = mint_of(request), _words(await _asked(request))
    people = [persona for persona in PERSONAS.values() if realm_of(persona) == mint.realm]
    return _page(
        request,
        "about.html",
        words,
        realm=mint.realm,
        title=words.realms[mint.realm],
        cards=[_card(persona, words) for persona in people],
        realms=words.realms,
        discovery=f"{mint.issuer}/.well-known/openid-configuration",
        other_language=f"{request.url.path}?ui_locales={words.other_language}",
    )


async def authorize(request: Request) -> Response:
    """RFC 6749 section 4.1.1: check the request, then show who can be picked."""
    mint, params = mint_of(request), await _asked(request)
    try:
        _trusted_client(request, mint, params)
        _check(mint, params)
    except OAuthError as refusal:
        return _refuse(request, mint, params, refusal)
    return _choose(request, mint, params)


async def authenticate(request: Request) -> Response:
    """The card that was picked. The request comes back in the address and is checked again."""
    mint, params = mint_of(request), once(request.query_params.multi_items())
    picked = (await form_of(request)).get("persona", "")
    try:
        client = _trusted_client(request, mint, params)
        scope = _check(mint, params)
        if picked not in {persona.name for persona in claims_of.people_of(mint.realm)}:
            raise OAuthError("access_denied", "Nobody was picked.")
    except OAuthError as refusal:
        return _refuse(request, mint, params, refusal)
    code = mint.grants.issue_code(
        Authorization(
            realm=mint.realm,
            client_id=client.id,
            persona=picked,
            scope=scope,
            redirect_uri=params["redirect_uri"],
            challenge=params["code_challenge"],
            nonce=params.get("nonce", ""),
            auth_time=mint.clock(),
        )
    )
    return _send_back(mint, params, {"code": code})


async def logout(request: Request) -> Response:
    """OpenID Connect RP-Initiated Logout 1.0: close the session, go back where the client registered."""
    mint, params = mint_of(request), await _asked(request)
    words = _words(params)
    client_id, target = params.get("client_id", ""), params.get("post_logout_redirect_uri", "")
    try:
        if hint := params.get("id_token_hint"):
            claims = mint.read_hint(hint)
            mint.grants.close(claims["sid"])
            client_id = claims["azp"]
    except BadToken:
        return _page(request, "message.html", words, 400, title=words.refused, text=words.bad_hint)
    if not target:
        return _page(request, "message.html", words, title=words.signed_out, text=words.signed_out_text)
    client = issuer_of(request).registry.find(mint.realm, client_id)
    if client is None or not redirect_allowed(client, target):
        return _page(request, "message.html", words, 400, title=words.refused, text=words.bad_return)
    return RedirectResponse(_with(target, {"state": params["state"]} if "state" in params else {}), 303)


async def _asked(request: Request) -> Params:
    return await form_of(request) if request.method == "POST" else once(request.query_params.multi_items())


def _trusted_client(request: Request, mint: Mint, params: Params) -> Client:
    """The client, when its address is registered: before that, a refusal may not be sent anywhere."""
    client = issuer_of(request).registry.find(mint.realm, params.get("client_id", ""))
    if client is None:
        raise Untrusted("invalid_request", "client_id is missing or unknown in this realm.")
    if not redirect_allowed(client, params.get("redirect_uri", "")):
        raise Untrusted("invalid_request", "redirect_uri is missing or not registered for this client.")
    return client


def _check(mint: Mint, params: Params) -> str:
    """The scope to grant; raises OAuthError when the request itself is wrong."""
    if params.need("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code.")
    if params.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query.")
    # Without PKCE a code caught on its way is enough to sign in; `plain` protects from nobody who sees the
    # request.
    if params.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(
        params.get("code_challenge", "")
    ):
        raise OAuthError(
            "invalid_request", "PKCE is compulsory: code_challenge with code_challenge_method=S256."
        )
    if params.get("prompt") == "none":
        raise OAuthError(
            "login_required", "This issuer keeps no browser session: somebody must pick a persona."
        )
    return claims_of.granted_scope(mint.realm, params.get("scope", ""))


def _refuse(request: Request, mint: Mint, params: Params, refusal: OAuthError) -> Response:
    if isinstance(refusal, Untrusted):
        words = _words(params)
        return _page(request, "message.html", words, 400, title=words.refused, text=refusal.description)
    return _send_back(mint, params, {"error": refusal.error, "error_description": refusal.description})


def _send_back(mint: Mint, params: Params, answer: dict[str, str]) -> Response:
    # `iss` tells a client that knows several issuers which one answers (RFC 9207).
    state = {"state": params["state"]} if "state" in params else {}
    return RedirectResponse(_with(params["redirect_uri"], {**answer, **state, "iss": mint.issuer}), 303)


def _with(uri: str, added: dict[str, str]) -> str:
    if not added:
        return uri
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(added)}"


def _words(params: Params) -> Words:
    return WORDS["en" if params.get("ui_locales", "").split("-")[0].split(" ")[0] == "en" else "fr"]


def _choose(request: Request, mint: Mint, params: Params) -> Response:
    words = _words(params)
    here = request.url.path
    other = {**params, "ui_locales": words.other_language}
    target = urlsplit(params["redirect_uri"])
    return _page(
        request,
        "choose.html",
        words,
        realm=mint.realm,
        title=words.choose[mint.realm],
        cards=[_card(persona, words) for persona in claims_of.people_of(mint.realm)],
        action=f"/realms/{mint.realm}/login-actions/authenticate?{urlencode(params)}",
        other_language=f"{here}?{urlencode(other)}",
        client=params["client_id"],
        hint=params.get("login_hint", ""),
        # Browsers apply form-action to the redirect that follows the form too: the way back must be allowed.
        form_target=f" {target.scheme}://{target.netloc}",
    )


def _card(persona: Professional | Citizen | Machine, words: Words) -> dict[str, str]:
    french = words.language == "fr"
    return {
        "id": persona.name,
        "title": persona.title_fr if french else persona.title_en,
        "summary": persona.summary_fr if french else persona.summary_en,
        **(_machine(persona) if isinstance(persona, Machine) else _person(persona, words)),
    }


def _person(persona: Professional | Citizen, words: Words) -> dict[str, str]:
    claims = claims_of.of_person(persona)
    given = claims["given_name"].split()[0].title()
    return {
        "name": f"{given} {claims['family_name']}",
        "initials": given[0] + claims["family_name"][0],
        "where": _born(claims, words) if isinstance(persona, Citizen) else persona.structure.name,
    }


def _machine(persona: Machine) -> dict[str, str]:
    structure = persona.structure.name if persona.structure else ""
    return {"name": persona.role, "initials": persona.name[:2].upper(), "where": structure}


def _born(claims: dict[str, Any], words: Words) -> str:
    year, month, day = claims["birthdate"].split("-")
    born = words.born_f if claims["gender"] == "female" else words.born_m
    return f"{born} {day}/{month}/{year}" if words.language == "fr" else f"{born} {claims['birthdate']}"


def _page(request: Request, name: str, words: Words, status: int = 200, **context: Any) -> Response:
    policy = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
        + context.get("form_target", "")
    )
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "content-language": words.language,
    }
    return PAGES.TemplateResponse(request, name, {"words": words, **context}, status, headers)
