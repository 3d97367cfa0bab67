"""Running a program of the platform as a child process: its log, its user, its orderly end."""

import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypedDict

from socle_local.failures import InterruptedStartError, PlatformFailedError

# Often at first, when servers take milliseconds; seldom later, when each question delays who is starting.
FIRST_POLL, LONGEST_POLL = 0.01, 0.15


@dataclass(frozen=True, slots=True)
class Account:
    """The system account a program runs under: user and group numbers."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """True when the program needs no change of user."""
        return self.uid == os.geteuid()


def unprivileged_account(folder: Path) -> Account:
    """The account for a program that refuses to run as root.

    Ours when we are not root; else the owner of `folder`, or `nobody` when root owns that too.
    Raises PlatformFailedError when the machine has no such account.
    """
    if os.geteuid() != 0:
        return named(os.geteuid(), os.getegid())
    owner = folder.stat() if folder.exists() else None
    if owner and owner.st_uid != 0:
        return named(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PlatformFailedError(
            "PostgreSQL refuses to run as root and this machine has no account `nobody`:"
            " run make as another user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def named(uid: int, gid: int) -> Account:
    """The account of these numbers. Raises PlatformFailedError when it has no name, as in some containers."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise PlatformFailedError(
            f"PostgreSQL only runs for a user that has a name, and user {uid} has none here:"
            " give it a line in /etc/passwd, or run make as another user."
        ) from None
    return Account(uid, gid)


class Program:
    """One child process, with its output appended to a log file, or left on ours when there is none.

    It gets a session of its own: Ctrl-C in the terminal must reach the launcher alone, which stops
    its children in order.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path | None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self._spoken = log is None
        self.log = log or Path(os.devnull)
        self.command = [str(part) for part in command]
        self._cwd = cwd
        self._env = env
        self._account = account
        self.stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process number, or None when the program was not started."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it starts; negative is the signal that ended it."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """True from the start to the end of the process."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process. Raises PlatformFailedError when the system refuses to."""
        with self._output() as output:
            try:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self._cwd,
                    env=None if self._env is None else dict(self._env),
                    start_new_session=True,
                    **as_user(self._account),
                )
            except OSError as refused:
                raise PlatformFailedError(f"{self.name} cannot be started: {refused}.") from refused

    @contextmanager
    def _output(self) -> Iterator[BinaryIO | None]:
        if self._spoken:
            yield None
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            yield output

    def wait_ready(
        self, is_ready: Callable[[], bool], seconds: float, given_up: threading.Event | None = None
    ) -> None:
        """Blocks until `is_ready()`.

        Raises PlatformFailedError, with the last lines of the log, when the process ends first or after
        `seconds`; InterruptedStartError once `given_up` is set.
        """
        limit, pause = time.monotonic() + seconds, FIRST_POLL
        while not is_ready():
            if given_up and given_up.is_set():
                raise InterruptedStartError
            if not self.running:
                raise PlatformFailedError(f"{self.name} did not start: {self.ending}.\n{self.tail()}")
            if time.monotonic() > limit:
                raise PlatformFailedError(f"{self.name} was not ready after {seconds:.0f} s.\n{self.tail()}")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL)

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.exit_code
        if code is None:
            return "still running"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"stopped with exit code {code}"

    def tail(self, lines: int = 15) -> str:
        """The last lines this run wrote to the log: those of earlier runs are not the reason of this one."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def ask_to_stop(self) -> None:
        """Sends the stop signal and returns at once; nothing happens when the program does not run."""
        if self._process and self.running:
            self._process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """Ends the process at once, without a chance to tidy up; returns when it is gone."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds: float = 10) -> bool:
        """Asks the process to stop and waits; kills it after `seconds`. False when it had to be killed."""
        if self._process is None:
            return True
        self.ask_to_stop()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True


class UserArguments(TypedDict, total=False):
    """The arguments of `subprocess` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


def as_user(account: Account | None) -> UserArguments:
    """The arguments that make `subprocess` give up every privilege of the caller, its groups included."""
    if account is None or account.is_ours:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}
