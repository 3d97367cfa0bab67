"""Ids that hold two UUIDs without hyphens, in the 64 characters that FHIR allows: one address then finds a
part in its whole, a line in its prescription, without a table of where each is.
"""

from __future__ import annotations

import re

PAIR = re.compile(r"[0-9a-f]{64}")


def pair(whole: str, part: str) -> str:
    """The id made of two UUIDs."""
    return (whole + part).replace("-", "")


def read_pair(text: str) -> tuple[str, str] | None:
    """The two UUIDs of an id; None when it is none of ours."""
    if not PAIR.fullmatch(text):
        return None
    return _uuid(text[:32]), _uuid(text[32:])


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
