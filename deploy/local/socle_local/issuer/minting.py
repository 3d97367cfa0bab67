"""The tokens of one realm: made from a persona or a client, read back for UserInfo and introspection."""

import uuid
from dataclasses import dataclass
from typing import Any

from socle_local.personas import Realm

from . import claims as claims_of
from .clients import Client
from .grants import Authorization, Clock, Grants
from .signing import BadToken, Signer

AUDIENCE = "socle"
Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mint:
    """One realm able to speak for itself. `ttl` values are in seconds."""

    realm: Realm
    base: str
    signer: Signer
    grants: Grants
    clock: Clock
    access_seconds: int

    @property
    def issuer(self) -> str:
        return f"{self.base}/realms/{self.realm}"

    def access(self, about: Claims, *, client_id: str, scope: str, ttl: int, sid: str = "") -> str:
        """A bearer token for the platform. A `ttl` of zero or less makes one that has already expired."""
        now = self.clock()
        issued = now if ttl > 0 else now + ttl - 1
        claims = {
            **about,
            "iss": self.issuer,
            "aud": AUDIENCE,
            "azp": client_id,
            "typ": "Bearer",
            "scope": scope,
            "iat": issued,
            "exp": now + ttl,
            "jti": str(uuid.uuid4()),
        }
        return self.signer.sign({**claims, "sid": sid} if sid else claims)

    def for_session(self, authorization: Authorization, sid: str, scope: str) -> Claims:
        """The token response of a browser sign-in (OpenID Connect Core 3.1.3.3)."""
        persona = next(p for p in claims_of.people_of(self.realm) if p.name == authorization.persona)
        about = {**claims_of.of_person(persona), "auth_time": authorization.auth_time}
        access = self.access(
            about, client_id=authorization.client_id, scope=scope, ttl=self.access_seconds, sid=sid
        )
        response = self._bearer(access, scope, self.access_seconds)
        response["refresh_token"] = self.grants.open_refresh(sid, authorization, scope)
        if "openid" in scope.split():
            response["id_token"] = self._identity(about, authorization, sid)
        return response

    def for_client(self, client: Client, scope: str) -> Claims:
        """The token response of client credentials; no refresh token (RFC 6749 section 4.4.3)."""
        access = self.access(
            claims_of.machine(client), client_id=client.id, scope=scope, ttl=self.access_seconds
        )
        return self._bearer(access, scope, self.access_seconds)

    def _bearer(self, access: str, scope: str, ttl: int) -> Claims:
        return {"access_token": access, "token_type": "Bearer", "expires_in": ttl, "scope": scope}

    def _identity(self, about: Claims, authorization: Authorization, sid: str) -> str:
        """The ID token: who signed in, when and how; traits come from UserInfo, as with FranceConnect."""
        now = self.clock()
        claims = {name: about[name] for name in ("sub", "acr", "auth_time")}
        claims |= {
            "iss": self.issuer,
            "aud": authorization.client_id,
            "azp": authorization.client_id,
            "typ": "ID",
        }
        claims |= {"iat": now, "exp": now + self.access_seconds, "jti": str(uuid.uuid4()), "sid": sid}
        return self.signer.sign({**claims, "nonce": authorization.nonce} if authorization.nonce else claims)

    def read(self, token: str) -> Claims:
        """The claims of a live access token of this realm; raises BadToken."""
        claims = self.signer.verify(token)
        if claims.get("iss") != self.issuer or claims.get("typ") != "Bearer":
            raise BadToken("not an access token of this realm")
        if not claims["iat"] <= self.clock() < claims["exp"]:
            raise BadToken("expired")
        if not self.grants.is_open(str(claims.get("sid", ""))):
            raise BadToken("the session is closed")
        return claims

    def read_hint(self, token: str) -> Claims:
        """The claims of an ID token given back at sign-out, even an old one; raises BadToken."""
        claims = self.signer.verify(token)
        if claims.get("iss") != self.issuer or claims.get("typ") != "ID":
            raise BadToken("not an ID token of this realm")
        return claims
