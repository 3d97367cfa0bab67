"""Which of the media types that an address offers the caller prefers (RFC 9110, 12.5.1)."""

from __future__ import annotations

from starlette.requests import Request

from .media import Range, ranges
from .refusals import NotAcceptable


def chosen(request: Request, *offered: str) -> str:
    """The offered type that the caller prefers, the first among equals; raises NotAcceptable when none will
    do.
    """
    wanted = ranges(",".join(request.headers.getlist("accept")))
    best = max(offered, key=lambda kind: _weight(wanted, kind))
    if not _weight(wanted, best):
        raise NotAcceptable(f"Accept {', '.join(offered)}.")
    return best


def _weight(wanted: list[Range], kind: str) -> float:
    """What the most precise range that fits says."""
    closeness, weight = max((one.closeness({kind}), one.weight) for one in wanted)
    return weight if closeness >= 0 else 0.0
