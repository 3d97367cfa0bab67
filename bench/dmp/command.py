"""`make bench ARGS=dmp`: loads the records that are missing, then measures all sizes side by side."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from bench import machine
from bench.dmp import journal, trips
from bench.dmp.measures import WARMING, Asked, Figure, Pace, interleaved
from bench.dmp.nation import Nation
from bench.dmp.report import Mixed, Report
from bench.identity.country import bench_home

SIZES = (1_000, 16_000, 64_000)
MIXED_SIZE = 16_000
Sizes = Annotated[list[int], typer.Option("--size", help="Patients of a platform; once for each size.")]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load and to measure."""

    sizes: list[int]
    pace: Pace
    rounds: int
    journal_rounds: int

    @property
    def mixed(self) -> int:
        """The size of the mix and of the journal."""
        return min(self.sizes, key=lambda size: abs(size - MIXED_SIZE))


def main(
    sizes: Sizes = list(SIZES),  # noqa: B006 (typer reads it, nobody writes it)
    seconds: Annotated[float, typer.Option(help="Seconds a figure is measured in each round.")] = 2.5,
    rounds: Annotated[int, typer.Option(help="Rounds; each measures every figure once.")] = 3,
    clients: Annotated[int, typer.Option(help="Clients of a question, in a closed loop.")] = 32,
    mix_seconds: Annotated[float, typer.Option(help="Seconds of a turn of the mix.")] = 8.0,
    mix_clients: Annotated[int, typer.Option(help="Clients of the mix, in a closed loop.")] = 64,
    journal_rounds: Annotated[int, typer.Option(help="Rounds of the mix with and without journal.")] = 4,
    load_only: Annotated[bool, typer.Option(help="Load what is missing, measure nothing.")] = False,
) -> None:
    """The DMP: deposit, search, retrieve at three sizes, the mix, and what the journal costs.

    Platforms are kept below SOCLE_BENCH_HOME (.cache/bench when it is not set) and used again.
    """
    console = Console(highlight=False)
    plan = Plan(sizes, Pace(seconds, clients, mix_seconds, mix_clients), rounds, journal_rounds)
    nations = [Nation(size, place) for place, size in enumerate(sorted(set(sizes)))]
    with ExitStack() as running:
        for nation in nations:
            console.print(f"{nation.name} patients: starting")
            running.enter_context(nation.running.started())
            if nation.loading() is None:
                nation.load()
        if load_only:
            return
        facts = machine.facts(bench_home())
        asked = [Asked(nation, plan.pace) for nation in nations]
        for one in asked:
            one.prepare()
        with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
            report = measured(plan, facts, asked, progress)
    paper = report.paper()
    saved = paper.save()
    paper.show(console)
    console.print(f"Saved in {', '.join(map(str, saved))}")


def measured(plan: Plan, facts: dict[str, str], asked: list[Asked], progress: Progress) -> Report:
    """Every figure, all platforms running beside each other."""
    report = Report(facts, plan.pace, plan.rounds, [one.nation for one in asked])
    report.figures = interleaved([one.figures() for one in asked])
    play(report.figures, plan.rounds, progress)
    one = next(one for one in asked if one.nation.size == plan.mixed)
    report.mixed = mixed(one, plan, progress)
    report.trips = trips.count(one)
    task = progress.add_task("journal", total=3 * plan.journal_rounds)

    def told(what: str) -> None:
        progress.update(task, description=what, advance=1)

    report.overhead = journal.play(one, plan.journal_rounds, plan.pace.mix_seconds * journal.SHARE, told)
    return report


def mixed(asked: Asked, plan: Plan, progress: Progress) -> Mixed:
    """The mix in as many rounds, a short one thrown away before."""
    task = progress.add_task("the mix", total=plan.rounds)
    seconds, outcomes = plan.pace.mix_seconds, []
    own = asked.own(plan.rounds + 1, seconds)
    asked.mix(WARMING, min(2.0, seconds), own[-1])
    for turn in range(plan.rounds):
        outcomes.append(asked.mix(turn, seconds, own[turn]))
        progress.advance(task)
    return Mixed(asked.nation.size, outcomes)


def play(figures: list[Figure], rounds: int, progress: Progress) -> None:
    """Every figure, a short round to warm up, then `rounds` that count."""
    task = progress.add_task("measuring", total=(rounds + 1) * len(figures))
    for turn in (WARMING, *range(rounds)):
        for nation in {figure.nation.size: figure.nation for figure in figures}.values():
            nation.warm()
        for figure in figures:
            progress.update(
                task, description=f"round {turn + 1} of {rounds}: {figure.what}, {figure.nation.name}"
            )
            outcome = figure.run(turn)
            if turn != WARMING:
                figure.outcomes.append(outcome)
            progress.advance(task)
