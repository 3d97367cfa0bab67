"""What a running container was really given, seen from inside it and from Docker's account of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.containers.plan import Container, Mount
from tests.containers.volumes import Volume

if TYPE_CHECKING:
    from tests.containers.running import RunningPod

INSIDE = (Path(__file__).parent / "inside.py").read_text()
NO_CAPABILITY = "0000000000000000"
READ_ONLY = "Read-only file system"
# Faults by what of the manifest they belong to: command, user, confinement.
Faults = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """What a process of the container's own user found in it."""

    told: Mapping[str, Any]

    def command_fault(self, entry: list[str], arguments: list[str]) -> str:
        """Process 1 is the command of the manifest, word for word; the image's own is nobody's to foresee."""
        if not entry or self.told["command"] == [*entry, *arguments]:
            return ""
        return f"process 1 is {' '.join(self.told['command'])}"

    def user_fault(self, one: Container) -> str:
        """Process 1 is that user in that group, in real, effective, saved and file-system identity."""
        status, security = self.told["status"], one.security
        if (
            status["Uid"].split() != [str(security.user)] * 4
            or status["Gid"].split() != [str(security.group)] * 4
        ):
            return f"process 1 runs as {status['Uid']}, {status['Gid']}"
        missing = {str(group) for group in security.groups} - {*status["Groups"].split()}
        return f"process 1 is not in group {', '.join(sorted(missing))}" if missing else ""

    def confinement_fault(self, one: Container) -> str:
        """No capability, no way to gain one, a system-call filter, a root that refuses to be written."""
        status, security = self.told["status"], one.security
        if security.dropped and not security.added and status["CapBnd"] != NO_CAPABILITY:
            return f"capabilities {status['CapBnd']}"
        if not security.may_escalate and status["NoNewPrivs"] != "1":
            return "privileges may be gained"
        if status["Seccomp"] != "2":
            return "no seccomp filter"
        writable = [folder for folder in ("/", "/app") if self.told["refusals"].get(folder) != READ_ONLY]
        return f"{', '.join(writable)} can be written" if security.read_only and writable else ""

    def mount_fault(self, mount: Mount, volume: Volume) -> str:
        """The volume is there, of its size, and can be written to unless the manifest forbids it."""
        kind, *options = self.told["mounts"].get(mount.path, [""])
        if not kind:
            return "nothing is mounted there"
        if volume.memory is not None and kind != "tmpfs":
            return f"a {kind}, not memory"
        if volume.memory and f"size={volume.memory // 1024}k" not in options:
            return f"not of {volume.memory} bytes: {','.join(options)}"
        refused = self.told["refusals"][mount.path]
        wanted = READ_ONLY if mount.read_only else ""
        return "" if refused == wanted else f"writing there: {refused or 'done'}"

    def environment_fault(self, variables: Mapping[str, str]) -> str:
        """Process 1 has every variable of the manifest with its value."""
        own = self.told["environment"]
        wrong = sorted(name for name, value in variables.items() if own.get(name) != value)
        return f"process 1 has not {', '.join(wrong)}" if wrong else ""


def look(pod: RunningPod, one: Container) -> Look:
    """Looks inside a container that runs."""
    folders = ["/", "/app", *(mount.path for mount in one.mounts)]
    return Look(pod.python(one.name, INSIDE, *folders))


def seen_inside(pod: RunningPod, one: Container, found: Look) -> dict[str, str]:
    """Faults of what runs, by what of the manifest they belong to; an empty text is no fault."""
    variables = pod.variables(one)
    by_name = {volume.name: volume for volume in pod.pod.volumes}
    mounts = {mount.path: found.mount_fault(mount, by_name[mount.volume]) for mount in one.mounts}
    return {
        "command": found.command_fault(*one.command(variables)),
        "user": found.user_fault(one),
        "confinement": found.confinement_fault(one),
        "environment": found.environment_fault(variables),
        **mounts,
    }


def accounted(pod: RunningPod, one: Container) -> dict[str, str]:
    """The same of a container that has ended, from Docker's account: what it was started with."""
    told = pod.containers[one.name].attrs
    config, host, security = told["Config"], told["HostConfig"], one.security
    entry, arguments = one.command(pod.variables(one))
    confined = (
        host["ReadonlyRootfs"] is security.read_only
        and (host["CapDrop"] or []) == list(security.dropped)
        and ("no-new-privileges:true" in (host["SecurityOpt"] or [])) is not security.may_escalate
    )
    wanted = {f"{name}={value}" for name, value in pod.variables(one).items()}
    made = {mount["Destination"]: not mount["RW"] for mount in told["Mounts"]}
    return {
        "command": ""
        if [*(config["Entrypoint"] or []), *(config["Cmd"] or [])] == [*entry, *arguments]
        else "another",
        "user": "" if config["User"] == f"{security.user}:{security.group}" else config["User"],
        "confinement": "" if confined else "not as the manifest says",
        "environment": "" if wanted <= {*config["Env"]} else "a variable is missing",
        **{
            mount.path: "" if made.get(mount.path) is mount.read_only else "not mounted so"
            for mount in one.mounts
        },
    }


def limited(pod: RunningPod, one: Container) -> bool:
    """Whether Docker holds the container to the memory of its manifest."""
    return bool(
        one.limits.memory and pod.containers[one.name].attrs["HostConfig"]["Memory"] == one.limits.memory
    )
