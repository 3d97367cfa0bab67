"""The signature of a prescription: what verifies, and all that must not."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given as generated
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from eprescription.clients.signing import LocalKeyService
from eprescription.domain import body, signature
from eprescription.domain.errors import SignatureRefused
from eprescription.domain.signature import KeyRefused

from . import given

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
PUBLIC = signature.public(KEY)
PAYLOAD = body.canonical(given.draft().signed)


def header_of(detached: str) -> dict[str, Any]:
    segment = detached.split(".", 1)[0]
    return dict(orjson.loads(urlsafe_b64decode(segment + "==")))


def with_header(detached: str, **changes: Any) -> str:
    """The same signature under another header; a member set to None is left out."""
    header = {k: v for k, v in {**header_of(detached), **changes}.items() if v is not None}
    segment = urlsafe_b64encode(orjson.dumps(header)).decode().rstrip("=")
    return f"{segment}..{detached.split('.')[2]}"


def resigned(key: ECKey = KEY, **changes: Any) -> str:
    """Truly signed by `key`, under a header with these changes."""
    header = {"alg": "ES256", "b64": False, "crit": ["b64"], "kid": KEY.thumbprint(), **changes}
    return jws.serialize_compact({k: v for k, v in header.items() if v is not None}, PAYLOAD, key)


def test_what_was_signed_verifies_and_is_detached() -> None:
    detached = signature.sign(PAYLOAD, KEY)
    signature.verify(detached, PAYLOAD, PUBLIC)
    assert header_of(detached) == {"alg": "ES256", "b64": False, "crit": ["b64"], "kid": KEY.thumbprint()}
    assert detached.split(".")[1] == ""


@generated(st.integers(0, len(PAYLOAD) - 1), st.integers(1, 255))
def test_any_altered_byte_of_the_body_is_refused(at: int, by: int) -> None:
    altered = bytearray(PAYLOAD)
    altered[at] ^= by
    with pytest.raises(SignatureRefused):
        signature.verify(DETACHED, bytes(altered), PUBLIC)


DETACHED = signature.sign(PAYLOAD, KEY)


@generated(st.integers(0, len(DETACHED) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_any_altered_character_of_the_signature_is_refused(at: int, character: str) -> None:
    """But for the last one, whose low bits base64url does not use."""
    altered = DETACHED[:at] + character + DETACHED[at + 1 :]
    if altered == DETACHED or at == len(DETACHED) - 1:
        return
    with pytest.raises(SignatureRefused):
        signature.verify(altered, PAYLOAD, PUBLIC)


@generated(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(SignatureRefused):
        signature.verify(text, PAYLOAD, PUBLIC)


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="another key"):
        signature.verify(signature.sign(PAYLOAD, OTHER), PAYLOAD, PUBLIC)
    # Another key that claims to be the registered one.
    with pytest.raises(SignatureRefused):
        signature.verify(resigned(OTHER), PAYLOAD, PUBLIC)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"alg": None},
        {"kid": None},
        {"kid": 7},
        {"b64": None},
        {"b64": True},
        {"crit": None},
        {"crit": []},
        {"crit": ["b64", "exp"]},
        {"jwk": dict(PUBLIC)},
        {"jku": "https://keys.test/"},
        {"x5c": ["MII"]},
        {"typ": "JOSE"},
    ],
)
def test_a_header_that_is_not_ours_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureRefused):
        signature.verify(with_header(DETACHED, **changes), PAYLOAD, PUBLIC)


def test_a_key_within_the_header_is_not_believed() -> None:
    """Truly signed by the attacker's key, which the header brings along and names."""
    brought = resigned(OTHER, kid=OTHER.thumbprint(), jwk=signature.public(OTHER))
    with pytest.raises(SignatureRefused, match="nothing else"):
        signature.verify(brought, PAYLOAD, PUBLIC)


def test_the_public_key_taken_for_a_shared_secret_is_refused() -> None:
    """The confusion of algorithms: an HMAC keyed with what everybody can read."""
    head = with_header(DETACHED, alg="HS256").split(".", 1)[0]
    mac = hmac.digest(KEY.as_pem(private=False), f"{head}.".encode() + PAYLOAD, "sha256")
    forged = f"{head}..{urlsafe_b64encode(mac).decode().rstrip('=')}"
    with pytest.raises(SignatureRefused):
        signature.verify(forged, PAYLOAD, PUBLIC)


def test_a_payload_of_its_own_is_refused() -> None:
    """A JWS that brings its payload would verify that one, and leave ours unread."""
    head, _, sealed = DETACHED.split(".")
    with pytest.raises(SignatureRefused, match="detached"):
        signature.verify(f"{head}.eyJhIjoxfQ.{sealed}", PAYLOAD, PUBLIC)
    attached = jws.serialize_compact({"alg": "ES256", "kid": KEY.thumbprint()}, PAYLOAD, KEY)
    with pytest.raises(SignatureRefused):
        signature.verify(attached, PAYLOAD, PUBLIC)


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {**PUBLIC, "y": PUBLIC["x"]},
        {**PUBLIC, "crv": "P-384"},
        KEY.as_dict(private=True),
        ECKey.generate_key("P-384").as_dict(private=False),
        RSAKey.generate_key(2048, auto_kid=False).as_dict(private=False),
        {"kty": "oct", "k": "c2VjcmV0"},
    ],
)
def test_only_the_public_part_of_a_p256_key_is_a_key(jwk: dict[str, Any]) -> None:
    with pytest.raises(KeyRefused):
        signature.key_of(jwk)


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "null", '"EC"'])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(KeyRefused):
        signature.read_key(text)


def test_the_stored_form_of_a_key_holds_nothing_private() -> None:
    assert set(signature.public(KEY)) == {"kty", "crv", "x", "y"}


async def test_the_local_service_gives_each_professional_a_key_of_their_own() -> None:
    service, again = LocalKeyService(bytes(32)), LocalKeyService(bytes(32))
    first = await service.sign("899700367909", PAYLOAD)
    signature.verify(first.jws, PAYLOAD, first.jwk)
    assert (await again.sign("899700367909", PAYLOAD)).jwk == first.jwk
    assert (await service.sign("899700367917", PAYLOAD)).jwk != first.jwk
    assert (await LocalKeyService(bytes([1] * 32)).sign("899700367909", PAYLOAD)).jwk != first.jwk


def test_a_payload_longer_than_the_library_expects_is_signed() -> None:
    """Sixty lines with long texts pass the 128,000 bytes that the library stops at."""
    longer = PAYLOAD + b" " * 300_000
    signature.verify(signature.sign(longer, KEY), longer, PUBLIC)
