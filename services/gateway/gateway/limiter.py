"""How many requests one client may send: by the library `limits`, in the memory of this process."""

from __future__ import annotations

from collections.abc import Callable

from limits import RateLimitItem, parse
from limits.aio import strategies
from limits.aio.storage import MemoryStorage

from chassis.call import utc_now
from chassis.errors import TooMany

from .settings import Settings

KINDS: dict[str, Callable[[MemoryStorage], strategies.RateLimiter]] = {
    "moving-window": strategies.MovingWindowRateLimiter,
    "fixed-window": strategies.FixedWindowRateLimiter,
    "sliding-window-counter": strategies.SlidingWindowCounterRateLimiter,
}


class RateLimited(TooMany):
    """This client sends too many requests: wait, then retry."""


class Limiter:
    """`check` before the work; several gateways each count their own share."""

    def __init__(self, settings: Settings) -> None:
        self._strategy = KINDS[settings.rate_strategy](MemoryStorage())
        self._client, self._refused = parse(settings.rate_limit), parse(settings.refused_rate_limit)

    async def check(self, client: str) -> None:
        """Counts a request of a known client program; raises RateLimited when it sends too many."""
        await self._hit(self._client, f"client:{client}")

    async def check_refused(self, address: str) -> None:
        """Counts a request that no token vouches for, by network address."""
        await self._hit(self._refused, f"address:{address}")

    async def _hit(self, limit: RateLimitItem, who: str) -> None:
        if not await self._strategy.hit(limit, who):
            stats = await self._strategy.get_window_stats(limit, who)
            raise RateLimited(retry_after=max(1.0, stats.reset_time - utc_now().timestamp()))
