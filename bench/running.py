"""The platform under measurement: started as anyone starts it, in a folder of its own, beside no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.ports import OFFSET
from socle_local.credentials import Secrets
from socle_local.display import memory_of
from socle_local.manifest import ROOT, find_services
from socle_local.nats import user_of
from socle_local.ports import Ports
from socle_local.postgres import Installation
from socle_local.record import Record, read_record

PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Running:
    """One platform below `home`; `root` is the tree it is started from, `extra` more settings for it."""

    home: Path
    root: Path = ROOT
    offset: int = OFFSET
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> Ports:
        return Ports.usual(find_services(), self.offset)

    @property
    def environment(self) -> dict[str, str]:
        moved = {"SOCLE_HOME": str(self.home), "SOCLE_PORT_OFFSET": str(self.offset)}
        return {**os.environ, **moved, **self.extra}

    def up(self) -> float:
        """Starts it in the background; seconds until every service is ready."""
        return timed([sys.executable, "-m", "socle_local", "up"], self.root, self.environment)

    def down(self) -> float:
        """Stops it in order; seconds."""
        return timed([sys.executable, "-m", "socle_local", "down"], self.root, self.environment)

    @contextmanager
    def started(self) -> Iterator[float]:
        """Up for a while; gives the seconds it took to be ready."""
        took = self.up()
        try:
            yield took
        finally:
            self.down()

    @property
    def record(self) -> Record:
        """The launcher's own account; raises RuntimeError when there is none."""
        record = read_record(self.home)
        if record is None or record.launcher is None:
            raise RuntimeError(f"No platform runs on {self.home}.")
        return record

    def memory(self) -> dict[str, int]:
        """Bytes of each component and of the launcher, each shared page counted once for its part (PSS)."""
        record = self.record
        parts = {seen.name: memory_of(seen.process) for seen in record.components if seen.process}
        launcher = psutil.Process(record.pid).memory_full_info()
        return {**parts, "launcher": getattr(launcher, "pss", launcher.rss)}

    def database(self, service: str) -> tuple[str, str]:
        """The address of a service's database, and the password of its role."""
        role = user_of(service)
        password = Secrets(self.home / "secrets").value("database", role)
        return f"postgresql://{role}@{self.ports.address('postgres')}/{role}", password

    def sql(self, service: str, script: str) -> str:
        """Runs a psql script as the service's role; what it prints."""
        address, password = self.database(service)
        command: list[str | Path] = [
            Installation.of_wheel().bin / "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "--set=ON_ERROR_STOP=1",
            address,
        ]
        return said(command, {"PGPASSWORD": password}, script)


def said(command: list[str | Path], more: Mapping[str, str], script: str = "") -> str:
    """Runs a program to its end; what it prints. Raises RuntimeError with its own words when it fails."""
    env = {**os.environ, **more}
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


def timed(command: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Seconds a command takes; raises RuntimeError with its last words when it fails."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-800:]}")
    return time.perf_counter() - began


def first_start(folder: Path) -> float:
    """Seconds of `make up` in a copy of the tree: environment from the package cache, contracts generated."""
    tree = copied(folder / "tree")
    running = Running(folder / "home", tree)
    # What the copy must find by itself: not the environment this program runs in.
    ours = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "MAKEFLAGS", "MAKELEVEL")
    environment = {name: value for name, value in running.environment.items() if name not in ours}
    try:
        return timed(["make", "up"], tree, environment)
    finally:
        timed(["make", "down"], tree, environment)
        shutil.rmtree(folder)


def copied(target: Path) -> Path:
    """The files of the tree as a clone would hold them: nothing that git ignores."""
    listed = said(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {})
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target
