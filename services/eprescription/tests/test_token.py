"""The QR code: what it says, what it can hold, and what a stranger's bytes can do to its reader (nothing)."""

import zlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import cbor2
import pytest
import zxingcpp
from base45 import b45decode, b45encode
from cwt import COSE, COSEKey
from hypothesis import given as generated
from hypothesis import strategies as st
from joserfc.jwk import OKPKey
from PIL import Image

from eprescription.domain import cbor_bounds, symbol, token
from eprescription.domain.content import NonSubstitution
from eprescription.domain.token import (
    Flag,
    Shortened,
    Signer,
    Token,
    TokenExpired,
    TokenForged,
    TokenKeyUnknown,
    TokenUnreadable,
)

from . import given
from .keys_given import EXPIRES, platform, printed, wide_token
from .keys_given import token as token_of

KEYS, PRIVATE = platform()
JWKS, SIGNER = KEYS.jwks(), KEYS.token_signer
TEXT = token.make(token_of(), SIGNER)


def message_of(text: str) -> bytes:
    packed: bytes = b45decode(text.removeprefix(token.PREFIX))
    return zlib.decompress(packed)


def wrapped(message: bytes) -> str:
    packed: bytes = b45encode(zlib.compress(message))
    return token.PREFIX + packed.decode()


def test_what_was_made_is_read() -> None:
    made = token_of()
    assert token.read(token.make(made, SIGNER), JWKS) == made


def test_it_says_what_a_pharmacy_without_network_needs() -> None:
    line = given.line(ald=True, non_substitution=NonSubstitution.MTE, renewals=2, non_reimbursable=True)
    prescription = printed(given.content(line))
    read = token.read(token.make(token_of(prescription), SIGNER), JWKS)
    assert read.number == prescription.number
    assert given.SECRETS.opens_prescription(prescription.id, read.access_code)
    assert (read.birth_name, read.first_name, read.birth_date) == ("LAJOIE-ÉTERNEL", "MARIE", "1980-01-02")
    (shown,) = read.lines
    assert (shown.label, shown.quantity, shown.unit) == ("PARACETAMOL 500 mg, comprimé", "24", "dose")
    assert (shown.days, shown.renewals) == (8, 2)
    assert shown.flags == Flag.ALD | Flag.NOT_SUBSTITUTABLE | Flag.NON_REIMBURSABLE


def test_the_ins_is_not_in_it() -> None:
    assert b"280017511400139" not in message_of(TEXT)


def test_a_restricted_prescription_tells_neither_who_nor_what() -> None:
    read = token.read(token.make(token_of(printed(restricted=True)), SIGNER), JWKS)
    assert (read.birth_name, read.first_name, read.birth_date, read.lines) == ("", "", "", ())
    assert (read.line_count, read.shortened) == (1, Shortened.WITHHELD)


@pytest.mark.parametrize("lines", [1, 10, 60])
def test_it_is_scanned_from_what_is_drawn(lines: int) -> None:
    text = token.make(replace(token_of(), lines=token_of().lines * lines, line_count=lines), SIGNER)
    (scanned,) = zxingcpp.read_barcodes(Image.open(BytesIO(symbol.png(text))))
    assert scanned.format == zxingcpp.BarcodeFormat.QRCode
    assert token.read(scanned.text, JWKS).line_count == lines


@pytest.mark.parametrize(
    ("made", "shortened", "kept"),
    [
        (wide_token(15), Shortened.WHOLE, 15),
        (wide_token(60), Shortened.CODES, 60),
        # Preparations: nothing but their label names them.
        (wide_token(60, coded=False), Shortened.COUNTED, 0),
    ],
)
def test_lines_are_shortened_until_it_fits_and_it_says_so(
    made: Token, shortened: Shortened, kept: int
) -> None:
    text = token.make(made, SIGNER)
    read = token.read(text, JWKS)
    assert (read.shortened, len(read.lines), read.line_count) == (shortened, kept, made.line_count)
    # Version 26 is 121 modules: a third of a millimetre each at 40 mm.
    assert len(symbol.modules(text)) <= 121
    assert all(not line.label for line in read.lines) or shortened is Shortened.WHOLE


def test_a_line_without_code_keeps_its_label_when_others_lose_theirs() -> None:
    """A preparation is named by nothing else."""
    wide = wide_token(40)
    named = replace(wide.lines[0], code="", label="Préparation")
    read = token.read(token.make(replace(wide, lines=(named, *wide.lines[1:])), SIGNER), JWKS)
    assert (read.shortened, read.lines[0].label, read.lines[1].label) == (Shortened.CODES, "Préparation", "")


def test_the_last_day_is_still_good_and_the_next_is_not() -> None:
    assert token.read(TEXT, JWKS, EXPIRES).expires_on == EXPIRES
    with pytest.raises(TokenExpired):
        token.read(TEXT, JWKS, EXPIRES + timedelta(days=1))


def test_a_key_that_is_not_published_is_named_as_such() -> None:
    _, stranger = platform()
    with pytest.raises(TokenKeyUnknown):
        token.read(token.make(token_of(), Signer(stranger)), JWKS)
    with pytest.raises(TokenKeyUnknown):
        token.read(TEXT, {"keys": [{"kty": "RSA"}, {"crv": 7}]})


def test_a_former_key_still_verifies() -> None:
    newer, _ = platform()
    assert token.read(TEXT, {"keys": newer.jwks()["keys"] + JWKS["keys"]}) == token.read(TEXT, JWKS)


def test_a_stranger_who_names_our_key_is_refused() -> None:
    _, stranger = platform()
    forger = Signer(stranger)
    kept = {"kty": "OKP", "crv": "Ed25519", **{n: stranger.as_dict(private=True)[n] for n in ("x", "d")}}
    forger._key = COSEKey.from_jwk({**kept, "alg": "EdDSA", "kid": SIGNER.kid.decode()})
    forger.kid = SIGNER.kid
    with pytest.raises(TokenForged) as refused:
        token.read(token.make(token_of(), forger), JWKS)
    assert not isinstance(refused.value, TokenKeyUnknown)


@generated(st.data())
def test_any_altered_byte_is_refused(data: st.DataObject) -> None:
    message = bytearray(message_of(TEXT))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((TokenForged, TokenUnreadable)):
        token.read(wrapped(bytes(message)), JWKS)


@generated(st.integers(0, len(TEXT) - 1))
def test_any_truncation_is_refused(length: int) -> None:
    with pytest.raises((TokenForged, TokenUnreadable)):
        token.read(TEXT[:length], JWKS)


@generated(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises((TokenForged, TokenUnreadable)):
        token.read(token.PREFIX + text, JWKS)


@generated(st.binary(max_size=300))
def test_no_bytes_break_the_reader(message: bytes) -> None:
    with pytest.raises((TokenForged, TokenUnreadable)):
        token.read(wrapped(message), JWKS)


@pytest.mark.parametrize("text", ["", "SOCLE1", "HC1:6BF", "https://erx.test/p/1", "socle1:AB", TEXT.lower()])
def test_what_is_not_ours_is_said(text: str) -> None:
    with pytest.raises(TokenUnreadable):
        token.read(text, JWKS)


def test_a_text_longer_than_a_qr_code_is_not_looked_at() -> None:
    with pytest.raises(TokenUnreadable):
        token.read(token.PREFIX + "0" * 5000, JWKS)


def test_a_bomb_is_not_inflated() -> None:
    """Ten million zeros take 10 KB of deflate; cut to a QR code they still are a million."""
    bomb = token.PREFIX + b45encode(zlib.compress(bytes(2_000_000), 9)).decode()
    assert len(bomb) < token.LONGEST_TEXT
    with pytest.raises(TokenForged):
        token.read(bomb, JWKS)


@pytest.mark.parametrize(
    "message",
    [
        b"\x81" * 4000 + b"\x00",
        b"\x9a\xff\xff\xff\xff",
        b"\x9b" + b"\xff" * 8,
        b"\x5b\x7f" + b"\xff" * 7,
        b"\x9f" + b"\x00" * 50,
        b"\xd8\x23\x65(a+)+",
        b"\xd2\xd2\xd2\x80",
        b"\x99\x10\x00" + b"\x00" * 4096,
        b"\xf9\x7e\x00",
        b"\x00\x00",
        b"",
    ],
)
def test_cbor_of_another_kind_is_not_decoded(message: bytes) -> None:
    """Nested, endless, tagged, too many, or followed by something."""
    assert not cbor_bounds.holds(message)
    with pytest.raises(TokenForged):
        token.read(wrapped(message), JWKS)


def signed_with(protected: dict[int, Any], unprotected: dict[int, Any], payload: bytes) -> str:
    kept = {n: PRIVATE.as_dict(private=True)[n] for n in ("kty", "crv", "x", "d")}
    key = COSEKey.from_jwk({**kept, "alg": "EdDSA", "kid": SIGNER.kid.decode()})
    message = COSE.new().encode_and_sign(payload, key, protected=protected, unprotected=unprotected)
    assert isinstance(message, bytes)
    return wrapped(message)


PAYLOAD = cbor2.loads(message_of(TEXT)).value[2]


@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        ({1: -8}, {4: SIGNER.kid}),
        ({1: -8, 4: SIGNER.kid, 16: "x"}, {}),
        ({1: -8, 4: SIGNER.kid}, {3: 60}),
    ],
)
def test_headers_of_another_form_are_refused(protected: dict[int, Any], unprotected: dict[int, Any]) -> None:
    """Truly signed by us: still, the reader takes one form and no other."""
    assert token.read(signed_with({1: -8, 4: SIGNER.kid}, {}, PAYLOAD), JWKS) == token.read(TEXT, JWKS)
    with pytest.raises(TokenForged):
        token.read(signed_with(protected, unprotected, PAYLOAD), JWKS)


def test_a_later_form_and_another_issuer_are_told_apart() -> None:
    claims = cbor2.loads(PAYLOAD)
    header = {1: -8, 4: SIGNER.kid}
    with pytest.raises(TokenForged, match="issuer"):
        token.read(signed_with(header, {}, cbor2.dumps({**claims, 1: "another"})), JWKS)
    with pytest.raises(TokenUnreadable, match="update"):
        token.read(signed_with(header, {}, cbor2.dumps({**claims, 11: 9})), JWKS)


def test_a_key_of_another_curve_is_refused() -> None:
    x448 = OKPKey.generate_key("Ed448")
    jwk = {**x448.as_dict(private=False), "kid": x448.thumbprint()}
    with pytest.raises(TokenKeyUnknown):
        token.read(TEXT, {"keys": [jwk]})
