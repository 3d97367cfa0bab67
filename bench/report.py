"""The figures as tables for a reader and as JSON for a comparison, with the goals beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.measures import ECHO, HELLO, HOP, INSERT, READ, WRITE, Line

RESULTS = Path(__file__).parent / "results"
NOTE = (
    "PostgreSQL, NATS, the services, the yardsticks and the load generator share this machine; fsync on;"
    " one worker a service; 32 clients, closed loop; audit, authorisation and events included; medians of"
    " interleaved rounds. Read differences under 25 % as ties; compare ratios between machines, never rates."
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What was promised. `most` says that the figure must stay below, otherwise it must reach the value."""

    name: str
    value: float
    wanted: float
    unit: str
    most: bool = False

    @property
    def reached(self) -> bool:
        return self.value <= self.wanted if self.most else self.value >= self.wanted

    def row(self) -> tuple[str, str, str, str]:
        """In words: what, measured, wanted, verdict."""
        sign, verdict = "≤" if self.most else "≥", "reached" if self.reached else "missed"
        measured = f"{self.value:,.2f} {self.unit}".strip()
        return self.name, measured, f"{sign} {self.wanted:g} {self.unit}".strip(), verdict


@dataclass(slots=True)
class Report:
    """One run of the bench. Times in seconds, memory in bytes."""

    machine: dict[str, str]
    starts: dict[str, float] = field(default_factory=dict)
    memory: dict[str, dict[str, int]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def rate(self, name: str) -> float:
        return next(line.rate for line in self.lines if line.name == name)

    def goals(self) -> list[Goal]:
        """The goals whose figures were measured."""
        most = {"first start (clone, packages in the cache)": 60.0, "fresh data": 60.0, "kept data": 15.0}
        goals = [
            Goal(f"ready: {name}", seconds, most[name], "s", most=True)
            for name, seconds in self.starts.items()
        ]
        for moment, parts in self.memory.items():
            goals.append(Goal(f"memory {moment}", sum(parts.values()) / 2**20, 2048, "MB", most=True))
        goals.append(Goal(f"write / {INSERT}", 100 * self.rate(WRITE) / self.rate(INSERT), 6, "%"))
        for yardstick in (HELLO, ECHO):
            share = 100 * self.rate(READ) / self.rate(yardstick)
            goals.append(Goal(f"read / {yardstick}", share, 35, "%"))
        return goals

    def explain(self) -> None:
        """Adds what a reader must know of a missed goal."""
        share = 100 * self.rate(HOP) / self.rate(HELLO)
        if share < 35:
            self.remarks.append(
                f"One bare gRPC hop with nothing behind it reaches {share:.0f} % of the bare hello here, so"
                " no read that costs one hop can reach 35 % of it on this machine: compare it with the hop."
            )

    def show(self, console: Console) -> None:
        """Everything, as tables."""
        console.print(self._machine(), self._memory(), self._rates(), self._goals())
        console.print(Text(NOTE, "dim"))
        for remark in self.remarks:
            console.print(Text(remark, "yellow"))

    def save(self) -> Path:
        """The same as JSON; the file."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        path.write_text(json.dumps(self._json(), indent=1))
        return path

    def _json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "starts_seconds": self.starts,
            "memory_bytes": self.memory,
            "rates_per_second": {line.name: line.rates for line in self.lines},
            "latency_ms_p50_p99": {line.name: line.latency() for line in self.lines},
            "refused": {line.name: line.refused for line in self.lines},
            "goals": [{**asdict(goal), "reached": goal.reached} for goal in self.goals()],
            "note": NOTE,
            "remarks": self.remarks,
        }

    def _machine(self) -> Table:
        table = Table(title="Machine", box=box.SIMPLE, show_header=False, title_justify="left")
        for name, value in self.machine.items():
            table.add_row(name, value)
        return table

    def _memory(self) -> Table:
        table = Table(title="Memory (PSS), MB", box=box.SIMPLE, title_justify="left")
        table.add_column("component")
        for moment in self.memory:
            table.add_column(moment, justify="right")
        names = dict.fromkeys(name for parts in self.memory.values() for name in parts)
        for name in names:
            table.add_row(name, *(f"{parts.get(name, 0) / 2**20:.0f}" for parts in self.memory.values()))
        table.add_section()
        table.add_row("all", *(f"{sum(parts.values()) / 2**20:.0f}" for parts in self.memory.values()))
        return table

    def _rates(self) -> Table:
        table = Table(title="Requests per second, 32 clients", box=box.SIMPLE, title_justify="left")
        table.add_column("what", no_wrap=True)
        for title in ("median", "range", "p50 ms", "p99 ms", "/ hello", "/ hop", "/ insert", "not 2xx"):
            table.add_column(title, justify="right")
        for line in self.lines:
            table.add_row(*self._row(line))
        return table

    def _row(self, line: Line) -> list[str]:
        latency = line.latency()
        times = [f"{one:.1f}" for one in latency] if latency else ["", ""]
        shares = [f"{100 * line.rate / self.rate(yardstick):.0f} %" for yardstick in (HELLO, HOP, INSERT)]
        spread = f"{min(line.rates):.0f}-{max(line.rates):.0f}"
        return [line.name, f"{line.rate:.0f}", spread, *times, *shares, str(line.refused or "")]

    def _goals(self) -> Table:
        table = Table(title="Goals", box=box.SIMPLE, title_justify="left")
        for title in ("what", "measured", "goal", ""):
            table.add_column(title, justify="left" if title in ("what", "") else "right")
        for goal in self.goals():
            *told, verdict = goal.row()
            table.add_row(*told, Text(verdict, "green" if goal.reached else "bold red"))
        return table
