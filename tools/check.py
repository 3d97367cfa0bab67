"""`make check`: every rule that a machine can hold, two at a time, every failure shown.

Run as `python -m tools.check`, or `python -m tools.check ruff mypy` for some of them. Each check is a list of
commands of this virtual environment, all of them run; it fails when one of them returns non-zero.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tools import breaking
from tools.gen import generate
from tools.paths import ROOT, source_roots

BIN = Path(sys.executable).parent
Command = tuple[str, ...]


class State(Enum):
    """How a check ended: its word in the table, and the word's style."""

    PASSED = ("passed", "green")
    FAILED = ("failed", "bold red")
    SKIPPED = ("nothing to compare", "yellow")

    def __init__(self, word: str, style: str) -> None:
        self.word = word
        self.style = style


@dataclass(frozen=True, slots=True)
class Check:
    """Commands that run one after the other; without any, `why` says why there is nothing to do."""

    name: str
    what: str
    commands: tuple[Command, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check gave: what its failed commands said, or why it was skipped; its duration in seconds."""

    check: Check
    state: State
    seconds: float
    output: str


def program(name: str, *arguments: str) -> Command:
    """A program of this virtual environment, never one of the same name elsewhere on PATH."""
    return (str(BIN / name), *arguments)


def type_checks(root: Path = ROOT) -> Iterator[Command]:
    """mypy for the sources, then for each folder of tests by itself: their modules bear the same names."""
    yield program("mypy")
    for folder in sorted(
        {*root.glob("*/*/tests"), *root.glob("tools/**/tests"), root / "tests", root / "bench"}
    ):
        files = sorted(str(path.relative_to(root)) for path in folder.rglob("*.py"))
        if files:
            yield program("mypy", *files)


def checks(former: Path | None, why: str) -> tuple[Check, ...]:
    """Every check; `former` holds the contracts of before, or `why` says that there are none."""
    python = str(sys.executable)
    compare = (program("buf", "breaking", "--against", str(former)),) if former else ()
    return (
        Check("mypy", "strict types, of the tests too", tuple(type_checks())),
        Check("ruff", "faults, imports, names", (program("ruff", "check", "--output-format=concise"),)),
        Check(
            "format",
            "layout of the Python files",
            (program("ruff", "format", "--check", "--output-format=concise"),),
        ),
        Check("imports", "who may import whom", (program("lint-imports", "--no-logo"),)),
        Check("lints", "the house lints", ((python, "-m", "tools.lints"),)),
        Check(
            "manifests",
            "who calls whom, in Kubernetes too",
            ((python, "-m", "socle_k8s", "generate", "--check"),),
        ),
        Check("slo", "rules and dashboards are those of slo/", ((python, "-m", "tools.slo", "--check"),)),
        Check("buf-lint", "form of the contracts", (program("buf", "lint"),)),
        Check("buf-format", "layout of the contracts", (program("buf", "format", "--diff", "--exit-code"),)),
        Check("buf-breaking", "contracts keep their promises", compare, why),
    )


def environment() -> dict[str, str]:
    """The environment of a check: the packages of this very copy of the repository come first."""
    roots = os.pathsep.join(str(path) for path in source_roots())
    return {**os.environ, "PYTHONPATH": roots, "NO_COLOR": "1", "TERM": "dumb"}


async def run(check: Check, places: asyncio.Semaphore) -> Outcome:
    """Runs a check when a place is free."""
    async with places:
        began = time.monotonic()
        if not check.commands:
            return Outcome(check, State.SKIPPED, 0.0, check.why)
        ended = [await execute(command) for command in check.commands]
        faults = [output for status, output in ended if status]
        state = State.FAILED if faults else State.PASSED
        return Outcome(check, state, time.monotonic() - began, "\n".join(faults))


async def execute(command: Command) -> tuple[int, str]:
    """The exit status of a command at the root of the repository, and all it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace").strip()


async def run_all(wanted: tuple[Check, ...], console: Console) -> list[Outcome]:
    """Runs the checks, as many at a time as there are processors, and tells each as it ends."""
    places = asyncio.Semaphore(os.cpu_count() or 1)
    outcomes = []
    for next_one in asyncio.as_completed([run(check, places) for check in wanted]):
        outcome = await next_one
        outcomes.append(outcome)
        console.print(f"{outcome.check.name}: {outcome.state.word}", style=outcome.state.style)
    return sorted(outcomes, key=lambda outcome: wanted.index(outcome.check))


def show(outcomes: list[Outcome], console: Console) -> None:
    """The output of each failure, then one table of all."""
    for outcome in outcomes:
        if outcome.state is State.FAILED:
            console.print(Rule(outcome.check.name, style="red"))
            console.print(Text(outcome.output), soft_wrap=True)
    table = Table("check", "holds", "outcome", "seconds", title="make check")
    table.columns[3].justify = "right"
    for outcome in outcomes:
        word = Text(outcome.state.word, style=outcome.state.style)
        table.add_row(outcome.check.name, outcome.check.what, word, f"{outcome.seconds:.1f}")
    console.print(table)
    for outcome in outcomes:
        if outcome.state is State.SKIPPED:
            console.print(f"{outcome.check.name}: {outcome.output}", soft_wrap=True)


def main(names: list[str]) -> int:
    """Runs the checks of these names, all without a name; 1 when one failed, 2 for an unknown name."""
    console = Console(highlight=False)
    generate()
    with TemporaryDirectory() as scratch:
        former, why = breaking.former_contracts(ROOT, Path(scratch))
        every = checks(former, why)
        unknown = set(names) - {check.name for check in every}
        if unknown:
            known = ", ".join(check.name for check in every)
            console.print(f"check: no check is called {', '.join(sorted(unknown))}; there are {known}")
            return 2
        wanted = tuple(check for check in every if not names or check.name in names)
        outcomes = asyncio.run(run_all(wanted, console))
    show(outcomes, console)
    return 1 if any(outcome.state is State.FAILED for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
