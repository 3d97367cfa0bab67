"""The key of the platform: Ed25519, for QR tokens (COSE), receipts and key challenges (JWS)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

from chassis import ledger
from chassis.ledger.signing import BLOCK
from eprescription.domain import token

from . import key_files


class PlatformKeys:
    """Signs with one key; shows it, and those it took over from, to whoever verifies.

    One key for both forms: a JWS signs text that begins with `eyJ`, a COSE_Sign1 signs an array that begins
    with the byte 0x84, so neither is ever taken for the other. Within JWS, `typ` of the payload tells.
    """

    def __init__(self, key: OKPKey, signer: ledger.Signer) -> None:
        self._signer = signer
        self._jwks = signer.jwks()
        self.token_signer = token.Signer(key)

    @classmethod
    def from_file(cls, path: Path) -> PlatformKeys:
        """The key of a PEM file: the private one first, then the public keys it replaced, if any.

        Raises OSError when the file is away, open to others, or something else.
        """
        content = key_files.read_private(path)
        signer = ledger.Signer.from_file(path)
        # The first block is a private key: the signer has just said so.
        first = next(BLOCK.finditer(content))
        return cls(OKPKey.import_key(first.group(0)), signer)

    def sign_receipt(self, payload: Mapping[str, Any]) -> str:
        """A compact JWS over the JSON of `payload`."""
        return self._signer.sign(payload)

    def opened(self, signed: str) -> dict[str, Any] | None:
        """What `sign_receipt` signed; None when no key of this platform did."""
        return ledger.payload_of(signed, self._jwks)

    def jwks(self) -> dict[str, Any]:
        """The public keys, present and former, as a JSON Web Key Set."""
        return self._jwks
