"""The schemas of Kubernetes and of the operators, asked about every document."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tools.k8s_check.model import Document, Finding

# The three that are maintained at a time, oldest first; `kubernetes-validate` carries their schemas.
VERSIONS = ("1.35", "1.36", "1.37")
VALIDATOR = Path(__file__).with_name("validator.py")
UNDESCRIBED = "no schema"


def findings(
    programs: Path, definitions: Path | None, every: dict[str, list[Document]]
) -> dict[str, list[Finding]]:
    """What is not as described, by target.

    Without `definitions` custom resources are passed over; with them, one that nothing describes is one.
    """
    question = json.dumps({"versions": VERSIONS, "documents": every})
    done = subprocess.run(
        [str(programs / "python"), str(VALIDATOR), str(definitions or "")],
        input=question,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[Finding]] = {target: [] for target in every}
    for target, version, where, fault in json.loads(done.stdout):
        if definitions or fault != UNDESCRIBED:
            found[target].append(Finding(f"kubernetes {version}", where, fault))
    return found
