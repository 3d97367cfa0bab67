"""Migration Jobs, which cannot be changed, only made again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from socle_k8s.cluster import Cluster
from socle_local.failures import PlatformFailedError

Document = dict[str, Any]
PAUSE = 2.0


def clear(cluster: Cluster, documents: Iterable[Document], seconds: float) -> list[str]:
    """Deletes the Jobs of a former installation that bear the same names, once they have ended.

    A Job that runs is waited for, `seconds` at most: a migration cut in its middle leaves its lock to time
    out. Raises PlatformFailedError when one still runs then. The names of what was deleted.
    """
    wanted = {document["metadata"]["name"] for document in documents if document["kind"] == "Job"}
    limit = time.monotonic() + seconds
    while running := sorted(name for name, job in found(cluster, wanted).items() if not has_ended(job)):
        if time.monotonic() > limit:
            raise PlatformFailedError(
                f"{running[0]} of a former installation still runs: look at it with"
                f" `kubectl --namespace {cluster.namespace} logs job/{running[0]}`, then install again."
            )
        time.sleep(PAUSE)
    old = sorted(found(cluster, wanted))
    if old:
        cluster.ask("delete", "jobs", *old, "--wait", "--cascade=foreground")
    return old


def found(cluster: Cluster, wanted: set[str]) -> dict[str, Document]:
    """The Jobs of these names that the cluster has."""
    named = ((job["metadata"]["name"], job) for job in cluster.items("jobs"))
    return {name: job for name, job in named if name in wanted}


def has_ended(job: Document) -> bool:
    """Complete or failed, for good."""
    return bool({"Complete", "Failed"} & true_conditions(job))


def true_conditions(item: Document) -> set[str]:
    """The names of the conditions that hold."""
    return {one["type"] for one in item.get("status", {}).get("conditions", []) if one["status"] == "True"}
