"""What is answered has a reason and is still found; what a report says is read whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.k8s_check import own, policy, workshop
from tools.k8s_check.model import Finding
from tools.k8s_check.policy import Skip
from tools.k8s_check.targets import OVERLAYS
from tools.k8s_check.validator import closed

FOUND = Finding("CKV_1", "Deployment/dmp", "something")
REASON = "it is meant, for a reason of five words"


def test_unanswered_a_skip_for_another_target_then_the_finding_stands() -> None:
    used: set[Skip] = set()
    listed = [Skip("CKV_1", "dev:*", REASON)]
    assert policy.unanswered({"dev": [FOUND], "staging": [FOUND]}, listed, used) == {
        "dev": [],
        "staging": [FOUND],
    }
    assert policy.stale(listed, used) == []


def test_stale_a_skip_that_answers_nothing_then_it_is_found() -> None:
    (found,) = policy.stale([Skip("CKV_2", "*", REASON)], set())
    assert "CKV_2" in found.message


def test_skips_without_a_reason_then_refused(tmp_path: Path) -> None:
    path = tmp_path / "skips.yaml"
    path.write_text("- {check: CKV_1, resources: '*', reason: because}")
    with pytest.raises(ValueError, match="CKV_1"):
        policy.skips(path)


def test_skips_of_the_repository_then_each_has_a_reason() -> None:
    assert policy.skips()


def test_by_target_then_each_failure_is_in_its_file() -> None:
    failed = {
        "check_id": "CKV_1",
        "check_name": "something",
        "resource": "Deployment.socle.dmp",
        "file_path": "/dev.yaml",
    }
    report = {"results": {"failed_checks": [failed]}}
    assert policy.by_target(report, ["dev", "staging"]) == {"dev": [FOUND], "staging": []}


def test_external_then_each_target_names_its_providers() -> None:
    assert all(own.external(target) for target in OVERLAYS)


def test_closed_an_unknown_field_then_it_is_refused_unless_kept() -> None:
    schema = {
        "properties": {"a": {"properties": {"b": {}}}, "free": {"x-kubernetes-preserve-unknown-fields": True}}
    }
    strict = closed(schema)
    assert strict["additionalProperties"] is False
    assert strict["properties"]["a"]["additionalProperties"] is False
    assert "additionalProperties" not in strict["properties"]["free"]


def test_custom_resources_without_go_then_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workshop, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(workshop.ToolMissing, match="no go on PATH") as missing:
        workshop.custom_resources()
    assert str(missing.value).endswith("--without-custom-resources.")
