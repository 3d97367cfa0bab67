"""Runs in a container as its own user and prints, as JSON, what the process there was really given.

Standard library only, in one file: handed over as text to the Python of the image. Arguments: folders in
which to try to write.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

# Of process 1: identities, capabilities, whether a setuid program could gain any, the seccomp filter.
WANTED = ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")


def lines(path: str) -> list[str]:
    """The parts of a file of /proc that are separated by null characters."""
    return Path(path).read_text(errors="replace").split("\0")[:-1]


def status() -> dict[str, str]:
    """The wanted lines of /proc/1/status."""
    pairs = (line.partition(":") for line in Path("/proc/1/status").read_text().splitlines())
    return {name: " ".join(value.split()) for name, _, value in pairs if name in WANTED}


def mounts() -> dict[str, list[str]]:
    """Type and options of each mount, by its path; the last one on a path is the one that is seen."""
    found = (line.split() for line in Path("/proc/1/mounts").read_text().splitlines())
    return {path: [kind, *options.split(",")] for _, path, kind, options, *_ in found}


def refusal(folder: str) -> str:
    """Why a file cannot be written in a folder, or nothing when it can."""
    path = Path(folder) / f".written-{os.getpid()}"
    try:
        path.write_text("x")
        path.unlink()
    except OSError as error:
        return str(error.strerror)
    return ""


def main(folders: list[str]) -> None:
    seen: dict[str, Any] = {
        "command": lines("/proc/1/cmdline"),
        "environment": dict(line.partition("=")[::2] for line in lines("/proc/1/environ")),
        "status": status(),
        "mounts": mounts(),
        "refusals": {folder: refusal(folder) for folder in folders},
        "hostname": os.uname().nodename,
        "files": {folder: sorted(os.listdir(folder)) for folder in folders},  # noqa: PTH208
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
