"""The public key of a professional, and until when it signs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .signature import Jwk


class Origin(StrEnum):
    """Where the private part is."""

    # Derived by this platform's key service.
    LOCAL = "local"
    # CPS card or e-CPS.
    CARD = "card"
    HSM = "hsm"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A row; `key_id` is the thumbprint (RFC 7638) of `jwk`, so one key is one row and one professional."""

    key_id: str
    # PS_IdNat.
    professional: str
    jwk: Jwk = field(repr=False)
    origin: Origin
    registered_at: datetime
    # What it signed before stays valid: a revocation says nothing of the past.
    revoked_at: datetime | None = None
    revoked_reason: str = ""

    def signs_at(self, moment: datetime) -> bool:
        """Was it not revoked at that moment?

        When it was registered is not asked: a signature is accepted by a registered key alone, and of two
        first signatures at once, or on two clocks, one may be earlier than the row of its key.
        """
        return self.revoked_at is None or moment < self.revoked_at
