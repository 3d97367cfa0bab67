"""The services, told what the manifests tell them: their own Settings classes are the judges."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath

from pydantic import ValidationError

from chassis.settings import Settings
from tools.k8s_check.model import Document, Finding, Workload, of_kind, workloads

PREFIX = "SOCLE_"
SHARED = "socle-settings"
MOUNTS = "/run/socle"


def check(documents: Iterable[Document]) -> Iterator[Finding]:
    """`setting`: the environment of each pod is accepted by the Settings of the program it starts; its
    variables exist, its files are mounted, its addresses are Services.

    The incident it prevents: a mistyped name is ignored, and a service runs for months with the default.
    """
    every = list(documents)
    programs = {workload.where: (workload, settings_of(workload)) for workload in workloads(every)}
    known = {field for _, kind in programs.values() if kind for field in kind.model_fields}
    for workload, kind in programs.values():
        if kind is None:
            continue
        environment = environment_of(workload, every)
        yield from unknown(workload, kind, every, known)
        try:
            with only(environment):
                settings = kind()
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
            yield from (Finding("setting", workload.where, fault) for fault in faults)
            continue
        yield from unmounted(workload, settings)
        yield from unreachable(workload, settings, every)


def settings_of(workload: Workload) -> type[Settings] | None:
    """The Settings of the program that the first container starts; None for one that is not ours.

    A migration reads the settings that every service has.
    """
    command = workload.spec["containers"][0].get("command", [])
    if command[:3] == ["python", "-m", "chassis.migrate"]:
        return Settings
    if command[:2] != ["python", "-m"] or not command[2].endswith(".app"):
        return None
    kind: type[Settings] = importlib.import_module(command[2]).Settings
    return kind


def environment_of(workload: Workload, documents: list[Document]) -> dict[str, str]:
    """The variables of the first container, those of its ConfigMaps included."""
    data = {d["metadata"]["name"]: d.get("data", {}) for d in of_kind(documents, "ConfigMap")}
    container = workload.spec["containers"][0]
    names = [
        source["configMapRef"]["name"] for source in container.get("envFrom", ()) if "configMapRef" in source
    ]
    told = {key: value for name in names for key, value in data.get(name, {}).items()}
    return told | {entry["name"]: entry["value"] for entry in container.get("env", ()) if "value" in entry}


@contextmanager
def only(environment: Mapping[str, str]) -> Iterator[None]:
    """Nothing in the environment of this process but what is given: a pod inherits nothing from us."""
    former = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)


def unknown(
    workload: Workload, kind: type[Settings], documents: list[Document], known: set[str]
) -> Iterator[Finding]:
    """Variables that no program reads; those of the shared ConfigMap may be another program's."""
    shared = {
        key
        for d in of_kind(documents, "ConfigMap")
        if d["metadata"]["name"].startswith(SHARED)
        for key in d.get("data", {})
    }
    for variable in environment_of(workload, documents):
        # A migration is told what its service is told, and reads less of it.
        others = variable in shared or kind is Settings
        field = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and field not in (known if others else kind.model_fields):
            yield Finding("setting", workload.where, f"{variable} is no setting of the program")


def unmounted(workload: Workload, settings: Settings) -> Iterator[Finding]:
    """Files that a setting names below a folder that nothing is mounted on.

    What all programs are told is more than what each uses: a front has no database, a migration nothing else.
    """
    mounts = {mount["mountPath"] for mount in workload.spec["containers"][0].get("volumeMounts", ())}
    for name, value in settings.model_dump(mode="json").items():
        unused = not settings.database_url if name.startswith("database_") else workload.kind == "Job"
        file = PurePosixPath(str(value))
        if (
            name.endswith("_file")
            and not unused
            and file.is_relative_to(MOUNTS)
            and str(file.parent) not in mounts
        ):
            yield Finding("setting", workload.where, f"{PREFIX}{name.upper()}: {value} is on no volume")


def unreachable(workload: Workload, settings: Settings, documents: list[Document]) -> Iterator[Finding]:
    """Addresses of services that no Service has."""
    ports = {d["metadata"]["name"]: d["spec"]["ports"] for d in of_kind(documents, "Service")}
    for address in settings.services.values():
        host, _, port = address.removeprefix("dns:///").partition(":")
        if not any(entry["port"] == int(port) for entry in ports.get(host, ())):
            yield Finding(
                "setting", workload.where, f"{PREFIX}SERVICES: no Service has the address {address}"
            )
