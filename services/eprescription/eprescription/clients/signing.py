"""Who holds the private keys of professionals.

A card or an HSM never gives its key: its client signs the bytes of GetSigningInput and sends the JWS, and the
service then needs no key service at all. The local one below is for prescribers without such a card.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey

from eprescription.domain import signature
from eprescription.domain.signature import Signature

from . import key_files

# Order of P-256 (FIPS 186-5, SP 800-186).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# 64 bits more than the order, so that the remainder is not biased (FIPS 186-5, A.2.1).
SEED_BYTES = 40
KEPT = 4096


class KeyService(Protocol):
    """Signs for a professional who proved who they are."""

    async def sign(self, professional: str, payload: bytes) -> Signature:
        """The detached JWS over `payload`; `professional` is a PS_IdNat. Raises Unavailable."""
        ...


class LocalKeyService:
    """A P-256 key for each professional, derived from one master: nothing to store, nothing to lose twice."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._key = lru_cache(maxsize=KEPT)(self._derive)

    @classmethod
    def from_file(cls, path: Path) -> LocalKeyService:
        """The newest version of a ring. Keys of older versions stay registered: what they signed verifies.

        Raises KeyFileWrong.
        """
        ring = key_files.read_ring(path)
        return cls(ring[max(ring)])

    async def sign(self, professional: str, payload: bytes) -> Signature:
        key = self._key(professional)
        return Signature(signature.sign(payload, key), signature.public(key))

    def public_key(self, professional: str) -> dict[str, str]:
        """The public part of the key that signs for this professional."""
        return signature.public(self._key(professional))

    def _derive(self, professional: str) -> ECKey:
        about = b"socle prescription signature " + professional.encode()
        seed = HKDF(hashes.SHA256(), SEED_BYTES, salt=None, info=about).derive(self._master)
        scalar = int.from_bytes(seed) % (ORDER - 1) + 1
        private = ec.derive_private_key(scalar, ec.SECP256R1())
        return ECKey(private, private)
