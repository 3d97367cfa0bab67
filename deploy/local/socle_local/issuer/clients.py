"""Who may ask for tokens, and how a client proves who it is."""

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from socle_local.personas import MACHINES, REALMS, Realm

from .grants import Grants
from .oauth import OAuthError, Params

CLIENT_ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# RFC 3986 characters only: a backslash or a space is read differently by browsers and by this program.
URI = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Asymmetric signatures only. `none` and HMAC are left out: with HMAC a public key would serve as a password.
ASSERTION_ALGORITHMS = ["ES256", "ES384", "RS256", "RS384", "PS256"]
ASSERTION_SECONDS = 300
SERVICE_ROLE = "socle-service"


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client. `redirects` are origins with a path prefix; none when no browser uses it."""

    id: str
    realms: frozenset[Realm]
    public: bool
    role: str = ""
    organisation: str = ""
    redirects: tuple[str, ...] = ()


PORTAL = Client(
    id="socle-portal",
    realms=frozenset(("pro", "citoyen")),
    public=True,
    redirects=("http://127.0.0.1/", "http://localhost/"),
)
# It holds no redirect and no secret: its tokens come from the local endpoint only, which Keycloak does not
# have.
CLI = Client(id="socle-cli", realms=frozenset(("pro", "citoyen")), public=True)
PUBLIC = {client.id: client for client in (PORTAL, CLI)}


def redirect_allowed(client: Client, uri: str) -> bool:
    """Whether a code may be sent to `uri`: a registered host and path, on any port.

    The port is free because RFC 8252 section 7.3 asks it for loopback addresses: a program run by a developer
    takes whichever port it finds. Only loopback is registered, so that a code can never leave the machine.
    """
    if not URI.fullmatch(uri):
        return False
    try:
        asked = urlsplit(uri)
        _ = asked.port
    except ValueError:
        return False
    if asked.fragment or asked.username is not None or "/.." in unquote_plus(asked.path):
        return False
    return any(
        (asked.scheme, asked.hostname) == (known.scheme, known.hostname)
        and (asked.path or "/").startswith(known.path)
        for known in map(urlsplit, client.redirects)
    )


class Registry:
    """The clients of the realms. Machine clients exist as soon as their secret stands in the folder
    `secrets`.

    The folder is read at each request, so that a service created while the platform runs needs no restart.
    """

    def __init__(self, secrets: Path, grants: Grants) -> None:
        self._secrets = secrets
        self._grants = grants

    def find(self, realm: Realm, client_id: str) -> Client | None:
        client = PUBLIC.get(client_id) or self._machine(client_id)
        return client if client and realm in client.realms else None

    def _machine(self, client_id: str) -> Client | None:
        # The pattern also keeps a client id from walking out of the folder.
        if not CLIENT_ID.fullmatch(client_id):
            return None
        if not (self._secret_file(client_id).exists() or self._jwks_file(client_id).exists()):
            return None
        persona = next((machine for machine in MACHINES if machine.name == client_id), None)
        organisation = persona.structure.id_nat if persona and persona.structure else ""
        role = persona.role if persona else SERVICE_ROLE
        # A service is known to the other realms too, where it may introspect a token and nothing else.
        realms = frozenset(REALMS if role == SERVICE_ROLE else ("services",))
        return Client(client_id, realms, public=False, role=role, organisation=organisation)

    def authenticate(
        self, realm: Realm, header: str, form: Params, audiences: frozenset[str], now: int
    ) -> Client:
        """The client of this request, proved by Basic, by a secret in the form or by a signed assertion.

        Raises OAuthError `invalid_client`, always with one sentence: an attacker must not learn which half
        was wrong.
        """
        claimed, secret = _presented(header, form)
        client = self.find(realm, claimed)
        if client is None:
            raise wrong_client()
        if "client_assertion" in form:
            self._check_assertion(client, form, audiences, now)
        elif not client.public:
            self._check_secret(client, secret)
        return client

    def _check_secret(self, client: Client, secret: str) -> None:
        file = self._secret_file(client.id)
        expected = file.read_text().strip() if file.exists() else ""
        if not expected or not hmac.compare_digest(expected.encode(), secret.encode()):
            raise wrong_client()

    def _check_assertion(self, client: Client, form: Params, audiences: frozenset[str], now: int) -> None:
        """RFC 7523: signed by the client, about itself, for this realm, five minutes at most, used once."""
        if form.get("client_assertion_type") != JWT_BEARER:
            raise OAuthError("invalid_client", f"client_assertion_type must be {JWT_BEARER}.", 401)
        claims = self._signed_claims(client, form["client_assertion"])
        aud = claims.get("aud")
        # Compared one by one: a client may write anything there, an object too.
        meant_for = any(here in (aud if isinstance(aud, list) else [aud]) for here in audiences)
        expires, jti = claims.get("exp"), claims.get("jti")
        if not (claims.get("iss") == claims.get("sub") == client.id and meant_for):
            raise wrong_client()
        if not isinstance(expires, int) or not now < expires <= now + ASSERTION_SECONDS:
            raise OAuthError("invalid_client", f"exp must be at most {ASSERTION_SECONDS} s ahead.", 401)
        if not isinstance(jti, str) or not jti:
            raise OAuthError("invalid_client", "The client_assertion needs a jti.", 401)
        self._grants.use_assertion(client.id, jti, expires)

    def _signed_claims(self, client: Client, assertion: str) -> dict[str, object]:
        try:
            keys = KeySet.import_key_set(json.loads(self._jwks_file(client.id).read_text()))
            return dict(jwt.decode(assertion, keys, algorithms=ASSERTION_ALGORITHMS).claims)
        except (OSError, JoseError, ValueError) as error:
            raise wrong_client() from error

    def _secret_file(self, client_id: str) -> Path:
        return self._secrets / client_id

    def _jwks_file(self, client_id: str) -> Path:
        return self._secrets / f"{client_id}.jwks"


def wrong_client() -> OAuthError:
    return OAuthError("invalid_client", "The client is unknown in this realm, or its proof is wrong.", 401)


def _presented(header: str, form: Params) -> tuple[str, str]:
    """The client id and secret of a request; two methods at once are refused (RFC 6749 section 2.3)."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", "") or _issuer_of(form), form.get("client_secret", "")
    if "client_secret" in form or "client_assertion" in form:
        raise OAuthError("invalid_request", "Authenticate by one method only.")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise wrong_client() from error
    return unquote_plus(client_id), unquote_plus(secret)


def _issuer_of(form: Params) -> str:
    """The client an assertion speaks of (RFC 7523 makes client_id optional), believed only once verified."""
    parts = form.get("client_assertion", "").split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return str(claims["iss"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
