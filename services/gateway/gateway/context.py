"""What the routes share, built once by `app.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
import orjson
from cachetools import TTLCache
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from . import wire
from .clients import Platform, Visit
from .door import Door
from .feed import Feed
from .merges import Merges
from .persons import Persons
from .public import Public
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running gateway."""

    settings: Settings
    platform: Platform
    door: Door
    persons: Persons
    feed: Feed
    web: httpx.AsyncClient
    public: Public
    merges: Merges = field(default_factory=Merges)
    # What issuers publish of themselves, for a minute: anyone may ask for it.
    discovery: TTLCache[str, dict[str, str]] = field(default_factory=lambda: TTLCache(8, 60))


def context(request: Request) -> Context:
    """The gateway that serves this request."""
    found: Context = request.app.state.context
    return found


async def enter(request: Request, seconds: float | None = None) -> tuple[Platform, Visit]:
    """The services, and the visit of the caller, for `seconds` when the usual ones are not enough; raises
    when the caller may not come in.
    """
    here = context(request)
    return here.platform, await here.door.enter(request, seconds)


def reply(
    message: Message, status: int = 200, headers: dict[str, str] | None = None, *, spread: str = ""
) -> Response:
    """A message of the contracts as a JSON answer: bytes at once, no model validated on the way out.

    The members of the field `spread` stand beside the others: what is asked for first needs no envelope.
    """
    shown = wire.render(message)
    if spread:
        shown = {**shown.pop(spread, {}), **shown}
    return Response(orjson.dumps(shown), status, headers, "application/json")


def etag(version: int) -> dict[str, str]:
    """The version of a resource as a header."""
    return {"ETag": f'W/"{version}"'}
