"""Rate, errors and duration of each RPC and route, from the counts of their histograms."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from chassis.telemetry import FAULTS

from .points import Measures, Point, Series

# Seconds that "now" stands for, and those the small curves show.
RECENT, SHOWN = 60.0, 600.0
# Places of a curve.
STEPS = 40
Key = tuple[str, str]


@dataclass(slots=True)
class Red:
    """One RPC or route of one service. Times in seconds; `errors` is a share, of faults that are ours."""

    service: str
    what: str
    rate: float = 0.0
    errors: float = 0.0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    total: int = 0
    curve: list[float] = field(default_factory=list)


def rpcs(measures: Measures, now: float) -> list[Red]:
    """Every RPC that was called, the busiest first."""
    return _lines(
        measures.named("socle.rpc.duration"),
        lambda labels: labels.get("rpc", "?").removeprefix("/"),
        lambda labels: labels.get("code") in FAULTS,
        now,
    )


def asked(measures: Measures, now: float) -> list[Red]:
    """Every RPC as seen by the service that asked, the busiest first."""
    return _lines(
        measures.named("socle.rpc.client.duration"),
        lambda labels: labels.get("rpc", "?").removeprefix("/"),
        lambda labels: labels.get("code") in FAULTS,
        now,
    )


def routes(measures: Measures, now: float) -> list[Red]:
    """Every route of the gateway that was called, the busiest first."""
    return _lines(
        measures.named("socle.http.duration"),
        lambda labels: f"{labels.get('method', '?')} {labels.get('route', '?')}",
        lambda labels: labels.get("status", "").startswith("5"),
        now,
    )


def _lines(
    every: Iterable[Series],
    name: Callable[[dict[str, str]], str],
    is_ours: Callable[[dict[str, str]], bool],
    now: float,
) -> list[Red]:
    groups: defaultdict[Key, list[Series]] = defaultdict(list)
    for series in every:
        groups[series.service, name(series.labels)].append(series)
    lines = [_line(key, group, is_ours, now) for key, group in groups.items()]
    return sorted(lines, key=lambda line: (-line.rate, -line.total, line.what))


def _line(key: Key, group: list[Series], is_ours: Callable[[dict[str, str]], bool], now: float) -> Red:
    bounds = group[0].bounds
    # Two versions side by side may have other buckets: those of the first are shown.
    group = [series for series in group if series.bounds == bounds]
    every = [recent_counts(series, now) for series in group]
    counts = tuple(sum(column) for column in zip(*every, strict=True))
    faults = sum(sum(n) for n, series in zip(every, group, strict=True) if is_ours(series.labels))
    return Red(
        *key,
        rate=sum(counts) / RECENT,
        errors=faults / sum(counts) if sum(counts) else 0.0,
        p50=quantile(0.50, counts, bounds),
        p95=quantile(0.95, counts, bounds),
        p99=quantile(0.99, counts, bounds),
        total=sum(series.last.count for series in group),
        curve=curve(group, now, lambda point: point.count),
    )


def recent_counts(series: Series, now: float) -> tuple[int, ...]:
    """What each bucket of a histogram counted of late."""
    nothing = (0,) * (len(series.bounds) + 1)
    return tuple(map(sum, zip(nothing, *(p.counts for p in series.growth(now - RECENT)), strict=True)))


def quantile(share: float, counts: Sequence[int], bounds: Sequence[float]) -> float | None:
    """The value that a share of the measures stays below, placed evenly within its bucket.

    The last bucket has no upper end: its lower one is given, as Prometheus does. None without a measure.
    """
    wanted, lower = share * sum(counts), 0.0
    if not wanted:
        return None
    for count, upper in zip(counts, bounds, strict=False):
        if count and wanted <= count:
            return lower + (upper - lower) * wanted / count
        wanted, lower = wanted - count, upper
    return lower


def curve(group: Iterable[Series], now: float, of: Callable[[Point], float]) -> list[float]:
    """How much a total grew per second, over the last minutes, added up over series."""
    steps = [0.0] * STEPS
    width = SHOWN / STEPS
    for series in group:
        for grown in series.growth(now - SHOWN):
            place = int((grown.at - now + SHOWN) / width)
            steps[max(0, min(STEPS - 1, place))] += of(grown) / width
    return steps
