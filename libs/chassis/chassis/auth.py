"""Who calls: OIDC access tokens checked against the issuers' keys, and what the claims say of the caller.

Claims are those of Pro Santé Connect for professionals, FranceConnect (plus `person_id` and `represents`,
attributes of the matched account) for citizens, and Keycloak's for machines. Every service checks again: none
trusts the gateway.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import httpx
import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError

from . import telemetry
from .call import Clock, utc_now
from .caller import Caller, CallerKind, Purpose
from .errors import InvalidInput, Unauthenticated, Unavailable
from .keys import IssuerKeys
from .settings import Issuer, Settings, read_secret

log = telemetry.logger("auth")

# Asymmetric only: neither `none` nor a MAC made with a public key can pass.
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384"]
LEEWAY = 5
CACHE_MOST = 10_000
REASON_MOST = 500
# Seconds that a start waits for the issuers.
KEYS_AHEAD = 3.0

ROLE_KINDS = {
    "socle-service": CallerKind.SERVICE,
    "socle-operator": CallerKind.OPERATOR,
    "socle-auditor": CallerKind.AUDITOR,
    "socle-integrator": CallerKind.MACHINE,
}


class TokenMissing(Unauthenticated):
    """The call carries no bearer token."""


class TokenRefused(Unauthenticated):
    """The bearer token is not valid here."""

    remedy = "Get a token from the identity provider of this platform, for this platform."


class TokenExpired(Unauthenticated):
    """The bearer token has expired."""


class UnknownPurpose(InvalidInput):
    """The purpose of use is not one of normal, bris_de_glace, centre_15, secret."""

    remedy = "Send one of them in Socle-Purpose, or no such header for normal care."


class ReasonTooLong(InvalidInput):
    """The reason has more than 500 characters or a control character."""

    remedy = "Say it in a sentence, percent-encoded in Socle-Reason."


class Verifier:
    """Turns a bearer token into a `Caller`; answers are kept by hash until the token expires."""

    def __init__(
        self, issuers: list[Issuer], client: httpx.AsyncClient | None = None, clock: Clock = utc_now
    ) -> None:
        http = client or httpx.AsyncClient(timeout=3.0)
        self._issuers = {i.issuer: i for i in issuers}
        self._keys = {i.issuer: IssuerKeys(i.issuer, http) for i in issuers}
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._clock = clock

    async def fetch_keys(self) -> None:
        """Has the keys of every issuer at hand, so that the first caller does not wait for them. One that is
        away is no fault: whoever needs its keys asks again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(KEYS_AHEAD):
                await asyncio.gather(*(keys.get() for keys in self._keys.values()), return_exceptions=True)

    async def authenticate(self, authorization: str) -> Caller:
        """The caller of an `Authorization: Bearer ...` header, for a normal purpose."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenMissing(field="Authorization", hint="Send `Authorization: Bearer <token>`.")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            known = await self._verified(token.strip())
            self._remember(digest, known)
        caller, expires = known
        if expires < self._clock().timestamp() - LEEWAY:
            self._known.pop(digest, None)
            raise TokenExpired(field="Authorization", hint="Ask the issuer for a new token.")
        return caller

    def _remember(self, digest: bytes, known: tuple[Caller, float]) -> None:
        if len(self._known) >= CACHE_MOST:
            self._known.clear()
        self._known[digest] = known

    async def _verified(self, token: str) -> tuple[Caller, float]:
        issuer = self._issuer_of(token)
        claims = await self._claims(token, issuer)
        if not _meant_for(claims.get("aud"), issuer.audience):
            raise _refused(f"its audience is not {issuer.audience}")
        expires, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or not isinstance(begins, int | float):
            raise _refused("it has no expiry")
        if begins > self._clock().timestamp() + LEEWAY:
            raise _refused("it is not valid yet")
        try:
            return to_caller(claims, issuer.population), float(expires)
        except (AttributeError, TypeError):
            raise _refused("its claims do not have the form of this issuer's") from None

    def _issuer_of(self, token: str) -> Issuer:
        """Whose keys to check with: the only thing read before the signature is verified."""
        try:
            claims = orjson.loads(jws.extract_compact(token.encode()).payload)
            name = str(claims["iss"])
        except (JoseError, ValueError, TypeError, KeyError):
            raise _refused("it is not a signed JWT with an issuer") from None
        issuer = self._issuers.get(name)
        if issuer is None:
            raise _refused("its issuer is not known here")
        return issuer

    async def _claims(self, token: str, issuer: Issuer) -> dict[str, Any]:
        for unknown in (False, True):
            keys = await self._keys[issuer.issuer].get(unknown=unknown)
            with suppress(JoseError, ValueError, TypeError):
                return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
        raise _refused("its signature does not verify")


def _refused(why: str) -> TokenRefused:
    return TokenRefused(f"The bearer token is not valid here: {why}.", field="Authorization")


def _meant_for(audience: Any, wanted: str) -> bool:
    return wanted == audience or (isinstance(audience, list) and wanted in audience)


def to_caller(claims: Mapping[str, Any], population: str) -> Caller:
    """The caller that verified claims describe."""
    make = {"pro": _professional, "citizen": _citizen, "services": _machine}[population]
    caller = make(claims)
    if not caller.subject:
        raise _refused("it does not say whom it is for")
    return replace(caller, assurance=str(claims.get("acr", "")), client=str(claims.get("azp", "")))


def _professional(claims: Mapping[str, Any]) -> Caller:
    subject = str(claims.get("SubjectNameID") or claims.get("preferred_username") or "")
    roles = [str(r).split("^")[0] for r in claims.get("SubjectRole") or []]
    # PS_IdNat: 8 + RPPS for a registered professional; other prefixes are people known by their structure
    # only.
    registered = subject.startswith("8")
    return Caller(
        kind=CallerKind.PROFESSIONAL if registered else CallerKind.STAFF,
        subject=subject,
        organisation=str(claims.get("SubjectOrganizationID", "")),
        profession=roles[0] if registered and roles else "",
        know_how=_know_how(claims) if registered else frozenset(),
        sector=str(claims.get("Secteur_Activite") or "").partition("^")[0],
        name=" ".join(str(claims[k]) for k in ("given_name", "family_name") if claims.get(k)),
        roles=_regulation(claims),
    )


def _know_how(claims: Mapping[str, Any]) -> frozenset[str]:
    exercises = (claims.get("SubjectRefPro") or {}).get("exercices") or []
    return frozenset(str(e["codeSavoirFaire"]) for e in exercises if e.get("codeSavoirFaire"))


def _regulation(claims: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({"regulation"}) if claims.get("Acces_Regulation_Medicale") == "VRAI" else frozenset()


def _citizen(claims: Mapping[str, Any]) -> Caller:
    return Caller(
        kind=CallerKind.CITIZEN,
        subject=str(claims.get("sub", "")),
        person_id=str(claims.get("person_id", "")),
        represents=frozenset(str(p) for p in claims.get("represents") or [] if p),
        assists=frozenset(str(p) for p in claims.get("assists") or [] if p),
    )


def _machine(claims: Mapping[str, Any]) -> Caller:
    roles = frozenset(str(r) for r in (claims.get("realm_access") or {}).get("roles") or [])
    kinds = [kind for role, kind in ROLE_KINDS.items() if role in roles]
    if not kinds:
        raise _refused("its client has no role on this platform")
    client = str(claims.get("azp") or claims.get("client_id") or "")
    return Caller(
        kind=kinds[0],
        subject=client,
        organisation=str(claims.get("SubjectOrganizationID", "")),
        name=client,
        roles=roles,
    )


def with_purpose(caller: Caller, purpose: str, reason: str) -> Caller:
    """The caller with the purpose of use of a request; `reason` is percent-encoded, as in `Socle-Reason`."""
    if not purpose or purpose == Purpose.NORMAL:
        return caller
    if purpose not in (Purpose.BREAK_GLASS, Purpose.REGULATION, Purpose.SECRET):
        raise UnknownPurpose(field="Socle-Purpose")
    typed = unquote(reason).strip()
    if len(typed) > REASON_MOST or not typed.isprintable():
        raise ReasonTooLong(field="Socle-Reason")
    return replace(caller, purpose=Purpose(purpose), reason=typed)


class OwnToken:
    """The token of the service itself (client credentials), for calls it makes on its own account."""

    def __init__(self, settings: Settings, service: str, client: httpx.AsyncClient | None = None) -> None:
        self._settings, self._service = settings, service
        self._http = client or httpx.AsyncClient(timeout=3.0)
        self._token, self._until = "", 0.0
        self._asking = asyncio.Lock()

    async def get(self) -> str:
        """A token good for at least half a minute."""
        async with self._asking:
            if time.monotonic() > self._until:
                await self._ask()
            return self._token

    async def _ask(self) -> None:
        issuer = next(i.issuer for i in self._settings.issuers if i.population == "services")
        secret = read_secret(self._settings.oidc_client_secret_file) or ""
        try:
            answer = await self._http.post(
                f"{issuer}/protocol/openid-connect/token",
                data={"grant_type": "client_credentials"},
                auth=(self._service, secret),
            )
            body = answer.raise_for_status().json()
            self._token = str(body["access_token"])
            self._until = time.monotonic() + max(5.0, float(body.get("expires_in", 60)) - 30)
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            log.warning("auth.own_token_refused", error_type=type(error).__name__)
            raise Unavailable("The issuer gives this service no token for now.", retry_after=2.0) from None
