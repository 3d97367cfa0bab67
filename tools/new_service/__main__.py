"""`python -m tools.new_service care-plan`: a new service, whole, or a sentence that says why not."""

import re
import subprocess
import sys
from pathlib import Path
from string import Template

from rich.console import Console

from socle_k8s import generate as manifests
from tools.gen import generate
from tools.new_service.naming import NameRefused, Naming, choose
from tools.paths import ROOT
from tools.slo import files as levels

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".tmpl"
# The lists that name every service, one a line; the new one comes after this one.
NEIGHBOUR = "dmp"
IMAGE = r"  - \{name: socle/dmp, .*\}"
LISTS = {
    ".importlinter": r" {4}dmp",
    "pyproject.toml": r' {4}"services/dmp",',
    "deploy/k8s/base/kustomization.yaml": r"  - services/dmp",
    "deploy/k8s/overlays/dev/kustomization.yaml": IMAGE,
    "deploy/k8s/overlays/staging/kustomization.yaml": IMAGE,
    "deploy/k8s/overlays/production/kustomization.yaml": IMAGE,
}


def render(naming: Naming) -> dict[str, str]:
    """The files of the service, path -> text. Raises KeyError for an unknown placeholder."""
    words = naming.words()
    return {
        Template(path.relative_to(TEMPLATES).as_posix().removesuffix(SUFFIX)).substitute(words): Template(
            path.read_text("utf-8")
        ).substitute(words)
        for path in sorted(TEMPLATES.rglob(f"*{SUFFIX}"))
    }


def enlist(naming: Naming, root: Path) -> dict[str, str]:
    """The files that list the services, with the new one in each list: path -> text.

    Raises NameRefused when a list is not where it should be: half a registration would be worse than none.
    """
    changed = {}
    for path, pattern in LISTS.items():
        text = (root / path).read_text("utf-8")
        found = re.search(rf"^{pattern}\n", text, re.MULTILINE)
        if not found:
            raise NameRefused(f"{path} has no line of {NEIGHBOUR} to put the new service after: restore it")
        own = naming.name if "/" in pattern else naming.module
        changed[path] = text.replace(found[0], found[0] + found[0].replace(NEIGHBOUR, own))
    return changed


def tidy(naming: Naming, root: Path) -> None:
    """Orders imports and lays the files out: both depend on the letters of the name."""
    folder = f"services/{naming.name}"
    programs = Path(sys.executable).parent
    for command in (
        ["ruff", "check", "--quiet", "--select=I", "--fix", folder],
        ["ruff", "format", "--quiet", folder],
        ["buf", "format", "--write", f"--path=proto/socle/{naming.module}"],
    ):
        subprocess.run([str(programs / command[0]), *command[1:]], cwd=root, check=True)


def create(name: str, root: Path = ROOT) -> Naming:
    """Writes the service into the repository at `root` and registers it.

    Raises NameRefused before anything is written.
    """
    naming = choose(name, root)
    made = render(naming)
    for path, text in {**made, **enlist(naming, root)}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    tidy(naming, root)
    manifests.write(root)
    levels.write(root)
    return naming


def main(arguments: list[str]) -> int:
    """Creates the service, generates its contracts, says what comes next; the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    if len(arguments) != 1:
        console.print("new-service: give one name, as `make new-service NAME=care-plan`")
        return 2
    try:
        naming = create(arguments[0])
    except NameRefused as refusal:
        console.print(f"new-service: {refusal}")
        return 1
    generate()
    console.print(f"services/{naming.name} is made, on port {naming.port}. Next:")
    console.print(f"  1. say what it does: proto/socle/{naming.module}/v1, then the README")
    console.print(f"  2. make test ARGS=services/{naming.name}")
    console.print("  3. make run: it starts with the others; deploy/k8s has its manifests")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
