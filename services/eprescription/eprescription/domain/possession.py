"""Does whoever registers a public key hold its private part? They sign a challenge that the platform made.

The challenge is signed by the platform and kept nowhere: it names the caller, the key and its last second.
Shown again within its time it registers the same key for the same caller, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chassis.errors import InvalidInput

from .signature import ALGORITHM

KIND: Final = "socle-key-challenge"
GOOD_FOR: Final = timedelta(minutes=5)


class ProofRefused(InvalidInput):
    """The proof does not show that you hold this key."""

    where = "proof"
    remedy = "Ask GetKeyChallenge for this key, sign its challenge within five minutes (compact JWS, ES256)."


def challenge(professional: str, key: ECKey, now: datetime) -> dict[str, Any]:
    """What the platform signs."""
    expires = int((now + GOOD_FOR).timestamp())
    return {"typ": KIND, "sub": professional, "jkt": key.thumbprint(), "exp": expires}


def challenge_in(proof: str, key: ECKey) -> str:
    """The challenge that the proof signs; raises ProofRefused unless this key signed it."""
    try:
        signed = jws.deserialize_compact(proof, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise ProofRefused from None
    return (signed.payload or b"").decode("ascii", "replace")


def require_for(claims: Mapping[str, Any] | None, professional: str, key: ECKey, now: datetime) -> None:
    """Raises ProofRefused. `claims`: what the platform's signature covers; None when it does not verify."""
    if claims is None or claims.get("typ") != KIND:
        raise ProofRefused("The proof signs something else than a challenge of this platform.")
    if claims.get("sub") != professional or claims.get("jkt") != key.thumbprint():
        raise ProofRefused("The challenge was made for another caller or another key.")
    if now.timestamp() >= claims.get("exp", 0):
        raise ProofRefused("The challenge is older than five minutes.")
