"""A trace laid out: each span under the one that started it, placed in time."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .spans import NANOSECONDS_IN_A_MILLISECOND, Span, Trace

# Width of the time axis in units of the drawing; the least a bar takes, so that it can be seen.
WIDTH, LEAST = 1000.0, 3.0
# The style sheet has as many; a seventh service takes the first again.
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Row:
    """A span in its place. `x` and `width` in units of the drawing; `after` the start, in milliseconds."""

    span: Span
    depth: int
    after: float
    x: float
    width: float
    colour: int


def rows(trace: Trace) -> list[Row]:
    """Every span once, parents before children, in the order of their start."""
    spans = trace.spans
    start = spans[0].start
    total = max(1, max(span.end for span in spans) - start)
    services = list(dict.fromkeys(span.service for span in spans))
    return [
        _row(span, depth, start, total, services.index(span.service) % COLOURS)
        for span, depth in _ordered(trace)
    ]


def _row(span: Span, depth: int, start: int, total: int, colour: int) -> Row:
    width = max(LEAST, (span.end - span.start) / total * WIDTH)
    x = min((span.start - start) / total * WIDTH, WIDTH - LEAST)
    after = (span.start - start) / NANOSECONDS_IN_A_MILLISECOND
    return Row(span, depth, after, round(x, 1), round(min(width, WIDTH - x), 1), colour)


def _ordered(trace: Trace) -> Iterable[tuple[Span, int]]:
    spans = trace.spans
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent_id if span.parent_id in trace.by_id else ""].append(span)
    # Spans that name each other as parent have no top: below the tops lie all, and those left come last.
    waiting = [(span, 0) for span in [*reversed(spans), *reversed(children[""])]]
    placed: dict[str, tuple[Span, int]] = {}
    while waiting:
        span, depth = waiting.pop()
        if span.span_id not in placed:
            placed[span.span_id] = (span, depth)
            waiting += [(child, depth + 1) for child in reversed(children[span.span_id])]
    return placed.values()
