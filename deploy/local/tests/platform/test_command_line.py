"""The commands as people type them, on the small repository: processes, signals, exit codes, sentences."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from socle_local.ports import OFFSET, Ports, is_taken

SECONDS = 90


@dataclass(frozen=True)
class Shell:
    """Runs `python -m socle_local` in the small repository, away from the usual ports."""

    root: Path
    env: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env=self.env,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*words), env=self.env, cwd=self.root, stdout=subprocess.PIPE, text=True
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "socle_local", *words]

    @property
    def record(self) -> dict[str, object]:
        record: dict[str, object] = json.loads((self.root / ".socle" / "run.json").read_text())
        return record

    def pid(self, name: str) -> int:
        components = self.record["components"]
        assert isinstance(components, list)
        return int(next(seen["pid"] for seen in components if seen["name"] == name))


@pytest.fixture
def shell(small_repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SOCLE_")}
    made = Shell(small_repository, {**env, OFFSET: str(free_offset()), "COLUMNS": "200"})
    yield made
    made.run("down")


def free_offset() -> int:
    """A distance at which every port of the small repository is free."""
    usual = [*Ports.usual([], observed=True).by_name.values(), 15059, 8089]
    start = 200 + 10 * (os.getpid() % 300)
    return next(o for o in range(start, start + 3000, 7) if not any(is_taken(port + o) for port in usual))


def eventually(shell: Shell, name: str, state: str) -> None:
    limit = time.monotonic() + 30
    while not any(f"{state}" in line for line in shell.run("status").stdout.splitlines() if name in line):
        assert time.monotonic() < limit, f"{name} was never {state}"
        time.sleep(0.2)


def test_up_use_and_down(shell: Shell) -> None:
    up = Shell(shell.root, {**shell.env, "SOCLE_LOCAL_OBS": "1"}).run("up")
    assert (up.returncode, up.stderr) == (0, "")
    assert "Socle is ready" in up.stdout
    assert f"http://127.0.0.1:{8082 + int(shell.env[OFFSET])}/" in up.stdout
    status = shell.run("status")
    assert status.returncode == 0
    for name in ("observe", "postgres", "nats", "issuer", "echo-back", "gateway"):
        assert name in status.stdout

    token = shell.run("token", "doctor")
    assert (token.returncode, token.stdout.count("."), token.stdout.count("\n")) == (0, 2, 1)
    stranger = shell.run("token", "nobody")
    assert (stranger.returncode, stranger.stdout) == (1, "")
    assert "There is no persona 'nobody'" in stranger.stderr

    again, run, reset = shell.run("up"), shell.run("run"), shell.run("reset")
    assert (again.returncode, run.returncode, reset.returncode) == (0, 1, 1)
    for said in (again.stdout, run.stderr, reset.stderr):
        assert said.count("\n") == 1
        assert "The platform already runs (process" in said

    first = shell.pid("echo-back")
    os.kill(first, signal.SIGKILL)
    eventually(shell, "echo-back", "ready")
    assert shell.pid("echo-back") != first

    down = shell.run("down")
    assert down.returncode == 0
    assert [name for name in last_stopped(shell) if name not in ("issuer", "observe")] == [
        "gateway",
        "echo-back",
        "nats",
        "postgres",
    ]
    assert shell.run("status").returncode == 1
    assert shell.run("down").stdout == "The platform is not running.\n"


def last_stopped(shell: Shell) -> list[str]:
    """The components in the order the launcher said they had stopped."""
    log = (shell.root / ".socle" / "logs" / "launcher.log").read_text()
    return [line.split()[1] for line in log.splitlines() if line.endswith("stopped")]


def test_ctrl_c_stops_everything_and_the_data_is_kept(shell: Shell) -> None:
    for kept in (False, True):
        marker = shell.root / ".socle" / "postgres" / "data" / "kept"
        assert marker.exists() is kept
        with shell.start("run") as running:
            assert running.stdout is not None
            for line in running.stdout:
                if "Ctrl-C" in line:
                    break
            pids = [shell.pid(name) for name in ("postgres", "nats", "echo-back")]
            running.send_signal(signal.SIGINT)
            assert running.wait(SECONDS) == 0
        assert not any(psutil.pid_exists(pid) for pid in pids)
        marker.touch()


def test_what_a_killed_launcher_left_is_found_and_stopped(shell: Shell) -> None:
    assert shell.run("up").returncode == 0
    launcher = int(str(shell.record["pid"]))
    left = [shell.pid(name) for name in ("postgres", "nats", "echo-back", "gateway")]
    os.kill(launcher, signal.SIGKILL)
    eventually_gone(launcher)
    assert "Left by a launcher that was killed" in shell.run("status").stdout
    assert shell.run("down").stdout.startswith("Stopped what was left running: ")
    assert not any(alive(pid) for pid in left)
    assert shell.run("up").returncode == 0


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def eventually_gone(pid: int) -> None:
    limit = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_service_that_breaks_makes_up_fail_with_its_words(shell: Shell) -> None:
    broken = Shell(shell.root, {**shell.env, "ECHO_BROKEN": "1"})
    up = broken.run("up")
    assert up.returncode == 1
    assert "echo-back did not start: stopped with exit code 1." in up.stderr
    assert "echo cannot start: the answer is missing" in up.stderr
    assert "Traceback" not in up.stderr
    assert broken.run("status").returncode == 1


def test_a_busy_port_is_told_in_one_sentence(shell: Shell) -> None:
    port = 14222 + int(shell.env[OFFSET])
    with socket.create_server(("127.0.0.1", port)):
        for command in ("run", "up"):
            said = shell.run(command)
            assert said.returncode == 1
            assert (said.stderr.count("\n"), said.stderr.count("✗")) == (1, 1)
            assert f"Port {port}, needed by nats, is taken by" in said.stderr


def test_reset_deletes_the_data_and_nothing_else(shell: Shell) -> None:
    home = shell.root / ".socle"
    assert "There is no data" in shell.run("reset").stdout
    (home / "postgres").mkdir(parents=True)
    (home / "thesis.odt").touch()
    refused = shell.run("reset", "--yes")
    assert refused.returncode == 1
    assert "thesis.odt, which the platform did not make" in refused.stderr
    assert (home / "postgres").exists()
    (home / "thesis.odt").unlink()
    assert shell.run("reset", "--yes").returncode == 0
    assert not home.exists()


def test_a_token_without_a_platform_says_what_to_do(shell: Shell) -> None:
    said = shell.run("token", "doctor")
    assert said.returncode == 1
    assert "make up" in said.stderr
