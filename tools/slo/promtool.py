"""The rules as Prometheus itself judges them: `python -m tools.slo.promtool`, which needs its `promtool`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tools.paths import ROOT
from tools.slo.files import MADE

CASES = Path(__file__).parent / "promtool.yaml"
MISSING = (
    "slo-check: promtool is missing: install Prometheus (Debian: apt install prometheus), or name it with"
    " PROMTOOL=/path/to/promtool."
)


def main() -> int:
    """The exit status: 2 with one sentence without promtool, 1 when it finds something."""
    program = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not program:
        print(MISSING, file=sys.stderr)
        return 2
    with TemporaryDirectory() as scratch:
        files = unwrapped(Path(scratch))
        shutil.copy(CASES, scratch)
        commands = [["check", "rules", *files], ["test", "rules", CASES.name]]
        return max(
            subprocess.run([program, *words], cwd=scratch, check=False).returncode for words in commands
        )


def unwrapped(folder: Path) -> list[str]:
    """The rules without what the operator of Kubernetes wraps them in, one file each; their names."""
    names = []
    for path in sorted((ROOT / MADE / "rules").glob("*.yaml")):
        spec = yaml.safe_load(path.read_text("utf-8")).get("spec")
        if spec:
            names.append(path.name)
            (folder / path.name).write_text(yaml.safe_dump(spec), "utf-8")
    return names


if __name__ == "__main__":
    sys.exit(main())
