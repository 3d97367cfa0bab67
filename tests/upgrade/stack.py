"""PostgreSQL, NATS and the issuer once; two replicas of each service, of either version."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from socle_local.manifest import Service
from socle_local.platform import Platform
from socle_local.ports import QUIET, is_taken
from socle_local.probes import grpc_ready, http_ready
from socle_local.programs import Program
from socle_local.supervisor import Supervisor

from .generator import registered
from .trees import Tree

SHARED = ("postgres", "nats", "issuer")
REPLICAS = 2
# Seconds, as in Kubernetes: a stopping replica goes on serving while the news of its end travel.
DRAIN_DELAY = 5.0
START_SECONDS, STOP_SECONDS, MIGRATE_SECONDS = 60.0, 30.0, 120.0
# What a starting program yields by. An orchestrator shares the processor by what each container asked for, so
# that one that starts gets its share among ten, not a core; `SOCLE_UPGRADE_NICE=0` measures without.
NICE = int(os.environ.get("SOCLE_UPGRADE_NICE", "10"))


@dataclass(slots=True)
class Replica:
    """One process of a service. `ports` are where it serves and where its health is asked."""

    service: Service
    tree: Tree
    ports: tuple[int, int]
    program: Program
    is_ready: Callable[[], bool]

    @property
    def address(self) -> str:
        """Where it serves."""
        return f"127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        """Starts it, behind those who serve, and returns when it is ready to take its part."""
        self.program.start()
        self.program.wait_ready(self.is_ready, START_SECONDS)
        if self.program.pid:
            _renice(self.program.pid)

    def stop(self) -> None:
        """SIGTERM. Raises RuntimeError unless it ends by itself, with exit code 0."""
        if not self.program.stop(STOP_SECONDS):
            raise RuntimeError(f"{self.program.name} had to be killed after {STOP_SECONDS:.0f} s")
        if self.program.exit_code != 0:
            raise RuntimeError(f"{self.program.name}: {self.program.ending}\n{self.program.tail()}")


def _renice(pid: int) -> None:
    """Each thread by itself, as Linux wants it. Who is not root cannot take the courtesy back: it stays."""
    with suppress(OSError, PermissionError):
        for thread in psutil.Process(pid).threads():
            os.setpriority(os.PRIO_PROCESS, thread.id, 0)


@dataclass(slots=True)
class Stack:
    """The platform of the rehearsal. Every service has one place more than replicas: the next one starts
    there.
    """

    platform: Platform
    places: dict[str, list[tuple[int, int]]]
    running: dict[str, list[Replica]] = field(default_factory=dict)
    started: int = 0
    # Where it is written who serves: the edge reads it, as one reads the endpoints of a Service.
    register: Path = Path()
    _shared: Supervisor | None = None

    @classmethod
    def at(cls, home: Path, tree: Tree) -> Stack:
        """A stack whose passwords, certificates and users are those the tree's services declare."""
        platform = Platform(home, tls=True, root=tree.root)
        free = _free_ports(2 * (REPLICAS + 1) * len(platform.services), set(platform.ports.by_name.values()))
        places = {
            service.name: [(next(free), next(free)) for _ in range(REPLICAS + 1)]
            for service in platform.services
        }
        home.mkdir(parents=True, exist_ok=True)
        registered(home / "gateways.json", [])
        return cls(platform, places, register=home / "gateways.json")

    def start(self, tree: Tree) -> None:
        """Everything, all of one version. Raises PlatformFailedError with the words of what failed."""
        shared = [one for one in self.platform.supervisor.components if one.name in SHARED]
        self._shared = Supervisor(shared)
        self._shared.start()
        for service in self.platform.services:
            if service.grpc:
                self.migrate(service, tree)
        for service in self.platform.services:
            for _ in range(REPLICAS):
                self.add(service, tree)

    def stop(self) -> None:
        """Ends what still runs, the fronts first, whatever became of it."""
        for service in reversed(self.platform.services):
            replicas = self.running.pop(service.name, [])
            for replica in replicas:
                replica.program.ask_to_stop()
            for replica in replicas:
                replica.program.stop(STOP_SECONDS)
        if self._shared:
            self._shared.stop()

    def migrate(self, service: Service, tree: Tree) -> None:
        """The migration Job. Raises RuntimeError with its last words."""
        done = subprocess.run(
            ["nice", "-n", str(NICE), sys.executable, "-m", "chassis.migrate", service.name],
            cwd=tree.root,
            env=self._environment(service, tree, (0, 0)),
            capture_output=True,
            text=True,
            timeout=MIGRATE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"migration of {service.name} to {tree.version}: {done.stderr.strip()[-1200:]}"
            )

    def add(self, service: Service, tree: Tree) -> Replica:
        """Starts one more replica, on a place that nobody has."""
        taken = {replica.ports for replica in self.running.get(service.name, [])}
        ports = next(place for place in self.places[service.name] if place not in taken)
        self.started += 1
        name = f"{service.name}-{tree.version}-{self.started}"
        command = ["nice", "-n", str(NICE), sys.executable, "-m", f"{service.module}.app"]
        program = Program(
            name,
            command,
            log=self.platform.home / "logs" / f"{name}.log",
            cwd=tree.root,
            env=self._environment(service, tree, ports),
        )
        replica = Replica(service, tree, ports, program, self._readiness(service, ports))
        self.running.setdefault(service.name, []).append(replica)
        if not service.grpc:
            self._register()
        replica.start()
        return replica

    def remove(self, replica: Replica) -> None:
        """Ends a replica in order."""
        replica.stop()
        self.running[replica.service.name].remove(replica)
        if not replica.service.grpc:
            self._register()

    def _register(self) -> None:
        """Those that start and those that stop are in it: who is ready says so itself."""
        fronts = [one for replicas in self.running.values() for one in replicas if not one.service.grpc]
        registered(self.register, [(one.address, one.tree.version) for one in fronts])

    def logs(self) -> list[Path]:
        """What every replica wrote."""
        names = [f"{service.name}-*.log" for service in self.platform.services]
        return sorted(path for name in names for path in (self.platform.home / "logs").glob(name))

    def environment(self, service: str, tree: Tree) -> dict[str, str]:
        """The settings of a service, for a command of it."""
        found = next(one for one in self.platform.services if one.name == service)
        return self._environment(found, tree, (0, 0))

    def _environment(self, service: Service, tree: Tree, ports: tuple[int, int]) -> dict[str, str]:
        listen = "SOCLE_GRPC_LISTEN" if service.grpc else "SOCLE_HTTP_LISTEN"
        return {
            **self.platform.environment(service),
            **tree.environment,
            listen: f"127.0.0.1:{ports[0]}",
            "SOCLE_HEALTH_LISTEN": f"127.0.0.1:{ports[1]}" if service.grpc else "",
            "SOCLE_SERVICES": json.dumps(self._addresses()),
            "SOCLE_PUBLIC_URL": "http://socle.test",
            "SOCLE_MIGRATE": "false",
            "SOCLE_DRAIN_DELAY_SECONDS": str(DRAIN_DELAY),
        }

    def _addresses(self) -> dict[str, str]:
        """Every place of every service; round robin passes over the one where nobody is."""
        return {
            service.name: "ipv4:"
            + ",".join(f"127.0.0.1:{serving}" for serving, _ in self.places[service.name])
            for service in self.platform.services
            if service.grpc
        }

    def _readiness(self, service: Service, ports: tuple[int, int]) -> Callable[[], bool]:
        if service.grpc:
            return grpc_ready(ports[1], None)
        return http_ready(ports[0], "/readyz/own")


def _free_ports(count: int, taken: set[int]) -> Iterator[int]:
    candidates = (
        port for port in random.sample(QUIET, len(QUIET)) if port not in taken and not is_taken(port)
    )
    return iter([next(candidates) for _ in range(count)])
