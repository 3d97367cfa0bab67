"""The cluster that kubectl points at. All goes through kubectl: its contexts, its sign-in, its proxies."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from socle_local.failures import PlatformFailedError

Document = dict[str, Any]
ANSWER = "--request-timeout=15s"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster and one namespace in it."""

    kubectl: str
    context: str
    namespace: str

    @classmethod
    def found(cls, namespace: str = "socle") -> Cluster:
        """The cluster of KUBECONFIG's current context.

        Raises PlatformFailedError when kubectl is missing, names no cluster, or when none answers.
        """
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise PlatformFailedError(
                "kubectl is missing: install it (1.27 or later) from your distribution or the releases of"
                " Kubernetes, then point KUBECONFIG at a cluster."
            )
        cluster = cls(kubectl, current_context(kubectl), namespace)
        done = cluster.run("get", "--raw", "/readyz", ANSWER)
        if done.returncode:
            raise PlatformFailedError(
                f"The cluster of context {cluster.context!r} does not answer ({last_line(done.stderr)}):"
                " start it, or choose another with KUBECONFIG or `kubectl config use-context`."
            )
        return cluster

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl in this namespace, whatever it answers."""
        command = [self.kubectl, "--namespace", self.namespace, *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    def ask(self, *arguments: str, given: str | None = None) -> str:
        """What kubectl prints. Raises PlatformFailedError with its own words when it fails."""
        done = self.run(*arguments, given=given)
        if done.returncode:
            raise PlatformFailedError(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def items(self, kinds: str, *more: str) -> list[Document]:
        """The objects of some kinds (`jobs,pods`) in this namespace."""
        return list(json.loads(self.ask("get", kinds, "--output=json", ANSWER, *more))["items"])

    def names(self, kind: str) -> set[str]:
        """The names of the objects of a kind."""
        return {item["metadata"]["name"] for item in self.items(kind)}

    def get(self, kind: str, name: str) -> Document | None:
        """One object, or None when there is none of this name."""
        text = self.ask("get", kind, name, "--output=json", "--ignore-not-found", ANSWER)
        return dict(json.loads(text)) if text.strip() else None

    def apply(self, documents: Iterable[Document]) -> list[str]:
        """Makes the cluster hold these objects; a line for each.

        On the server's side, under a name of our own: two people who apply see each other's changes, and an
        object too large for an annotation (a dashboard) goes in like any other. What a hand changed in a
        field that the manifests hold is put back.
        """
        text = yaml.safe_dump_all(documents, sort_keys=False)
        flags = ("--server-side", "--field-manager=socle-k8s", "--force-conflicts")
        return self.ask("apply", *flags, "--filename=-", given=text).splitlines()

    def create(self, documents: Iterable[Document]) -> list[str]:
        """Makes new objects; raises PlatformFailedError when one exists: nothing is ever overwritten."""
        text = yaml.safe_dump_all(documents, sort_keys=False)
        return self.ask("create", "--filename=-", given=text).splitlines()

    def delete(self, documents: Iterable[Document]) -> list[str]:
        """Deletes these objects, those that are there; a line for each."""
        text = yaml.safe_dump_all(documents, sort_keys=False)
        return self.ask("delete", "--ignore-not-found", "--filename=-", given=text).splitlines()


def current_context(kubectl: str) -> str:
    """The name of the context in use. Raises PlatformFailedError when there is none."""
    done = subprocess.run([kubectl, "config", "current-context"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformFailedError(
            "kubectl knows no cluster: point KUBECONFIG at one, or make one on this machine"
            " (`kind create cluster`, `k3d cluster create`, `minikube start`)."
        )
    return done.stdout.strip()


def last_line(text: str) -> str:
    """What a program said last, which is mostly why."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
