"""`make upgrade-test` and `make restore-test`: rehearsals on real servers, with figures.

python -m tests.upgrade rolling            two versions under load, there and back
python -m tests.upgrade restore            an accident, and a restore to the moment before it
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from socle_local.failures import PlatformFailedError
from socle_local.manifest import ROOT

from . import rehearsed, restored, restoring
from .proof import Check
from .report import Report, checks_table, save_checks

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False)
BUILD = ROOT / "build"


@app.callback()
def main() -> None:
    """Rehearsals of what an operator does."""
    # Whoever ends this program ends what it started: nothing may be left running that nobody knows of.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


@app.command()
def rolling(
    rate: Annotated[float, typer.Option(help="Requests a second.")] = 30.0,
    idle: Annotated[float, typer.Option(help="Seconds of the quiet phase before.")] = 60.0,
    former: Annotated[
        str, typer.Option(envvar="SOCLE_UPGRADE_FROM", help="A git reference: upgrade from it to this tree.")
    ] = "",
) -> None:
    """Upgrade and roll back under load; exit 1 unless every check holds."""
    with folder("upgrade") as home:
        plan = rehearsed.Plan(home, rate, idle, former, say)
        report = told(plan)
    path = BUILD / "upgrade" / "report.json"
    report.save(path)
    report.show(console)
    console.print(f"Saved in {path.relative_to(ROOT)}")
    raise typer.Exit(0 if report.held else 1)


@app.command()
def restore() -> None:
    """Lose tables, go back to the moment before in a fresh home; exit 1 unless every check holds."""
    with folder("restore") as home:
        try:
            checks, seconds = asyncio.run(_restored(home))
        except (PlatformFailedError, RuntimeError, AssertionError) as failure:
            console.print(f"[bold red]✗[/] {failure}", soft_wrap=True)
            raise typer.Exit(1) from None
    path = BUILD / "restore" / "report.json"
    save_checks(path, checks, seconds)
    console.print(checks_table(checks))
    console.print(", ".join(f"{name} {took:.1f} s" for name, took in seconds.items()))
    console.print(f"Saved in {path.relative_to(ROOT)}")
    raise typer.Exit(0 if all(check.held for check in checks) else 1)


async def _restored(home: Path) -> tuple[list[Check], dict[str, float]]:
    fresh, seen = await restoring.rehearse(home, say)
    try:
        return await restored.judged(fresh, seen), seen.seconds
    finally:
        await asyncio.to_thread(fresh.type, "socle_local", "down")


def say(words: str) -> None:
    console.print(f"[dim]{words}[/]")


def told(plan: rehearsed.Plan) -> Report:
    """The report of a run; a platform that did not come up is its own sentence and exit code 1."""
    try:
        return asyncio.run(rehearsed.rolling(plan))
    except (PlatformFailedError, RuntimeError, AssertionError) as failure:
        console.print(f"[bold red]✗[/] {failure}", soft_wrap=True)
        console.print(f"Logs: {rehearsed.LOGS.relative_to(ROOT)}")
        raise typer.Exit(1) from None


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A place for a run, outside of the tree, gone at its end unless SOCLE_UPGRADE_KEEP is set."""
    home = Path(tempfile.mkdtemp(prefix=f"socle-{name}-"))
    # PostgreSQL runs as another user when this is root.
    home.chmod(0o755)
    try:
        yield home
    finally:
        if not os.environ.get("SOCLE_UPGRADE_KEEP"):
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    app(prog_name="python -m tests.upgrade")
