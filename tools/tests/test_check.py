"""How `make check` runs its commands, and what it compares the contracts with."""

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tools import breaking
from tools.check import BIN, Check, Outcome, State, run, show

CONTRACT = 'syntax = "proto3";\npackage socle.widget.v1;\nmessage Widget {\n  string id = 1;\n}\n'
BUF = "version: v2\nmodules:\n  - path: proto\n"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def outcome(*commands: tuple[str, ...], why: str = "") -> Outcome:
    return await run(Check("trial", "a trial", commands, why), asyncio.Semaphore(1))


async def test_a_check_fails_with_any_command_and_keeps_what_each_failed_one_said() -> None:
    fails = [python(f"print('{word}'); raise SystemExit(3)") for word in ("two", "three")]
    failed = await outcome(python("print('one')"), *fails)
    assert (failed.state, failed.output) == (State.FAILED, "two\nthree")


async def test_a_check_passes_when_all_its_commands_do() -> None:
    assert (await outcome(python("1"), python("2"))).state is State.PASSED


async def test_a_check_with_nothing_to_do_says_why() -> None:
    skipped = await outcome(why="no earlier commit")
    assert (skipped.state, skipped.output) == (State.SKIPPED, "no earlier commit")


async def test_every_failure_is_shown_not_only_the_first() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    outcomes = [await outcome(python(f"print('fault {n}'); raise SystemExit(1)")) for n in (1, 2)]
    show(outcomes, console)
    text = console.export_text()
    assert "fault 1" in text
    assert "fault 2" in text


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository whose first commit has a contract."""
    (tmp_path / "proto" / "socle" / "widget" / "v1").mkdir(parents=True)
    (tmp_path / "buf.yaml").write_text(BUF)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, CONTRACT)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def commit(folder: Path, contract: str) -> None:
    (folder / "proto" / "socle" / "widget" / "v1" / "widget.proto").write_text(contract)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=contract")


def broken(repository: Path, former: Path) -> bool:
    command = [str(BIN / "buf"), "breaking", "--against", str(former)]
    return subprocess.run(command, cwd=repository, check=False, capture_output=True).returncode != 0


def test_a_single_commit_has_nothing_to_be_compared_with(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    former, why = breaking.former_contracts(repository, tmp_path_factory.mktemp("former"))
    assert former is None
    assert breaking.VARIABLE in why


def test_a_removed_field_breaks_and_an_added_one_does_not(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commit(repository, CONTRACT.replace("}", "  string label = 2;\n}"))
    former, _ = breaking.former_contracts(repository, tmp_path_factory.mktemp("former"))
    assert former is not None
    assert not broken(repository, former)
    commit(repository, CONTRACT)
    former, _ = breaking.former_contracts(repository, tmp_path_factory.mktemp("former"))
    assert former is not None
    assert broken(repository, former)


def test_a_branch_is_compared_with_where_it_left_main(repository: Path) -> None:
    base = breaking.commit_of(repository, "HEAD")
    git(repository, "checkout", "--quiet", "-b", "work")
    commit(repository, CONTRACT.replace("}", "  string label = 2;\n}"))
    commit(repository, CONTRACT.replace("}", "  string colour = 3;\n}"))
    assert breaking.reference(repository) == base


def test_the_reference_can_be_named(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(breaking.VARIABLE, "HEAD")
    assert breaking.reference(repository) == breaking.commit_of(repository, "HEAD")
