"""`python -m tools.k8s_check`: renders every target, asks every judge; 1 when one objects.

Without kubectl nothing can be said (2). Without Go the custom resources go unchecked: that is said, and
fails, unless `--without-custom-resources` accepts it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from socle_local.failures import PlatformFailedError
from socle_local.manifest import find_services
from tools.k8s_check import own, policy, schemas, workshop
from tools.k8s_check.model import Document, Finding
from tools.k8s_check.targets import rendered

Judgement = dict[str, list[Finding]]


@dataclass(slots=True)
class Report:
    """What each judge said of each target, and what could not be asked."""

    every: dict[str, list[Document]]
    said: dict[str, Judgement] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def ask(self, judge: str, question: Callable[[], Judgement]) -> None:
        """Keeps the answer of a judge and how long it took."""
        began = time.monotonic()
        try:
            self.said[judge] = question()
        except workshop.ToolMissing as missing:
            self.lacks(missing)
        self.seconds[judge] = time.monotonic() - began

    def lacks(self, missing: workshop.ToolMissing) -> None:
        """Keeps, once, what could not be had."""
        if str(missing) not in self.missing:
            self.missing.append(str(missing))

    @property
    def count(self) -> int:
        return sum(len(found) for judgement in self.said.values() for found in judgement.values())


def house(every: dict[str, list[Document]]) -> Judgement:
    """The house's own policy on every target."""
    services = find_services()
    return {name: own.findings(documents, services, own.external(name)) for name, documents in every.items()}


def described(report: Report) -> Judgement:
    """The schemas: of Kubernetes in any case, of custom resources where they can be had."""
    definitions: Path | None = None
    try:
        definitions = workshop.custom_resources()
    except workshop.ToolMissing as missing:
        report.lacks(missing)
    return schemas.findings(workshop.environment(), definitions, report.every)


def tool(every: dict[str, list[Document]]) -> Judgement:
    """checkov."""
    return policy.findings(workshop.environment(), every)


def show(report: Report, console: Console) -> None:
    """Each finding on a line, then the table."""
    for judge, judgement in report.said.items():
        for target, found in judgement.items():
            for finding in found:
                line = f"{judge}, {target}: {finding.where}: {finding.rule}: {finding.message}"
                console.print(Text(line, "red"), soft_wrap=True)
    table = Table("judge", *report.every, "seconds", title="make k8s-check")
    for judge, judgement in report.said.items():
        counts = [len(judgement.get(target, ())) for target in report.every]
        cells = [Text("ok", "green") if not count else Text(str(count), "bold red") for count in counts]
        table.add_row(judge, *cells, f"{report.seconds.get(judge, 0):.1f}")
    table.add_row("objects", *(str(len(documents)) for documents in report.every.values()), "")
    console.print(table)
    for sentence in report.missing:
        console.print(Text(sentence, "yellow"), soft_wrap=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="k8s-check", description="Checks the manifests of deploy/k8s.")
    parser.add_argument("--without-custom-resources", action="store_true", help="where there is no Go")
    return parser.parse_args()


def main() -> int:
    """See the module's text."""
    console, asked = Console(highlight=False), arguments()
    try:
        report = Report(rendered())
    except PlatformFailedError as failure:
        console.print(Text(f"k8s-check: {failure}"), soft_wrap=True)
        return 2
    listed, used = policy.skips(), set[policy.Skip]()
    report.ask("house policy", lambda: policy.unanswered(house(report.every), listed, used))
    report.ask(f"schemas {', '.join(schemas.VERSIONS)}", lambda: described(report))
    report.ask("checkov", lambda: policy.unanswered(tool(report.every), listed, used))
    if "checkov" in report.said:
        report.said["skips"] = {"skips.yaml": policy.stale(listed, used)}
    show(report, console)
    return 1 if report.count or (report.missing and not asked.without_custom_resources) else 0


if __name__ == "__main__":
    sys.exit(main())
