"""Files laid down so that the same input gives the same bytes, whenever and wherever it is built.

Python's standard library alone: the first stage has nothing else.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

# The packages' only date. Zip files, which some tools make of them, know no earlier one.
EPOCH_1980 = 315_532_800


class BuildFailed(Exception):
    """The image cannot be built; the message is what the person who builds it reads."""


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Runs a program of the build, its words on our own output. Raises BuildFailed when it fails."""
    done = subprocess.run(command, env={**os.environ, **(env or {})}, cwd=cwd, check=False)
    if done.returncode:
        words = " ".join(map(str, command))
        raise BuildFailed(f"`{words}` ended with status {done.returncode}; its last lines above say why.")


def byte_compile(folder: Path, *options: str, python: str | Path = sys.executable) -> None:
    """Compiles every module below `folder` into bytecode that is believed without looking at the source.

    Bytecode with a time in it would differ between builds, and one that is checked would be read twice at
    each start. One process: with several, the order of interned names differs. Hashes of strings are fixed
    because the order of sets in the bytecode follows them.
    """
    mode = ("--invalidation-mode", "unchecked-hash")
    run(python, "-m", "compileall", "-q", *mode, *options, folder, env={"PYTHONHASHSEED": "0"})


def settle(root: Path, seconds: int) -> None:
    """Gives everything below `root`, itself included, one date (seconds since 1970) and one of two modes."""
    for path in (*root.rglob("*"), root):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def fresh(folder: Path) -> Path:
    """An empty folder in the place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
