"""`python -m tools.audit`: the locks against the advisories, then the images' SBOMs by a scanner.

Exits 1 when something is to be dealt with, 2 when something could not be asked.
"""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.audit.report import AuditRefused, Finding, accepted, findings_of, open_findings
from tools.paths import ROOT

HERE = Path(__file__).parent
PROGRAMS = ROOT / "build" / "audit"
SBOMS = ROOT / "build" / "sbom"
# Each reads a CycloneDX file and fails on a vulnerability that has a mend.
SCANNERS = {
    "trivy": ("sbom", "--exit-code=1", "--ignore-unfixed", "--quiet"),
    "grype": ("--fail-on=high", "--only-fixed", "--quiet"),
}


def locks(root: Path = ROOT) -> list[Path]:
    """Every list of pinned packages of the repository."""
    return sorted({*root.glob("*.lock"), *root.glob("deploy/**/*.lock"), *root.glob("tools/**/*.lock")})


def ask(lock: Path) -> list[Finding]:
    """The findings of a lock. Raises AuditRefused when pip-audit cannot read it or ask."""
    arguments = ("--no-deps", "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json")
    done = subprocess.run(
        [PROGRAMS / "bin" / "pip-audit", *arguments, "-r", lock], capture_output=True, text=True, check=False
    )
    try:
        return findings_of(json.loads(done.stdout))
    except json.JSONDecodeError:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise AuditRefused(f"{lock.relative_to(ROOT)} cannot be audited: {said}") from None


def audit_locks(console: Console) -> bool:
    """Prints the table; True when nothing is open."""
    found = {finding for lock in locks() for finding in ask(lock)}
    left, stale = open_findings(
        sorted(found, key=str), accepted(HERE / "accepted.toml"), datetime.now(UTC).date()
    )
    table = Table("package", "version", "advisory", "mended in", title="Known vulnerabilities")
    for one in left:
        table.add_row(one.package, one.version, one.advisory, one.mended_in)
    console.print(table if left else f"{len(locks())} locks: no known vulnerability that was not accepted")
    for line in stale:
        console.print(line)
    return not left and not stale


def audit_images(console: Console) -> bool:
    """Has a scanner read each SBOM that `make images` left. Raises AuditRefused without scanner or SBOM."""
    sboms = sorted(SBOMS.glob("*.cdx.json"))
    if not sboms:
        raise AuditRefused("images were not scanned: no SBOM in build/sbom, `make images` writes them")
    name = next((name for name in SCANNERS if shutil.which(name)), None)
    if name is None:
        raise AuditRefused("images were not scanned: install trivy or grype, which read build/sbom")
    results = [
        subprocess.run([name, *SCANNERS[name], str(path)], check=False).returncode == 0 for path in sboms
    ]
    console.print(f"{sum(results)} of {len(sboms)} images have no vulnerability with a mend ({name})")
    return all(results)


def main() -> int:
    """Both parts, whatever the first says: the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    status = 0
    for part in (audit_locks, audit_images):
        try:
            status = max(status, 0 if part(console) else 1)
        except AuditRefused as refusal:
            console.print(f"audit: {refusal}")
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main())
