"""The Docker Engine, by testcontainers: all it is asked to make bears one label, and goes away by it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

import docker
import psutil
from docker.errors import APIError, NotFound
from docker.types import Mount as DockerMount
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.transferable import build_transfer_tar

from tests.containers.plan import Container, Mount, Pod, Security
from tests.containers.volumes import VOLUMES, Volume

RUN, OWNER = "socle.test-containers", "socle.test-containers.owner"
PREFIX = "socle-tc"
# Where a sandbox is told what to write.
PLAN = "/socle/volumes.json"
# Ryuk, the collector of testcontainers, is an image of a registry, and none need be reachable: what this run
# made is removed by its label, at its end or at the next start.
testcontainers_config.ryuk_disabled = True


class Engine:
    """One run: a network of its own, containers and volumes that are gone when it closes."""

    def __init__(self) -> None:
        self.docker: Any = docker.from_env()
        self.run = secrets.token_hex(3)
        self.labels = {RUN: self.run, OWNER: owner(os.getpid())}
        self.network = Network(docker_network_kw={"labels": self.labels, "check_duplicate": True})

    def __enter__(self) -> Self:
        sweep(self.docker)
        self.network.create()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes everything of this run."""
        remove(self.docker, f"{RUN}={self.run}")
        self.docker.close()

    @property
    def host(self) -> str:
        """The address under which pods see this machine: of the tests and of the probes."""
        network = self.docker.networks.get(self.network.id)
        return str(network.attrs["IPAM"]["Config"][0]["Gateway"])

    def missing(self, images: Iterable[str]) -> list[str]:
        """The images that are not on this machine."""
        return sorted({image for image in images if not self._has(image)})

    def _has(self, image: str) -> bool:
        try:
            self.docker.images.get(image)
        except NotFound:
            return False
        return True

    def volume(self, pod: str, volume: Volume) -> str:
        """Makes the volume of a pod, empty; its name. A claim is made once and outlives its pod."""
        name = f"{PREFIX}-{self.run}-{volume.claim or f'{pod}-{volume.name}'}"
        options = {}
        if volume.memory is not None:
            size = f"size={volume.memory}," if volume.memory else ""
            options = {"type": "tmpfs", "device": "tmpfs", "o": f"{size}mode=0755"}
        self.docker.volumes.create(name, driver="local", driver_opts=options, labels=self.labels)
        return name

    def sandbox(
        self, pod: Pod, image: str, script: str, plan: bytes, volumes: Mapping[str, str]
    ) -> tuple[Any, str]:
        """Starts the container that owns a pod's network and volumes; the container and its address."""
        mounts = [_mount(made, f"{VOLUMES}/{name}", read_only=False) for name, made in volumes.items()]
        holder = self._container(image, f"{pod.name}-sandbox")
        holder.with_network(self.network).with_network_aliases(*pod.aliases).with_kwargs(
            entrypoint=["python", "-u", "-c", script],
            user="0:0",
            hostname=pod.hostname,
            mounts=mounts,
            labels=self.labels,
        )
        started = holder.with_copy_into_container(plan, PLAN).start().get_wrapped_container()
        started.reload()
        return started, str(started.attrs["NetworkSettings"]["Networks"][self.network.name]["IPAddress"])

    def start(
        self,
        container: Container,
        pod: str,
        sandbox: Any,
        volumes: Mapping[str, str],
        variables: Mapping[str, str],
        restart: Mapping[str, Any],
    ) -> Any:
        """Starts one container of a pod with everything its manifest says."""
        entry, arguments = container.command(variables)
        given: dict[str, Any] = {
            **confined(container.security),
            **limited(container),
            "entrypoint": entry or None,
            "network_mode": f"container:{sandbox.id}",
            # Or testcontainers chooses a network by itself where it runs in a container.
            "network": None,
            "mounts": [_of(one, volumes) for one in container.mounts],
            "labels": self.labels,
            "restart_policy": dict(restart),
        }
        if "workingDir" in container.source:
            given["working_dir"] = container.source["workingDir"]
        made = self._container(container.image, f"{pod}-{container.name}").with_kwargs(**given)
        made.with_command(arguments or None)
        for name, value in variables.items():
            made.with_env(name, value)
        return made.start().get_wrapped_container()

    def _container(self, image: str, name: str) -> Any:
        return DockerContainer(image).with_name(f"{PREFIX}-{self.run}-{name}-{secrets.token_hex(2)}")


def confined(security: Security) -> dict[str, Any]:
    """The arguments of Docker for what a process may do."""
    return {
        "user": f"{security.user}:{security.group}",
        "group_add": [str(group) for group in security.groups],
        "read_only": security.read_only,
        "cap_drop": list(security.dropped),
        "cap_add": list(security.added),
        "security_opt": [] if security.may_escalate else ["no-new-privileges:true"],
    }


def limited(container: Container) -> dict[str, Any]:
    """The arguments of Docker for memory and processors; no swap, as in a cluster."""
    limits, given = container.limits, dict[str, Any]()
    if limits.memory:
        given |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
    if limits.cores:
        # Docker refuses more than there are.
        given["nano_cpus"] = int(min(limits.cores, os.cpu_count() or 1) * 1e9)
    return given


def _of(mount: Mount, volumes: Mapping[str, str]) -> Any:
    return _mount(volumes[mount.volume], mount.path, read_only=mount.read_only)


def _mount(volume: str, path: str, *, read_only: bool) -> Any:
    # no_copy: Docker would fill an empty volume with what the image has there; a cluster does not.
    return DockerMount(path, volume, type="volume", read_only=read_only, no_copy=True)


def put(container: Any, path: str, content: bytes) -> None:
    """Writes a file into a container's own root, as root."""
    container.put_archive("/", build_transfer_tar(content, path))


def owner(pid: int) -> str:
    """A process, told apart from a later one of the same number; nothing when it has ended."""
    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return "" if ended else f"{pid} {process.create_time()}"
    except psutil.NoSuchProcess:
        return ""


def sweep(client: Any) -> None:
    """Removes what runs left behind whose process is gone, killed before it could tidy up."""
    chosen = {"filters": {"label": RUN}}
    found = [
        *(one.labels for one in client.containers.list(all=True, ignore_removed=True, **chosen)),
        *(one.attrs["Labels"] for one in (*client.networks.list(**chosen), *client.volumes.list(**chosen))),
    ]
    for labels in {one[RUN]: one for one in found}.values():
        if labels[OWNER] != owner(int(labels[OWNER].partition(" ")[0])):
            remove(client, f"{RUN}={labels[RUN]}")


def remove(client: Any, label: str) -> None:
    """Removes every container, network and volume of a label."""
    chosen = {"filters": {"label": label}}
    for container in client.containers.list(all=True, ignore_removed=True, **chosen):
        with suppress(NotFound):
            container.remove(force=True, v=True)
    for network in client.networks.list(**chosen):
        with suppress(NotFound):
            network.remove()
    for volume in client.volumes.list(**chosen):
        # One that a container of another run still holds goes with that run.
        with suppress(NotFound, APIError):
            volume.remove(force=True)
