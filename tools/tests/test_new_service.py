"""A new service passes every check of the house and its own tests, from its first minute."""

from collections.abc import Callable
from pathlib import Path

import pytest

from socle_k8s.generate import files, stale
from tools.gen import generate
from tools.lints.__main__ import of_source
from tools.lints.contracts import check_contracts, compile_set
from tools.lints.model import read_all
from tools.new_service.__main__ import create
from tools.new_service.naming import NameRefused, choose
from tools.slo import files as levels
from tools.tests.conftest import Copy

NAME = "care-plan"
FOLDER = f"services/{NAME}"


@pytest.fixture(scope="module")
def made(copy_repository: Callable[[], Copy]) -> Copy:
    """A copy of the repository with a new service."""
    copy = copy_repository()
    create(NAME, copy.root)
    generate(copy.root / "proto", copy.root / "libs" / "contracts")
    return copy


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("buf", ("lint",)),
        ("buf", ("format", "--diff", "--exit-code")),
        ("ruff", ("check", "--no-cache", FOLDER)),
        ("ruff", ("format", "--no-cache", "--check", FOLDER)),
        ("lint-imports", ("--no-logo", "--no-cache")),
        ("mypy", ("--cache-dir=.mypy_cache", f"{FOLDER}/care_plan")),
        ("pytest", (FOLDER, "-p", "no:cacheprovider")),
    ],
)
def test_new_service_passes(made: Copy, program: str, arguments: tuple[str, ...]) -> None:
    result = made.run(program, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr


def test_new_service_passes_the_house_lints(made: Copy) -> None:
    paths = [str(path.relative_to(made.root)) for path in (made.root / FOLDER).rglob("*.*") if path.is_file()]
    sources = list(read_all(made.root, paths))
    assert len(sources) > 10
    assert [finding for source in sources for finding in of_source(source)] == []
    assert list(check_contracts(compile_set(made.root / "proto"))) == []


def test_new_service_has_a_port_of_its_own_and_a_place_in_every_list(made: Copy) -> None:
    ports = [
        line
        for path in made.root.glob("services/*/pyproject.toml")
        for line in path.read_text().splitlines()
        if line.startswith("grpc_port")
    ]
    assert len(ports) == len(set(ports)) >= 3
    linter = (made.root / ".importlinter").read_text()
    assert linter.count("    care_plan\n") == linter.count("    dmp\n")
    assert f'"{FOLDER}",' in (made.root / "pyproject.toml").read_text()


def test_new_service_has_its_manifests_in_the_base_and_an_image_in_every_overlay(made: Copy) -> None:
    folder = made.root / "deploy" / "k8s"
    assert f"  - {FOLDER}\n" in (folder / "base" / "kustomization.yaml").read_text()
    assert f"- name: {NAME}-settings\n" in (folder / "base" / FOLDER / "kustomization.yaml").read_text()
    assert stale(made.root) == []
    assert f"base/{FOLDER}/made/network.yaml" in files(made.root)
    overlays = sorted(folder.glob("overlays/*/kustomization.yaml"))
    assert len(overlays) >= 3
    for overlay in overlays:
        text = overlay.read_text()
        assert text.count(f"  - {{name: socle/{NAME}, ") == text.count("  - {name: socle/dmp, ") == 1


def test_new_service_promises_something_and_is_missed_when_it_is_silent(made: Copy) -> None:
    promised = levels.made(made.root)
    assert levels.outdated(promised, made.root) == []
    assert f"slo: {NAME}-availability" in promised[levels.MADE / "rules" / f"slo-{NAME}.yaml"]
    assert (
        f'absent(socle_db_pool_most{{service_name="{NAME}"}})'
        in promised[levels.MADE / "rules" / "causes.yaml"]
    )


@pytest.mark.parametrize(
    "name",
    ["", "Care-Plan", "care_plan", "2care", "-care", "care-", "care--plan", "care plan", "../x", "x" * 41],
)
def test_a_name_that_is_not_kebab_case_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(NameRefused, match="not a service name"):
        choose(name, tmp_path)


@pytest.mark.parametrize("name", ["class", "calendar", "options", "common", "sqlalchemy", "chassis", "tests"])
def test_a_name_that_hides_a_package_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(NameRefused, match="hide"):
        choose(name, tmp_path)


def test_a_name_that_is_taken_is_refused_and_nothing_changes(made: Copy) -> None:
    before = {path: path.read_bytes() for path in made.root.glob("*") if path.is_file()}
    with pytest.raises(NameRefused, match="exists"):
        create(NAME, made.root)
    assert before == {path: path.read_bytes() for path in made.root.glob("*") if path.is_file()}


def test_nothing_is_written_when_a_list_is_missing(tmp_path: Path) -> None:
    (tmp_path / ".importlinter").write_text("[importlinter]\n")
    with pytest.raises(NameRefused, match="importlinter"):
        create("lab-results", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".importlinter"]


@pytest.mark.parametrize(
    ("name", "module", "camel", "title"),
    [
        ("agenda", "agenda", "Agenda", "Agenda"),
        ("lab-results2", "lab_results2", "LabResults2", "Lab results2"),
    ],
)
def test_one_name_has_its_spellings(name: str, module: str, camel: str, title: str, tmp_path: Path) -> None:
    naming = choose(name, tmp_path)
    assert (naming.module, naming.camel, naming.title, naming.port) == (module, camel, title, 15051)
