"""How far an installation is: each workload and each migration, until all is ready or one cannot be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from socle_k8s.cluster import Cluster
from socle_k8s.migrations import true_conditions
from socle_k8s.report import report
from socle_local.failures import PlatformFailedError

Document = dict[str, Any]
WORKLOADS = ("Job", "StatefulSet", "Deployment")
PAUSE = 1.0
NAME = "app.kubernetes.io/name"
# The kubelet tries these again for ever, and nothing changes by itself: told soon, not at the end.
HOPELESS = frozenset({"ErrImageNeverPull", "InvalidImageName", "ErrImagePull", "ImagePullBackOff"})
HOPELESS_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Progress:
    """One workload: `said` is how far it is, in a word or two."""

    kind: str
    name: str
    ready: bool
    failed: bool
    said: str


def follow(cluster: Cluster, documents: Iterable[Document], console: Console, seconds: float) -> None:
    """Returns when every workload is ready and every migration done.

    Raises PlatformFailedError when one has failed or `seconds` are over, after it has shown why, as far as
    the cluster knows.
    """
    wanted = [(one["kind"], one["metadata"]["name"]) for one in documents if one["kind"] in WORKLOADS]
    began, told = time.monotonic(), dict[str, str]()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            progress = look(cluster, wanted)
            live.update(table(progress, time.monotonic() - began))
            tell(progress, told, console)
            if all(one.ready for one in progress):
                return
            if given_up(cluster, progress, time.monotonic() - began, seconds):
                break
            time.sleep(PAUSE)
    stuck = [one for one in progress if not one.ready]
    report(cluster, [one.name for one in stuck], console)
    names = ", ".join(f"{one.kind} {one.name} ({one.said})" for one in stuck)
    raise PlatformFailedError(
        f"Not ready after {time.monotonic() - began:.0f} s: {names}. The reasons are above."
    )


def given_up(cluster: Cluster, progress: Iterable[Progress], passed: float, seconds: float) -> bool:
    """Whether waiting on has no sense."""
    if passed > seconds or any(one.failed for one in progress):
        return True
    return passed > HOPELESS_SECONDS and any(map(is_hopeless, cluster.items("pods")))


def is_hopeless(pod: Document) -> bool:
    """A pod whose image is not there."""
    states = pod.get("status", {}).get("containerStatuses", [])
    return any(state.get("state", {}).get("waiting", {}).get("reason") in HOPELESS for state in states)


def look(cluster: Cluster, wanted: Iterable[tuple[str, str]]) -> list[Progress]:
    """Where each wanted workload is."""
    found = {
        (item["kind"], item["metadata"]["name"]): item
        for item in cluster.items("jobs,statefulsets,deployments")
    }
    leaving = leaving_of(cluster.items("pods"))
    return [progress_of(kind, name, found.get((kind, name)), leaving[name]) for kind, name in wanted]


def leaving_of(pods: Iterable[Document]) -> Counter[str]:
    """How many pods of each name have been told to stop: some calls still go to them."""
    metadata = [pod["metadata"] for pod in pods]
    return Counter(one.get("labels", {}).get(NAME, "") for one in metadata if "deletionTimestamp" in one)


def progress_of(kind: str, name: str, item: Document | None, leaving: int = 0) -> Progress:
    """How far one workload is; `item` is None when the cluster has none of it yet."""
    if item is None:
        return Progress(kind, name, False, False, "not made yet")
    return job_progress(name, item) if kind == "Job" else pods_progress(kind, name, item, leaving)


def job_progress(name: str, job: Document) -> Progress:
    """A migration: done, failed for good, or trying."""
    conditions, tries = true_conditions(job), job.get("status", {}).get("failed", 0)
    if "Complete" in conditions:
        return Progress("Job", name, True, False, "done")
    if "Failed" in conditions:
        return Progress("Job", name, False, True, f"failed after {tries} tries")
    return Progress("Job", name, False, False, f"migrating, {tries} tries failed" if tries else "migrating")


def pods_progress(kind: str, name: str, item: Document, leaving: int) -> Progress:
    """Ready once the controller has seen this version, all pods are of it and ready, and no other is left."""
    status, wanted = item.get("status", {}), item["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if not seen:
        return Progress(kind, name, False, False, "not looked at yet")
    if status.get("replicas", 0) > updated or leaving:
        return Progress(kind, name, False, False, "replacing the former version")
    return Progress(kind, name, updated == ready == wanted, False, f"{ready} of {wanted} ready")


def tell(progress: Iterable[Progress], told: dict[str, str], console: Console) -> None:
    """A line for each change: a log has no table that moves."""
    for one in progress:
        if told.get(one.name) != one.said and not console.is_terminal:
            console.print(f"{one.kind} {one.name}: {one.said}")
        told[one.name] = one.said


def table(progress: Iterable[Progress], passed: float) -> Table:
    """All of them at a glance."""
    shown = Table(box=SIMPLE, title=f"{passed:.0f} s", title_justify="left", title_style="dim")
    for column in ("", "what", "how far"):
        shown.add_column(column)
    for one in progress:
        mark = ("✓", "green") if one.ready else ("✗", "bold red") if one.failed else ("…", "yellow")
        shown.add_row(Text(*mark), f"[dim]{one.kind}[/] {one.name}", one.said)
    return shown
