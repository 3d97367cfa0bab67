"""What the issuer remembers between two requests: codes, sessions, assertions already used.

In memory on purpose: after a restart a browser signs in again with one click, while access tokens stay good
because the keys are kept.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from .oauth import OAuthError

CODE_SECONDS = 60
# No token of a session may outlive this: the settings cap both lifetimes at the same figure.
SESSION_SECONDS = 43_200
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Authorization:
    """What somebody agreed to on the sign-in page; `challenge` is the PKCE S256 challenge (RFC 7636)."""

    realm: str
    client_id: str
    persona: str
    scope: str
    redirect_uri: str
    challenge: str
    nonce: str
    auth_time: int


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in, from the code to the last refresh."""

    sid: str
    authorization: Authorization
    scope: str
    expires: int


class Grants:
    """Short-lived secrets, each usable once. Times are Unix seconds given by `clock`."""

    def __init__(self, clock: Clock, refresh_seconds: int) -> None:
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._codes: dict[str, tuple[Authorization, int]] = {}
        self._spent: dict[str, tuple[str, int]] = {}
        self._refresh: dict[str, Session] = {}
        self._assertions: dict[tuple[str, str], int] = {}
        self._closed: dict[str, int] = {}

    def issue_code(self, authorization: Authorization) -> str:
        self._forget_old()
        code = secrets.token_urlsafe(32)
        self._codes[code] = (authorization, self._clock() + CODE_SECONDS)
        return code

    def redeem_code(self, code: str) -> tuple[Authorization, str]:
        """The authorization and a new session id.

        A code seen twice has leaked: the session it opened is closed (RFC 6749 section 4.1.2).
        """
        if code in self._spent:
            self.close(self._spent[code][0])
            raise OAuthError(
                "invalid_grant", "This code has been used; its session is closed. Sign in again."
            )
        known = self._codes.pop(code, None)
        if known is None or known[1] <= self._clock():
            raise OAuthError(
                "invalid_grant", f"This code is unknown or older than {CODE_SECONDS} s. Sign in again."
            )
        sid = secrets.token_urlsafe(16)
        self._spent[code] = (sid, self._clock() + SESSION_SECONDS)
        return known[0], sid

    def open_refresh(self, sid: str, authorization: Authorization, scope: str) -> str:
        token = secrets.token_urlsafe(32)
        self._refresh[token] = Session(sid, authorization, scope, self._clock() + self._refresh_seconds)
        return token

    def redeem_refresh(self, token: str, client_id: str, realm: str) -> Session:
        """The session of a refresh token, which is spent by this call, as Pro Santé Connect does."""
        session = self._refresh.get(token)
        owner = session and (session.authorization.client_id, session.authorization.realm)
        if session is None or owner != (client_id, realm) or not self.is_open(session.sid):
            raise OAuthError("invalid_grant", "This refresh token is unknown, used or closed. Sign in again.")
        del self._refresh[token]
        if session.expires <= self._clock():
            raise OAuthError("invalid_grant", "This refresh token has expired. Sign in again.")
        return session

    def close(self, sid: str) -> None:
        """End a session: its refresh tokens die and introspection calls its access tokens inactive."""
        self._closed[sid] = self._clock() + SESSION_SECONDS
        self._refresh = {token: session for token, session in self._refresh.items() if session.sid != sid}

    def is_open(self, sid: str) -> bool:
        return sid not in self._closed

    def use_assertion(self, client_id: str, jti: str, expires: int) -> None:
        """Remember a client assertion until it expires: a second use may be a thief's (RFC 7523, 3)."""
        self._forget_old()
        if (client_id, jti) in self._assertions:
            raise OAuthError(
                "invalid_client", "This client_assertion has been used: make a new jti each time.", 401
            )
        self._assertions[client_id, jti] = expires

    def _forget_old(self) -> None:
        now = self._clock()
        self._codes = {key: entry for key, entry in self._codes.items() if entry[1] > now}
        self._spent = {key: entry for key, entry in self._spent.items() if entry[1] > now}
        self._refresh = {key: session for key, session in self._refresh.items() if session.expires > now}
        self._assertions = {key: expires for key, expires in self._assertions.items() if expires > now}
        self._closed = {key: expires for key, expires in self._closed.items() if expires > now}
