"""The access code of a prescription and the secret of a hold: derived by HMAC-SHA256, never stored.

A lost answer then costs nothing (the same question gives the same secret), and a copy of the database opens
no prescription. 128 bits each, in the digits and letters of Crockford's base 32, which read well aloud; the
first character says which version of the key made it, so that a paper printed before a rotation still opens.
"""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Mapping
from hashlib import sha256

from chassis.ids import Id

from .ids import ClaimId, PrescriptionId

KEY_BYTES = 32
SECRET_BYTES = 16
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CROCKFORD)
# As people type: what looks like a zero or a one is one.
_TYPED = str.maketrans("OIL", "011", " -")
# The version is one character.
MOST_VERSIONS = len(CROCKFORD) - 1

ACCESS, CLAIM = b"socle access code", b"socle claim secret"


class Secrets:
    """Derives with the newest key; opens with whichever version made the secret."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys`: 32 bytes by version, 1 to 31; raises ValueError for anything else."""
        if not keys or any(not 1 <= version <= MOST_VERSIONS for version in keys):
            raise ValueError(f"versions of access secrets go from 1 to {MOST_VERSIONS}")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError(f"an access secret has {KEY_BYTES} bytes")
        self._keys = dict(keys)
        self._newest = max(keys)

    def access_code(self, prescription: PrescriptionId) -> str:
        """27 characters: whoever holds them with the number opens the prescription."""
        return self._derive(self._newest, ACCESS, prescription)

    def claim_secret(self, claim: ClaimId) -> str:
        """27 characters: proves that the caller is the pharmacy that holds the prescription."""
        return self._derive(self._newest, CLAIM, claim)

    def opens_prescription(self, prescription: PrescriptionId, given: str) -> bool:
        """Is this the access code of that prescription, of any version still kept?"""
        return self._opens(ACCESS, prescription, given)

    def opens_claim(self, claim: ClaimId, given: str) -> bool:
        """Is this the secret of that hold?"""
        return self._opens(CLAIM, claim, given)

    def _opens(self, label: bytes, of: Id, given: str) -> bool:
        typed = given.upper().translate(_TYPED)
        version = CROCKFORD.find(typed[:1] or "-")
        # An unknown version is compared too: how long the answer takes says nothing.
        expected = self._derive(version if version in self._keys else self._newest, label, of)
        return self.opens(expected, typed)

    def _derive(self, version: int, label: bytes, of: Id) -> str:
        """The label keeps the two apart: one is never the other's, whatever the ids."""
        digest = hmac.digest(self._keys[version], label + b"\0" + of.value.encode(), sha256)
        text = b32encode(digest[:SECRET_BYTES]).decode().rstrip("=").translate(_TO_CROCKFORD)
        return CROCKFORD[version] + text

    @staticmethod
    def opens(expected: str, given: str) -> bool:
        """Equal, in a time that does not tell how far."""
        return hmac.compare_digest(expected.encode(), given.encode())
