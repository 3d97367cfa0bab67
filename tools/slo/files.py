"""The files that are made from `slo/`: what they should be, whether they are, and making them so."""

import json
from pathlib import Path
from typing import Any

import yaml

from chassis.telemetry import FAULTS
from socle_local.manifest import find_services
from tools.paths import ROOT
from tools.slo.dashboards import all_dashboards
from tools.slo.model import read_all
from tools.slo.rules import all_rules

SOURCES = Path("slo")
MADE = Path("deploy/k8s/components/observability")
HEAD = "# Made by `make slo` from slo/*.yaml: change those.\n"
LIST = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


class Plain(yaml.SafeDumper):
    """Expressions of several lines stay readable, and no anchor is written for what is said twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Plain.add_representer(str, _text)


def made(root: Path = ROOT) -> dict[Path, str]:
    """Every generated file, path from the root of the repository -> text. Raises FileRefused."""
    slos, alerts = read_all(root / SOURCES)
    services = [service.name for service in find_services(root) if service.grpc]
    rules = all_rules(slos, alerts, services)
    rules["kustomization"] = {**LIST, "resources": [f"{name}.yaml" for name in sorted(rules)]}
    boards = all_dashboards(slos, "|".join(sorted(FAULTS)))
    return {
        **{MADE / "rules" / f"{name}.yaml": as_yaml(rule) for name, rule in rules.items()},
        **{MADE / "dashboards" / f"{name}.json": as_json(board) for name, board in boards.items()},
    }


def as_yaml(value: Any) -> str:
    """The same value gives the same text."""
    return HEAD + yaml.dump(value, Dumper=Plain, sort_keys=False, width=1000, allow_unicode=True)


def as_json(value: Any) -> str:
    """The same value gives the same text."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def outdated(files: dict[Path, str], root: Path = ROOT) -> list[Path]:
    """Those of the generated files that are not what they should be, and those that should not be there."""
    wrong = [path for path, text in files.items() if not _is(root / path, text)]
    there = [*(root / MADE / "rules").glob("*.yaml"), *(root / MADE / "dashboards").glob("*.json")]
    return wrong + sorted({path.relative_to(root) for path in there} - files.keys())


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


def write(root: Path = ROOT) -> None:
    """Writes what is outdated, deletes what is left over. Raises FileRefused."""
    files = made(root)
    for path in outdated(files, root):
        if path in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(files[path], "utf-8")
        else:
            (root / path).unlink()
