"""An overlay into a cluster: what it needs first, then the whole, then the wait until it runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console

from socle_k8s import migrations, prerequisites, rollout
from socle_k8s.cluster import Cluster
from socle_k8s.render import render
from socle_k8s.secrets import AUTHORITY, all_secrets
from socle_local.manifest import find_services

Document = dict[str, Any]
DEV = "dev"
VERSION = "app.kubernetes.io/version"
# Of these, the data is gone with the object.
KEPT = frozenset({"Namespace", "PersistentVolumeClaim", "Secret", "Cluster", "ObjectStore"})
OWN_IMAGE = re.compile(r"(?P<name>(?:[\w.:-]+/)*socle/[\w-]+)(?::[\w.-]+)?")


def install(overlay: str, documents: Sequence[Document], console: Console, seconds: float) -> Cluster:
    """Applies the objects of an overlay and returns when all of it is ready; safe to repeat.

    Raises PlatformFailedError with what is missing, or with what does not get ready.
    """
    namespace = namespace_of(documents)
    cluster = Cluster.found(namespace["metadata"]["name"])
    console.print(f"Installing [bold]{overlay}[/] into {cluster.context}, namespace {cluster.namespace}")
    prerequisites.require(cluster, documents)
    cluster.apply([namespace])
    if overlay == DEV:
        made = add_secrets(cluster)
        console.print(
            f"{len(made)} Secrets made; those that were there are kept" if made else "Secrets: all there"
        )
    for job in migrations.clear(cluster, documents, seconds):
        console.print(f"[dim]{job} of before is deleted, to be run again[/]")
    console.print(f"[dim]{len(cluster.apply(documents))} objects applied[/]")
    rollout.follow(cluster, documents, console, seconds)
    console.print("[green]All ready.[/]")
    return cluster


def namespace_of(documents: Iterable[Document]) -> Document:
    """The namespace that an overlay makes; each makes one."""
    (namespace,) = (one for one in documents if one["kind"] == "Namespace")
    return namespace


def add_secrets(cluster: Cluster) -> list[str]:
    """Makes the Secrets that the cluster lacks; the names. One that is there stays as it is: with a master
    key that is overwritten, everything it sealed is lost.
    """
    there = cluster.names("secrets")
    former = cluster.get("secret", AUTHORITY) if AUTHORITY in there else None
    every = all_secrets(find_services(), cluster.namespace, former)
    missing = [secret for secret in every if secret["metadata"]["name"] not in there]
    if missing:
        cluster.create(missing)
    return [secret["metadata"]["name"] for secret in missing]


def tagged(documents: Iterable[Document], tag: str) -> list[Document]:
    """The same objects with the platform's own images, and the label that says their version, at a tag; as
    they are when it is empty.
    """
    every = list(documents)
    for template in filter(None, map(template_of, every if tag else ())):
        for container in template["spec"]["containers"]:
            container["image"] = retagged(container["image"], tag)
        if VERSION in template["metadata"]["labels"]:
            template["metadata"]["labels"][VERSION] = tag
    return every


def template_of(document: Document) -> Document | None:
    """The pod template of a workload, None for another object."""
    found = document.get("spec", {}).get("template", {})
    return found if "containers" in found.get("spec", {}) else None


def retagged(image: str, tag: str) -> str:
    """An image of this platform at another tag, digests left out; any other as it is."""
    own = OWN_IMAGE.fullmatch(image.partition("@")[0])
    return f"{own['name']}:{tag}" if own else image


def uninstall(overlay: str, console: Console) -> None:
    """Deletes what an overlay made, but for what cannot be made again: Secrets, volumes, namespace."""
    documents = render(overlay)
    namespace = namespace_of(documents)["metadata"]["name"]
    cluster = Cluster.found(namespace)
    gone = cluster.delete(one for one in documents if one["kind"] not in KEPT)
    console.print(f"{len(gone)} objects deleted from {cluster.context}, namespace {namespace}.")
    console.print(
        "Secrets and volumes are kept. To delete the data too, for good:"
        f" [bold]kubectl delete namespace {namespace}[/]",
        soft_wrap=True,
    )
