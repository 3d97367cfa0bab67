"""The house's own policy: what no general tool can know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from socle_local.manifest import Service
from tools.k8s_check import connections, network, pods, references, settings
from tools.k8s_check.model import Document, Finding

EXTERNAL = Path(__file__).with_name("external.yaml")


def findings(
    documents: list[Document], services: Iterable[Service], external: Mapping[str, str]
) -> list[Finding]:
    """Everything wrong with one rendered target."""
    return sorted(
        {
            *pods.check(documents),
            *network.check(documents, services),
            *references.check(documents, external),
            *settings.check(documents),
            *connections.check(documents),
        }
    )


def external(target: str) -> dict[str, str]:
    """What others provide to a target: pattern `Kind/name` -> who."""
    listed = yaml.safe_load(EXTERNAL.read_text("utf-8")).get(target, ())
    return {name.strip(): entry["provider"] for entry in listed for name in entry["objects"].split(",")}
