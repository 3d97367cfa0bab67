"""The signature of a prescription: a detached JWS (RFC 7515, RFC 7797) in ES256 over its canonical JSON.

Pinned, not negotiated: one algorithm, one curve, four members of the header. What a header brings along
(`jwk`, `jku`, `x5c`) is no proof of who signed, so a header with more members is refused: the key is the one
that was registered for the professional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode

from chassis.errors import InvalidInput

from .errors import SignatureRefused

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
MEMBERS: Final = frozenset({"alg", "b64", "crit", "kid"})
# Bytes. Sixty lines with every text at its longest are under a million; the library stops at 128,000.
LONGEST_PAYLOAD: Final = 4 * 1024 * 1024
LONGEST_JWS: Final = 1024
# Public keys kept built: the same professionals sign all day.
KEPT: Final = 4096

Jwk = Mapping[str, Any]


class KeyRefused(InvalidInput):
    """This is not the public part of a P-256 key."""

    where = "jwk"
    remedy = 'Send a JSON Web Key with "kty": "EC", "crv": "P-256", x and y, and without d.'


@dataclass(frozen=True, slots=True)
class Signature:
    """What a key service answers: the detached JWS, and the public key that verifies it."""

    jws: str
    jwk: Jwk


class _Registry(jws.JWSRegistry):
    """The library's, with room for the longest prescription."""

    max_payload_length = LONGEST_PAYLOAD


_REGISTRY = _Registry(algorithms=[ALGORITHM])


def sign(payload: bytes, key: ECKey) -> str:
    """The detached JWS of `payload` by this private key."""
    header = {"alg": ALGORITHM, "b64": False, "crit": ["b64"], "kid": key.thumbprint()}
    return jws.serialize_compact(header, payload, key, registry=_REGISTRY)


def kid_of(detached: str) -> str:
    """The thumbprint (RFC 7638) that the JWS names; raises SignatureRefused when it is not one of ours.

    Not a proof yet: it says which registered key to verify with.
    """
    if len(detached) > LONGEST_JWS:
        raise SignatureRefused
    parts = detached.split(".")
    if len(parts) != 3 or parts[1]:
        # With a payload inside, that one would be verified in place of ours.
        raise SignatureRefused("The signature is not a detached JWS: header, two full stops, signature.")
    header = _header(parts[0])
    if header.keys() != MEMBERS or header["alg"] != ALGORITHM:
        raise SignatureRefused(
            "The header of the signature must hold alg ES256, b64 false, crit b64 and kid, and nothing else."
        )
    if header["b64"] is not False or header["crit"] != ["b64"] or not isinstance(header["kid"], str):
        raise SignatureRefused('The header of the signature must say "b64": false and "crit": ["b64"].')
    return str(header["kid"])


def _header(segment: str) -> dict[str, Any]:
    try:
        header = orjson.loads(urlsafe_b64decode(segment.encode()))
    except ValueError:
        raise SignatureRefused from None
    if not isinstance(header, dict):
        raise SignatureRefused
    return header


def verify(detached: str, payload: bytes, jwk: Jwk) -> None:
    """Raises SignatureRefused unless this very key signed exactly these bytes."""
    key = key_of(jwk)
    if kid_of(detached) != key.thumbprint():
        raise SignatureRefused("The signature was made with another key than the one it is verified with.")
    try:
        jws.deserialize_compact(detached, key, registry=_REGISTRY, payload=payload)
    except (JoseError, ValueError):
        raise SignatureRefused from None


def key_of(jwk: Jwk) -> ECKey:
    """The P-256 public key; raises KeyRefused, also for a key that brings its private part along."""
    x, y = jwk.get("x"), jwk.get("y")
    if jwk.get("kty") != "EC" or jwk.get("crv") != CURVE or "d" in jwk:
        raise KeyRefused
    if not isinstance(x, str) or not isinstance(y, str):
        raise KeyRefused
    return _imported(x, y)


@lru_cache(maxsize=KEPT)
def _imported(x: str, y: str) -> ECKey:
    """Of what defines the key alone: `use`, `alg` or `key_ops` of a stranger decide nothing here."""
    try:
        key = ECKey.import_key({"kty": "EC", "crv": CURVE, "x": x, "y": y})
        # A point that is not on the curve is found only when the key is built.
        key.public_key  # noqa: B018
    except (JoseError, ValueError, TypeError):
        raise KeyRefused from None
    return key


def read_key(text: str) -> ECKey:
    """`key_of` for the JSON that a caller sends."""
    try:
        jwk = orjson.loads(text)
    except ValueError:
        raise KeyRefused("This is not JSON.") from None
    if not isinstance(jwk, dict):
        raise KeyRefused
    return key_of(jwk)


def public(key: ECKey) -> dict[str, str]:
    """The public part, as it is stored: kty, crv, x and y."""
    return {
        name: str(value)
        for name, value in key.as_dict(private=False).items()
        if name in ("kty", "crv", "x", "y")
    }
