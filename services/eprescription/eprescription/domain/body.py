"""The bytes that are signed: canonical JSON (RFC 8785) of `Signed`, and back."""

from __future__ import annotations

import rfc8785
from pydantic import TypeAdapter, ValidationError

from .content import Line, Signed
from .errors import SignatureBroken

SIGNED: TypeAdapter[Signed] = TypeAdapter(Signed)
LINE: TypeAdapter[Line] = TypeAdapter(Line)


def canonical(signed: Signed) -> bytes:
    """Quantities travel as text and dates as YYYY-MM-DD: no reader can round them.

    A default is left out, so a default never changes.
    """
    return rfc8785.dumps(SIGNED.dump_python(signed, mode="json", exclude_defaults=True))


def read(body: bytes) -> Signed:
    """What the bytes say; raises SignatureBroken when they are no prescription."""
    try:
        return SIGNED.validate_json(body)
    except ValidationError:
        # Without the values: they are of a patient.
        raise SignatureBroken from None
