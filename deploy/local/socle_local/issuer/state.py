"""What every endpoint needs, found from the request."""

from dataclasses import dataclass
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from socle_local.personas import REALMS, Realm

from .clients import Client, Registry
from .grants import Clock, Grants
from .minting import Mint
from .oauth import Params, once
from .settings import IssuerSettings
from .signing import load_or_make


@dataclass(frozen=True, slots=True)
class Issuer:
    """The three realms and what they share."""

    settings: IssuerSettings
    clock: Clock
    grants: Grants
    registry: Registry
    mints: dict[Realm, Mint]


def build(settings: IssuerSettings, clock: Clock) -> Issuer:
    """The issuer on its folders; makes missing keys. Raises RefusesToStart when a key cannot be trusted."""
    grants = Grants(clock, settings.issuer_refresh_token_seconds)
    mints = {
        realm: Mint(
            realm,
            settings.base,
            load_or_make(settings.issuer_home / "keys" / f"{realm}.jwk"),
            grants,
            clock,
            settings.issuer_access_token_seconds,
        )
        for realm in REALMS
    }
    return Issuer(settings, clock, grants, Registry(settings.issuer_client_secrets, grants), mints)


def issuer_of(request: Request) -> Issuer:
    return cast(Issuer, request.app.state.issuer)


def mint_of(request: Request) -> Mint:
    """The realm named in the path; 404 when there is none of this name."""
    mint = issuer_of(request).mints.get(request.path_params["realm"])
    if mint is None:
        raise HTTPException(404, f"There is no such realm. Use one of: {', '.join(REALMS)}.")
    return mint


def client_of(request: Request, form: Params, mint: Mint) -> Client:
    """The client that authenticates here; an assertion is meant for the token address or the issuer."""
    issuer = issuer_of(request)
    audiences = frozenset((mint.issuer, f"{mint.issuer}/protocol/openid-connect/token"))
    header = request.headers.get("authorization", "")
    return issuer.registry.authenticate(mint.realm, header, form, audiences, issuer.clock())


async def form_of(request: Request) -> Params:
    return once((await request.form()).multi_items())
