"""One signing key a realm, made once and kept, so that tokens outlive a restart of the platform."""

import json
import os
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from .settings import RefusesToStart

ALGORITHM = "RS256"
Claims = dict[str, Any]


class BadToken(ValueError):
    """The token was not signed by this realm, or cannot be read."""


class Signer:
    """Signs and checks the tokens of one realm."""

    def __init__(self, key: RSAKey) -> None:
        self._key = key

    def sign(self, claims: Claims) -> str:
        """A compact JWS. The type JWT is what Keycloak writes: it does not use `at+jwt`."""
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": self._key.kid}, claims, self._key)

    def verify(self, token: str) -> Claims:
        """The claims of a token signed here, whatever its dates; raises BadToken."""
        try:
            return dict(jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError) as error:
            raise BadToken("not a token of this realm") from error

    def public_jwks(self) -> Claims:
        return {"keys": [{**self._key.as_dict(private=False), "alg": ALGORITHM, "use": "sig"}]}


def load_or_make(path: Path) -> Signer:
    """The realm's key from `path`, written there with mode 0600 the first time.

    Raises RefusesToStart when the file is damaged, or readable by others: whoever reads it can forge any
    token.
    """
    if not path.exists():
        _write_once(path, RSAKey.generate_key(2048, auto_kid=True))
    if path.stat().st_mode & 0o077:
        raise RefusesToStart(f"The signing key {path} can be read by other users; run: chmod 600 {path}")
    try:
        return Signer(RSAKey.import_key(json.loads(path.read_text())))
    except (JoseError, ValueError) as error:
        raise RefusesToStart(
            f"The signing key {path} is damaged; delete it, a new one is made at start."
        ) from error


def _write_once(path: Path, key: RSAKey) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written beside and renamed: a start cut short must not leave half a key behind.
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(key.as_dict(private=True), file)
    draft.rename(path)
