"""The launcher: runs the platform from the first start to the orderly stop."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from socle_local.display import Board, ready_panel
from socle_local.failures import PlatformFailedError
from socle_local.manifest import find_services
from socle_local.platform import Platform
from socle_local.ports import Ports, asked_offset, check_free
from socle_local.record import Recorder, locked, stop_leftovers
from socle_local.supervisor import Component, State


def run(home: Path, tls: bool, console: Console, *, observed: bool = False) -> None:
    """Runs the platform until a signal asks it to stop. Raises PlatformFailedError when it cannot start."""
    with locked(home):
        for name in stop_leftovers(home):
            console.print(f"Stopped {name}, left running by a launcher that was killed.")
        recorder = Recorder(home, tls)
        try:
            supervise(home, recorder, console, observed=observed)
        except PlatformFailedError as failure:
            # Written down for whoever started this launcher in the background.
            recorder.say(State.FAILED, str(failure))
            raise


def supervise(home: Path, recorder: Recorder, console: Console, *, observed: bool) -> None:
    """Puts the platform together, shows and records each change of its components."""
    board = Board(console)
    ports = Ports.usual(find_services(), asked_offset(), observed=observed)

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True)
        recorder.say(State.STARTING, sentence)

    check_free(ports, say)

    def observe(component: Component) -> None:
        recorder.observe(component)
        board.show(recorder.record)

    platform = Platform(home, ports, tls=recorder.record.tls, observed=observed, observe=observe)
    recorder.expect(platform.supervisor.components)
    try:
        with obeying_signals(platform):
            live(platform, recorder, board, console)
    finally:
        # Also after a fault of the launcher itself: nothing may be left running that nobody watches.
        platform.stop()


def live(platform: Platform, recorder: Recorder, board: Board, console: Console) -> None:
    """The three ages of a run: start, watch, stop."""
    began = time.monotonic()
    with board:
        platform.start()
    recorder.say(State.READY)
    console.print(ready_panel(recorder.record, platform.home, time.monotonic() - began))
    console.print("[dim]Ctrl-C stops everything.[/]")
    platform.supervisor.watch()
    recorder.say(State.STOPPING)
    with board:
        killed = platform.stop()
    recorder.say(State.STOPPED)
    if killed:
        console.print(f"[yellow]Did not stop in time and had to be killed: {', '.join(killed)}.[/]")


@contextmanager
def obeying_signals(platform: Platform) -> Iterator[None]:
    """While it lasts, the first signal stops the platform in order, a second one kills what still runs."""
    asked: list[int] = []

    def obey(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        platform.supervisor.give_up()
        if len(asked) > 1:
            for component in platform.supervisor.components:
                component.program.kill()

    # SIGHUP: closing the terminal must not leave a platform behind that nobody sees.
    before = {
        number: signal.signal(number, obey) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
