"""The tools of other projects: fetched once into `.cache/k8s-check`, against their hashes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.paths import ROOT

CACHE = ROOT / ".cache" / "k8s-check"
HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
CRDS = HERE / "crds"
UV = Path(sys.executable).parent / "uv"
# The first time Go fetches and reads the operators' types: a few minutes on a slow network.
PATIENCE = 900.0
IMPORTED = re.compile(r'^\s_ "(.+)"$', re.MULTILINE)


class ToolMissing(Exception):
    """A tool is not there or cannot be had; the text is one sentence that says which, and what to do."""


def environment() -> Path:
    """The folder of a virtual environment's programs, with checkov and the schemas of Kubernetes.

    Its own: a policy tool's hundred packages are not what the platform runs on. Raises ToolMissing.
    """
    folder = CACHE / "venv"
    stamp = folder / f".{fingerprint(LOCK)}"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        told([str(UV), "venv", "--quiet", "--python", sys.executable, str(folder)])
        sync = [str(UV), "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        told(sync, {"VIRTUAL_ENV": str(folder)})
        stamp.touch()
    return folder / "bin"


def custom_resources() -> Path:
    """The folder of the custom resources' definitions, generated from the operators' own Go types.

    Raises ToolMissing when there is no Go, or when a module cannot be had.
    """
    folder = CACHE / f"crds-{fingerprint(CRDS / 'go.sum', CRDS / 'types.go')}"
    if folder.is_dir():
        return folder
    if not shutil.which("go"):
        raise ToolMissing(
            "Custom resources were not checked, as their schemas are generated from the operators' Go types"
            " and there is no go on PATH: install Go 1.26 or later, or pass ARGS=--without-custom-resources."
        )
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    options = "crd:maxDescLen=0,allowDangerousTypes=true,ignoreUnexportedFields=true"
    paths = [f"paths={package}" for package in IMPORTED.findall((CRDS / "types.go").read_text("utf-8"))]
    told(["go", "tool", "controller-gen", options, *paths, f"output:crd:dir={unfinished}"], {}, CRDS)
    for former in CACHE.glob("crds-????????????????"):
        shutil.rmtree(former)
    unfinished.rename(folder)
    return folder


def told(command: Sequence[str], more: dict[str, str] | None = None, folder: Path = ROOT) -> None:
    """Runs a command that fetches; raises ToolMissing with its last words when it fails."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(more or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolMissing(
            f"{command[0]} gave nothing in {time.monotonic() - began:.0f} s: try again."
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise ToolMissing(f"`{Path(command[0]).name} {command[1]}` failed: {last}")


def fingerprint(*files: Path) -> str:
    """Changes when one of these files does."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
