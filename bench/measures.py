"""What is measured, in rounds: every line once a round, so that a noisy minute touches all of them alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

import httpx
from rich.progress import Progress

from bench import ports, rows
from bench.load import Job, Outcome, measure
from bench.running import Running
from bench.scene import Scene
from socle_local.manifest import ROOT
from socle_local.programs import Program

HELLO, ECHO, INSERT = "bare FastAPI hello", "bare FastAPI echo", "bare pgbench insert"
HOP = "bare FastAPI + gRPC"
READ, WRITE = "read identity", "create identity"
PATIENT, DEPOSIT = "read FHIR Patient", "deposit (ITI-65)"
SEARCH, RETRIEVE = "search (ITI-67)", "retrieve (ITI-68)"
DEPOSITS_A_SECOND = 500


@dataclass(slots=True)
class Line:
    """One thing measured; `run` takes the number of the round."""

    name: str
    run: Callable[[int], Outcome | float]
    outcomes: list[Outcome | float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Per second, a round each."""
        return [one if isinstance(one, float) else one.rate for one in self.outcomes]

    @property
    def rate(self) -> float:
        """The median of the rounds."""
        return median(self.rates)

    @property
    def refused(self) -> int:
        """Answers that were no success, over all rounds."""
        return sum(one.refused for one in self.outcomes if isinstance(one, Outcome))

    def latency(self) -> tuple[float, float] | None:
        """Medians of p50 and p99, in milliseconds."""
        measured = [one for one in self.outcomes if isinstance(one, Outcome)]
        return (
            (median(one.p50 for one in measured), median(one.p99 for one in measured)) if measured else None
        )


@contextmanager
def yardsticks(running: Running) -> Iterator[None]:
    """The bare applications, one uvicorn worker each, with the same loop and parser as the gateway."""
    programs = [
        uvicorn(running, "bench.hello:app", ports.HELLO),
        uvicorn(running, "bench.hop:app", ports.HOP_FRONT),
        Program("hop", [sys.executable, "-m", "bench.hop"], log=running.home / "logs" / "hop.log", cwd=ROOT),
    ]
    with ExitStack() as stack:
        for program in programs:
            program.start()
            stack.callback(program.stop)
        programs[0].wait_ready(lambda: answers(ports.HELLO, "/hello"), 20)
        programs[1].wait_ready(lambda: answers(ports.HOP_FRONT, "/hop"), 20)
        yield


def uvicorn(running: Running, app: str, port: int) -> Program:
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command = [sys.executable, "-m", "uvicorn", app, "--log-level", "warning", *options]
    return Program(app, command, log=running.home / "logs" / f"{port}.log", cwd=ROOT)


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
    except httpx.HTTPError:
        return False


def lines(running: Running, scene: Scene, seconds: float) -> list[Line]:
    """Every line, in the order of a round; each write stands beside what it is compared with."""
    traits = {"traits": scene.patients[0].traits, "ipp": "BENCH-1"}
    hello, echo = scene.request("GET", "/hello", ""), scene.request("POST", "/echo", "", traits)

    # More than there is time for: each is written before the clock starts and sent once.
    deposits = round(DEPOSITS_A_SECOND * (seconds + 1))

    def http(name: str, requests: list[bytes], port: int = scene.port) -> Line:
        # Numbers never used before: a round writes fewer than a million rows.
        return Line(name, lambda turn: measure(Job(port, requests, seconds, first=1 + turn * 1_000_000)))

    return [
        http(HELLO, [hello], ports.HELLO),
        http(HOP, [scene.request("GET", "/hop", "")], ports.HOP_FRONT),
        http(READ, scene.read()),
        http(PATIENT, scene.read_fhir()),
        http(ECHO, [echo], ports.HELLO),
        Line(INSERT, lambda turn: rows.insert_rate(running, scene.patients[0], seconds)),
        http(WRITE, scene.created()),
        Line(DEPOSIT, lambda turn: measure(Job(scene.port, scene.deposits(deposits), seconds))),
        http(SEARCH, scene.searches()),
        http(RETRIEVE, scene.retrieved()),
    ]


def play(measured: list[Line], rounds: int, progress: Progress) -> None:
    """Every line, `rounds` times, interleaved."""
    task = progress.add_task("measuring", total=rounds * len(measured))
    for turn in range(rounds):
        for line in measured:
            progress.update(task, description=f"round {turn + 1} of {rounds}: {line.name}")
            line.outcomes.append(line.run(turn))
            progress.advance(task)
