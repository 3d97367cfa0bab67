"""The answers kept for a day under an `Idempotency-Key`, sealed: neither the table nor a backup can be read.

An answer may hold what its service seals everywhere else. What opens it is derived from the key and from the
request, which only the caller has; the table holds a hash of the key, and a proof of the request that says
nothing of it to who has not the key.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import RuleViolated, SocleError

if TYPE_CHECKING:
    from .call import Key

# Bytes.
SECRET, NONCE = 32, 12


class IdempotencyKeyReused(RuleViolated):
    """This Idempotency-Key was used before with another request."""


class AnswerAltered(SocleError):
    """The stored answer to this request was altered."""


def name_of(key: Key) -> str:
    """What a key is found under; the scope is hashed with it, so that no two tables can be compared."""
    return hashlib.sha256(f"socle idempotency\0{key.scope}\0{key.key}".encode()).hexdigest()


def row(key: Key, answer: bytes, now: datetime) -> dict[str, Any]:
    """The row that keeps an answer."""
    name, nonce, (proof, secret) = name_of(key), os.urandom(NONCE), _derived(key)
    return {
        "scope": key.scope,
        "key": name,
        "fingerprint": proof,
        "answer": nonce + AESGCM(secret).encrypt(nonce, answer, name.encode()),
        "answered_at": now,
    }


def opened(key: Key, row: Mapping[str, Any]) -> bytes:
    """The answer; raises IdempotencyKeyReused when it answers another request, AnswerAltered."""
    proof, secret = _derived(key)
    if row["fingerprint"] != proof:
        raise IdempotencyKeyReused(field="Idempotency-Key", hint="Send a new key with a new request.")
    sealed = bytes(row["answer"])
    try:
        return AESGCM(secret).decrypt(sealed[:NONCE], sealed[NONCE:], name_of(key).encode())
    except (InvalidTag, ValueError):
        raise AnswerAltered from None


def _derived(key: Key) -> tuple[bytes, bytes]:
    """What proves that a request is the same one, and what seals its answer."""
    both = HKDF(SHA256(), 2 * SECRET, key.scope.encode(), b"socle idempotency")
    derived = both.derive(key.key.encode() + b"\0" + key.fingerprint)
    return derived[:SECRET], derived[SECRET:]
