"""The key of one record: what seals its documents and words, and hides the terms they are searched by.

AES-256-GCM with a random nonce; `about` (the identifier of what is sealed) is authenticated with it, so that
the bytes of one document cannot be put in the place of another's. Terms are truncated HMAC-SHA-256 under a
key of their own: without the record's key neither the content nor the terms can be read or tried.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from chassis.errors import SocleError

# Bytes.
KEY, NONCE, TERM = 32, 12, 8
# Longest beginning of a word that is searchable.
BEGINNING = 16


class SealBroken(SocleError):
    """What was stored for this record is not what was sealed: it was altered, or belongs elsewhere."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """The key of a record as it is stored: encrypted by a version of the master key."""

    wrapped: bytes
    master_version: int

    @property
    def fingerprint(self) -> bytes:
        """SHA-256, what a receipt names the key by."""
        return sha256(self.wrapped).digest()


class RecordKey:
    """The key of a record, opened; never stored, printed or sent."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY:
            raise ValueError(f"the key of a record has {KEY} bytes")
        self._secret = secret

    @classmethod
    def new(cls) -> RecordKey:
        """A fresh random key."""
        return cls(os.urandom(KEY))

    @property
    def secret(self) -> bytes:
        """The bytes to be wrapped: for a key provider, nobody else."""
        return self._secret

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._derived(b"socle dmp seal"))

    @cached_property
    def _terms(self) -> bytes:
        return self._derived(b"socle dmp terms")

    def _derived(self, use: bytes) -> bytes:
        return HKDFExpand(SHA256(), KEY, use).derive(self._secret)

    def seal(self, clear: bytes, about: str) -> bytes:
        """Nonce and ciphertext; 28 bytes longer than `clear`."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed; raises SealBroken when it is not that."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def term(self, kind: str, text: str) -> bytes:
        """The hidden form of a word, case and accents aside; `kind` keeps families and given names apart."""
        return self._hidden(kind, folded(text)[:BEGINNING])

    def terms(self, kind: str, text: str) -> set[bytes]:
        """The hidden forms of each beginning of a word, so that a search may give a beginning only."""
        word = folded(text)
        # A beginning that ends with a space is looked for without it.
        beginnings = {word[:length].strip() for length in range(1, min(len(word), BEGINNING) + 1)}
        return {self._hidden(kind, beginning) for beginning in beginnings}

    def _hidden(self, kind: str, beginning: str) -> bytes:
        return hmac.digest(self._terms, f"{kind}\0{beginning}".encode(), "sha256")[:TERM]


def folded(text: str) -> str:
    """Lower case, without accents, spaces at the ends removed."""
    parts = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))
