"""Rendered manifests, read as a cluster would: workloads, the names that lead to them, their Secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.containers.fields import Left, NotTranslated, left_out
from tests.containers.values import Doc, Store

WORKLOADS = ("StatefulSet", "Job", "Deployment")
# What runs pods in ways this runner has no equal for: one of these must not pass unseen.
OTHER_WORKLOADS = ("DaemonSet", "ReplicaSet", "Pod", "CronJob", "ReplicationController")
CLUSTER = "svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or Job. `left` are its fields that mean nothing in a container."""

    kind: str
    name: str
    spec: Doc
    left: tuple[Left, ...] = ()

    @property
    def template(self) -> Doc:
        template: Doc = self.spec["template"]
        return template

    @property
    def pod(self) -> Doc:
        pod: Doc = self.template["spec"]
        return pod

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.template.get("metadata", {}).get("labels", {}))

    @property
    def replicas(self) -> int:
        """How many pods; a Job runs one after the other."""
        return 1 if self.kind == "Job" else int(self.spec.get("replicas", 1))

    def pod_name(self, number: int) -> str:
        """The name of one of its pods: its place in a StatefulSet, which other pods may address."""
        return f"{self.name}-{number}"

    def claims(self, number: int) -> dict[str, str]:
        """The claim behind each volume that the templates of a StatefulSet make for one pod."""
        made = [one["metadata"]["name"] for one in self.spec.get("volumeClaimTemplates", ())]
        return {name: f"{name}-{self.pod_name(number)}" for name in made}


@dataclass(frozen=True, slots=True)
class Service:
    """A name that leads to pods."""

    name: str
    namespace: str
    selector: dict[str, str]
    ports: tuple[Doc, ...]
    headless: bool

    def names(self, pod: str = "") -> list[str]:
        """Every spelling that the cluster's DNS answers, for the service or for one pod of it."""
        first = f"{pod}.{self.name}" if pod else self.name
        full = f"{first}.{self.namespace}"
        return [first, full, f"{full}.svc", f"{full}.{CLUSTER}"]

    def leads_to(self, labels: dict[str, str]) -> bool:
        """Whether a pod of these labels is behind the name."""
        return bool(self.selector) and self.selector.items() <= labels.items()

    @property
    def moved(self) -> list[Doc]:
        """Its ports that are another number on the pod: a name of a container network cannot move a port."""
        return [
            port
            for port in self.ports
            if isinstance(port.get("targetPort"), int) and port["targetPort"] != port["port"]
        ]


@dataclass(frozen=True, slots=True)
class Manifests:
    """The documents of an overlay, with the Secrets that are not in it."""

    documents: tuple[Doc, ...]

    @classmethod
    def of(cls, *sources: Iterable[Any]) -> Manifests:
        """The documents of all sources. Raises NotTranslated for a kind of workload it cannot run."""
        documents = tuple(one for source in sources for one in source if one)
        for one in documents:
            if one["kind"] in OTHER_WORKLOADS:
                raise NotTranslated(
                    f"{one['kind']} {one['metadata']['name']}: not a workload this runner knows"
                )
        return cls(documents)

    def of_kind(self, *kinds: str) -> Iterator[Doc]:
        return (one for one in self.documents if one["kind"] in kinds)

    @property
    def store(self) -> Store:
        return Store.of(self.documents)

    @property
    def namespace(self) -> str:
        """The one namespace of the overlay."""
        found = {one["metadata"].get("namespace", "default") for one in self.of_kind(*WORKLOADS)}
        if len(found) != 1:
            raise NotTranslated(
                f"workloads in {len(found)} namespaces ({', '.join(sorted(found))}): one is known"
            )
        return str(found.pop())

    def workloads(self) -> list[Workload]:
        """Every workload, StatefulSets first: what others keep their data in."""
        found = [
            Workload(
                one["kind"],
                one["metadata"]["name"],
                one["spec"],
                tuple(left_out(one["kind"], one["spec"], f"{one['kind']} {one['metadata']['name']}")),
            )
            for one in self.of_kind(*WORKLOADS)
        ]
        return sorted(found, key=lambda one: (WORKLOADS.index(one.kind), one.name))

    def services(self) -> list[Service]:
        """Every Service with a selector."""
        return [
            Service(
                one["metadata"]["name"],
                one["metadata"].get("namespace", "default"),
                dict(one["spec"].get("selector") or {}),
                tuple(one["spec"].get("ports") or ()),
                one["spec"].get("clusterIP") == "None",
            )
            for one in self.of_kind("Service")
        ]

    def aliases(self, workload: Workload, number: int) -> list[str]:
        """The names under which one pod is found: its services, and itself within a headless one."""
        behind = [one for one in self.services() if one.leads_to(workload.labels)]
        own = [
            name
            for service in behind
            if service.headless and service.name == workload.spec.get("serviceName")
            for name in service.names(workload.pod_name(number))
        ]
        return [*(name for service in behind for name in service.names()), *own]
