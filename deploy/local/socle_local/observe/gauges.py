"""What is measured beside calls, put under headings: events, databases, journal, certificates."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .points import Measures, Series
from .red import RECENT, SHOWN, STEPS, curve, quantile, recent_counts

# Shown as calls.
ELSEWHERE = ("socle.rpc.", "socle.http.")


@dataclass(frozen=True, slots=True)
class Known:
    """A measure of the platform: heading, what people call it, unit, and from where on it is a worry."""

    heading: str
    title: str
    unit: str = ""
    worry: Callable[[float], bool] = lambda value: False


EVENTS, DATABASES, JOURNAL, SECURITY, OTHER = (
    "Events",
    "Databases",
    "Journal with proof",
    "Certificates",
    "Other",
)
# In the order in which someone on call asks.
KNOWN = {
    "socle.outbox.oldest_age": Known(EVENTS, "Outbox, oldest event", "s", lambda v: v > 5),
    "socle.outbox.waiting": Known(EVENTS, "Outbox, events waiting", "", lambda v: v > 1_000),
    "socle.outbox.published": Known(EVENTS, "Events published", "/s"),
    "socle.relay.leader": Known(EVENTS, "Relay leads here"),
    "socle.consumer.pending": Known(EVENTS, "Consumer, events to come", "", lambda v: v > 1_000),
    "socle.consumer.parked": Known(EVENTS, "Consumer, events parked", "", lambda v: v > 0),
    "socle.consumer.handled": Known(EVENTS, "Events handled", "/s"),
    "socle.event.lag": Known(EVENTS, "Event lag, p99", "s", lambda v: v > 1),
    "socle.db.pool.used": Known(DATABASES, "Pool, connections in use"),
    "socle.db.pool.size": Known(DATABASES, "Pool, connections open"),
    "socle.db.pool.most": Known(DATABASES, "Pool, connections at most"),
    "socle.db.pool.wait": Known(DATABASES, "Wait for a connection, p99", "s", lambda v: v > 0.1),
    "socle.schema.behind": Known(DATABASES, "Schema behind the code", "", lambda v: v > 0),
    "socle.ledger.pending": Known(JOURNAL, "Lines not yet in the tree"),
    "socle.ledger.oldest_age": Known(JOURNAL, "Oldest line not in the tree", "s", lambda v: v > 10),
    "socle.tls.expires_in": Known(SECURITY, "Certificate expires in", "s", lambda v: v < 8 * 3600),
}
HEADINGS = (EVENTS, DATABASES, JOURNAL, SECURITY, OTHER)


@dataclass(frozen=True, slots=True)
class Reading:
    """A series as a line: its newest value, and the curve of the last minutes."""

    heading: str
    title: str
    service: str
    labels: str
    value: float | None
    unit: str
    worry: bool
    curve: list[float]


def readings(measures: Measures, now: float) -> dict[str, list[Reading]]:
    """Every measure that is no call, by heading."""
    others = (name for name in measures.names() if not name.startswith(ELSEWHERE))
    order = dict.fromkeys((*KNOWN, *others))
    lines = [reading(series, now) for name in order for series in sorted_by_place(measures.named(name))]
    found = {heading: [line for line in lines if line.heading == heading] for heading in HEADINGS}
    return {heading: lines for heading, lines in found.items() if lines}


def sorted_by_place(every: Iterable[Series]) -> list[Series]:
    """By service, then by labels; of a program that was started again, the running process only."""
    newest: dict[tuple[str, str], Series] = {}
    for series in every:
        place = (series.service, said(series.labels))
        if place not in newest or series.last.at > newest[place].last.at:
            newest[place] = series
    return [newest[place] for place in sorted(newest)]


def said(labels: dict[str, str]) -> str:
    """Labels in one text."""
    return ", ".join(f"{name} {value}" for name, value in sorted(labels.items()))


def reading(series: Series, now: float) -> Reading:
    """The line of a series."""
    known = KNOWN.get(
        series.name, Known(OTHER, series.name, "/s" if series.kind == "counter" else series.unit)
    )
    value, shape = VALUES[series.kind](series, now)
    worry = value is not None and known.worry(value)
    place = (series.service, said(series.labels))
    return Reading(known.heading, known.title, *place, value, known.unit, worry, shape)


def level(series: Series, now: float) -> tuple[float | None, list[float]]:
    """A gauge: its newest value, and its values."""
    values = [point.value for point in series.points if point.at > now - SHOWN]
    return series.last.value, values[:: max(1, len(values) // STEPS)]


def growth(series: Series, now: float) -> tuple[float | None, list[float]]:
    """A counter: by how much it grows per second."""
    grown = sum(point.value for point in series.growth(now - RECENT))
    return grown / RECENT, curve([series], now, lambda point: point.value)


def slowest(series: Series, now: float) -> tuple[float | None, list[float]]:
    """A histogram: what 99 % stay below, and how many are counted per second."""
    counts = recent_counts(series, now)
    return quantile(0.99, counts, series.bounds), curve([series], now, lambda point: point.count)


VALUES = {"gauge": level, "counter": growth, "histogram": slowest}
