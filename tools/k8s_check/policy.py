"""checkov, and the list of what it or the house says that is answered."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tools.k8s_check.model import Document, Finding

NAMESPACE = "socle."
SKIPS = Path(__file__).with_name("skips.yaml")


@dataclass(frozen=True, slots=True)
class Skip:
    """A finding that is meant: of which check, on which resources (pattern `target:Kind/name`), and why."""

    check: str
    resources: str
    reason: str

    def answers(self, target: str, finding: Finding) -> bool:
        return self.check == finding.rule and fnmatchcase(f"{target}:{finding.where}", self.resources)


def skips(path: Path = SKIPS) -> list[Skip]:
    """The list; raises ValueError for an entry without a reason."""
    listed = [Skip(**entry) for entry in yaml.safe_load(path.read_text("utf-8"))]
    for skip in listed:
        if len(skip.reason.split()) < 5:
            raise ValueError(f"{path.name}: {skip.check} on {skip.resources} says no reason")
    return listed


def findings(programs: Path, every: dict[str, list[Document]]) -> dict[str, list[Finding]]:
    """What checkov says, by target; nothing of it is sent anywhere."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for target, documents in every.items():
            (folder / f"{target}.yaml").write_text(yaml.safe_dump_all(documents), "utf-8")
        return by_target(reported(programs, folder), every)


def reported(programs: Path, folder: Path) -> Document:
    """The report on every file of a folder: one start of checkov, which takes longer than its checks."""
    command = [str(programs / "python"), "-m", "checkov.main", "--directory", str(folder)]
    options = ["--framework", "kubernetes", "--output", "json", "--quiet", "--compact", "--skip-download"]
    done = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        check=False,
        # It would ask its maker's servers for the texts of its checks.
        env={**os.environ, "BC_SKIP_MAPPING": "TRUE"},
    )
    report = json.loads(done.stdout)
    return report if isinstance(report, dict) else next(r for r in report if r["check_type"] == "kubernetes")


def by_target(report: Document, targets: Iterable[str]) -> dict[str, list[Finding]]:
    """The failed checks by the file they were found in, which bears the target's name."""
    found: dict[str, list[Finding]] = {target: [] for target in targets}
    for failed in report.get("results", {}).get("failed_checks", ()):
        kind, _, name = failed["resource"].partition(".")
        where = f"{kind}/{name.removeprefix(NAMESPACE)}"
        target = Path(failed["file_path"]).stem
        found[target].append(Finding(failed["check_id"], where, failed["check_name"]))
    return found


def unanswered(
    found: dict[str, list[Finding]], answers: Iterable[Skip], used: set[Skip]
) -> dict[str, list[Finding]]:
    """The findings that no skip answers; the skips that did are added to `used`."""
    listed = list(answers)
    left: dict[str, list[Finding]] = {}
    for target, every in found.items():
        matches = {finding: [s for s in listed if s.answers(target, finding)] for finding in every}
        used.update(skip for skips in matches.values() for skip in skips)
        left[target] = [finding for finding, skips in matches.items() if not skips]
    return left


def stale(answers: Iterable[Skip], used: set[Skip]) -> list[Finding]:
    """The skips that answer nothing any more."""
    unused = [skip for skip in answers if skip not in used]
    return [
        Finding("skip", skip.resources, f"{skip.check} is not found any more: take it out") for skip in unused
    ]
