"""Measures as they are kept: the last minutes of each series, in memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from opentelemetry.proto.metrics.v1 import metrics_pb2

from .attributes import texts

# One point each five seconds: twenty minutes.
POINTS_MOST = 240
SERIES_MOST = 5_000
NANOSECONDS = 1e9
DELTA = metrics_pb2.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at a moment (seconds since 1970).

    `value` is a level, or a total since the process began; of a histogram, the sum of what it counted, with
    `counts` of each bucket.
    """

    at: float
    value: float
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many measures a histogram has counted."""
        return sum(self.counts)

    def plus(self, earlier: "Point", sign: int = 1) -> "Point":
        """This point on top of an earlier one, or (sign -1) what came on top of it since."""
        counts = tuple(a + sign * b for a, b in zip(self.counts, earlier.counts, strict=True))
        return Point(self.at, self.value + sign * earlier.value, counts)


@dataclass(slots=True)
class Series:
    """One measure of one process for one set of labels. `bounds` are the upper ends of its buckets."""

    name: str
    kind: Kind
    unit: str
    service: str
    instance: str
    labels: dict[str, str]
    bounds: tuple[float, ...] = ()
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=POINTS_MOST))

    @property
    def last(self) -> Point:
        """The newest point; a kept series has one."""
        return self.points[-1]

    def growth(self, since: float) -> Iterator[Point]:
        """What each point after a moment has on top of the one before.

        A process that started again counts from zero: then all it has counted is new, as is what the first
        point of a series brings.
        """
        before: Point | None = None
        for point in self.points:
            again = before is None or point.value < before.value or point.count < before.count
            if point.at > since:
                yield point if again or before is None else point.plus(before, -1)
            before = point


Key = tuple[str, str, str, tuple[tuple[str, str], ...], tuple[float, ...]]


class Measures:
    """Every series that came, up to a bound; `left_out` counts the points of those beyond it."""

    def __init__(self, series_most: int = SERIES_MOST) -> None:
        self._kept: dict[Key, Series] = {}
        self._series_most = series_most
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, series: Series, point: Point, *, delta: bool) -> None:
        """Keeps a point; `series` says what it measures and is kept when it is the first of its kind."""
        labels = tuple(sorted(series.labels.items()))
        key = (series.name, series.service, series.instance, labels, series.bounds)
        if key not in self._kept and len(self._kept) >= self._series_most:
            self.left_out += 1
            return
        kept = self._kept.setdefault(key, series)
        if delta and kept.points:
            point = point.plus(kept.last)
        kept.points.append(point)

    def named(self, name: str) -> list[Series]:
        """The series of a measure, of every process and label."""
        return [series for series in self._kept.values() if series.name == name]

    def names(self) -> list[str]:
        """Every measure that came."""
        return sorted({series.name for series in self._kept.values()})

    def services(self) -> list[str]:
        """Every service that sent a measure."""
        return sorted({series.service for series in self._kept.values()})


def take(resources: Iterable[metrics_pb2.ResourceMetrics], into: Measures) -> None:
    """Keeps the points of an export. Kinds this platform does not send (summaries, exponential histograms)
    are counted as left out.
    """
    for resource in resources:
        about = texts(resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                _take(metric, about, into)


def _take(metric: metrics_pb2.Metric, about: dict[str, str], into: Measures) -> None:
    match metric.WhichOneof("data"):
        case "gauge":
            _numbers(metric, "gauge", metric.gauge.data_points, about, into, delta=False)
        case "sum":
            kind: Kind = "counter" if metric.sum.is_monotonic else "gauge"
            delta = metric.sum.aggregation_temporality == DELTA
            _numbers(metric, kind, metric.sum.data_points, about, into, delta=delta)
        case "histogram":
            _histograms(metric, about, into)
        case _:
            into.left_out += 1


def _numbers(
    metric: metrics_pb2.Metric,
    kind: Kind,
    points: Iterable[metrics_pb2.NumberDataPoint],
    about: dict[str, str],
    into: Measures,
    *,
    delta: bool,
) -> None:
    for point in points:
        value = point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)
        series = _series(metric, kind, about, texts(point.attributes))
        into.add(series, Point(point.time_unix_nano / NANOSECONDS, value), delta=delta)


def _histograms(metric: metrics_pb2.Metric, about: dict[str, str], into: Measures) -> None:
    delta = metric.histogram.aggregation_temporality == DELTA
    for point in metric.histogram.data_points:
        counts, bounds = tuple(point.bucket_counts), tuple(point.explicit_bounds)
        if len(counts) != len(bounds) + 1:
            into.left_out += 1
            continue
        series = _series(metric, "histogram", about, texts(point.attributes), bounds)
        into.add(series, Point(point.time_unix_nano / NANOSECONDS, point.sum, counts), delta=delta)


def _series(
    metric: metrics_pb2.Metric,
    kind: Kind,
    about: dict[str, str],
    labels: dict[str, str],
    bounds: tuple[float, ...] = (),
) -> Series:
    service, instance = about.get("service.name", "unknown"), about.get("service.instance.id", "")
    return Series(metric.name, kind, metric.unit, service, instance, labels, bounds)
