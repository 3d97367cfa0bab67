"""The lints as they are run: on a repository of git, all together."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.lints.__main__ import main, of_repository, wanted
from tools.lints.model import Finding, read_all, tracked
from tools.paths import PROTO

FAULTY = "def f(log, traits):\n    log.info('no match', who=traits)\n    print(traits)\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two faults in a service and a generated file kept by git."""
    shutil.copytree(PROTO, tmp_path / "proto")
    for path, text in {
        "services/dmp/dmp/usecases.py": FAULTY,
        "services/dmp/dmp/dmp_pb2.py": "",
        ".gitignore": "ignored.py\n",
        "services/dmp/dmp/ignored.py": FAULTY,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def found(root: Path, *prefixes: str) -> list[Finding]:
    paths = tracked(root)
    return wanted(of_repository(root, paths, list(read_all(root, paths))), list(prefixes))


def test_every_fault_is_found_once_with_its_place(repository: Path) -> None:
    findings = found(repository)
    assert [(one.path, one.line, one.rule) for one in findings] == [
        ("services/dmp/dmp/dmp_pb2.py", 1, "generated-code"),
        ("services/dmp/dmp/usecases.py", 2, "patient-in-log"),
        ("services/dmp/dmp/usecases.py", 3, "print-in-service"),
    ]
    assert str(findings[1]).startswith("services/dmp/dmp/usecases.py:2 patient-in-log `traits`")


def test_findings_can_be_asked_for_a_folder(repository: Path) -> None:
    assert found(repository, "proto/") == []


def test_the_exit_status_tells_whether_something_was_found(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], repository) == 1
    assert "usecases.py:3 print-in-service" in capsys.readouterr().out
    assert main(["proto/"], repository) == 0


def test_outside_git_the_lints_say_that_they_cannot_know_the_files(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="git cannot list the files"):
        tracked(tmp_path)
