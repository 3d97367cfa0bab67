"""How images reach a cluster, told by the cluster itself; and its ports, on this machine."""

from __future__ import annotations

import pytest

from socle_k8s import images
from socle_k8s.cluster import Cluster
from socle_k8s.forward import forwarded
from socle_local.failures import PlatformFailedError

from .given import Document, FakeKubectl


def node(provider: str = "", labels: Document | None = None, info: Document | None = None) -> Document:
    """A node as the cluster tells of it."""
    return {
        "metadata": {"name": "a", "labels": labels or {}},
        "spec": {"providerID": provider} if provider else {},
        "status": {"nodeInfo": {"containerRuntimeVersion": "containerd://2.0", **(info or {})}},
    }


@pytest.mark.parametrize(
    ("context", "nodes", "command"),
    [
        ("kind-x", [node("kind://docker/x/x-control-plane")], "kind load docker-image --name x"),
        ("k3d-y", [node("k3s://k3d-y-server-0")], "k3d image import --cluster y"),
        ("m", [node(labels={"minikube.k8s.io/name": "p"})], "minikube --profile p image load"),
        ("docker-desktop", [node()], ""),
    ],
)
def test_each_kind_of_cluster_has_its_command(context: str, nodes: list[Document], command: str) -> None:
    way = images.way_to(context, nodes, "here")
    assert way is not None
    assert " ".join(way.command) == command


@pytest.mark.parametrize(
    ("runtime", "version", "kind"),
    [
        ("docker://27", "v1.33.1", "the node runs Docker's own images"),
        ("containerd://2.0", "v1.33.1+k3s1", "k3s"),
    ],
)
def test_a_node_that_is_this_machine_is_known_by_its_boot(runtime: str, version: str, kind: str) -> None:
    here = node(info={"bootID": "here", "containerRuntimeVersion": runtime, "kubeletVersion": version})
    way = images.way_to("any", [here], "here")
    assert way is not None
    assert way.kind == kind
    assert images.way_to("any", [here], "elsewhere") is None
    # Two nodes, of which one is elsewhere: half of the pods would lack their image.
    assert images.way_to("any", [here, here], "here") is None


def test_of_a_manifest_only_the_platforms_own_images_are_brought() -> None:
    def workload(*names: str) -> Document:
        return {"spec": {"template": {"spec": {"containers": [{"image": name} for name in names]}}}}

    documents = [
        workload("socle/dmp:dev", "nats:2"),
        workload("socle/dmp:dev"),
        workload("socle/platform:dev"),
        {},
    ]
    assert images.own_images(documents) == ["socle/dmp:dev", "socle/platform:dev"]


def test_an_image_that_was_not_built_is_named(kubectl: FakeKubectl) -> None:
    docker = kubectl.folder / "docker"
    docker.write_text('#!/bin/sh\necho sha256:1\ntest "$4" = socle/dmp:dev\n')
    docker.chmod(0o755)
    assert images.built_images(["socle/dmp:dev"]) == {"socle/dmp:dev": "sha256:1"}
    with pytest.raises(
        PlatformFailedError, match="does not have socle/gateway:dev: build it with `make images`"
    ):
        images.built_images(["socle/dmp:dev", "socle/gateway:dev"])


def test_a_pod_is_marked_with_its_image_so_that_a_new_one_of_the_same_tag_replaces_it() -> None:
    def pod(image: str) -> Document:
        return {"spec": {"template": {"metadata": {}, "spec": {"containers": [{"image": image}]}}}}

    documents = [pod("socle/dmp:dev"), pod("nats:2"), {"kind": "Service"}]
    images.mark(documents, {"socle/dmp:dev": "sha256:1"})
    marks = [one["spec"]["template"]["metadata"]["annotations"] for one in documents[:2]]
    assert marks == [{images.MARK: "sha256:1"}, {}]


def test_a_command_that_is_missing_or_fails_is_told(kubectl: FakeKubectl) -> None:
    with pytest.raises(PlatformFailedError, match="no-such-loader is missing"):
        images.bring(images.Way("x", ("no-such-loader",)), ["a"])
    loader = kubectl.folder / "loader"
    loader.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    loader.chmod(0o755)
    with pytest.raises(PlatformFailedError, match="loader could not bring the images: no room"):
        images.bring(images.Way("x", ("loader",)), ["a"])


def pod(name: str, *, ready: bool, **metadata: str) -> Document:
    """A pod as the cluster tells of it."""
    told = {"type": "Ready", "status": "True" if ready else "False"}
    return {"metadata": {"name": name, **metadata}, "status": {"conditions": [told]}}


def test_a_port_leads_to_a_pod_that_stays_and_is_the_one_that_kubectl_says(kubectl: FakeKubectl) -> None:
    going = pod("gateway-0", ready=True, deletionTimestamp="2026-01-01T00:00:00Z")
    kubectl.hold("pods", going, pod("gateway-1", ready=False), pod("gateway-2", ready=True))
    kubectl.answer(
        "port-forward pod/gateway-2 :8080 --address=127.0.0.1",
        out="Forwarding from 127.0.0.1:43211 -> 8080\nHandling connection for 43211\n",
    )
    with forwarded(Cluster.found(), "gateway", 8080) as port:
        assert port == 43211


def test_a_port_that_cannot_be_forwarded_says_why(kubectl: FakeKubectl) -> None:
    kubectl.hold("pods")
    with (
        pytest.raises(PlatformFailedError, match="No pod of gateway is ready"),
        forwarded(Cluster.found(), "gateway", 8080),
    ):
        pass
    kubectl.hold("pods", pod("gateway-2", ready=True))
    kubectl.answer("port-forward", err='Error: services "gateway" not found\n', code=1)
    with (
        pytest.raises(
            PlatformFailedError, match='forward a port to gateway: Error: services "gateway" not found'
        ),
        forwarded(Cluster.found(), "gateway", 8080),
    ):
        pass
