"""What an audit makes of a report: nothing unasked passes, nothing is accepted for ever."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tools.audit.__main__ import locks
from tools.audit.report import Accepted, AuditRefused, Finding, accepted, findings_of, open_findings

TODAY = date(2026, 11, 22)
HARMFUL = {"name": "widget", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
FINDING = Finding("widget", "1.0", "PYSEC-1", "1.1")


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": [*packages, {"name": "sound", "version": "2", "vulns": []}]}


def test_findings_name_package_advisory_and_mend() -> None:
    assert findings_of(report(HARMFUL)) == [FINDING]


def test_package_that_nobody_was_asked_about_is_no_pass() -> None:
    with pytest.raises(AuditRefused, match="1 of 2 packages"):
        findings_of(report({"name": "unasked", "skip_reason": "not found"}))


@pytest.mark.parametrize(
    ("until", "left", "stale"),
    [(TODAY, [], []), (date(2026, 11, 21), [FINDING], ["look at it again"])],
    ids=["running", "out of date"],
)
def test_accepted_advisory_counts_until_its_last_day(
    until: date, left: list[Finding], stale: list[str]
) -> None:
    found, said = open_findings([FINDING], [Accepted("PYSEC-1", "never called", until)], TODAY)
    assert found == left
    assert [line.partition(": ")[2] for line in said] == stale


def test_acceptance_of_what_is_gone_must_be_removed() -> None:
    assert open_findings([], [Accepted("PYSEC-1", "never called", TODAY)], TODAY) == (
        [],
        ["PYSEC-1 is accepted and found nowhere: remove it"],
    )


def test_acceptance_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nadvisory = "PYSEC-1"\nuntil = 2026-12-01\n')
    with pytest.raises(AuditRefused, match="PYSEC-1 needs a reason"):
        accepted(file)


def test_every_lock_of_the_repository_is_asked_about() -> None:
    names = {path.name for path in locks()}
    assert {"requirements.lock", "bootstrap.lock"} <= names
