"""What a run is told by: a table, and `build/upgrade/report.json`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .proof import Check
from .rolling import IDLE, ROLLBACK, UPGRADE, Phase
from .traffic import Sample

# The slowest hundredth of the requests while versions change, against that of a quiet minute.
TIMES_IDLE = 2.0
SHOWN, SLOWEST = 5, 60


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one phase; times in milliseconds, waiting included."""

    phase: str
    seconds: float
    requests: int
    failed: int
    p50: float
    p99: float
    worst: float
    former: int
    following: int


@dataclass(slots=True)
class Report:
    """The figures and the checks of a run."""

    rate: float
    nice: int
    rows: list[Row]
    checks: list[Check] = field(default_factory=list)
    # Service, phase, events written by the former version, by the next one.
    written: list[tuple[str, str, int, int]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    # The slowest kinds of request while versions change: kind, requests, p50, p99.
    kinds: list[tuple[str, int, float, float]] = field(default_factory=list)
    # Bytes, by table.
    sizes: dict[str, int] = field(default_factory=dict)
    # What was done when, and the slowest requests: seconds since the first phase, words, milliseconds.
    steps: list[tuple[float, str]] = field(default_factory=list)
    slowest: list[tuple[float, str, float]] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return all(check.held for check in self.checks)

    def explain(
        self, phases: Sequence[Phase], steps: Sequence[tuple[float, str]], samples: Sequence[Sample]
    ) -> None:
        """Adds what helps to find a cause: failures by their words, kinds, steps, the slowest requests."""
        changes, first = [one for one in phases if one.name in (UPGRADE, ROLLBACK)], phases[0].began
        words = (f"{one.kind}: {one.failure}" for one in samples if one.failure)
        self.failures = dict(Counter(words))
        self.kinds = kinds_of(changes, samples)
        self.steps = [(round(at - first, 2), words) for at, words in steps]
        slowest = slowest_of(changes, samples)
        self.slowest = [(round(at - first, 2), words, took) for at, words, took in slowest]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(self)}
        path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")

    def show(self, console: Console) -> None:
        console.print(self._phases(), self._kinds(), self._versions(), checks_table(self.checks))
        for failure, count in list(self.failures.items())[:SHOWN]:
            console.print(f"[red]{count} x {failure}[/]", soft_wrap=True)

    def _phases(self) -> Table:
        table = Table(title=f"{self.rate:g} requests a second, none sent twice")
        for name in ("phase", "s", "requests", "failed", "p50 ms", "p99 ms", "worst", "by now", "by next"):
            table.add_column(name, justify="left" if name == "phase" else "right")
        for row in self.rows:
            figures = (row.p50, row.p99, row.worst)
            table.add_row(
                row.phase,
                f"{row.seconds:.0f}",
                str(row.requests),
                str(row.failed),
                *(f"{one:.0f}" for one in figures),
                str(row.former),
                str(row.following),
            )
        return table

    def _kinds(self) -> Table:
        table = Table("request", "count", "p50 ms", "p99 ms", title="while versions change")
        for kind, count, p50, p99 in self.kinds:
            table.add_row(kind, str(count), f"{p50:.0f}", f"{p99:.0f}")
        return table

    def _versions(self) -> Table:
        table = Table("service", "phase", "by now", "by next", title="events written by each version")
        for service, phase, former, following in self.written:
            table.add_row(service, phase, str(former), str(following))
        return table


def checks_table(checks: Sequence[Check]) -> Table:
    """Each statement, whether it held, and by what figures."""
    table = Table("what", "held", "figures", title="checks")
    for check in checks:
        table.add_row(check.what, "[green]yes[/]" if check.held else "[bold red]no[/]", Text(check.figures))
    return table


def save_checks(path: Path, checks: Sequence[Check], seconds: Mapping[str, float]) -> None:
    """Writes what a rehearsed restore showed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    made = {"at": at, "seconds": dict(seconds), "checks": [asdict(check) for check in checks]}
    path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")


def quantile(times: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; 0 of nothing."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def row_of(phase: Phase, samples: Sequence[Sample]) -> Row:
    """The figures of the requests that were due in a phase."""
    own = [one for one in samples if phase.holds(one.due)]
    times, versions = [one.milliseconds for one in own], Counter(one.version for one in own)
    p50, p99, worst = (round(quantile(times, share), 1) for share in (0.5, 0.99, 1.0))
    failed = sum(bool(one.failure) for one in own)
    seconds = round(phase.seconds, 1)
    return Row(phase.name, seconds, len(own), failed, p50, p99, worst, versions["now"], versions["next"])


def kinds_of(phases: Sequence[Phase], samples: Sequence[Sample]) -> list[tuple[str, int, float, float]]:
    """Each kind of request in these phases, the slowest first."""
    own = [one for one in samples if any(phase.holds(one.due) for phase in phases)]
    found = []
    for kind in {one.kind for one in own}:
        times = [one.milliseconds for one in own if one.kind == kind]
        found.append((kind, len(times), round(quantile(times, 0.5), 1), round(quantile(times, 0.99), 1)))
    return sorted(found, key=lambda one: -one[3])


def slowest_of(phases: Sequence[Phase], samples: Sequence[Sample]) -> list[tuple[float, str, float]]:
    """The requests that took longest while versions changed, in the order of time."""
    own = [one for one in samples if any(phase.holds(one.due) for phase in phases)]
    worst = sorted(own, key=lambda one: -one.milliseconds)[:SLOWEST]
    return [
        (one.due, f"{one.kind}, by {one.version}", round(one.milliseconds, 1))
        for one in sorted(worst, key=lambda one: one.due)
    ]


def judged(rows: Sequence[Row], samples: Sequence[Sample]) -> list[Check]:
    """The two promises: nobody is refused, and hardly anybody waits longer."""
    failed = sum(bool(one.failure) for one in samples)
    p99 = {row.phase: row.p99 for row in rows}
    checks = [Check("no request failed", failed == 0, f"{failed} of {len(samples)}")]
    for name in (UPGRADE, ROLLBACK):
        times = p99[name] / p99[IDLE] if p99[IDLE] else 0.0
        figures = f"{p99[name]:.0f} ms, idle {p99[IDLE]:.0f} ms: {times:.2f} times"
        checks.append(Check(f"p99 during the {name} below twice idle", 0 < times < TIMES_IDLE, figures))
    return checks
