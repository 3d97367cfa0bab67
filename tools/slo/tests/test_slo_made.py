"""What is made: it is what is committed, reads only what exists, and each alert has its runbook."""

import json
import re
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml

from chassis import ops
from chassis.telemetry.spans import ALLOWED
from tools.paths import ROOT
from tools.slo.__main__ import main
from tools.slo.files import MADE, SOURCES, made, outdated
from tools.slo.metrics import THIRD_PARTY, exported, made_in
from tools.slo.model import read_all
from tools.slo.promql import metric_names
from tools.slo.rules import runbook

FILES = made()
BOARDS = {path.stem: json.loads(text) for path, text in FILES.items() if path.suffix == ".json"}
RULES = [
    rule
    for path, text in FILES.items()
    if path.suffix == ".yaml"
    for group in yaml.safe_load(text).get("spec", {}).get("groups", [])
    for rule in group["rules"]
]
ALERTS = {rule["alert"] for rule in RULES if "alert" in rule}
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
COMPONENT = ROOT / MADE


def panels() -> list[tuple[str, dict[str, object]]]:
    return [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]


def expressions() -> list[str]:
    drawn = [target["expr"] for _, panel in panels() for target in panel.get("targets", [])]  # type: ignore[attr-defined]
    return [*(rule["expr"] for rule in RULES), *drawn]


def test_what_is_committed_is_what_the_files_say() -> None:
    assert outdated(FILES) == []


def test_making_twice_gives_the_same_bytes() -> None:
    assert made() == FILES


def test_every_metric_that_is_read_is_exported_recorded_or_of_a_known_third_party() -> None:
    known = ours() | {rule["record"] for rule in RULES if "record" in rule} | THIRD_PARTY.keys()
    read = {name for expression in expressions() for name in metric_names(expression)}
    assert read - known == set()
    assert {name for name in THIRD_PARTY if name not in read} == set(), "no longer read: take it out"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {runbook(alert) for alert in ALERTS} == {str(path.relative_to(ROOT)) for path in RUNBOOKS}
    assert len(ALERTS) >= 18
    for rule in RULES:
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"] == runbook(rule["alert"])
            assert rule["labels"]["severity"] in ("page", "ticket")


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_what_is_seen_how_to_check_and_how_to_mend(path: Path) -> None:
    text = path.read_text()
    title = text.splitlines()[0].removeprefix("# ")
    assert runbook(title) == str(path.relative_to(ROOT))
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Check", "Mend", "When that does not help"]
    for part in ("**What users see.**", "**What it means.**", "```console"):
        assert part in text
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (path.parent / link).resolve().exists(), link


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_names_only_what_exists(path: Path) -> None:
    text = path.read_text()
    commands = known_commands()
    for words in re.findall(r"chassis\.ops (\w+) (\w+)", text):
        assert words in commands, words
    for metric in re.findall(r"\bsocle_[a-z_]+\b", text):
        assert {metric, f"{metric}_count"} & ours(), metric
    said = sources_of_the_chassis()
    for event in re.findall(r"`((?:relay|consumer|nats|ledger|tls|service)\.[a-z_]+)`", text):
        assert f'"{event}"' in said, event
    for code in re.findall(r"`(SOCLE_[A-Z_]+)`", text):
        assert code.removeprefix("SOCLE_").lower() in said, code


@cache
def known_commands() -> set[tuple[str, str]]:
    groups = [(group.name or "", group.typer_instance) for group in ops.app.registered_groups]
    return {(name, made.name or "") for name, app in groups if app for made in app.registered_commands}


@cache
def ours() -> set[str]:
    return exported()


@cache
def sources_of_the_chassis() -> str:
    folders = (ROOT / "libs" / "chassis" / "chassis", ROOT / "services" / "dmp" / "dmp")
    return "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_dashboard_is_whole(name: str) -> None:
    board = BOARDS[name]
    assert board["uid"] == f"socle-{name}"
    assert board["templating"]["list"][0]["type"] == "datasource"
    numbers = [panel["id"] for panel in board["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    taken = [
        (x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])
    ]
    assert len(taken) == len(set(taken)), "two panels lie on each other"
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"], panel["title"]


def test_every_service_is_on_the_overview() -> None:
    rows = {panel["title"] for panel in BOARDS["overview"]["panels"] if panel["type"] == "row"}
    assert {slo.service for slo in read_all(ROOT / SOURCES)[0]} <= rows


def test_every_dashboard_is_mounted_and_every_rule_applied() -> None:
    component = yaml.safe_load((COMPONENT / "kustomization.yaml").read_text())
    files = {file for made in component["configMapGenerator"] for file in made.get("files", [])}
    assert {f"dashboards/{name}.json" for name in BOARDS} <= files
    listed = yaml.safe_load((COMPONENT / "rules" / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(
        p.name for p in (COMPONENT / "rules").glob("*.yaml") if p.stem != "kustomization"
    )


def collector() -> dict[str, dict[str, dict[str, object]]]:
    config: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(
        (COMPONENT / "collector" / "config.yaml").read_text()
    )
    return config


def test_the_collector_lets_through_what_a_span_may_hold_and_no_more() -> None:
    process = {"service.name", "service.namespace", "service.instance.id", "service.version"}
    assert set(collector()["processors"]["redaction/spans"]["allowed_keys"]) == ALLOWED | process  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("1850763220123", True),
        ("185076322012345", True),
        ("2A0012A0010012", False),
        ("285012A001001", True),
        ("dr.martin@hopital.mssante.fr", True),
        ("socle.dmp.v1.DmpService", False),
        ("0197c9f0-7a1b-7e52-9f44-3b1a2c4d5e6f", False),
        ("GET /v1/identities/{identity_id}", False),
    ],
)
def test_the_collector_hides_what_looks_like_an_ins_or_an_address(text: str, hidden: bool) -> None:
    patterns = collector()["processors"]["redaction/spans"]["blocked_values"]
    assert any(re.search(pattern, text) for pattern in patterns) is hidden  # type: ignore[attr-defined]


def test_every_part_of_the_collector_is_in_a_pipeline_and_the_memory_limit_comes_first() -> None:
    config = collector()
    pipelines = list(config["service"]["pipelines"].values())
    for kind in ("receivers", "processors", "exporters"):
        assert set(config[kind]) == {name for pipeline in pipelines for name in pipeline[kind]}  # type: ignore[index]
    assert {pipeline["processors"][0] for pipeline in pipelines} == {"memory_limiter"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, rpc) (rate(a_bucket{code=~"b|c"}[5m])) / on (slo) group_left (x) d', {"a_bucket", "d"}),
        ("slo:bad:rate5m / (slo:total:rate5m > 0)", {"slo:bad:rate5m", "slo:total:rate5m"}),
        ('max(a{b="c{d}"}) > bool 5 and b offset 5m', {"a", "b"}),
        ("vector(0.001)", set()),
        ("time() - max(backup) > 26 * 3600", {"backup"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expression: str, names: set[str]) -> None:
    assert metric_names(expression) - {"m"} == names


def test_the_name_of_an_instrument_is_that_of_the_collector() -> None:
    source = """
METER.create_counter("socle.outbox.published", description="s")
METER.create_gauge("socle.outbox.oldest_age", "s", "Age")
METER.create_gauge("socle.relay.leader", description="Leads")
_seconds("socle.event.lag", "Lag", LAG)
METER.create_observable_gauge("socle.tls.expires_in", [expires], "s", "Left")
"""
    assert set(made_in(source)) == {
        "socle_outbox_published_total",
        "socle_outbox_oldest_age_seconds",
        "socle_relay_leader",
        *(f"socle_event_lag_seconds{suffix}" for suffix in ("_bucket", "_sum", "_count")),
        "socle_tls_expires_in_seconds",
    }


def test_what_is_outdated_is_named_then_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (SOURCES, MADE, Path("services")):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.py", "tests", "migrations")
        )
    rule, left = tmp_path / MADE / "rules" / "causes.yaml", tmp_path / MADE / "rules" / "slo-gone.yaml"
    rule.write_text(rule.read_text() + "# by hand\n")
    left.write_text("")
    assert main(["--check"], tmp_path) == 1
    said = capsys.readouterr().out
    assert [line.split()[0].rpartition("/")[2] for line in said.splitlines()] == [
        "causes.yaml",
        "slo-gone.yaml",
    ]
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / SOURCES / "dmp.yaml").write_text("service: dmp\n")
    assert main(["--check"], tmp_path) == 1
    assert "dmp.yaml" in capsys.readouterr().err
