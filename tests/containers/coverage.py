"""What of each manifest a run has exercised, item by item, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.table import Table

from tests.containers.evidence import accounted, limited
from tests.containers.explained import UNREAD, UNSAID
from tests.containers.plan import Container
from tests.containers.settings import read_by

if TYPE_CHECKING:
    from tests.containers.running import RunningPod

KINDS = "command user confinement environment variable file volume port probe memory end".split()
INSIDE, ACCOUNT = "seen in /proc of process 1", "Docker's account of a container that ended with 0"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a manifest says: its kind, its name, and how it was exercised (empty: it was not)."""

    workload: str
    kind: str
    name: str
    how: str


Found = Iterator[tuple[str, str, str]]


def items(pod: RunningPod) -> list[Item]:
    """Everything that one pod's manifest says."""
    return [
        Item(pod.pod.workload.name, *found)
        for one in (*pod.pod.init, *pod.pod.containers)
        for part in (_given, _variables, _files, _served)
        for found in part(pod, one)
    ]


def _given(pod: RunningPod, one: Container) -> Found:
    """Command, user, confinement, environment and mounts."""
    inside = pod.looks.get(one.name)
    faults, how = (inside, INSIDE) if inside is not None else (accounted(pod, one), ACCOUNT)
    for kind in ("command", "user", "confinement", "environment"):
        yield kind, kind, how if not faults[kind] else ""
    for mount in one.mounts:
        yield "volume", mount.path, how if not faults[mount.path] else ""
    yield "memory", "limit", "Docker's own limit" if limited(pod, one) else ""


def _variables(pod: RunningPod, one: Container) -> Found:
    """A variable is exercised when the program reads it."""
    variables = pod.variables(one)
    read = read_by([part for parts in one.command(variables) for part in parts], pod.log)
    for name, value in variables.items():
        yield "variable", name, read.how(name, value) or UNSAID.get(name, "")


def _files(pod: RunningPod, one: Container) -> Found:
    """A mounted file is exercised when somebody in the pod has read it."""
    read, mounted = pod.seen.files(), {mount.volume for mount in one.mounts}
    for volume in pod.pod.volumes:
        for file in (volume.files or ()) if volume.name in mounted else ():
            name = f"{volume.name}/{file.path}"
            why = UNREAD.get(f"{pod.pod.workload.name}: {name}") or UNREAD.get(name, "")
            yield "file", name, "read, as inotify told" if name in read else why


def _served(pod: RunningPod, one: Container) -> Found:
    """Ports that listen, probes that passed, the end."""
    for name, port in one.ports.items():
        yield "port", name, "listens" if port in pod.seen.listening else ""
    for kind in one.probes:
        record = pod.kubelets[one.name].records[kind]
        yield "probe", kind, f"passed {record.passed} times" if record.passed else ""
    end = pod.ends.get(one.name)
    yield "end", "status", f"0 after {end.seconds:.1f} s" if end and end.status == 0 else ""


def shared(found: Iterable[Item]) -> list[Item]:
    """A ConfigMap that all share has variables of one program alone: exercised where that one reads them."""
    every = merged(found)
    readers = {one.name: one.workload for one in every if one.kind == "variable" and one.how}
    return [
        replace(one, how=f"of a ConfigMap that is shared; {readers[one.name]} reads it")
        if one.kind == "variable" and not one.how and one.name in readers
        else one
        for one in every
    ]


def merged(found: Iterable[Item]) -> list[Item]:
    """The items of several pods of one workload as one: what one of them has exercised is exercised."""
    best: dict[tuple[str, str, str], Item] = {}
    for one in found:
        key = (one.workload, one.kind, one.name)
        if key not in best or not best[key].how:
            best[key] = one
    return list(best.values())


def table(found: Iterable[Item], title: str) -> Table:
    """One line a workload: of each kind, how many of how many."""
    every = list(found)
    shown = Table("workload", *KINDS, title=title)
    for workload in dict.fromkeys(item.workload for item in every):
        own = [item for item in every if item.workload == workload]
        shown.add_row(workload, *(_cell([item for item in own if item.kind == kind]) for kind in KINDS))
    return shown


def _cell(own: list[Item]) -> str:
    done = sum(bool(item.how) for item in own)
    colour = "green" if done == len(own) else "bold red"
    return f"[{colour}]{done}/{len(own)}[/]" if own else ""


def untouched(found: Iterable[Item]) -> list[str]:
    """What was not exercised, in words."""
    return [f"{one.workload}: {one.kind} {one.name}" for one in found if not one.how]
