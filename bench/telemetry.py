"""`make bench ARGS=telemetry`: what traces and metrics cost, in milliseconds of processor for one answer.

A platform in each mode, all up at once, asked in short turns; the collector is a program that takes
everything and keeps nothing, so that only the cost of telling is seen. Time of processor, not answers a
second: it is what a node is bought for, and it is blurred least by who else uses the machine.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import machine, scene
from bench.load import Job, measure
from bench.ports import COLLECTOR, OFFSET
from bench.running import Running
from socle_local.manifest import ROOT

TOLD = ("gateway", "identity-ins")
NONE = "nothing exported"
# Seconds after a start in which the gateway still loads what it will need: nobody's cost of telling.
SETTLING = 10.0
# Between the ports of two platforms; people that one turn may create.
STEP, A_TURN = 10, 600
MODES = {NONE: "", "metrics, no trace": "0", "1 trace in 100": "0.01", "every trace": "1"}


@dataclass(slots=True)
class Cost:
    """Milliseconds of processor for one answer, a round each; and answers a second."""

    mode: str
    line: str
    milliseconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def main(
    seconds: Annotated[float, typer.Option(help="Seconds a line is measured in each round.")] = 2.0,
    rounds: Annotated[int, typer.Option(help="Rounds; each asks every platform once.")] = 9,
    clients: Annotated[int, typer.Option(help="Clients, in a closed loop.")] = 16,
) -> None:
    """What telemetry costs: processor time of an answer with none, with metrics, with traces."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as folder, collector():
        costs = measured(Path(folder), seconds, rounds, clients)
    console.print(table(costs))
    for name, value in machine.facts(Path(tempfile.gettempdir())).items():
        console.print(f"{name}: {value}")


@contextmanager
def collector() -> Iterator[None]:
    """A program of its own: its work is nobody's cost here."""
    process = subprocess.Popen([sys.executable, "-m", "bench.telemetry"], cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def measured(folder: Path, seconds: float, rounds: int, clients: int) -> list[Cost]:
    """Every mode in each round, in short turns, so that a noisy minute touches all of them alike."""
    costs: dict[tuple[str, str], Cost] = {}
    with ExitStack() as stack, Progress() as progress:
        task = progress.add_task("telemetry", total=rounds * len(MODES))
        platforms = {mode: started(stack, folder, place) for place, mode in enumerate(MODES)}
        time.sleep(SETTLING)
        for turn in range(rounds):
            for mode, (running, set_up) in platforms.items():
                for line, requests in lines(set_up, turn).items():
                    first = 1 + turn * 1_000_000
                    job = Job(set_up.port, requests, seconds, clients, first, watched=programs(running))
                    add(costs.setdefault((mode, line), Cost(mode, line)), measure(job))
                progress.advance(task)
    return list(costs.values())


def started(stack: ExitStack, folder: Path, place: int) -> tuple[Running, scene.Scene]:
    """A platform in one of the modes, beside those of the others, with data of its own."""
    extra = environment(list(MODES.values())[place])
    running = Running(folder / f"home-{place}", offset=OFFSET + STEP * place, extra=extra)
    stack.enter_context(running.started())
    return running, asyncio.run(scene.prepare(running))


def environment(ratio: str) -> dict[str, str]:
    """What the services are told; nothing at all without a ratio."""
    if not ratio:
        return {}
    address = f"http://127.0.0.1:{COLLECTOR}"
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "SOCLE_TRACE_RATIO": ratio}


def lines(of: scene.Scene, turn: int) -> dict[str, list[bytes]]:
    """A read, which crosses every hop once; a write of someone new, with its row, event and journal."""
    people = of.created()
    return {"read identity": of.read(), "create identity": people[turn * A_TURN :] + people[: turn * A_TURN]}


def programs(running: Running) -> dict[str, int]:
    """The processes whose time counts."""
    found = {seen.name: seen.process for seen in running.record.components if seen.name in TOLD}
    return {name: process.pid for name, process in found.items() if process}


def add(cost: Cost, outcome: Any) -> None:
    """One round."""
    if outcome.refused:
        raise RuntimeError(f"{outcome.statuses}: a rate of refusals measures nothing")
    cost.milliseconds.append(sum(outcome.cpu[name] for name in TOLD) / outcome.count * 1000)
    cost.rates.append(outcome.rate)


def table(costs: list[Cost]) -> Table:
    """A line a measure, with what it adds to nothing exported."""
    shown = Table("mode", "measure", "ms an answer", "more", "answers/s")
    bare = {cost.line: median(cost.milliseconds) for cost in costs if cost.mode == NONE}
    for cost in costs:
        own = median(cost.milliseconds)
        more = (own / bare[cost.line] - 1) * 100
        spread = f"{own:.2f} ({min(cost.milliseconds):.2f} to {max(cost.milliseconds):.2f})"
        shown.add_row(cost.mode, cost.line, spread, f"{more:+.1f} %", f"{median(cost.rates):,.0f}")
    return shown


class Takes(BaseHTTPRequestHandler):
    """Everything, without a look."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silent."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", COLLECTOR), Takes).serve_forever()
