"""`make backup`, `make restore`: the command line of backups.

    python -m socle_local.backup_command take
    python -m socle_local.backup_command restore --to 2026-06-12T10:00:00+00:00
    python -m socle_local.backup_command list

SOCLE_BACKUPS and SOCLE_BACKUP_KEYS say where backups and keys go, by default beside the home of the platform:
an operator puts each on another disk, and the two never together.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from socle_local import backup, backup_restore
from socle_local.__main__ import home, told
from socle_local.failures import PlatformFailedError

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False)


def backups() -> Path:
    """Where backups are."""
    return Path(os.environ.get("SOCLE_BACKUPS") or f"{home()}-backups").resolve()


def keys() -> Path:
    """Where their keys are."""
    return Path(os.environ.get("SOCLE_BACKUP_KEYS") or f"{home()}-keys").resolve()


@app.command()
def take() -> None:
    """Back the running platform up; nothing is stopped."""
    began = time.monotonic()
    made = told(lambda: backup.take(home(), backups(), keys(), say))
    console.print(f"{made.folder}: {made.megabytes} MB in {time.monotonic() - began:.1f} s")
    console.print(f"Keys and passwords, to be kept elsewhere: {keys()}")
    console.print(f"Any moment from {made.ended} on can be restored.")


@app.command("list")
def listed() -> None:
    """Show the backups there are."""
    table = Table("restores from", "MB", "folder")
    for one in backup.found(backups()):
        table.add_row(one.ended, str(one.megabytes), one.folder)
    console.print(table)


@app.command()
def restore(
    to: Annotated[
        str, typer.Option(help="A moment, ISO 8601 with its offset; without it, the last change.")
    ] = "",
    former: Annotated[
        str, typer.Option(help="The home whose log is played, when this home is a new one.")
    ] = "",
) -> None:
    """Bring the stopped platform back to a moment, all databases together."""
    done = told(lambda: _restored(to, former))
    console.print(f"Restored in {done.seconds:.1f} s ({done.recovery_seconds:.1f} s of them to play the log)")
    console.print(f"Last change: {done.last_change or 'that of the backup'}")
    console.print(f"Contents put back: {done.blobs_put_back}")
    for line in done.logs:
        console.print(line, soft_wrap=True)
    console.print("Start with `make up`.")
    if done.set_aside.exists():
        console.print(f"What stood there before is in {done.set_aside}.", soft_wrap=True)


def _restored(to: str, former: str) -> backup_restore.Restored:
    moment = moment_of(to)
    source = Path(former).resolve() if former else None
    plan = backup_restore.Plan(home(), backup.chosen(backups(), moment), keys(), moment, source)
    return backup_restore.restore(plan, say)


def moment_of(text: str) -> datetime | None:
    """The moment a text names, None when it is empty. Raises PlatformFailedError."""
    if not text:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise PlatformFailedError(f"TO={text!r}: write a moment with its offset, as 2026-06-12T10:00:00+00:00.")


def say(words: str) -> None:
    console.print(f"[dim]{words}[/]")


if __name__ == "__main__":
    app(prog_name="python -m socle_local.backup_command")
