"""The recipe keeps its promises on paper; `make images` shows them in an image."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "deploy" / "images" / "Dockerfile"


def instructions() -> list[str]:
    """The instructions, each on one line, comments left out."""
    text = re.sub(r"^#.*\n", "", RECIPE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def last_stage() -> list[str]:
    every = instructions()
    return every[max(n for n, line in enumerate(every) if line.startswith("FROM ")) :]


def test_every_stage_stands_on_the_base_that_was_asked_for() -> None:
    froms = [line for line in instructions() if line.startswith("FROM ")]
    stages = {line.split(" AS ")[1] for line in froms if " AS " in line}
    assert {line.split()[1] for line in froms} <= {"${BASE_IMAGE}", *stages}
    assert froms[-1] == "FROM ${BASE_IMAGE}"


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    users = [line for line in last_stage() if line.startswith("USER ")]
    assert users == ["USER 65532:65532"]


def test_nothing_runs_in_the_last_stage_and_nothing_enters_it_but_by_copy_from_the_others() -> None:
    words = {line.split()[0] for line in last_stage()}
    assert words == {"FROM", "COPY", "ENV", "WORKDIR", "USER", "ARG", "LABEL"}
    assert all(line.startswith("COPY --from=") for line in last_stage() if line.startswith("COPY"))


def test_no_command_needs_a_shell() -> None:
    runs = [line for line in instructions() if line.startswith(("RUN", "CMD", "ENTRYPOINT"))]
    assert runs
    assert all(line.startswith("RUN [") for line in runs)


@pytest.mark.parametrize(
    "unwanted",
    [
        r":latest\b",
        r"curl|wget",
        r"--mount",
        r"(?m)^# *syntax=",
        r"apt-get",
        r"\bADD\b",
        r"https?://",
        r"--privileged",
    ],
)
def test_the_recipe_needs_no(unwanted: str) -> None:
    assert not re.search(unwanted, RECIPE.read_text())


def test_the_commit_enters_after_the_packages_so_that_their_layer_outlives_it() -> None:
    every = instructions()
    packages = every.index('RUN ["python3", "-B", "-m", "inside.packages", "packages"]')
    assert not [line for line in every[:packages] if re.search("SERVICE|VERSION|REVISION|EPOCH", line)]


def test_labels_name_no_registry() -> None:
    (label,) = (line for line in last_stage() if line.startswith("LABEL"))
    named = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", label))
    assert named == {"title", "version", "revision", "licenses"}
    assert 'title="socle/${SERVICE}"' in label


def test_the_context_is_closed_unless_opened_and_never_holds_a_key() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    assert {"**/*.pem", "**/*.key", "**/*.p12", "**/.env*", "**/tests"} <= set(lines)
    opened = {line[1:] for line in lines if line.startswith("!")}
    assert not opened & {".git", ".venv", ".socle", "build", "libs", "libs/contracts"}
