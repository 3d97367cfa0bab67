"""`make bench`: start, memory and throughput of the platform, beside a bare FastAPI and a bare `pgbench`.

`make bench ARGS=identity`: search, verification and match at the size of a country, beside a bare SQL lookup.
`make bench ARGS=dmp`: deposit, search and retrieve at three sizes, the mix, and what the journal costs.
`make bench ARGS=eprescription`: lifecycles of prescriptions among a million stored ones.
`make bench ARGS=telemetry`: what traces and metrics cost an answer.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from bench import machine, measures, rows, scene, telemetry
from bench.dmp import command as dmp
from bench.eprescription import command as eprescription
from bench.identity import command as identity
from bench.report import Report
from bench.running import Running, first_start

FIRST = "first start (clone, packages in the cache)"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command("identity")(identity.main)
app.command("dmp")(dmp.main)
app.command("eprescription")(eprescription.main)
app.command("telemetry")(telemetry.main)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    seconds: Annotated[float, typer.Option(help="Seconds a line is measured in each round.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="Rounds; each measures every line once.")] = 3,
    clone: Annotated[
        bool, typer.Option(help="Also time the very first start, in a copy of the tree.")
    ] = True,
) -> None:
    """Measure the platform on this machine; figures go to the terminal and to bench/results/."""
    if context.invoked_subcommand:
        return
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as folder, Progress(console=console) as progress:
        report = run(Path(folder), seconds, rounds, clone, progress)
    report.explain()
    report.show(console)
    console.print(f"Saved in {report.save()}")


def run(folder: Path, seconds: float, rounds: int, clone: bool, progress: Progress) -> Report:
    """Every measure, in the order that lets none disturb the other."""
    report = Report(machine.facts(folder))
    if clone:
        with_step(progress, "first start, in a copy of the tree", lambda: time_first_start(folder, report))
    running = Running(folder / "home")
    with running.started() as took:
        report.starts["fresh data"] = took
    with running.started() as took:
        report.starts["kept data"] = took
        report.memory["at rest"] = running.memory()
        throughput(running, report, seconds, rounds, progress)
        report.memory["after the load"] = running.memory()
    return report


def time_first_start(folder: Path, report: Report) -> None:
    """The cold start, if this machine can make an environment at all."""
    try:
        report.starts[FIRST] = first_start(folder / "first")
    except RuntimeError as failure:
        report.remarks.append(f"The first start was not measured. {failure}")


def with_step(progress: Progress, words: str, work: object) -> None:
    """Shows what is being done while it takes its time."""
    task = progress.add_task(words, total=None)
    assert callable(work)
    work()
    progress.remove_task(task)


def throughput(running: Running, report: Report, seconds: float, rounds: int, progress: Progress) -> None:
    """Requests per second, beside the yardsticks."""
    set_up = asyncio.run(scene.prepare(running))
    rows.prepare(running)
    with measures.yardsticks(running):
        report.lines = measures.lines(running, set_up, seconds)
        measures.play(report.lines, rounds, progress)


if __name__ == "__main__":
    app()
