"""One pod of a workload as a list of containers to run: the translation, before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.containers.fields import NotTranslated
from tests.containers.manifests import Manifests, Workload
from tests.containers.probes import PROBES, Probe
from tests.containers.values import Doc, environment, expanded, quantity
from tests.containers.volumes import Volume, volumes

GRACE_SECONDS = 30
JOB_TRIES = 6


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume at a path of a container."""

    volume: str
    path: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of memory and cores; 0 is no limit."""

    memory: int
    cores: float


@dataclass(frozen=True, slots=True)
class Security:
    """What the process may do."""

    user: int
    group: int
    groups: tuple[int, ...]
    read_only: bool
    may_escalate: bool
    dropped: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod; `source` is the manifest it came from."""

    name: str
    image: str
    source: Doc
    mounts: tuple[Mount, ...]
    ports: Mapping[str, int]
    limits: Limits
    security: Security
    probes: Mapping[str, Probe]
    where: str

    def command(self, variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """What replaces the image's ENTRYPOINT and CMD; an empty list keeps the image's own."""
        entry = [expanded(one, variables) for one in self.source.get("command", ())]
        return entry, [expanded(one, variables) for one in self.source.get("args", ())]


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod: its containers in order, its volumes, the names that lead to it."""

    workload: Workload
    name: str
    namespace: str
    hostname: str
    aliases: tuple[str, ...]
    volumes: tuple[Volume, ...]
    init: tuple[Container, ...]
    containers: tuple[Container, ...]
    grace_seconds: int
    tries: int | None

    @property
    def is_job(self) -> bool:
        return self.workload.kind == "Job"

    @property
    def ports(self) -> dict[str, int]:
        """Every declared port by name."""
        return {name: port for one in self.containers for name, port in one.ports.items()}

    def facts(self, address: str) -> dict[str, str]:
        """The downward API: what a pod may be told of itself, by field path."""
        labels = {f"metadata.labels['{key}']": value for key, value in self.workload.labels.items()}
        notes = self.workload.template.get("metadata", {}).get("annotations", {})
        return {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": f"uid-of-{self.name}",
            "spec.nodeName": "this-machine",
            "spec.serviceAccountName": str(self.workload.pod.get("serviceAccountName", "default")),
            "status.podIP": address,
            "status.podIPs": address,
            **labels,
            **{f"metadata.annotations['{key}']": str(value) for key, value in notes.items()},
        }


def pods(manifests: Manifests, *, replicas: int | None = None) -> list[Pod]:
    """Every pod of every workload; at most `replicas` of each. Raises NotTranslated."""
    return [
        pod(manifests, workload, number)
        for workload in manifests.workloads()
        for number in range(min(workload.replicas, replicas or workload.replicas))
    ]


def pod(manifests: Manifests, workload: Workload, number: int = 0) -> Pod:
    """One pod of a workload. Raises NotTranslated for what no container can be given."""
    spec, where = workload.pod, f"{workload.kind} {workload.name}"
    _closed(spec, where)
    name = workload.pod_name(number)
    made = volumes(spec, workload.claims(number), manifests.store, where)
    known = {one.name for one in made}
    return Pod(
        workload,
        name,
        manifests.namespace,
        spec.get("hostname", name),
        tuple(manifests.aliases(workload, number)),
        made,
        tuple(container(one, spec, known, where) for one in spec.get("initContainers", ())),
        tuple(container(one, spec, known, where) for one in spec["containers"]),
        int(spec.get("terminationGracePeriodSeconds", GRACE_SECONDS)),
        int(workload.spec.get("backoffLimit", JOB_TRIES)) if workload.kind == "Job" else None,
    )


def _closed(spec: Doc, where: str) -> None:
    """Two things a cluster adds to a pod unless told not to, and that no container here is given."""
    if spec.get("automountServiceAccountToken") is not False:
        raise NotTranslated(
            f"{where}: a cluster would mount a token of the API server in the pod: set"
            " automountServiceAccountToken: false"
        )
    if spec.get("enableServiceLinks") is not False:
        raise NotTranslated(
            f"{where}: a cluster would add a variable for each Service, some of which begin with"
            " SOCLE_: set enableServiceLinks: false"
        )


def container(source: Doc, pod_spec: Doc, known: set[str], where: str) -> Container:
    """One container of a pod spec."""
    where = f"{where}, container {source['name']}"
    mounts = tuple(
        Mount(one["name"], one["mountPath"], bool(one.get("readOnly")))
        for one in source.get("volumeMounts", ())
    )
    for one in mounts:
        if one.volume not in known:
            raise NotTranslated(f"{where} mounts {one.volume}, which is no volume of the pod")
    ports = {
        one.get("name", str(one["containerPort"])): int(one["containerPort"])
        for one in source.get("ports", ())
    }
    return Container(
        source["name"],
        source["image"],
        source,
        mounts,
        ports,
        _limits(source.get("resources", {}).get("limits", {})),
        _security(source.get("securityContext", {}), pod_spec.get("securityContext", {}), where),
        {kind: Probe.of(kind, source[kind], ports, where) for kind in PROBES if kind in source},
        where,
    )


def _limits(limits: Doc) -> Limits:
    return Limits(int(quantity(limits.get("memory", 0))), quantity(limits.get("cpu", 0)))


def _security(own: Doc, of_pod: Doc, where: str) -> Security:
    merged: dict[str, Any] = {**of_pod, **own}
    if merged.get("privileged"):
        raise NotTranslated(f"{where} is privileged, which no workload of this platform may be")
    profile = merged.get("seccompProfile", {}).get("type")
    if profile != "RuntimeDefault":
        raise NotTranslated(
            f"{where}: seccompProfile {profile}: only RuntimeDefault, which is Docker's own, is known"
        )
    if "runAsUser" not in merged or "runAsGroup" not in merged:
        raise NotTranslated(f"{where} leaves its user to the image: set runAsUser and runAsGroup")
    if merged["runAsUser"] == 0 or merged.get("runAsNonRoot") is not True:
        raise NotTranslated(f"{where} may run as root: set runAsNonRoot: true and a user that is not 0")
    capabilities = own.get("capabilities", {})
    groups = {*of_pod.get("supplementalGroups", ()), *([of_pod["fsGroup"]] if "fsGroup" in of_pod else ())}
    return Security(
        merged["runAsUser"],
        merged["runAsGroup"],
        tuple(sorted(groups)),
        bool(own.get("readOnlyRootFilesystem")),
        own.get("allowPrivilegeEscalation") is not False,
        tuple(capabilities.get("drop", ())),
        tuple(capabilities.get("add", ())),
    )


def variables(one: Container, pod: Pod, manifests: Manifests, address: str) -> dict[str, str]:
    """The environment of a container of a pod that has this address."""
    return environment(one.source, manifests.store, pod.facts(address), one.where)
