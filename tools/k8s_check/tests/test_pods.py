"""Each thing a pod must not be is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.k8s_check import pods
from tools.k8s_check.model import Document

from .given import container, deployment, pod


def test_check_a_sound_pod_then_nothing_is_found() -> None:
    assert list(pods.check([deployment("dmp", "service")])) == []


@pytest.mark.parametrize(
    ("rule", "word", "spoil"),
    [
        ("restricted", "runAsNonRoot", lambda d: pod(d)["securityContext"].pop("runAsNonRoot")),
        ("restricted", "seccomp", lambda d: pod(d)["securityContext"].pop("seccompProfile")),
        ("restricted", "network", lambda d: pod(d).update(hostNetwork=True)),
        (
            "restricted",
            "folder of the machine",
            lambda d: pod(d).update(volumes=[{"hostPath": {"path": "/"}}]),
        ),
        ("restricted", "token", lambda d: pod(d).pop("automountServiceAccountToken")),
        (
            "restricted",
            "Escalation",
            lambda d: container(d)["securityContext"].pop("allowPrivilegeEscalation"),
        ),
        (
            "restricted",
            "readOnly",
            lambda d: container(d)["securityContext"].update(readOnlyRootFilesystem=False),
        ),
        ("restricted", "capabilities", lambda d: container(d)["securityContext"].update(capabilities={})),
        (
            "restricted",
            "capabilities",
            lambda d: container(d)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        ),
        ("restricted", "privileged", lambda d: container(d)["securityContext"].update(privileged=True)),
        ("restricted", "port of the machine", lambda d: container(d)["ports"][0].update(hostPort=80)),
        ("restricted", "root", lambda d: container(d)["securityContext"].update(runAsUser=0)),
        ("probed", "readinessProbe", lambda d: container(d).pop("readinessProbe")),
        ("bounded", "requests no cpu", lambda d: container(d)["resources"]["requests"].pop("cpu")),
        ("bounded", "limit of memory", lambda d: container(d)["resources"].pop("limits")),
        ("known-image", "no version", lambda d: container(d).update(image="registry.example:5000/socle/dmp")),
        ("known-image", "no version", lambda d: container(d).update(image="socle/dmp:latest")),
        ("authority", "with its key", lambda d: pod(d).update(volumes=[{"secret": {"secretName": "pg-ca"}}])),
    ],
)
def test_check_a_spoiled_pod_then_it_is_found(
    rule: str, word: str, spoil: Callable[[Document], object]
) -> None:
    document = deployment("dmp", "service")
    spoil(document)
    (found,) = pods.check([document])
    assert (found.rule, found.where) == (rule, "Deployment/dmp")
    assert word in found.message


def test_check_a_helper_that_listens_on_nothing_then_it_needs_no_probe() -> None:
    document = deployment("dmp", "service")
    for key in ("ports", "readinessProbe", "livenessProbe"):
        container(document).pop(key)
    assert list(pods.check([document])) == []
