"""What remains of a record that was destroyed: the receipt of its erasure."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chassis.ids import Id

from .records import PersonId


class ReceiptId(Id):
    """The receipt of an erasure."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, counted before it was; `size` is in bytes, of the contents as deposited."""

    id: ReceiptId
    person_id: PersonId
    erased_at: datetime
    documents: int
    lots: int
    size: int
    # SHA-256 of the wrapped key, and the version of the master key that had wrapped it.
    key_fingerprint: bytes
    master_version: int
    # Since when no copy of the wrapped key can be opened, in a backup or elsewhere; None: not yet.
    backups_unreadable_at: datetime | None = None

    def payload(self) -> dict[str, Any]:
        """What is signed: plain JSON values, moments in UTC (RFC 3339), bytes in base64."""
        unreadable = self.backups_unreadable_at
        return {
            "receipt_id": self.id.value,
            "person_id": self.person_id.value,
            "erased_at": _moment(self.erased_at),
            "documents": self.documents,
            "lots": self.lots,
            "bytes": self.size,
            "key_fingerprint": b64encode(self.key_fingerprint).decode(),
            "master_version": self.master_version,
            "backups_unreadable_at": _moment(unreadable) if unreadable else None,
        }


@dataclass(frozen=True, slots=True)
class Erased:
    """An erasure that has just been decided; `blobs` are to be deleted once it is committed."""

    receipt: Receipt
    blobs: tuple[str, ...]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
