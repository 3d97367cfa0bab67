"""What stands around the build: bases, wheelhouses, comparisons, and the sentences for what is missing."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from deploy.images import base, building, comparing
from deploy.images.docker import BuildRefused, Docker
from deploy.images.target import Target

ROOT = Path(__file__).resolve().parents[3]


def images(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.images", *words],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["build", "base", "reproducible", "wheelhouse"])
def test_without_docker_one_sentence_says_what_to_install(tmp_path: Path, command: str) -> None:
    said = images(command, PATH=str(tmp_path))
    assert said.returncode != 0
    assert said.stderr == "Docker is missing: install Docker Engine (Debian: apt install docker.io).\n"


def fake_docker(folder: Path, *cases: str) -> str:
    """A folder for PATH with a `docker` of the given shell cases."""
    folder.mkdir(exist_ok=True)
    program = folder / "docker"
    program.write_text('#!/bin/sh\ncase "$*" in\n' + "\n".join(cases) + "\nesac\n")
    program.chmod(0o755)
    return str(folder)


def test_without_a_daemon_its_own_words_are_told(tmp_path: Path) -> None:
    path = fake_docker(tmp_path, "*) echo 'Cannot connect to the daemon' >&2; exit 1;;")
    said = images("build", PATH=path)
    assert said.returncode != 0
    assert (
        "daemon does not answer (Cannot connect to the daemon): start it, or set DOCKER_HOST" in said.stderr
    )
    assert len(said.stderr.splitlines()) == 1


def test_a_base_that_cannot_be_pulled_is_told_with_the_way_around(tmp_path: Path) -> None:
    path = fake_docker(tmp_path, "version) ;;", "*) echo 'no route to host' >&2; exit 1;;")
    said = images("build", PATH=path)
    assert said.returncode != 0
    assert "python:3.11-slim is not on this machine and cannot be pulled" in said.stderr
    assert "make base-image" in said.stderr
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('[3, 9, "x86_64", "2.36"]', "has Python 3.9: choose a base with 3.11 or later"),
        ('[3, 12, "x86_64", ""]', "has no glibc"),
    ],
)
def test_a_base_that_does_not_fit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, told: str
) -> None:
    fake_docker(tmp_path, "'image inspect'*) echo '[{}]';;", f"run*) echo '{answer}';;", "*) ;;")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(BuildRefused, match=told):
        Target.of_image(Docker.found(), "old:1")


def test_a_base_is_asked_for_its_python_machine_and_libc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = """'[3, 12, "aarch64", "2.31"]'"""
    fake_docker(tmp_path, "'image inspect'*) echo '[{}]';;", f"run*) echo {answer};;", "*) ;;")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    target = Target.of_image(Docker.found(), "fine:1")
    assert target == Target(12, "aarch64", 31)
    assert target.platforms[:2] == ["manylinux_2_31_aarch64", "manylinux_2_30_aarch64"]
    assert "manylinux_2_36_aarch64" not in target.platforms
    assert "manylinux2014_aarch64" in target.platforms


@pytest.mark.parametrize("python", ["2.7", "3.10", "three", "3."])
def test_a_python_that_socle_does_not_run_on_is_told(python: str) -> None:
    with pytest.raises(BuildRefused, match="is no Python that Socle runs on"):
        Target.named(python, "x86_64")


def test_every_service_has_an_image_and_the_platform_has_one() -> None:
    services = {path.parent.name for path in ROOT.glob("services/*/pyproject.toml")}
    assert set(building.names(ROOT)) == services | {"platform"}
    with pytest.raises(BuildRefused, match="There is no image dpm: choose among"):
        building.build_all(ROOT, Docker("docker", {}), ["dpm"], "dev", "base")


DEB822 = """Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb deb-src
URIs: http://mirror.example/security
Suites: bookworm-security

Types: deb
Enabled: no
URIs: http://closed.example
Suites: bookworm
"""
LINES = """deb [signed-by=/x.gpg arch=amd64] http://mirror.example/old bookworm main
# deb http://no.example bookworm
"""


def test_the_mirror_is_the_machine_s_own(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(LINES)
    archives = base.read_apt(tmp_path)
    assert ("http://closed.example", "bookworm") not in archives
    assert ("http://mirror.example/old", "bookworm") in archives
    mirror, updates = base.sources(archives, "bookworm")
    assert mirror == ["http://mirror.example/debian"]
    assert updates == [
        "deb http://mirror.example/debian bookworm-updates main",
        "deb http://mirror.example/security bookworm-security main",
    ]
    assert base.sources(archives, "trixie") == ([], [])


def archive(files: dict[str, bytes], moment: int) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), moment
            made.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def test_two_builds_are_compared_by_everything_a_file_is(capsys: pytest.CaptureFixture[str]) -> None:
    first = comparing.entries(archive({"app/a": b"1", "etc/hostname": b"x"}, 5))
    assert first.keys() == {"app/a"}
    assert comparing.told(first, comparing.entries(archive({"app/a": b"1"}, 5)), [["l1"], ["l1"]]) == 0
    for other in (archive({"app/a": b"2"}, 5), archive({"app/a": b"1"}, 6), archive({"app/b": b"1"}, 5)):
        assert comparing.told(first, comparing.entries(other), [["l1"], ["l2"]]) == 1
    assert "differs: app/a" in capsys.readouterr().out


def test_an_empty_export_is_no_image() -> None:
    with pytest.raises(BuildRefused, match="empty image"):
        comparing.entries(archive({"dev/null": b""}, 1))
