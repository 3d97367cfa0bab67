"""What an image holds is what was tested: the same versions, nothing forgotten, nothing of the tests."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from deploy.images.locking import NAMES, pins

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "deploy" / "images"
REMEDY = "run `make images-lock`"
# The group of runtime.in that takes two names out of a group of requirements.in that is for development.
OF_OPERATORS = "The operators' command lines"
SERVICES = [path.parent.name for path in ROOT.glob("services/*/pyproject.toml")]
OURS = {"chassis", "socle", *(name.replace("-", "_") for name in SERVICES)}


def lock(name: str) -> dict[str, str]:
    return pins((IMAGES / f"{name}.lock").read_text())


def groups(path: Path) -> dict[str, set[str]]:
    """The names of each group, by the comment above it."""
    found: dict[str, set[str]] = {}
    group: set[str] = set()
    for line in path.read_text().splitlines():
        if line.startswith("# "):
            group = found.setdefault(line[2:], set())
        elif line and not line.startswith("-"):
            group.add(line)
    return {title: names for title, names in found.items() if names}


@pytest.mark.parametrize("name", NAMES)
def test_images_hold_the_versions_that_were_tested(name: str) -> None:
    tested = pins((ROOT / "requirements.lock").read_text())
    drifted = {
        package: (version, tested[package])
        for package, version in lock(name).items()
        if package in tested and tested[package] != version
    }
    assert not drifted, f"deploy/images/{name}.lock is behind requirements.lock, {REMEDY}: {drifted}"


@pytest.mark.parametrize("name", ["runtime", "platform"])
def test_nothing_runs_in_an_image_that_was_not_tested(name: str) -> None:
    tested = pins((ROOT / "requirements.lock").read_text())
    assert not lock(name).keys() - tested.keys(), REMEDY


@pytest.mark.parametrize("name", NAMES)
def test_every_package_is_held_to_a_hash(name: str) -> None:
    text = (IMAGES / f"{name}.lock").read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    without = [block.split("==")[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]
    assert without == []
    assert "://" not in text, "the address of a registry belongs to a machine"


def test_a_group_of_requirements_is_in_the_images_whole() -> None:
    required, in_images = groups(ROOT / "requirements.in"), groups(IMAGES / "runtime.in")
    for title, names in in_images.items():
        if not title.startswith(OF_OPERATORS):
            assert required.get(title) == names, f"{title}: copy it from requirements.in, then {REMEDY}"


def imported(folder: Path) -> Iterator[str]:
    """The top names that the programs of a folder import, tests left out."""
    for path in folder.rglob("*.py"):
        if "tests" in path.parts or path.name.startswith("testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_whatever_a_service_imports_is_in_its_image() -> None:
    provided = packages_distributions()
    held = {name.replace("_", "-").lower() for name in lock("runtime")}
    names = {name for folder in ("libs/chassis", "services") for name in imported(ROOT / folder)}
    for name in sorted(names - OURS - sys.stdlib_module_names):
        providers = {re.sub(r"[-_.]+", "-", provider).lower() for provider in provided.get(name, ())}
        assert providers & held, f"{name} is imported by a service and in no package of runtime.lock"


def test_tools_of_development_stay_out_of_the_images() -> None:
    unwanted = {"pytest", "mypy", "ruff", "pip", "uv", "grpcio-tools", "hypothesis", "setuptools", "trustme"}
    assert not unwanted & lock("runtime").keys()
