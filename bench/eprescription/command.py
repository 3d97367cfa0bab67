"""`make bench ARGS=eprescription`: loads what is missing, then measures lifecycles among what is stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from bench import machine
from bench.eprescription import judging, pattern
from bench.eprescription.lifecycle import WARM_UP, Job
from bench.eprescription.report import Report
from bench.eprescription.stored import Stored
from bench.identity.closed import in_a_process
from bench.identity.country import bench_home
from gateway.models.prescribed import PARACETAMOL

# Prescribed for in a second of a round: more than it has time for.
A_SECOND = 170
PHARMACISTS = ("pharmacist", "other-pharmacist")


def main(
    size: Annotated[int, typer.Option(help="Prescriptions that are stored before.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(help="Seconds of a round.")] = 20.0,
    rounds: Annotated[int, typer.Option(help="Rounds, after a short one that is thrown away.")] = 3,
    clients: Annotated[int, typer.Option(help="Clients, in a closed loop.")] = 64,
) -> None:
    """E-prescription: lifecycles a second through the gateway among a million stored prescriptions."""
    console = Console(highlight=False)
    stored = Stored(size)
    with stored.running.started():
        if stored.loading() is None:
            console.print(f"loading {size:,} prescriptions")
            stored.load(pattern.signed(stored))
        report = measured(stored, seconds, rounds, clients)
    paper = report.paper()
    saved = paper.save()
    paper.show(console)
    console.print(f"Saved in {', '.join(map(str, saved))}")


def measured(stored: Stored, seconds: float, rounds: int, clients: int) -> Report:
    """A short round to warm up, then those that count; the rules last, alone."""
    loading = stored.loading()
    if loading is None:
        raise RuntimeError("The prescriptions were not loaded to the end: delete the platform and run again.")
    report = Report(machine.facts(bench_home()), loading, clients, seconds)
    persons = iter(stored.untreated())
    with Progress() as progress:
        task = progress.add_task("lifecycles", total=rounds + 1)
        for turn in range(rounds + 1):
            lasts = seconds if turn else 4.0
            taken = [
                person for person, _ in zip(persons, range(round(A_SECOND * (lasts + WARM_UP))), strict=False)
            ]
            outcome = in_a_process(
                "bench.eprescription.lifecycle", asdict(job(stored, taken, lasts, clients))
            )
            report.outcomes += [outcome] if turn else []
            progress.advance(task)
    report.rules = judging.measure()
    return report


def job(stored: Stored, persons: list[str], seconds: float, clients: int) -> Job:
    known: dict[str, Any] = {"content": PARACETAMOL, "product": pattern.product(stored)}
    tokens = [stored.token(name) for name in PHARMACISTS]
    doctor, watched = stored.token("doctor"), stored.programs()
    return Job(
        stored.port, doctor, tokens, persons, **known, seconds=seconds, clients=clients, watched=watched
    )
