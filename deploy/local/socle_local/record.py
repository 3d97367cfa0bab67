"""What is known of the running platform outside its launcher: the file `run.json`, and the lock beside it."""

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from socle_local.failures import PlatformFailedError
from socle_local.private import write_private
from socle_local.supervisor import Component, State

RECORD, LOCK = "run.json", "lock"
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A component as last seen. `began` is in seconds since 1970, `seconds` the time it took to be ready."""

    name: str
    address: str
    stage: int
    stop_signal: int = signal.SIGTERM
    state: State = State.WAITING
    detail: str = ""
    pid: int | None = None
    created: float = 0.0
    began: float = 0.0
    seconds: float | None = None
    restarts: int = 0

    @classmethod
    def of(cls, component: Component, began: float) -> Self:
        """The component now; `began` as above."""
        pid = component.program.pid if component.program.running else None
        return cls(
            name=component.name,
            address=component.address,
            stage=component.stage,
            stop_signal=component.program.stop_signal,
            state=component.state,
            detail=component.detail,
            pid=pid,
            created=created_at(pid) if pid else 0.0,
            began=began,
            seconds=component.ready_after,
            restarts=component.restarts,
        )

    @property
    def process(self) -> psutil.Process | None:
        """The process, if it still runs and is the one that was recorded."""
        return same_process(self.pid, self.created)


@dataclass(slots=True)
class Record:
    """A run of the platform. `reason` says why it failed, and is empty otherwise."""

    pid: int
    created: float
    tls: bool = False
    phase: State = State.STARTING
    reason: str = ""
    began: float = field(default_factory=time.time)
    components: list[Seen] = field(default_factory=list)

    @property
    def launcher(self) -> psutil.Process | None:
        """The launcher's process, if it still runs."""
        return same_process(self.pid, self.created)

    def address(self, name: str) -> str | None:
        """The address of a component, or None when the platform has none of this name."""
        return next((seen.address for seen in self.components if seen.name == name), None)


class Recorder:
    """Keeps the record up to date; components report from several threads."""

    def __init__(self, home: Path, tls: bool) -> None:
        self._path = home / RECORD
        self._guard = threading.Lock()
        self.record = Record(os.getpid(), created_at(os.getpid()), tls)

    def expect(self, components: list[Component]) -> None:
        """The components that will run, before any of them starts."""
        self.record.components = [Seen.of(component, 0.0) for component in components]
        self._write()

    def observe(self, component: Component) -> None:
        """A component changed its state."""
        with self._guard:
            before = next(seen for seen in self.record.components if seen.name == component.name)
            began = time.time() if component.state is State.STARTING else before.began
            seen = Seen.of(component, began)
            self.record.components = [seen if old is before else old for old in self.record.components]
            self._write()

    def say(self, phase: State, reason: str = "") -> None:
        """The platform as a whole changed its state."""
        with self._guard:
            self.record.phase, self.record.reason = phase, reason
            self._write()

    def _write(self) -> None:
        write_private(self._path, json.dumps(asdict(self.record), indent=1).encode())


def read_record(home: Path) -> Record | None:
    """The last run recorded below `home`, alive or not."""
    try:
        raw: dict[str, Any] = json.loads((home / RECORD).read_text())
    except FileNotFoundError:
        return None
    components = [Seen(**{**seen, "state": State(seen["state"])}) for seen in raw.pop("components")]
    return Record(**{**raw, "phase": State(raw["phase"])}, components=components)


def created_at(pid: int) -> float:
    """When a process started (seconds since 1970), or 0 when it is gone: tells it from a later namesake."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def same_process(pid: int | None, created: float) -> psutil.Process | None:
    """The process of this number, unless the number was given to another program since."""
    if pid is None or abs(created_at(pid) - created) > 0.05:
        return None
    try:
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Makes this process the only launcher of `home`; the system frees the lock even when it is killed.

    Raises PlatformFailedError when another one holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlatformFailedError(already_running(home)) from None
        yield


def is_locked(home: Path) -> bool:
    """Whether a launcher runs on `home`."""
    try:
        with locked(home):
            return False
    except PlatformFailedError:
        return True


def already_running(home: Path) -> str:
    """The sentence for someone who wants the platform to themselves."""
    record = read_record(home)
    who = f" (process {record.pid})" if record else ""
    return f"The platform already runs{who} on {home}: use it, or stop it first with `make down`."


def stop_leftovers(home: Path) -> list[str]:
    """Stops what a launcher that was killed left running, in order; the names of what was found."""
    record = read_record(home)
    if record is None or record.launcher:
        return []
    left = [seen for seen in record.components if seen.process]
    for stage in sorted({seen.stage for seen in left}, reverse=True):
        stop_all([seen for seen in left if seen.stage == stage])
    return [seen.name for seen in left]


def stop_all(components: list[Seen]) -> None:
    """Asks processes that are not our children to stop, waits, kills those that do not."""
    for seen in components:
        if process := seen.process:
            process.send_signal(seen.stop_signal)
    limit = time.monotonic() + STOP_SECONDS
    # psutil would also wait until the dead are buried, which in a container may take seconds, or for ever.
    while any(seen.process for seen in components) and time.monotonic() < limit:
        time.sleep(0.05)
    for seen in components:
        if process := seen.process:
            process.kill()
