"""What anyone may know without a token: asked on the gateway's own account, kept for a moment.

A key that verifies signatures, and heads that two people compare, are worth little to whoever must first be
let in. The services still answer no call without a token: this one is the gateway's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cachetools import TTLCache
from google.protobuf.message import Message

from chassis.auth import OwnToken
from chassis.call import Call

from .clients import Platform, Visit

R = TypeVar("R", bound=Message)
# However many strangers ask for the latest head, a service is asked once in this time.
KEPT_SECONDS = 2.0
MOST_KEPT = 1000


class Public:
    """Asks for strangers; an error is told to the one who met it, and is not kept."""

    def __init__(self, platform: Platform, own_token: OwnToken) -> None:
        self._platform, self._own = platform, own_token
        self._kept: TTLCache[tuple[str, bytes], Any] = TTLCache(MOST_KEPT, KEPT_SECONDS)

    async def ask(self, method: Callable[..., Awaitable[R]], request: Message, call: Call) -> R:
        """The answer of a service; raises its errors, or Unavailable when the issuer gives no token."""
        key = request.DESCRIPTOR.full_name, request.SerializeToString(deterministic=True)
        kept: R | None = self._kept.get(key)
        if kept is not None:
            return kept
        call.token = f"Bearer {await self._own.get()}"
        answer = await self._platform.ask(method, request, Visit(call))
        self._kept[key] = answer
        return answer
