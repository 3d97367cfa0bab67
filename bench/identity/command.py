"""`make bench ARGS=identity`: loads the registries that are missing, then measures all sizes side by side."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from bench import machine
from bench.identity.country import Country, bench_home
from bench.identity.lot import LINES
from bench.identity.measures import WARMING, Asked, Figure, Pace, interleaved
from bench.identity.report import Report, countries_of

SIZES = (10_000, 1_000_000, 10_000_000)
Sizes = Annotated[list[int], typer.Option("--size", help="Persons of a registry; once for each size.")]
Identities = Annotated[
    int, typer.Option(help="Local identities of one structure, in the registry that has as many.", min=1)
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load and to measure."""

    sizes: list[int]
    identities: int
    pace: Pace
    rounds: int
    lines: int

    def identities_of(self, country: Country) -> int:
        """How many local identities a registry holds: all in the smallest that can, none elsewhere."""
        able = [size for size in self.sizes if size >= self.identities]
        holder = min(able, default=max(self.sizes))
        return min(self.identities, holder) if country.size == holder else 0


def main(
    sizes: Sizes = list(SIZES),  # noqa: B006 (typer reads it, nobody writes it)
    identities: Identities = 1_000_000,
    seconds: Annotated[float, typer.Option(help="Seconds a figure is measured in each round.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="Rounds; each measures every figure once.")] = 3,
    clients: Annotated[int, typer.Option(help="Clients of a closed loop.")] = 32,
    match_clients: Annotated[int, typer.Option(help="The same for $match.")] = 4,
    arrivals: Annotated[float, typer.Option(help="Requests a second of the open measures.")] = 40.0,
    lines: Annotated[int, typer.Option(help="Lines of the lot of verifications.")] = LINES,
    load_only: Annotated[bool, typer.Option(help="Load what is missing, measure nothing.")] = False,
) -> None:
    """Identity at national size: search, verify, $match and lots, beside a bare SQL lookup.

    Platforms are kept below SOCLE_BENCH_HOME (.cache/bench when it is not set) and used again.
    """
    console = Console(highlight=False)
    plan = Plan(sizes, identities, Pace(seconds, clients, match_clients, arrivals), rounds, lines)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
        countries = prepared(plan, progress)
        report = None if load_only else measured(plan, countries, progress)
    if report:
        paper = report.paper()
        saved = paper.save()
        paper.show(console)
        console.print(f"Saved in {', '.join(map(str, saved))}")


def prepared(plan: Plan, progress: Progress) -> list[Country]:
    """The platforms with everything loaded, one started after the other."""
    countries = countries_of(plan.sizes)
    for country in countries:
        if wanting(country, plan):
            with country.running.started():
                loaded(country, plan, progress)
    return countries


def wanting(country: Country, plan: Plan) -> bool:
    """Whether something was never loaded to its end here."""
    done = {one.what for one in country.loadings()}
    wanted = {"persons", "local identities"} if plan.identities_of(country) else {"persons"}
    return not wanted <= done


def loaded(country: Country, plan: Plan, progress: Progress) -> None:
    """Loads what is missing of a platform that runs; stopped, it goes on where it was."""
    tasks = {}

    def shown(what: str, there: int, wanted: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(f"{country.name}: {what}", total=wanted)
        progress.update(tasks[what], completed=there)

    country.load(plan.identities_of(country), shown)


def measured(plan: Plan, countries: list[Country], progress: Progress) -> Report:
    """Every figure, all platforms running beside each other."""
    facts = machine.facts(bench_home())
    with ExitStack() as running:
        for country in countries:
            running.enter_context(country.running.started())
        asked = [Asked(one, plan.pace, plan.identities_of(one)) for one in countries]
        report = Report(
            facts,
            countries[0].settings(),
            plan.pace,
            plan.rounds,
            {one.size: one.loadings() for one in countries},
            max(one.identities for one in asked),
            interleaved([one.figures() for one in asked]),
        )
        report.right_first = next(one.right_first() for one in asked if one.identities)
        play(report.figures, plan.rounds, progress)
        report.lots = {one.country.size: one.lot(plan.lines) for one in asked}
    return report


def play(figures: list[Figure], rounds: int, progress: Progress) -> None:
    """Every figure, a short round to warm up, then `rounds` that count."""
    task = progress.add_task("measuring", total=(rounds + 1) * len(figures))
    for turn in (WARMING, *range(rounds)):
        for figure in figures:
            progress.update(
                task, description=f"round {turn + 1} of {rounds}: {figure.what}, {figure.country.name}"
            )
            figure.country.warm()
            outcome = figure.run(turn)
            if turn != WARMING:
                figure.outcomes.append(outcome)
            progress.advance(task)
