"""Why a workload does not get ready, as far as the cluster knows: states, events, last words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from socle_k8s.cluster import Cluster

Document = dict[str, Any]
EVENTS, LINES = 6, 15


def report(cluster: Cluster, workloads: Iterable[str], console: Console) -> None:
    """Shows, for each workload: its warnings, then for each of its pods that is not ready the state of its
    containers, its warnings, and the last lines of its log.
    """
    pods, events = cluster.items("pods"), cluster.items("events")
    for workload in workloads:
        console.print(Rule(f"[bold]{workload}[/]", align="left", style="red"))
        owned = [pod for pod in pods if belongs(pod["metadata"]["name"], workload) and not is_ready(pod)]
        names = {pod["metadata"]["name"] for pod in owned}
        # What could not even be made (a quota, a refused pod) is said of the controller, not of a pod.
        about = [one for one in events if belongs(one["involvedObject"]["name"], workload)]
        others = [one for one in about if one["involvedObject"]["name"] not in names]
        for line in warnings(others):
            console.print(Text(f"  {line}", "yellow"), soft_wrap=True)
        for pod in owned:
            show(cluster, pod, about, console)


def show(cluster: Cluster, pod: Document, events: Iterable[Document], console: Console) -> None:
    """One pod that is not ready."""
    name = pod["metadata"]["name"]
    console.print(
        Text(f"  pod {name}: {'; '.join(states(pod)) or pod['status'].get('phase', 'unknown')}", "bold")
    )
    for line in warnings(one for one in events if one["involvedObject"]["name"] == name):
        console.print(Text(f"    {line}", "yellow"), soft_wrap=True)
    for line in last_words(cluster, pod):
        console.print(Text(f"    | {line}", "dim"), soft_wrap=True)


def belongs(name: str, workload: str) -> bool:
    """Whether an object is the workload, or was made for it."""
    return name == workload or name.startswith(f"{workload}-")


def is_ready(pod: Document) -> bool:
    """Ready, or done."""
    status = pod.get("status", {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
    return ready or status.get("phase") == "Succeeded"


def states(pod: Document) -> list[str]:
    """What holds each container back, in the kubelet's words."""
    said = []
    for container in pod["status"].get("containerStatuses", []):
        for state in (container.get("state", {}), container.get("lastState", {})):
            for word, told in state.items():
                reason = told.get("reason") or word
                code = f", exit code {told['exitCode']}" if "exitCode" in told else ""
                said.append(f"{reason}{code}{': ' + told['message'] if told.get('message') else ''}")
    unscheduled = (
        one.get("message", "")
        for one in pod["status"].get("conditions", [])
        if one["type"] == "PodScheduled" and one["status"] == "False"
    )
    return [*said, *filter(None, unscheduled)]


def warnings(events: Iterable[Document]) -> list[str]:
    """The last warnings, oldest first, each once."""
    found = [one for one in events if one.get("type") == "Warning"]
    found.sort(key=lambda one: one.get("lastTimestamp") or one.get("eventTime") or "")
    lines = dict.fromkeys(f"{one['reason']}: {one.get('message', '').strip()}" for one in found)
    return list(lines)[-EVENTS:]


def last_words(cluster: Cluster, pod: Document) -> list[str]:
    """The last lines of the container's log; of its former life when this one has said nothing."""
    name = pod["metadata"]["name"]
    for which in ((), ("--previous",)):
        done = cluster.run("logs", name, f"--tail={LINES}", "--request-timeout=10s", *which)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip().splitlines()
    return []
