"""What was asked, in a few bytes: tells another request under one reference from the same one again."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import rfc8785
from pydantic import TypeAdapter

from .dispensing import Act

ACTS: TypeAdapter[tuple[Act, ...]] = TypeAdapter(tuple[Act, ...])


def of(acts: tuple[Act, ...], at: datetime) -> str:
    """SHA-256, in hexadecimal; a default is left out, so that a field that is added changes nothing."""
    told = ACTS.dump_python(acts, mode="json", exclude_defaults=True)
    return sha256(rfc8785.dumps([told, at.astimezone(UTC).isoformat()])).hexdigest()
