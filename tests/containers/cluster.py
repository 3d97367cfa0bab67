"""All the pods of an overlay on one network, started together as a cluster would, and what flows between."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from tests.containers.engine import Engine
from tests.containers.fields import NotTranslated
from tests.containers.kubelet import wait_until
from tests.containers.manifests import Manifests
from tests.containers.plan import Pod, pod, pods
from tests.containers.policies import Flow, Party, Policies
from tests.containers.running import READY_SECONDS, PodFailed, RunningPod


class Cluster:
    """The pods of some manifests. `replicas` is the most that run of each workload."""

    def __init__(self, manifests: Manifests, home: Path, *, replicas: int = 1) -> None:
        self.manifests, self.home = manifests, home
        self.engine = Engine()
        planned = pods(manifests, replicas=replicas)
        check_names(manifests, planned)
        self._images(planned)
        self.pods = [RunningPod(one, manifests, self.engine, home / "logs") for one in planned]
        self.ready_seconds = 0.0

    def __enter__(self) -> Self:
        self.engine.__enter__()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing of it is left."""
        for one in self.pods:
            one.hush()
        self.engine.close()

    def __getitem__(self, name: str) -> RunningPod:
        """The first pod of a workload."""
        return next(one for one in self.pods if one.pod.workload.name == name)

    @property
    def lasting(self) -> list[RunningPod]:
        """The pods that are meant to run on."""
        return [one for one in self.pods if not one.pod.is_job]

    @property
    def jobs(self) -> list[RunningPod]:
        return [one for one in self.pods if one.pod.is_job]

    def names(self) -> dict[str, str]:
        """Every name of the cluster's DNS and an address behind it."""
        return {name: one.address for one in reversed(self.pods) for name in one.pod.aliases}

    def another(self, name: str) -> RunningPod:
        """One more pod of a workload, once it is ready; of a Job, once it has ended. Raises PodFailed."""
        workload = self[name].pod.workload
        number = sum(one.pod.workload is workload for one in self.pods)
        planned = pod(self.manifests, workload, number)
        fresh = RunningPod(planned, self.manifests, self.engine, self.home / "logs")
        self.pods.append(fresh)
        fresh.create()
        fresh.start()
        if planned.is_job:
            fresh.finish(planned.containers[0].name, READY_SECONDS)
        else:
            fresh.wait_ready(READY_SECONDS)
        return fresh

    def flows(self) -> set[Flow]:
        """Every connection seen so far between two workloads: who opened it, to which port of whom.

        Both ends are looked at: of a short connection only the end that closed it keeps a trace.
        """
        by_address = {one.address: one for one in self.pods}
        found: set[Flow] = set()
        for one in self.pods:
            # Copied: its follower adds to the set meanwhile.
            for state, _, own_port, address, port in list(one.seen.sockets):
                other = by_address.get(address)
                if state == "open" and other and other is not one:
                    came = own_port in one.seen.listening
                    source, target = (other, one) if came else (one, other)
                    listener = own_port if came else port
                    found.add(Flow(source.pod.workload.name, target.pod.workload.name, listener))
        return found

    def parties(self) -> list[Party]:
        """The workloads as NetworkPolicies see them."""
        firsts = {one.pod.workload.name: one.pod for one in reversed(self.pods)}
        return [Party(name, one.namespace, one.workload.labels, one.ports) for name, one in firsts.items()]

    @property
    def policies(self) -> Policies:
        return Policies(self.manifests.of_kind("NetworkPolicy"))

    def _start(self) -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(max_workers=4) as workers:
            list(workers.map(RunningPod.create, self.pods))
            list(workers.map(RunningPod.start, self.pods))
        for job in self.jobs:
            for container in job.pod.containers:
                job.finish(container.name, READY_SECONDS)
        for lasting in self.lasting:
            lasting.wait_ready(READY_SECONDS)
        self.ready_seconds = time.monotonic() - began

    def _images(self, planned: Sequence[Pod]) -> None:
        wanted = {one.image for each in planned for one in (*each.init, *each.containers)}
        if missing := self.engine.missing(wanted):
            raise PodFailed(f"this machine has no image {', '.join(missing)}: run `make images`")

    def settled(self, seconds: float = 30.0) -> bool:
        """Whether every pod that should be ready is, within this time."""
        return wait_until(lambda: all(one.ready for one in self.lasting), seconds)


def check_names(manifests: Manifests, planned: Iterable[Pod]) -> None:
    """Raises NotTranslated for a Service that moves a port: a name on a container network moves none."""
    for one in planned:
        for service in manifests.services():
            if not service.leads_to(one.workload.labels):
                continue
            for port in service.ports:
                target = port.get("targetPort", port["port"])
                number = one.ports.get(target) if isinstance(target, str) else target
                if number != port["port"]:
                    raise NotTranslated(
                        f"Service {service.name}: port {port['port']} leads to {target} ({number}) of"
                        f" {one.name}: give both the same number, names alone are translated"
                    )
