"""The key that signs heads and receipts: Ed25519 in a PEM file, compact JWS out (RFC 8037, RFC 9864)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

ALGORITHM: Final = "Ed25519"
BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class Signer:
    """Signs with one key; shows it, and those it took over from, to whoever verifies."""

    def __init__(self, key: OKPKey, retired: Sequence[OKPKey] = ()) -> None:
        self._key = key
        self.kid = key.thumbprint()
        self._public = [_public(one) for one in (key, *retired)]

    @classmethod
    def from_file(cls, path: Path) -> Signer:
        """The key of a PEM file: the private one first, then the public keys it replaced, if any.

        Raises OSError when the file is something else, without a word of what it holds.
        """
        blocks = [match.group(0) for match in BLOCK.finditer(path.read_bytes())]
        try:
            keys = [OKPKey.import_key(block) for block in blocks]
        except (ValueError, JoseError):
            keys = []
        if not keys or not keys[0].is_private or any(key.as_dict()["crv"] != ALGORITHM for key in keys):
            raise OSError(f"{path} does not begin with an Ed25519 private key in PEM")
        return cls(keys[0], keys[1:])

    @classmethod
    def fresh(cls) -> Signer:
        """A key of this process alone: nobody can verify what it signed once the process is gone."""
        return cls(OKPKey.generate_key(ALGORITHM))

    def sign(self, payload: Mapping[str, Any]) -> str:
        """A compact JWS over the JSON of `payload`."""
        header = {"alg": ALGORITHM, "kid": self.kid}
        content = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
        return jws.serialize_compact(header, content, self._key, algorithms=[ALGORITHM])

    def jwks(self) -> dict[str, Any]:
        """The JSON Web Key Set that verifies what was signed; each `kid` is a thumbprint (RFC 7638)."""
        return {"keys": self._public}


def _public(key: OKPKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"}


def payload_of(token: str, jwks: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was signed by one of these keys; None when none of them did."""
    try:
        keys = KeySet.import_key_set({"keys": list(jwks["keys"])})
        return dict(orjson.loads(jws.deserialize_compact(token, keys, algorithms=[ALGORITHM]).payload))
    except (JoseError, ValueError, KeyError, TypeError):
        return None
