"""Connections to PostgreSQL, added up: the most that may be opened is no more than may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.k8s_check.model import Document, Finding, clusters, of_kind, where, workloads
from tools.k8s_check.settings import environment_of

# Beside its pool: the relay, the lock that elects a leader, a line that listens.
EXTRA = 3
# What the operator, replication and superusers keep for themselves.
RESERVED = 20


def check(documents: Iterable[Document]) -> Iterator[Finding]:
    """`connections`: replicas at their most stay below their role's limit, the roles below the cluster's.

    The incident it prevents: a busy Monday adds replicas until PostgreSQL refuses all of them, and the one
    that would have been needed to look.
    """
    every = list(documents)
    limits = {
        role["metadata"]["name"]: role["spec"]["connectionLimit"] for role in of_kind(every, "DatabaseRole")
    }
    for cluster in clusters(every):
        most = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
        total = sum(
            role["spec"]["connectionLimit"]
            for role in of_kind(every, "DatabaseRole")
            if role["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
        )
        if total + RESERVED > most:
            yield Finding("connections", where(cluster), f"{most} at most, its roles may open {total}")
    yield from replicas(every, limits)


def replicas(documents: list[Document], limits: dict[str, int]) -> Iterator[Finding]:
    deployments = {w.name: w for w in workloads(documents) if w.kind == "Deployment"}
    for scaler in of_kind(documents, "HorizontalPodAutoscaler"):
        name = scaler["spec"]["scaleTargetRef"]["name"]
        if name not in limits:
            continue
        pool = int(environment_of(deployments[name], documents).get("SOCLE_DATABASE_POOL", "8"))
        # One more than the most: a rolling upgrade starts the new before it stops the old.
        opened = (scaler["spec"]["maxReplicas"] + 1) * (pool + EXTRA)
        if opened > limits[name]:
            yield Finding("connections", f"Deployment/{name}", f"may open {opened}, its role {limits[name]}")
