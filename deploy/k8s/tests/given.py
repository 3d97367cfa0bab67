"""What the tests of this folder share: manifests as committed, and a kubectl that answers from files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from socle_local.manifest import ROOT, Service

Document = dict[str, Any]
K8S = ROOT / "deploy" / "k8s"
BASE, DEV = K8S / "base", K8S / "overlays" / "dev"


def documents(*paths: Path) -> list[Document]:
    """Every object of these files."""
    return [one for path in paths for one in yaml.safe_load_all(path.read_text()) if one]


def variables(path: Path) -> dict[str, str]:
    """The variables of an env file."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def pod_specs(every: list[Document]) -> Iterator[tuple[str, Document]]:
    """The pods that the workloads among these objects make: name, spec."""
    for one in every:
        if "template" in one.get("spec", {}):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def service(name: str, *callers: str, grpc: bool = True, keeps: tuple[str, ...] = ()) -> Service:
    """A service as its table would declare it."""
    return Service(name, name.replace("-", "_"), 15050, grpc, callers, (), keeps)


FAKE = """#!{python}
import json, os, pathlib, sys
home = pathlib.Path(os.environ["FAKE_KUBECTL"])
words = [word for word in sys.argv[1:] if not word.startswith("--request-timeout")]
if words[:1] == ["--namespace"]:
    words = words[2:]
given = "" if sys.stdin.isatty() or "--filename=-" not in words else sys.stdin.read()
with (home / "calls").open("a") as calls:
    calls.write(json.dumps({{"words": words, "given": given}}) + "\\n")
answers = json.loads((home / "answers.json").read_text())
line = " ".join(words)
for start, answer in answers:
    if line.startswith(start):
        print(answer.get("out", ""), end="")
        print(answer.get("err", ""), end="", file=sys.stderr)
        sys.exit(answer.get("code", 0))
sys.exit(f"no answer was prepared for: {{line}}")
"""


class FakeKubectl:
    """A program called kubectl that answers what it was told to, and remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers: list[tuple[str, Document]] = []
        program = folder / "kubectl"
        program.write_text(FAKE.format(python=sys.executable))
        program.chmod(0o755)
        self.answer("config current-context", out="here\n")
        self.answer("get --raw /readyz", out="ok")

    def answer(self, start: str, out: str = "", err: str = "", code: int = 0) -> None:
        """To a command that starts with these words; the last one told comes first."""
        self._answers.insert(0, (start, {"out": out, "err": err, "code": code}))
        (self.folder / "answers.json").write_text(json.dumps(self._answers))

    def hold(self, kinds: str, *items: Document) -> None:
        """Has these objects, when asked for these kinds."""
        self.answer(f"get {kinds} ", out=json.dumps({"items": items}))

    @property
    def calls(self) -> list[Document]:
        """What it was asked, in order: `words`, and what it was `given`."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def given(self, verb: str) -> list[Document]:
        """The objects it was given with a verb."""
        texts = (call["given"] for call in self.calls if call["words"][0] == verb)
        return [one for text in texts for one in yaml.safe_load_all(text) if one]

    @property
    def environment(self) -> dict[str, str]:
        """What makes it the kubectl of a process."""
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "FAKE_KUBECTL": str(self.folder)}
