"""Manifests as text: plain YAML that a person reads, with a first line that says where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

WIDTH = 110


class Plain(yaml.SafeDumper):
    """Lists indented below their key, and no anchor: what is said twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def header(origin: str) -> str:
    """Where a file comes from, and how it is made again."""
    return f"# Made by `make k8s-generate` from {origin}: change it there.\n"


def dumped(documents: Iterable[dict[str, Any]]) -> str:
    """Documents as YAML, their keys in the order they were thought in."""
    return yaml.dump_all(documents, Dumper=Plain, sort_keys=False, width=WIDTH, allow_unicode=True)
