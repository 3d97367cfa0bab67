"""Tokens that must not pass, each wrong in one way only."""

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from socle_local.issuer.tokens import fetch
from socle_local.journey import Reach
from socle_local.platform import Platform


def expired(reach: Reach) -> str:
    """Rightly signed, for the right audience, an hour too late."""
    return fetch(reach.issuer, "secretary", -3600)


def forged(reach: Reach) -> str:
    """The right claims and key id, signed by another key."""
    header, claims = read(fetch(reach.issuer, "secretary"))
    return jwt.encode(header, claims, RSAKey.generate_key(2048))


def unsigned(reach: Reach) -> str:
    """`alg=none`: whoever believes the header believes anybody."""
    _, claims = read(fetch(reach.issuer, "secretary"))
    return f"{pack({'alg': 'none', 'typ': 'JWT'})}.{pack(claims)}."


def confused(reach: Reach, public_key: dict[str, Any]) -> str:
    """HS256 with the issuer's public key as the secret: passes a verifier that lets the token choose."""
    header, claims = read(fetch(reach.issuer, "secretary"))
    # By hand: the library refuses to make this one.
    signed = f"{pack({**header, 'alg': 'HS256'})}.{pack(claims)}"
    secret = RSAKey.import_key(public_key).as_pem(private=False)
    mac = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(reach: Reach) -> str:
    """Another structure written into a signed token."""
    head, _, signature = fetch(reach.issuer, "secretary").split(".")
    _, claims = read(fetch(reach.issuer, "secretary"))
    return f"{head}.{pack({**claims, 'SubjectOrganizationID': '1990000028'})}.{signature}"


def for_another_audience(reach: Reach, platform: Platform) -> str:
    """Signed by the issuer itself, for another platform."""
    header, claims = read(fetch(reach.issuer, "secretary"))
    return jwt.encode(
        header, {**claims, "aud": "another-platform"}, signing_key(platform, str(header["kid"]))
    )


def of_unknown_issuer(reach: Reach, platform: Platform) -> str:
    """Rightly signed, by an issuer the platform was not told of."""
    header, claims = read(fetch(reach.issuer, "secretary"))
    stranger = {**claims, "iss": "https://issuer.example/realms/pro"}
    return jwt.encode(header, stranger, signing_key(platform, str(header["kid"])))


def without_expiry(reach: Reach, platform: Platform) -> str:
    """A token for ever."""
    header, claims = read(fetch(reach.issuer, "secretary"))
    for_ever = {name: value for name, value in claims.items() if name != "exp"}
    return jwt.encode(header, for_ever, signing_key(platform, str(header["kid"])))


def signing_key(platform: Platform, kid: str) -> RSAKey:
    """The private key of the local issuer, from the folder of this test's platform."""
    for path in sorted(Path(platform.home / "issuer").rglob("*")):
        if path.is_file() and (key := private_key(path)) and key.kid == kid:
            return key
    raise LookupError(f"the issuer has no key {kid}")


def private_key(path: Path) -> RSAKey | None:
    try:
        return RSAKey.import_key(json.loads(path.read_text()))
    except ValueError:
        return None


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unchecked; the expiry moved far enough not to matter."""
    head, claims, _ = token.split(".")
    return unpack(head), {**unpack(claims), "exp": int(time.time()) + 600}


def pack(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unpack(part: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return result
