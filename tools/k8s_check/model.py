"""Rendered manifests, as the checks see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
# CloudNativePG makes the pods of a Cluster: no manifest shows them, and the network must.
CLUSTER = "postgresql.cnpg.io"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong: `rule` names the check, `where` the object as `Kind/name`."""

    rule: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Workload:
    """Whatever makes pods; `spec` is the pods' own."""

    kind: str
    name: str
    labels: dict[str, str]
    spec: Document
    claims: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    @property
    def runs_on(self) -> bool:
        """Whether its pods are meant to stay."""
        return self.kind in ("Deployment", "StatefulSet", "DaemonSet")

    def port(self, port: int | str) -> int | None:
        """The number of a port, by its number or its name; None when no container has it."""
        for listed in (p for container in self.containers for p in container.get("ports", ())):
            if port in (listed.get("name"), listed["containerPort"]):
                return int(listed["containerPort"])
        return None


def where(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(documents: Iterable[Document], *kinds: str) -> list[Document]:
    """The documents of these kinds, in order."""
    return [document for document in documents if document["kind"] in kinds]


def workloads(documents: Iterable[Document]) -> Iterator[Workload]:
    """Everything that makes pods of a template of its own."""
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if document["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
            template = spec["template"]
            claims = tuple(claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ()))
            labels = template.get("metadata", {}).get("labels", {})
            yield Workload(document["kind"], document["metadata"]["name"], labels, template["spec"], claims)


def clusters(documents: Iterable[Document]) -> list[Document]:
    """The PostgreSQL clusters that an operator runs."""
    return [d for d in of_kind(documents, "Cluster") if d["apiVersion"].startswith(CLUSTER)]
