"""Whose work a measure is: seconds of processor that each program used, its children included."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

OWN = "load generator"


def used(watched: Mapping[str, int]) -> dict[str, float]:
    """Seconds used so far by each of these programs (name to pid) and by this one.

    PostgreSQL is a process a connection: those that run count, and those that ended as far as their parent
    has heard of it.
    """
    return {name: _tree(pid) for name, pid in watched.items()} | {OWN: time.process_time()}


def _tree(pid: int) -> float:
    program = psutil.Process(pid)
    times = program.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in program.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            own = child.cpu_times()
            total += own.user + own.system
    return float(total)


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Seconds used from one moment to the other."""
    return {name: max(after[name] - before[name], 0.0) for name in after}
