"""The QR code of a prescription: `SOCLE1:` and base45(zlib(COSE_Sign1)), verified without any network.

    COSE_Sign1 (RFC 9052), tag 18: protected {1: -8 (EdDSA), 4: kid}, the payload, the signature (Ed25519)
    payload, CBOR map: 1 issuer, 2 number, 3 access code, 4 prescriber (PS_IdNat), 5 written on, 6 expires on,
        7 SHA-256 of the signed body, 8 patient [birth name, first given name, birth date], 9 lines,
        10 lines in all, 11 how far they are shortened (0 whole, 1 codes, 2 only counted, 3 withheld),
        12 whether anything had been delivered
    line: [code, label, quantity, unit, days, renewals, flags]; flags: 1 ALD, 2 not substitutable,
        4 not reimbursable

It says what was signed and lets a pharmacy claim; it cannot say what was delivered since. Nothing of it is
believed before its signature is; size, depth and number of items are bounded, so that the bytes of a stranger
cost little.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import IntEnum, IntFlag
from typing import Any, Final

import cbor2
from base45 import b45decode, b45encode
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface
from cwt.exceptions import CWTError
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chassis.errors import InvalidInput, RuleViolated

from . import cbor_bounds

PREFIX: Final = "SOCLE1:"
ISSUER: Final = "socle"
EDDSA: Final = -8
# A QR code of version 26 (121 modules, 0.33 mm each at 40 mm) with error correction M: 1,542 characters.
MOST_CHARACTERS: Final = 1540
# What a reader accepts: the largest QR code there is, and what that may inflate to.
LONGEST_TEXT: Final = 4296
LONGEST_INFLATED: Final = 16 * 1024
KID_CHARACTERS: Final = 8
EPOCH: Final = date(2020, 1, 1)
LABEL_CHARACTERS: Final = 40


class TokenUnreadable(InvalidInput):
    """This is not the text of a prescription's QR code."""

    where = "token"
    remedy = f"Scan the QR code at the bottom left of the paper: its text begins with {PREFIX}"


class TokenForged(InvalidInput):
    """The QR code does not verify: this platform did not make it, or it was altered since."""

    where = "token"
    remedy = "Do not dispense on it. Type the number of the prescription, or call the prescriber."


class TokenKeyUnknown(TokenForged):
    """The QR code names a key that is not among the published ones."""

    remedy = "Fetch the published keys again; if the key is still unknown, the QR code is not ours."


class TokenExpired(RuleViolated):
    """The last day that this QR code says has passed: the law lets nothing be delivered on it by itself."""

    where = "token"
    remedy = "Ask the platform: after a first delivery in time, what remains may be delivered for longer."


class Shortened(IntEnum):
    """How far the lines had to be shortened to fit a code that prints at 40 mm."""

    WHOLE = 0
    CODES = 1
    COUNTED = 2
    # Restricted prescription: neither traits nor lines. A telephone reads a code from further than an eye.
    WITHHELD = 3


class Flag(IntFlag):
    ALD = 1
    NOT_SUBSTITUTABLE = 2
    NON_REIMBURSABLE = 4


NO_FLAG: Final = Flag(0)


@dataclass(frozen=True, slots=True)
class TokenLine:
    """What is left of a line in the code; `quantity` is decimal text, `unit` is box, dose or day."""

    code: str
    label: str = ""
    quantity: str = ""
    unit: str = ""
    days: int = 0
    renewals: int = 0
    flags: Flag = NO_FLAG


@dataclass(frozen=True, slots=True)
class Token:
    """What a QR code says. Never printed in a log: it opens the prescription."""

    number: str
    access_code: str
    # PS_IdNat.
    prescriber: str
    written_on: date
    # Last day of a first delivery (R.5132-22); of any delivery once `begun`.
    expires_on: date
    body_sha256: bytes
    lines: tuple[TokenLine, ...] = ()
    line_count: int = 0
    # To compare with an identity paper; empty when withheld. The INS is not there.
    birth_name: str = ""
    first_name: str = ""
    birth_date: str = ""
    shortened: Shortened = Shortened.WHOLE
    # Something had been delivered when the code was made.
    begun: bool = False
    issuer: str = ISSUER


class Signer:
    """Signs tokens with the Ed25519 key of the platform."""

    def __init__(self, key: OKPKey) -> None:
        self.kid = kid_of(key)
        self._key = _cose_key(key)

    def sign(self, payload: bytes) -> bytes:
        """COSE_Sign1 over `payload`."""
        message = COSE.new().encode_and_sign(payload, self._key, protected={1: EDDSA, 4: self.kid})
        assert isinstance(message, bytes)  # noqa: S101 (the library answers a tag only when asked)
        return message


def kid_of(key: OKPKey) -> bytes:
    """The first characters of the thumbprint (RFC 7638): enough among the few keys of a platform."""
    return key.thumbprint()[:KID_CHARACTERS].encode()


def _cose_key(key: OKPKey) -> COSEKeyInterface:
    private = key.as_dict(private=key.is_private)
    kept: dict[str, Any] = {name: private[name] for name in ("kty", "crv", "x", "d") if name in private}
    return COSEKey.from_jwk({**kept, "alg": "EdDSA", "kid": kid_of(key).decode()})


def make(token: Token, signer: Signer) -> str:
    """The text of the QR code; lines lose their labels, then are only counted, until it fits."""
    for shorter in _ever_shorter(token):
        text = _text(shorter, signer)
        if len(text) <= MOST_CHARACTERS:
            return text
    raise ValueError(
        "a token without lines does not fit: its traits or its number are not what they should be"
    )


def _text(token: Token, signer: Signer) -> str:
    message = signer.sign(cbor2.dumps(_claims(token)))
    packed: bytes = b45encode(zlib.compress(message, 9))
    return PREFIX + packed.decode()


def _ever_shorter(token: Token) -> Iterator[Token]:
    yield token
    if token.shortened is Shortened.WHOLE:
        yield replace(
            token,
            shortened=Shortened.CODES,
            lines=tuple(replace(line, label="") if line.code else line for line in token.lines),
        )
        yield replace(token, shortened=Shortened.COUNTED, lines=())


def _claims(token: Token) -> dict[int, Any]:
    patient = [token.birth_name, token.first_name, token.birth_date]
    return {
        1: token.issuer,
        2: token.number,
        3: token.access_code,
        4: token.prescriber,
        5: (token.written_on - EPOCH).days,
        6: (token.expires_on - EPOCH).days,
        7: token.body_sha256,
        8: patient if any(patient) else [],
        9: [_line_claims(line) for line in token.lines],
        10: token.line_count,
        11: int(token.shortened),
        12: int(token.begun),
    }


def _line_claims(line: TokenLine) -> list[Any]:
    return [line.code, line.label, line.quantity, line.unit, line.days, line.renewals, int(line.flags)]


def read(text: str, jwks: Mapping[str, Any], today: date | None = None) -> Token:
    """What the QR code says, once its signature holds under one of these published keys.

    With `today` (Europe/Paris) raises TokenExpired after the last day. Raises TokenUnreadable, TokenForged,
    TokenKeyUnknown.
    """
    token = _token(_payload(_message(text), jwks))
    if today is not None and token.expires_on < today:
        raise TokenExpired
    return token


def _message(text: str) -> bytes:
    """The COSE_Sign1 within the text, bounded."""
    if not text.startswith(PREFIX) or len(text) > LONGEST_TEXT:
        raise TokenUnreadable
    try:
        inflater = zlib.decompressobj()
        message = inflater.decompress(b45decode(text.removeprefix(PREFIX)), LONGEST_INFLATED)
    except (ValueError, zlib.error):
        raise TokenForged from None
    if not inflater.eof or inflater.unused_data or not cbor_bounds.holds(message):
        raise TokenForged
    return message


def _payload(message: bytes, jwks: Mapping[str, Any]) -> bytes:
    """The signed bytes. The framing is ours to the byte, so nothing else is asked of the library."""
    try:
        framed = cbor2.loads(message)
        protected = cbor2.loads(framed.value[0])
        kid = protected[4]
    except (cbor2.CBORDecodeError, AttributeError, TypeError, LookupError):
        raise TokenForged from None
    if framed.tag != 18 or len(framed.value) != 4 or protected != {1: EDDSA, 4: kid} or framed.value[1] != {}:
        raise TokenForged
    try:
        payload = COSE.new(verify_kid=True).decode(message, _key_named(kid, jwks))
    except (CWTError, ValueError):
        raise TokenForged from None
    if not cbor_bounds.holds(payload):
        raise TokenForged
    return bytes(payload)


def _key_named(kid: object, jwks: Mapping[str, Any]) -> COSEKeyInterface:
    for jwk in jwks.get("keys", ()):
        try:
            key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
            if jwk["crv"] == "Ed25519" and kid_of(key) == kid:
                return _cose_key(key)
        except (JoseError, ValueError, KeyError, TypeError):
            # A set may hold keys of kinds that this reader does not know.
            continue
    raise TokenKeyUnknown


def _token(payload: bytes) -> Token:
    """Signed by us: a payload that does not read is of a later form."""
    try:
        claims = cbor2.loads(payload)
        if claims[1] != ISSUER:
            raise TokenForged("The QR code is of another issuer.")
        traits = claims[8] or ["", "", ""]
        return Token(
            number=claims[2],
            access_code=claims[3],
            prescriber=claims[4],
            written_on=EPOCH + timedelta(days=claims[5]),
            expires_on=EPOCH + timedelta(days=claims[6]),
            body_sha256=claims[7],
            birth_name=traits[0],
            first_name=traits[1],
            birth_date=traits[2],
            lines=tuple(_line(line) for line in claims[9]),
            line_count=claims[10],
            shortened=Shortened(claims[11]),
            begun=claims[12] == 1,
        )
    except (cbor2.CBORDecodeError, LookupError, TypeError, ValueError, OverflowError):
        raise TokenUnreadable("The QR code is of a form that this reader does not know: update it.") from None


def _line(claims: list[Any]) -> TokenLine:
    code, label, quantity, unit, days, renewals, flags = claims
    return TokenLine(code, label, quantity, unit, days, renewals, Flag(flags))
