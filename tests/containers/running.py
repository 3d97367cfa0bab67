"""One pod that runs: its containers, its probes, what its sandbox saw, its logs, its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from tests.containers.engine import PLAN, Engine, put
from tests.containers.kubelet import Kubelet, wait_until
from tests.containers.manifests import Manifests
from tests.containers.plan import Container, Pod, variables
from tests.containers.seen import Seen
from tests.containers.volumes import VOLUMES, Volume, volumes

SCRIPT = (Path(__file__).parent / "sandbox.py").read_text()
WRITE_SECONDS, INIT_SECONDS, READY_SECONDS = 20.0, 120.0, 420.0


class PodFailed(Exception):
    """A pod did not do what its manifest promises; the message has the end of its log."""


class Follower(threading.Thread):
    """Hands over every line a container writes, through its restarts, until it is gone."""

    def __init__(self, container: Any, hear: Callable[[str], None]) -> None:
        super().__init__(name=f"log of {container.name}", daemon=True)
        self._container, self._hear = container, hear
        self._over = threading.Event()

    def stop(self) -> None:
        """Reads what is left and ends."""
        self._over.set()
        self.join(10)

    def run(self) -> None:
        heard = 0
        while True:
            last = self._over.is_set()
            try:
                heard += self._follow(skip=heard)
            except (NotFound, APIError):
                # Removed meanwhile.
                return
            if last:
                return
            self._over.wait(0.3)

    def _follow(self, skip: int) -> int:
        """Everything written until the container stops; the count of new lines."""
        new, rest, number = 0, b"", 0
        follow = not self._over.is_set()
        for chunk in self._container.logs(stream=True, follow=follow):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number += 1
                if number > skip:
                    new += 1
                    self._hear(line.decode(errors="replace"))
        return new


@dataclass(frozen=True, slots=True)
class End:
    """How a container ended: its exit status and the seconds it took."""

    status: int
    seconds: float


class RunningPod:
    """A pod on its engine. `logs` is the folder of its log files."""

    def __init__(self, pod: Pod, manifests: Manifests, engine: Engine, logs: Path) -> None:
        self.pod, self._manifests, self._engine, self._logs = pod, manifests, engine, logs
        self.seen = Seen()
        self.address = ""
        self.sandbox: Any = None
        self.containers: dict[str, Any] = {}
        self.kubelets: dict[str, Kubelet] = {}
        self.ends: dict[str, End] = {}
        # What was found inside each container while it ran: faults, by what of the manifest they belong to.
        self.looks: dict[str, Mapping[str, str]] = {}
        self.restarts_before_ready = 0
        self._made: dict[str, str] = {}
        self._followers: list[Follower] = []

    def create(self) -> None:
        """The sandbox: from here on the pod has its address, its names and its files."""
        self._made = {one.name: self._engine.volume(self.pod.name, one) for one in self.pod.volumes}
        image = self.pod.containers[0].image
        self.sandbox, self.address = self._engine.sandbox(
            self.pod, image, SCRIPT, self._plan(self.pod.volumes), self._made
        )
        self._follow(self.sandbox, self.seen.hear)
        self._written(1)

    def start(self) -> None:
        """The init containers one after the other, then the others at once, with their probes."""
        for one in self.pod.init:
            self._start(one)
            self.finish(one.name, INIT_SECONDS)
        for one in self.pod.containers:
            self._start(one)
            if not self.pod.is_job:
                self._watch(one)

    def start_again(self) -> None:
        """Starts the containers of a pod that was stopped; returns when it is ready. Raises PodFailed."""
        for one in self.pod.containers:
            self.containers[one.name].start()
            self._watch(one)
        self.wait_ready(READY_SECONDS)

    @property
    def ready(self) -> bool:
        return all(one.ready for one in self.kubelets.values())

    @property
    def restarts(self) -> int:
        """How often a container had to be started again."""
        for one in self.containers.values():
            one.reload()
        return sum(one.attrs["RestartCount"] for one in self.containers.values())

    def wait_ready(self, seconds: float) -> None:
        """Returns once it is ready. Raises PodFailed."""
        if not wait_until(lambda: self.ready or any(k.dead for k in self.kubelets.values()), seconds):
            asked = {f"{r.probe.kind}": r.last for k in self.kubelets.values() for r in k.records.values()}
            raise PodFailed(f"{self.pod.name} was not ready after {seconds:.0f} s: {asked}\n{self.tail()}")
        if dead := next((one.dead for one in self.kubelets.values() if one.dead), ""):
            raise PodFailed(f"{self.pod.name}: {dead}\n{self.tail()}")
        self.restarts_before_ready = self.restarts

    def finish(self, name: str, seconds: float) -> None:
        """Waits for the end of a container that is meant to end. Raises PodFailed unless it ends with 0."""
        container, began = self.containers[name], time.monotonic()

        def ended() -> bool:
            container.reload()
            return bool(container.status == "exited")

        if not wait_until(ended, seconds):
            raise PodFailed(f"{self.pod.name} did not end in {seconds:.0f} s\n{self.tail()}")
        self.ends[name] = End(container.attrs["State"]["ExitCode"], time.monotonic() - began)
        if self.ends[name].status:
            raise PodFailed(f"{self.pod.name} ended with {self.ends[name].status}\n{self.tail()}")

    def stop(self) -> None:
        """SIGTERM to every container, SIGKILL after the grace period; how each ended is in `ends`."""
        self.hush()
        for name, container in self.containers.items():
            if name in self.ends:
                continue
            began = time.monotonic()
            container.stop(timeout=self.pod.grace_seconds)
            status = container.wait()["StatusCode"]
            self.ends[name] = End(status, time.monotonic() - began)

    def hush(self) -> None:
        """Asks no probe any more."""
        for one in self.kubelets.values():
            one.stop()

    def close(self) -> None:
        """No thread of it is left; the engine removes the containers."""
        self.hush()
        for one in [self.sandbox, *self.containers.values()]:
            one.remove(force=True)
        for follower in self._followers:
            follower.stop()

    def remount(self, manifests: Manifests) -> None:
        """Writes the files of the volumes anew, from other Secrets, as the kubelet does."""
        self._manifests = manifests
        workload = self.pod.workload
        fresh = volumes(workload.pod, {}, manifests.store, workload.name)
        before = self.seen.written
        put(self.sandbox, PLAN, self._plan([one for one in fresh if one.files is not None]))
        self.sandbox.kill(signal="SIGHUP")
        self._written(before + 1)

    def inside(self, name: str, command: Sequence[str], seconds: float) -> int:
        """Runs a command in a container as its own user; its exit status, or 124 when it took longer."""
        began = time.monotonic()
        status = self.containers[name].exec_run(list(command)).exit_code
        return 124 if time.monotonic() - began > seconds else int(status)

    def python(self, name: str, program: str, *arguments: str) -> Any:
        """What a Python program prints as JSON when it runs in a container, as the container's own user."""
        done = self.containers[name].exec_run(["python", "-c", program, *arguments], demux=True)
        out, err = done.output
        if done.exit_code:
            raise PodFailed(f"{self.pod.name}: {(err or b'').decode(errors='replace')[-800:]}")
        return json.loads(out)

    def tail(self, lines: int = 25) -> str:
        """The last lines of its log."""
        log = self.log
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    @property
    def log(self) -> Path:
        """Its log; the first pod of a workload has the name of the workload, as on the local platform."""
        return self._logs / f"{self.pod.name.removesuffix('-0')}.log"

    def variables(self, one: Container) -> Mapping[str, str]:
        """The environment of one of its containers."""
        return variables(one, self.pod, self._manifests, self.address)

    def _start(self, one: Container) -> None:
        policy: dict[str, Any] = {"Name": "always"}
        if self.pod.tries is not None or one in self.pod.init:
            policy = {"Name": "on-failure", "MaximumRetryCount": self.pod.tries or 5}
        started = self._engine.start(
            one, self.pod.name, self.sandbox, self._made, self.variables(one), policy
        )
        self.containers[one.name] = started
        self._logs.mkdir(parents=True, exist_ok=True)
        self._follow(started, self._write_log)

    def _watch(self, one: Container) -> None:
        inside = partial(self.inside, one.name)
        watched = Kubelet(f"{self.pod.name}/{one.name}", dict(one.probes), self.address, inside)
        self.kubelets[one.name] = watched
        watched.start()

    def _write_log(self, line: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def _follow(self, container: Any, hear: Callable[[str], None]) -> None:
        follower = Follower(container, hear)
        self._followers.append(follower)
        follower.start()

    def _plan(self, written: Sequence[Volume]) -> bytes:
        return json.dumps([one.layout(VOLUMES) for one in written]).encode()

    def _written(self, times: int) -> None:
        if not wait_until(lambda: self.seen.written >= times, WRITE_SECONDS):
            said = self.sandbox.logs(tail=20).decode(errors="replace")
            raise PodFailed(f"the volumes of {self.pod.name} were not written:\n{said}")
