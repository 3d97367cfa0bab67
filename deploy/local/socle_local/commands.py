"""What each command does beside the launcher; `__main__` only reads the command line."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from rich.console import Console

from socle_local.display import Board, ready_panel, status_table
from socle_local.failures import InterruptedStartError, PlatformFailedError
from socle_local.personas import UnknownPersona
from socle_local.ports import Ports, asked_offset
from socle_local.record import (
    Record,
    already_running,
    is_locked,
    locked,
    read_record,
    stop_leftovers,
)
from socle_local.supervisor import State

POLL_SECONDS = 0.1
DOWN_SECONDS = 90.0


def up(home: Path, tls: bool, console: Console, *, observed: bool = False) -> None:
    """Starts the platform in the background; returns when all is ready.

    Raises PlatformFailedError with the launcher's own reason when it does not get there.
    """
    if is_locked(home):
        console.print(already_running(home), soft_wrap=True)
        return
    launcher = start_launcher(home, tls, observed)
    try:
        record = follow(home, launcher, console)
    except KeyboardInterrupt:
        launcher.terminate()
        launcher.wait()
        raise InterruptedStartError from None
    console.print(ready_panel(record, home, time.time() - record.began))
    console.print("[dim]It runs in the background: `make status` to see it, `make down` to stop it.[/]")


def start_launcher(home: Path, tls: bool, observed: bool) -> subprocess.Popen[bytes]:
    """This same program, in a session of its own: it outlives the terminal."""
    log = home / "logs" / "launcher.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    options = [*(["--tls"] if tls else []), *(["--observed"] if observed else [])]
    command = [sys.executable, "-m", "socle_local", "run", *options]
    env = {**os.environ, "SOCLE_HOME": str(home)}
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True
        )


def follow(home: Path, launcher: subprocess.Popen[bytes], console: Console) -> Record:
    """Shows the progress of a launcher in the background until the platform is ready."""
    told = [""]
    with Board(console) as board:
        while True:
            ended = launcher.poll() is not None
            record = read_record(home)
            mine = record if record and record.pid == launcher.pid else None
            if mine:
                board.show(mine)
            if mine and mine.phase is State.STARTING and mine.reason not in told:
                told.append(mine.reason)
                console.print(mine.reason, soft_wrap=True)
            if mine and mine.phase is State.READY and not ended:
                return mine
            if ended:
                break
            time.sleep(POLL_SECONDS)
    log = home / "logs" / "launcher.log"
    raise PlatformFailedError(
        mine.reason if mine and mine.reason else log.read_text(errors="replace").strip()
    )


def down(home: Path, console: Console) -> None:
    """Stops a platform, wherever it was started, and whatever a killed one left behind."""
    record = read_record(home)
    if record is None or record.launcher is None:
        left = stop_leftovers(home)
        said = (
            f"Stopped what was left running: {', '.join(left)}." if left else "The platform is not running."
        )
        console.print(said, soft_wrap=True)
        return
    tell(record, signal.SIGTERM)
    with Board(console, known=record) as board:
        if not shown_until_gone(home, record, board):
            tell(record, signal.SIGKILL)
            stop_leftovers(home)
    console.print("The platform is stopped; its data is kept.")


def tell(record: Record, number: signal.Signals) -> None:
    """Sends a signal to the launcher, if it is still there."""
    with suppress(psutil.NoSuchProcess):
        if launcher := record.launcher:
            launcher.send_signal(number)


def shown_until_gone(home: Path, record: Record, board: Board) -> bool:
    """Shows the components as they stop; False when the launcher is still there after a long wait."""
    limit = time.monotonic() + DOWN_SECONDS
    while record.launcher:
        if time.monotonic() > limit:
            return False
        board.show(read_record(home) or record)
        time.sleep(POLL_SECONDS)
    return True


def reset(home: Path, sure: Callable[[], bool], console: Console) -> None:
    """Deletes all the data below `home`. Raises PlatformFailedError while the platform runs."""
    if not home.exists():
        console.print(f"There is no data in {home}.")
        return
    with locked(home):
        refuse_strangers(home)
        if not sure():
            console.print("Nothing was deleted.")
            return
        stop_leftovers(home)
        shutil.rmtree(home)
    console.print(f"Deleted {home}: the next start makes a new platform.")


def refuse_strangers(home: Path) -> None:
    """Raises PlatformFailedError when the folder is not a platform's: SOCLE_HOME may be mistyped."""
    known = {"postgres", "nats", "secrets", "blobs", "logs", "issuer", "tls", "run.json", "lock"}
    strangers = sorted(path.name for path in home.iterdir() if path.name not in known)
    if strangers:
        raise PlatformFailedError(
            f"{home} holds {strangers[0]}, which the platform did not make:"
            " remove it yourself, or correct SOCLE_HOME."
        )


def status(home: Path, console: Console) -> bool:
    """Prints what runs; True when everything is ready."""
    record = read_record(home)
    if record is None or record.launcher is None:
        left = [seen.name for seen in record.components if seen.process] if record else []
        console.print("The platform is not running: `make run` or `make up` starts it.")
        if left:
            console.print(
                f"[yellow]Left by a launcher that was killed: {', '.join(left)}. `make down` stops them.[/]"
            )
        return False
    console.print(status_table(record))
    return all(seen.state is State.READY and seen.process for seen in record.components)


def token(home: Path, persona: str) -> str:
    """A bearer token for a persona, from the running platform; PlatformFailedError when none can be had."""
    # Imported here: no other command speaks HTTP, and its library takes longer to load than they take to run.
    from socle_local.issuer.tokens import NoToken, fetch

    record = read_record(home)
    address = record.address("issuer") if record and record.launcher else None
    try:
        return fetch(f"http://{address or Ports.usual([], asked_offset()).address('issuer')}", persona)
    except (NoToken, UnknownPersona) as failure:
        raise PlatformFailedError(str(failure)) from failure
