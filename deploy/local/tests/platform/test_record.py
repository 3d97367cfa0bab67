"""The record of a run, the lock of its launcher, and what a killed launcher leaves."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from socle_local.failures import PlatformFailedError
from socle_local.programs import Program
from socle_local.record import (
    Record,
    Recorder,
    created_at,
    is_locked,
    locked,
    read_record,
    same_process,
    stop_leftovers,
)
from socle_local.supervisor import Component, State


def sleeper(tmp_path: Path, name: str = "sleeper") -> Component:
    program = Program(
        name, [sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / f"{name}.log"
    )
    program.start()
    return Component(name, program, "127.0.0.1:1", 0, program.start, lambda: True)


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    component = sleeper(tmp_path)
    recorder = Recorder(tmp_path, tls=True)
    recorder.expect([component])
    component.state, component.detail = State.STARTING, "in a moment"
    recorder.observe(component)
    recorder.say(State.FAILED, "no luck")
    assert read_record(tmp_path) == recorder.record
    assert recorder.record.address("sleeper") == "127.0.0.1:1"
    assert recorder.record.address("unknown") is None
    component.program.kill()


def test_without_a_run_there_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None


def test_a_number_given_to_another_program_since_is_not_ours() -> None:
    assert same_process(os.getpid(), created_at(os.getpid())) is not None
    assert same_process(os.getpid(), created_at(os.getpid()) - 60) is None
    assert same_process(None, 0.0) is None


def test_a_dead_child_is_no_running_process() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        created = created_at(child.pid)
        assert child.stdout is not None
        child.stdout.read()
        psutil.Process(child.pid).wait(10) if child.poll() is None else None
        assert same_process(child.pid, created) is None


def test_two_launchers_cannot_share_a_home(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(PlatformFailedError, match="already runs"), locked(tmp_path):
            pass
    assert not is_locked(tmp_path)


def test_what_a_killed_launcher_left_is_stopped(tmp_path: Path) -> None:
    component = sleeper(tmp_path)
    recorder = Recorder(tmp_path, tls=False)
    recorder.expect([component])
    assert stop_leftovers(tmp_path) == [], "its launcher, this process, is alive"
    recorder.record = Record(2**22 + 1, 1.0, components=recorder.record.components)
    recorder.say(State.READY)
    assert stop_leftovers(tmp_path) == ["sleeper"]
    assert not component.program.running
    assert stop_leftovers(tmp_path) == []
