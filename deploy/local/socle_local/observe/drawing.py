"""What pages write beside text: small curves, durations, numbers, moments."""

from collections.abc import Sequence
from datetime import datetime

WIDE, HIGH = 120, 24


def points(values: Sequence[float]) -> str:
    """A curve as the points of an SVG line, scaled to its own largest value; the text beside it says how
    much that is.
    """
    if len(values) < 2:
        return ""
    most = max(*values, 0.0) or 1.0
    step = WIDE / (len(values) - 1)
    return " ".join(
        f"{n * step:.1f},{HIGH - 1 - max(v, 0.0) / most * (HIGH - 3):.1f}" for n, v in enumerate(values)
    )


def milliseconds(value: float | None) -> str:
    """A duration given in milliseconds, as people say it."""
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1000:.0f} µs"
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def quantity(value: float | None, unit: str = "") -> str:
    """A measured value with its unit."""
    if value is None:
        return "–"
    if unit == "s":
        return lasting(value)
    number = f"{value:,.0f}".replace(",", " ") if value == int(value) else f"{value:.2f}"
    return f"{number} {unit}".rstrip()


def lasting(seconds: float) -> str:
    """A duration given in seconds: from microseconds to days."""
    if seconds < 60:
        return milliseconds(seconds * 1000) if seconds else "0 s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def rate(value: float) -> str:
    """How many per second; rare things per minute."""
    if not value:
        return "0"
    return f"{value:.1f} /s" if value >= 0.95 else f"{value * 60:.0f} /min"


def share(value: float) -> str:
    """A share in percent; a small one is not rounded to nothing."""
    if not value:
        return "0 %"
    return f"{value * 100:.1f} %" if value >= 0.001 else "< 0.1 %"


def clock(nanoseconds: int) -> str:
    """A moment (nanoseconds since 1970) by the clock of this machine."""
    return datetime.fromtimestamp(nanoseconds / 1e9).astimezone().strftime("%H:%M:%S.%f")[:-3]
