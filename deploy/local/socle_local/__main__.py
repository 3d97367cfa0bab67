"""The command line of the local platform; the Makefile gives each command a shorter name."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from socle_local import commands
from socle_local.failures import PlatformFailedError
from socle_local.manifest import ROOT

app = typer.Typer(
    help="The whole platform on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

T = TypeVar("T")
Tls = Annotated[bool, typer.Option(envvar="SOCLE_LOCAL_TLS", help="Mutual TLS between the services.")]
Observed = Annotated[
    bool, typer.Option("--observed", envvar="SOCLE_LOCAL_OBS", help="Show traces and metrics on a page.")
]


def home() -> Path:
    """Where the data is: SOCLE_HOME, or `.socle` in the repository."""
    return Path(os.environ.get("SOCLE_HOME") or ROOT / ".socle").resolve()


@app.command()
def run(tls: Tls = False, observed: Observed = False) -> None:
    """Run everything in this terminal; Ctrl-C stops it in order."""
    # Imported here: the other commands answer at once without the libraries of a whole platform.
    from socle_local import launcher

    told(lambda: launcher.run(home(), tls, console, observed=observed))


@app.command()
def up(tls: Tls = False, observed: Observed = False) -> None:
    """Start everything in the background; return when it is ready."""
    told(lambda: commands.up(home(), tls, console, observed=observed))


@app.command()
def down() -> None:
    """Stop everything, in order."""
    told(lambda: commands.down(home(), console))


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete all the data of the platform."""
    # Without a terminal nobody can answer: a script that says reset means it.
    ask = sys.stdin.isatty() and not yes
    told(
        lambda: commands.reset(
            home(), lambda: not ask or typer.confirm(f"Delete all the data in {home()}?"), console
        )
    )


@app.command()
def status() -> None:
    """Show each component, its process and its memory; non-zero when something is not ready."""
    if not told(lambda: commands.status(home(), console)):
        raise typer.Exit(1)


@app.command()
def token(persona: str) -> None:
    """Print a bearer token for a persona."""
    # Alone on standard output: it is meant for $(make token PERSONA=doctor).
    sys.stdout.write(told(lambda: commands.token(home(), persona)) + "\n")


@app.command()
def demo() -> None:
    """Run the first journey against the running platform."""
    from socle_local import demo as journey

    raise typer.Exit(told(journey.main))


def told(action: Callable[[], T]) -> T:
    """Runs an action; what goes wrong becomes its sentence and exit code 1."""
    try:
        return action()
    except PlatformFailedError as failure:
        errors.print(Text.assemble(("✗ ", "bold red"), str(failure)), soft_wrap=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app(prog_name="socle_local")
