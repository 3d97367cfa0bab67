"""The arithmetic of error budgets. Source: The Site Reliability Workbook, chapter 5, "Alerting on SLOs"."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

SECONDS = {"m": 60, "h": 3600, "d": 86400}


def seconds(window: str) -> int:
    """A duration of Prometheus in seconds: `28d` is 2,419,200."""
    return int(window[:-1]) * SECONDS[window[-1]]


def budget(target: Decimal) -> Decimal:
    """The share of events that may go wrong: 99.9 percent leave 0.001."""
    return 1 - target / 100


@dataclass(frozen=True, slots=True)
class Burn:
    """A speed at which a budget is spent (1 spends it exactly within its window), seen over two windows.

    The long one tells that it matters, the short one that it still goes on: without it an alert would last
    for hours after the end.
    """

    factor: Decimal
    long: str
    short: str
    severity: Literal["page", "ticket"]

    def threshold(self, target: Decimal) -> Decimal:
        """The share of bad events beyond which it fires."""
        return self.factor * budget(target)

    def spent(self, window: str) -> Decimal:
        """The part of the whole budget that is gone when it fires."""
        return self.factor * seconds(self.long) / seconds(window)

    def after(self, ratio: Decimal, target: Decimal) -> float | None:
        """Seconds from the start of a constant share of bad events until it fires; None when it never does.

        All went well before.
        """
        threshold = self.threshold(target)
        return float(threshold * seconds(self.long) / ratio) if ratio > threshold else None


BURNS = (
    Burn(Decimal("14.4"), "1h", "5m", "page"),
    Burn(Decimal(6), "6h", "30m", "page"),
    Burn(Decimal(3), "1d", "2h", "ticket"),
    Burn(Decimal(1), "3d", "6h", "ticket"),
)
WINDOWS = tuple(sorted({w for burn in BURNS for w in (burn.long, burn.short)}, key=seconds))
