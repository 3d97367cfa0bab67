"""What a figure depends on: the machine, the versions, the disk."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from socle_local.nats import server_binary
from socle_local.postgres import Installation

PACKAGES = ("fastapi", "uvicorn", "grpcio", "asyncpg", "sqlalchemy", "nats-py", "pydantic")
# What PostgreSQL writes at a commit, at least.
PAGE = b"\0" * 8192


def facts(folder: Path) -> dict[str, str]:
    """Cores, processor, memory, versions, and how often a second the disk of `folder` confirms a write."""
    postgres = said([Installation.of_wheel().bin / "postgres", "--version"])
    return {
        "cores": str(os.cpu_count()),
        "processor": processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": postgres.rpartition(" ")[2],
        "nats-server": said([server_binary(), "--version"]).rpartition(" ")[2],
        **{package: version(package) for package in PACKAGES},
        "fsync/s": f"{fsyncs(folder):.0f}",
    }


def processor() -> str:
    """The model of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def said(command: list[str | Path]) -> str:
    """What a program prints about itself."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def fsyncs(folder: Path, seconds: float = 1.0) -> float:
    """Writes of one page a second, each confirmed by the disk before the next."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            file.seek(0)
            file.write(PAGE)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - began)
