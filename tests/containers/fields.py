"""Which fields of a workload a container can be given, which mean nothing there and why, and no other.

A runner that skipped what it does not know would prove a manifest that nobody wrote: an unknown field is a
fault, to be translated or explained here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SCHEDULING = "where a pod is placed: there is one machine here"
ROLLOUT = "how one version replaces another: `make upgrade-test` shows that, no pod is replaced here"
REGISTRY = "the image is on this machine already"
REPORTING = "what the API server keeps of a pod that ended"


class NotTranslated(Exception):
    """A manifest says something this runner does not give to a container; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Of:
    """A field that holds an object, or a list of them, of another shape."""

    shape: str


# None: translated. A text: the reason why it means nothing in a container.
Field = Of | str | None
SHAPES: Mapping[str, Mapping[str, Field]] = {
    "Deployment": {
        "replicas": None,
        "template": Of("template"),
        "selector": "which pods are its own: the template is read directly",
        "strategy": ROLLOUT,
        "minReadySeconds": ROLLOUT,
        "progressDeadlineSeconds": ROLLOUT,
        "revisionHistoryLimit": ROLLOUT,
    },
    "StatefulSet": {
        "replicas": None,
        "serviceName": None,
        "template": Of("template"),
        "volumeClaimTemplates": None,
        "selector": "which pods are its own: the template is read directly",
        "podManagementPolicy": ROLLOUT,
        "updateStrategy": ROLLOUT,
        "minReadySeconds": ROLLOUT,
        "revisionHistoryLimit": ROLLOUT,
        "persistentVolumeClaimRetentionPolicy": "the volumes of a run end with it",
    },
    "Job": {
        "template": Of("template"),
        "backoffLimit": None,
        "activeDeadlineSeconds": None,
        "completions": None,
        "parallelism": None,
        "ttlSecondsAfterFinished": REPORTING,
        "podFailurePolicy": REPORTING,
    },
    "template": {"metadata": Of("metadata"), "spec": Of("pod")},
    "metadata": {"labels": None, "annotations": None, "name": None},
    "pod": {
        "containers": Of("container"),
        "initContainers": Of("container"),
        "volumes": Of("volume"),
        "securityContext": Of("podSecurity"),
        "terminationGracePeriodSeconds": None,
        "restartPolicy": None,
        "hostname": None,
        "subdomain": None,
        "automountServiceAccountToken": None,
        "enableServiceLinks": None,
        "serviceAccountName": "an identity before the API server, whose token must not be mounted",
        "serviceAccount": "the former spelling of serviceAccountName",
        "affinity": SCHEDULING,
        "nodeSelector": SCHEDULING,
        "tolerations": SCHEDULING,
        "topologySpreadConstraints": SCHEDULING,
        "priorityClassName": SCHEDULING,
        "schedulerName": SCHEDULING,
        "imagePullSecrets": REGISTRY,
    },
    "podSecurity": {
        "runAsUser": None,
        "runAsGroup": None,
        "runAsNonRoot": None,
        "fsGroup": None,
        "supplementalGroups": None,
        "seccompProfile": None,
        "fsGroupChangePolicy": "whether a volume with data gets its owner again: those of a run begin empty",
    },
    "container": {
        "name": None,
        "image": None,
        "command": None,
        "args": None,
        "workingDir": None,
        "env": Of("variable"),
        "envFrom": Of("variables"),
        "ports": Of("port"),
        "resources": Of("resources"),
        "securityContext": Of("security"),
        "volumeMounts": Of("mount"),
        "startupProbe": Of("probe"),
        "readinessProbe": Of("probe"),
        "livenessProbe": Of("probe"),
        "imagePullPolicy": REGISTRY,
        "terminationMessagePath": REPORTING,
        "terminationMessagePolicy": REPORTING,
    },
    "variable": {"name": None, "value": None, "valueFrom": Of("valueFrom")},
    "valueFrom": {"secretKeyRef": Of("key"), "configMapKeyRef": Of("key"), "fieldRef": Of("fieldRef")},
    "key": {"name": None, "key": None, "optional": None},
    "fieldRef": {"fieldPath": None, "apiVersion": None},
    "variables": {"prefix": None, "secretRef": Of("name"), "configMapRef": Of("name")},
    "name": {"name": None, "optional": None},
    "port": {"name": None, "containerPort": None, "protocol": None},
    "resources": {"limits": Of("limits"), "requests": Of("requests")},
    "limits": {
        "memory": None,
        "cpu": None,
        "ephemeral-storage": "an eviction by the kubelet: Docker's overlay counts no bytes",
    },
    "requests": {"memory": SCHEDULING, "cpu": SCHEDULING, "ephemeral-storage": SCHEDULING},
    "security": {
        "runAsUser": None,
        "runAsGroup": None,
        "runAsNonRoot": None,
        "readOnlyRootFilesystem": None,
        "allowPrivilegeEscalation": None,
        "capabilities": Of("capabilities"),
        "privileged": None,
        "seccompProfile": None,
    },
    "capabilities": {"drop": None, "add": None},
    "mount": {"name": None, "mountPath": None, "readOnly": None},
    "volume": {
        "name": None,
        "secret": Of("secretVolume"),
        "configMap": Of("configMapVolume"),
        "projected": Of("projected"),
        "emptyDir": Of("emptyDir"),
        "persistentVolumeClaim": Of("claim"),
    },
    "secretVolume": {"secretName": None, "items": Of("item"), "defaultMode": None, "optional": None},
    "configMapVolume": {"name": None, "items": Of("item"), "defaultMode": None, "optional": None},
    "projected": {"sources": Of("source"), "defaultMode": None},
    "source": {"secret": Of("sourceOf"), "configMap": Of("sourceOf")},
    "sourceOf": {"name": None, "items": Of("item"), "optional": None},
    "item": {"key": None, "path": None, "mode": None},
    "emptyDir": {"medium": None, "sizeLimit": None},
    "claim": {"claimName": None, "readOnly": None},
    "probe": {
        "grpc": Of("grpc"),
        "httpGet": Of("httpGet"),
        "exec": Of("exec"),
        "tcpSocket": Of("tcpSocket"),
        "initialDelaySeconds": None,
        "periodSeconds": None,
        "timeoutSeconds": None,
        "successThreshold": None,
        "failureThreshold": None,
    },
    "grpc": {"port": None, "service": None},
    "httpGet": {"path": None, "port": None, "scheme": None, "httpHeaders": None},
    "exec": {"command": None},
    "tcpSocket": {"port": None},
}


@dataclass(frozen=True, slots=True)
class Left:
    """A field that a container is not given: where it stands and why it means nothing there."""

    where: str
    reason: str


def left_out(shape: str, value: Any, where: str) -> list[Left]:
    """The fields below `value` that mean nothing in a container.

    Raises NotTranslated naming every field that this runner does not know.
    """
    faults: list[str] = []
    left = list(_walk(shape, value, where, faults))
    if faults:
        raise NotTranslated(
            f"{', '.join(faults)}: not known to this runner; translate it, or write in"
            " tests/containers/fields.py why it means nothing in a container"
        )
    return left


def _walk(shape: str, value: Any, where: str, faults: list[str]) -> Iterator[Left]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            name = one.get("name", number) if isinstance(one, dict) else number
            yield from _walk(shape, one, f"{where}[{name}]", faults)
        return
    for name, inner in (value or {}).items():
        place = f"{where}.{name}"
        field = SHAPES[shape].get(name, faults)
        if field is faults:
            faults.append(place)
        elif isinstance(field, str):
            yield Left(place, field)
        elif isinstance(field, Of):
            yield from _walk(field.shape, inner, place, faults)
