"""Ports of the cluster on loopback, by `kubectl port-forward`, for as long as a block lasts."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from socle_k8s.cluster import Cluster, last_line
from socle_k8s.report import is_ready
from socle_local.failures import PlatformFailedError

FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")
SECONDS = 30.0


@contextmanager
def forwarded(cluster: Cluster, program: str, port: int) -> Iterator[int]:
    """The port of 127.0.0.1 that leads to a port of a program's pod; kubectl takes a free one.

    Raises PlatformFailedError when no pod is ready, or with kubectl's words when it does not come about.
    """
    target = [f"pod/{ready_pod(cluster, program)}", f":{port}", "--address=127.0.0.1"]
    with subprocess.Popen(
        [cluster.kubectl, "--namespace", cluster.namespace, "port-forward", *target],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield announced(process, program)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()


def ready_pod(cluster: Cluster, program: str) -> str:
    """A pod that is there to stay: of a Service, kubectl may choose one that is being stopped.

    Raises PlatformFailedError when there is none.
    """
    for pod in cluster.items("pods", f"--selector=app.kubernetes.io/name={program}"):
        if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]:
            return str(pod["metadata"]["name"])
    raise PlatformFailedError(f"No pod of {program} is ready: `kubectl get pods` says how they are.")


def announced(process: subprocess.Popen[str], program: str) -> int:
    """The port that kubectl says it took."""
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert process.stdout is not None  # noqa: S101 - asked for by PIPE
    # Read to the end, always: a pipe that is full would stop the program that writes into it.
    threading.Thread(target=read, args=(process.stdout, said), daemon=True).start()
    heard: list[str] = []
    with suppress(queue.Empty):
        while (line := said.get(timeout=SECONDS)) is not None:
            if found := FORWARDING.search(line):
                return int(found[1])
            heard.append(line)
    raise PlatformFailedError(f"kubectl cannot forward a port to {program}: {last_line(''.join(heard))}")


def read(stream: IO[str], said: queue.SimpleQueue[str | None]) -> None:
    """Each line as it comes, then None."""
    for line in stream:
        said.put(line)
    said.put(None)
