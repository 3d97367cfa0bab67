"""A prescription: what was written, who signed it, what state it is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from .content import Kind, Signed
from .ids import PersonId, PrescriptionId
from .states import State


@dataclass(frozen=True, slots=True)
class Prescription:
    """The row. `signed` is read from `body`, which the signature covers byte for byte."""

    id: PrescriptionId
    number: str
    person: PersonId
    kind: Kind
    state: State
    version: int
    # PS_IdNat and Struct_IdNat of who wrote it (of the pharmacist, for an exceptional renewal).
    prescriber: str
    organisation: str
    restricted: bool
    # Canonical JSON of `Signed`.
    body: bytes
    signed: Signed
    created_at: datetime
    changed_at: datetime
    # Detached JWS (RFC 7797); empty for a draft and for an exceptional renewal.
    signature: str = ""
    key_id: str = ""
    # Europe/Paris.
    written_on: date | None = None
    expires_on: date | None = None
    signed_at: datetime | None = None
    parent_id: PrescriptionId | None = None
