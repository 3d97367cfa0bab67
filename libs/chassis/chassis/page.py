"""Pages of a list: a size within bounds, and an opaque cursor that a client gives back as it came."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from .errors import InvalidInput

USUAL, MOST = 50, 200


class PageRequest(Protocol):
    """`socle.common.v1.PageRequest`."""

    size: int
    token: str


class UnknownPageToken(InvalidInput):
    """This page token was not given by this service for this list."""


def after(request: PageRequest, **parts: Callable[[Any], Any]) -> tuple[int, dict[str, Any]]:
    """The size wanted (50 unless said, 200 at most) and the cursor, empty for the first page.

    `parts` names what the cursor of this list holds, each with a parser that raises ValueError: the token of
    another list, or one that a client made up, is then UnknownPageToken and never reaches a query.
    """
    size = min(request.size or USUAL, MOST)
    if not request.token:
        return size, {}
    cursor = _decoded(request.token)
    if not isinstance(cursor, dict) or (parts and cursor.keys() != parts.keys()):
        raise _unknown()
    try:
        return size, {**cursor, **{name: parse(cursor[name]) for name, parse in parts.items()}}
    except (ValueError, TypeError, AttributeError):
        raise _unknown() from None


def _decoded(given: str) -> Any:
    try:
        return orjson.loads(urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (ValueError, binascii.Error):
        return None


def _unknown() -> UnknownPageToken:
    return UnknownPageToken(field="page.token", hint="Start again without a token.")


def token(**cursor: Any) -> str:
    """The cursor of the next page, for `next_token`. Put no patient data in it: it ends up in URLs."""
    return urlsafe_b64encode(orjson.dumps(cursor)).rstrip(b"=").decode()
