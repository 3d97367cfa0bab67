"""A copy of the repository, for tools that write into it or must find something wrong in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.gen import generate
from tools.lints.model import tracked
from tools.paths import ROOT, source_roots

PROGRAMS = Path(sys.executable).parent
# What the copy is for: the code and its configuration.
COPIED = (
    "conftest.py",
    "pyproject.toml",
    "buf.yaml",
    ".importlinter",
    "proto/",
    "libs/",
    "services/",
    "deploy/",
    "slo/",
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the repository that a test may change."""

    root: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the virtual environment in the copy, on the code of the copy."""
        roots = os.pathsep.join(map(str, source_roots(self.root)))
        return subprocess.run(
            [str(PROGRAMS / program), *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": roots, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def copy_repository(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Copy]:
    """Makes a copy of the code of this repository, contracts generated."""

    def copy() -> Copy:
        root = tmp_path_factory.mktemp("repository")
        for path in tracked(ROOT):
            if path.startswith(COPIED) and (ROOT / path).is_file():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, root / path)
        generate(root / "proto", root / "libs" / "contracts")
        return Copy(root)

    return copy
