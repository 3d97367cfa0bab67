"""The Makefile: what it lists, and the sentences for what is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from socle_local.manifest import ROOT

TARGETS = """
    run up down reset status token demo
    check test test-clamav test-openbao test-bucket format gen new-service bench chaos lock
    images base-image wheelhouse images-lock images-reproducible
    k8s-generate k8s-check k8s-install k8s-uninstall k8s-journey test-containers test-containers-lock
    slo slo-check upgrade-test backup restore restore-test capacity
    audit help
""".split()


def make(*words: str, folder: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words],
        cwd=folder,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_is_the_default_and_lists_every_target_in_one_line() -> None:
    listed = re.findall(r"^  (\S+) +\S", make().stdout, flags=re.MULTILINE)
    assert listed == TARGETS
    assert "\033" not in make("help").stdout, "colours are for terminals"


def test_every_target_that_is_no_file_is_declared_phony() -> None:
    phony = set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {*TARGETS, ".venv"} <= {name for line in phony for name in line.split()}


def empty_repository(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    (tmp_path / "deploy" / "local" / "bootstrap.lock").touch()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "gen.py").touch()
    return tmp_path


def test_without_a_python_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    said = make("run", "PYTHON=", folder=empty_repository(tmp_path))
    assert said.returncode != 0
    assert said.stderr.splitlines()[0].startswith("Socle needs Python 3.11 or later")
    assert not (tmp_path / ".venv").exists()


def test_a_python_too_old_is_passed_over(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("python3.11", "python3.12", "python3.13", "python3", "python"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    said = make(".venv", folder=empty_repository(tmp_path), PATH=f"{tools}:{os.environ['PATH']}")
    assert said.stderr.splitlines()[0].startswith("Socle needs Python 3.11 or later")
