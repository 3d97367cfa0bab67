"""Images that were built on this machine, onto a cluster's nodes: each kind of cluster has its way."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from socle_k8s.cluster import Cluster
from socle_k8s.install import OWN_IMAGE, template_of
from socle_local.failures import PlatformFailedError

Document = dict[str, Any]
# Where the kubelet of a node looks: the images of another namespace of containerd do not exist for it.
NODE_NAMESPACE = ("--namespace", "k8s.io")
MARK = "socle.example/image"
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Way:
    """A command that brings images to nodes. With `archive`, it reads them as one on its input."""

    kind: str
    command: tuple[str, ...]
    archive: bool = False


def load(cluster: Cluster, documents: Sequence[Document], console: Console) -> None:
    """Brings the platform's own images of some objects to the nodes; marks their pods with them.

    Raises PlatformFailedError when one was not built, or when nobody here knows how to reach this cluster.
    """
    images = own_images(documents)
    built = built_images(images)
    way = way_to(cluster.context, cluster.items("nodes"), this_boot())
    if way is None:
        raise PlatformFailedError(
            f"How images get onto the nodes of {cluster.context!r} is not known here: bring them there"
            f" yourself (`docker save {' '.join(images)} | ctr {' '.join(NODE_NAMESPACE)} images import -` on"
            " each node, or a registry), then add IMAGES=present."
        )
    console.print(f"Bringing {len(images)} images to {cluster.context} ({way.kind})")
    bring(way, images)
    mark(documents, built)


def mark(documents: Iterable[Document], built: Mapping[str, str]) -> None:
    """Writes into each pod the identity of its image. Built again, an image keeps its tag: without a mark
    that changes with it, the pods of the former one would stay.
    """
    for template in filter(None, map(template_of, documents)):
        found = [built[one["image"]] for one in template["spec"]["containers"] if one["image"] in built]
        template["metadata"].setdefault("annotations", {}).update({MARK: found[0]} if found else {})


def own_images(documents: Iterable[Document]) -> list[str]:
    """The images of this platform that the objects run, each once."""
    templates = filter(None, map(template_of, documents))
    images = {one["image"] for template in templates for one in template["spec"]["containers"]}
    return sorted(image for image in images if OWN_IMAGE.fullmatch(image))


def built_images(images: Sequence[str]) -> dict[str, str]:
    """The identity of each image. Raises PlatformFailedError when Docker lacks one."""
    docker = shutil.which("docker")
    if docker is None:
        raise PlatformFailedError(
            "docker is missing: install Docker Engine (Debian: apt install docker.io), then `make images`."
        )
    found = {}
    for image in images:
        done = quiet([docker, "image", "inspect", "--format={{.Id}}", image])
        if done.returncode:
            raise PlatformFailedError(f"Docker does not have {image}: build it with `make images`.")
        found[image] = done.stdout.strip()
    return found


def way_to(context: str, nodes: Sequence[Document], boot: str) -> Way | None:
    """How images reach a cluster, told by its context and what its nodes say of themselves.

    A node that started with the number `boot` is this machine.
    """
    first: Document = nodes[0] if nodes else {"metadata": {}}
    provider = first.get("spec", {}).get("providerID", "")
    labels = first["metadata"].get("labels", {})
    if provider.startswith("kind://"):
        return Way("kind", ("kind", "load", "docker-image", "--name", provider.split("/")[-2]))
    if context.startswith("k3d-"):
        return Way("k3d", ("k3d", "image", "import", "--cluster", context.removeprefix("k3d-")))
    if profile := labels.get("minikube.k8s.io/name"):
        return Way("minikube", ("minikube", "--profile", profile, "image", "load"))
    if context in ("docker-desktop", "orbstack"):
        return Way("it runs Docker's own images", ())
    booted = first.get("status", {}).get("nodeInfo", {}).get("bootID")
    return way_here(first) if len(nodes) == 1 and booted == boot else None


def this_boot() -> str:
    """The number Linux gave this start of this machine; the kubelet reports it of its node. Else empty."""
    return BOOT.read_text().strip() if BOOT.is_file() else ""


def way_here(node: Document) -> Way | None:
    """How images reach the one node that is this machine. For containerd, `ctr` reads CONTAINERD_ADDRESS."""
    runtime = node.get("status", {}).get("nodeInfo", {})
    version = runtime.get("containerRuntimeVersion", "")
    if version.startswith("docker://"):
        return Way("the node runs Docker's own images", ())
    if "k3s" in runtime.get("kubeletVersion", ""):
        return Way("k3s", ("k3s", "ctr", "images", "import", "-"), archive=True)
    if version.startswith("containerd://") and shutil.which("ctr"):
        return Way("containerd", ("ctr", *NODE_NAMESPACE, "images", "import", "-"), archive=True)
    return None


def bring(way: Way, images: Sequence[str]) -> None:
    """Runs the command. Raises PlatformFailedError with its own words when it fails."""
    if not way.command:
        return
    if shutil.which(way.command[0]) is None:
        raise PlatformFailedError(
            f"{way.command[0]} is missing, which brings images to this cluster: put it on PATH."
        )
    done = streamed(way, images) if way.archive else quiet([*way.command, *images])
    if done.returncode:
        raise PlatformFailedError(f"{way.command[0]} could not bring the images: {done.stderr.strip()}")


def streamed(way: Way, images: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Docker's archive, straight into the command: on disk it would take the images' size once more."""
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
        return subprocess.run(way.command, stdin=saving.stdout, capture_output=True, text=True, check=False)


def quiet(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A command whose words are wanted only when it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False)
