"""What an installation asks of a cluster, in which order, and what it says when something is wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from socle_k8s import migrations, prerequisites, rollout
from socle_k8s.cluster import Cluster
from socle_k8s.install import install, retagged, tagged
from socle_k8s.render import render
from socle_local.failures import PlatformFailedError

from .given import Document, FakeKubectl

GROUPS = ("apps/v1", "batch/v1", "networking.k8s.io/v1")
APIS = {"groups": [{"versions": [{"groupVersion": one}]} for one in GROUPS]}
RENDERED = """\
apiVersion: v1
kind: Namespace
metadata: {name: here}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: dmp, namespace: here}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/version: dev}}
    spec: {containers: [{name: service, image: "registry.example/socle/dmp:dev"}, {name: b, image: "nats:2"}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: dmp-migrate, namespace: here}
spec:
  template:
    metadata: {labels: {}}
    spec: {containers: [{name: service, image: "socle/dmp"}]}
"""


def job(name: str, *conditions: str, failed: int = 0) -> Document:
    """A Job as the cluster tells of it."""
    told = [{"type": one, "status": "True"} for one in conditions]
    return {"kind": "Job", "metadata": {"name": name}, "status": {"conditions": told, "failed": failed}}


def deployment(name: str, *, ready: int, updated: int = 1, pods: int = 1, seen: int = 3) -> Document:
    """A Deployment of one pod as the cluster tells of it."""
    status = {
        "observedGeneration": seen,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "replicas": pods,
    }
    metadata = {"name": name, "generation": 3}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1}, "status": status}


def listening() -> tuple[Console, io.StringIO]:
    """A console that is no terminal, and what was said on it."""
    said = io.StringIO()
    return Console(file=said, width=200, highlight=False), said


@pytest.fixture
def ready(kubectl: FakeKubectl) -> FakeKubectl:
    """A cluster that takes everything and has it ready at once."""
    kubectl.answer("kustomize", out=RENDERED)
    kubectl.answer("get --raw /apis", out=json.dumps(APIS))
    kubectl.answer("apply", out="a\nb\n")
    kubectl.answer("delete jobs", out="")
    kubectl.hold("jobs")
    kubectl.hold("pods")
    kubectl.hold("events")
    kubectl.hold("jobs,statefulsets,deployments", job("dmp-migrate", "Complete"), deployment("dmp", ready=1))
    return kubectl


def test_installing_makes_the_namespace_then_clears_jobs_then_applies_all(ready: FakeKubectl) -> None:
    ready.hold("jobs", job("dmp-migrate", "Complete"), job("of-somebody-else"))
    console, said = listening()
    cluster = install("staging", tagged(render("staging"), "1.4.2"), console, 5)
    assert (cluster.context, cluster.namespace) == ("here", "here")
    verbs = [call["words"][0] for call in ready.calls]
    assert [verb for verb in verbs if verb in ("apply", "delete")] == ["apply", "delete", "apply"]
    assert ["delete", "jobs", "dmp-migrate"] in [call["words"][:3] for call in ready.calls]
    first, *others = ready.given("apply")
    assert first["kind"] == "Namespace"
    images = [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in others[1:]]
    assert images == ["registry.example/socle/dmp:1.4.2", "socle/dmp:1.4.2"]
    assert not ready.given("create"), "the secrets of staging are not made here"
    assert "All ready." in said.getvalue()


def test_a_migration_that_fails_for_good_ends_the_wait_and_shows_why(ready: FakeKubectl) -> None:
    failed = job("dmp-migrate", "Failed", failed=9)
    ready.hold("jobs,statefulsets,deployments", failed, deployment("dmp", ready=0))
    pod = {
        "metadata": {"name": "dmp-migrate-x"},
        "status": {
            "phase": "Failed",
            "containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 1}}}],
        },
    }
    warning = {
        "type": "Warning",
        "reason": "BackOff",
        "message": "no more",
        "involvedObject": {"name": "dmp-migrate"},
    }
    ready.hold("pods", pod)
    ready.hold("events", warning, {**warning, "type": "Normal", "reason": "Pulled"})
    ready.answer("logs dmp-migrate-x", out="PostgreSQL refused a migration\n")
    console, said = listening()
    with pytest.raises(PlatformFailedError, match=r"Job dmp-migrate .failed after 9 tries."):
        install("staging", render("staging"), console, 60)
    for words in ("BackOff: no more", "Error, exit code 1", "| PostgreSQL refused a migration"):
        assert words in said.getvalue()
    assert "Pulled" not in said.getvalue()


def test_what_is_not_ready_in_time_is_named(ready: FakeKubectl) -> None:
    ready.hold("jobs,statefulsets,deployments", job("dmp-migrate", "Complete"))
    console, _ = listening()
    with pytest.raises(PlatformFailedError, match=r"Deployment dmp .not made yet."):
        install("staging", render("staging"), console, 0.5)


@pytest.mark.parametrize(
    ("item", "ready", "said"),
    [
        (deployment("dmp", ready=1), True, "1 of 1 ready"),
        (deployment("dmp", ready=0), False, "0 of 1 ready"),
        # The controller has not looked at the new version yet: what it says is about the former one.
        (deployment("dmp", ready=1, seen=2), False, "not looked at yet"),
        # The former pod still answers calls.
        (deployment("dmp", ready=1, pods=2), False, "replacing the former version"),
        (deployment("dmp", ready=1, updated=0), False, "replacing the former version"),
        (None, False, "not made yet"),
    ],
)
def test_a_workload_is_ready_when_this_version_alone_is(
    item: Document | None, ready: bool, said: str
) -> None:
    progress = rollout.progress_of("Deployment", "dmp", item)
    assert (progress.ready, progress.failed, progress.said) == (ready, False, said)


def test_a_workload_waits_for_the_pods_that_leave() -> None:
    """They are not among the replicas any more, and calls still go to them."""
    label = {"labels": {"app.kubernetes.io/name": "dmp"}}
    pods: list[Document] = [
        {"metadata": label},
        {"metadata": {**label, "deletionTimestamp": "2026-06-12T10:00:00Z"}},
    ]
    leaving = rollout.leaving_of(pods)
    assert leaving == {"dmp": 1}
    item = deployment("dmp", ready=1)
    assert not rollout.progress_of("Deployment", "dmp", item, leaving["dmp"]).ready
    assert rollout.progress_of("Deployment", "dmp", item, leaving["gateway"]).ready


def test_an_image_that_is_not_there_ends_the_wait_early() -> None:
    state = {"state": {"waiting": {"reason": "ErrImagePull"}}}
    assert rollout.is_hopeless({"status": {"containerStatuses": [state]}})
    assert not rollout.is_hopeless({"status": {"containerStatuses": [{"state": {"running": {}}}]}})
    assert not rollout.is_hopeless({"status": {}})


def test_a_running_migration_of_before_is_not_cut(kubectl: FakeKubectl) -> None:
    kubectl.hold("jobs", job("dmp-migrate"))
    documents = [{"kind": "Job", "metadata": {"name": "dmp-migrate"}}]
    with pytest.raises(PlatformFailedError, match="dmp-migrate of a former installation still runs"):
        migrations.clear(Cluster.found(), documents, 0)
    assert not any(call["words"][0] == "delete" for call in kubectl.calls)


def test_a_missing_operator_is_one_sentence_and_nothing_is_applied(ready: FakeKubectl) -> None:
    wanted = "---\napiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: a}\n"
    ready.answer("kustomize", out=RENDERED + wanted)
    console, _ = listening()
    with pytest.raises(PlatformFailedError, match=r"Install CloudNativePG.*postgresql.cnpg.io/v1 .Cluster."):
        install("staging", render("staging"), console, 5)
    assert not ready.given("apply")


def test_an_operator_of_another_age_is_told_from_one_that_is_missing() -> None:
    documents = [{"apiVersion": "cert-manager.io/v1", "kind": "Issuer"}]
    (sentence,) = prerequisites.missing({"cert-manager.io/v1alpha2"}, documents)
    assert "too old or too new" in sentence


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("socle/dmp", "socle/dmp:9"),
        ("socle/identity-ins:dev", "socle/identity-ins:9"),
        ("registry.example:5000/a/socle/dmp:1", "registry.example:5000/a/socle/dmp:9"),
        ("socle/dmp:1@sha256:00", "socle/dmp:9"),
        ("nats:2.11", "nats:2.11"),
        ("elsewhere/soclet/dmp:1", "elsewhere/soclet/dmp:1"),
    ],
)
def test_a_tag_is_given_to_the_platforms_own_images_alone(image: str, expected: str) -> None:
    assert retagged(image, "9") == expected


def test_without_a_tag_nothing_is_changed() -> None:
    document = {"spec": {"template": {"spec": {"containers": [{"image": "socle/dmp:dev"}]}}}}
    assert tagged([json.loads(json.dumps(document))], "") == [document]


def test_kubectl_that_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformFailedError, match=r"^kubectl is missing: install it"):
        Cluster.found()
    with pytest.raises(PlatformFailedError, match="neither is on PATH: install one"):
        render("dev")


def test_a_cluster_that_does_not_answer_is_one_sentence(kubectl: FakeKubectl) -> None:
    kubectl.answer("get --raw /readyz", err="lots\nconnection refused\n", code=1)
    with pytest.raises(PlatformFailedError, match=r"'here' does not answer \(connection refused\): start it"):
        Cluster.found()
    kubectl.answer("config current-context", err="error: current-context is not set", code=1)
    with pytest.raises(PlatformFailedError, match="kubectl knows no cluster: point KUBECONFIG"):
        Cluster.found()


def test_an_overlay_that_there_is_not_is_named_with_those_that_are() -> None:
    with pytest.raises(PlatformFailedError, match=r"no overlay prod: choose one of dev, .*production"):
        render("prod")
