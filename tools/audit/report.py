"""What the advisories say, and what was accepted by name, with a reason and a last day."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any


class AuditRefused(Exception):
    """Nothing can be said; the message is the one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A known vulnerability: the package, its version here, the advisory, the versions that mend it."""

    package: str
    version: str
    advisory: str
    mended_in: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """An advisory that does not harm us, why, and until when nobody need look at it again."""

    advisory: str
    reason: str
    until: date


def accepted(path: Path) -> list[Accepted]:
    """The list in `accepted.toml`. Raises AuditRefused for an entry without a reason or a last day."""
    entries = tomllib.loads(path.read_text("utf-8")).get("accepted", [])
    for entry in entries:
        if not entry.get("reason") or not isinstance(entry.get("until"), date):
            raise AuditRefused(
                f"{path.name}: {entry.get('advisory', 'an entry')} needs a reason and `until`, a date"
            )
    return [Accepted(entry["advisory"], entry["reason"], entry["until"]) for entry in entries]


def findings_of(report: Mapping[str, Any]) -> list[Finding]:
    """Those of a pip-audit report (its JSON). Raises AuditRefused when a package could not be asked about: an
    audit that looked at nothing would pass.
    """
    skipped = [package["name"] for package in report["dependencies"] if "skip_reason" in package]
    if skipped:
        raise AuditRefused(
            f"the advisory service did not answer for {len(skipped)} of {len(report['dependencies'])}"
            f" packages ({skipped[0]}...): run this where the package index serves its advisories"
        )
    return [
        Finding(
            package["name"], package["version"], found["id"], ", ".join(found["fix_versions"]) or "none yet"
        )
        for package in report["dependencies"]
        for found in package["vulns"]
    ]


def open_findings(
    found: Iterable[Finding], known: Iterable[Accepted], today: date
) -> tuple[list[Finding], list[str]]:
    """What must be dealt with: findings nobody accepted, and acceptances out of date or without a finding."""
    found, known = list(found), list(known)
    running = {one.advisory for one in known if one.until >= today}
    stale = [
        f"{one.advisory} was accepted until {one.until}: look at it again"
        if one.until < today
        else f"{one.advisory} is accepted and found nowhere: remove it"
        for one in known
        if one.until < today or one.advisory not in {finding.advisory for finding in found}
    ]
    return [finding for finding in found if finding.advisory not in running], stale
