"""What every pod must be: without privileges, watched, bounded, of a known image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.k8s_check.model import Document, Finding, Workload, workloads


def check(documents: Iterable[Document]) -> Iterator[Finding]:
    """Every rule below, on every container of every workload."""
    for workload in workloads(documents):
        yield from restricted(workload)
        yield from known_images(workload)
        yield from authorities(workload)
        yield from bounded(workload)
        if workload.runs_on:
            yield from probed(workload)


def restricted(workload: Workload) -> Iterator[Finding]:
    """`restricted`: the Pod Security standard of that name, and a read-only root file system beside it.

    The incident it prevents: a document that exploits a parser gives its sender a shell with the rights of
    root on the node, and with them every other pod's secrets.
    """
    spec, security = workload.spec, workload.spec.get("securityContext", {})
    wrong = [
        name
        for name, broken in {
            "runAsNonRoot is not true": security.get("runAsNonRoot") is not True,
            "seccompProfile is not RuntimeDefault": security.get("seccompProfile", {}).get("type")
            != "RuntimeDefault",
            "it shares the machine's network, processes or IPC": any(
                spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")
            ),
            "a volume is a folder of the machine": any("hostPath" in v for v in spec.get("volumes", ())),
            "the token of its service account is mounted": spec.get("automountServiceAccountToken")
            is not False,
        }.items()
        if broken
    ]
    wrong += [fault for container in workload.containers for fault in unconfined(container)]
    for fault in wrong:
        yield Finding("restricted", workload.where, fault)


def unconfined(container: Document) -> list[str]:
    """What a container may do that it should not."""
    security = container.get("securityContext", {})
    capabilities = security.get("capabilities", {})
    faults = {
        "allowPrivilegeEscalation is not false": security.get("allowPrivilegeEscalation") is not False,
        "readOnlyRootFilesystem is not true": security.get("readOnlyRootFilesystem") is not True,
        "capabilities are not all dropped": capabilities.get("drop") != ["ALL"] or "add" in capabilities,
        "it is privileged": bool(security.get("privileged")),
        "it takes a port of the machine": any("hostPort" in port for port in container.get("ports", ())),
        "it may run as root": security.get("runAsUser") == 0 or security.get("runAsNonRoot") is False,
    }
    return [f"container {container['name']}: {fault}" for fault, broken in faults.items() if broken]


def probed(workload: Workload) -> Iterator[Finding]:
    """`probed`: a container that listens says whether it lives and whether it is ready.

    The incident it prevents: a rolling upgrade sends requests to pods that still load their keys.
    """
    for container in workload.spec["containers"]:
        missing = {"livenessProbe", "readinessProbe"} - container.keys() if container.get("ports") else set()
        for probe in sorted(missing):
            yield Finding("probed", workload.where, f"container {container['name']} has no {probe}")


def bounded(workload: Workload) -> Iterator[Finding]:
    """`bounded`: every container asks for processor and memory, and has a limit of memory.

    The incident it prevents: one service that leaks takes its node, and pods that were not at fault.
    No limit of processor is asked for: it holds back a pod on a node that has time to spare.
    """
    for container in workload.containers:
        resources = container.get("resources", {})
        missing = {"cpu", "memory"} - resources.get("requests", {}).keys()
        faults = [f"requests no {what}" for what in sorted(missing)]
        if "memory" not in resources.get("limits", {}):
            faults.append("has no limit of memory")
        for fault in faults:
            yield Finding("bounded", workload.where, f"container {container['name']} {fault}")


def known_images(workload: Workload) -> Iterator[Finding]:
    """`known-image`: a version or a digest, never `latest`.

    The incident it prevents: a pod that moves to another node at night comes back as another version.
    """
    for container in workload.containers:
        name, _, tag = container["image"].rpartition("/")[2].partition(":")
        if "@" not in container["image"] and (not tag or tag == "latest"):
            yield Finding("known-image", workload.where, f"image {name} has no version: set it in `images`")


def authorities(workload: Workload) -> Iterator[Finding]:
    """`authority`: of an authority's Secret a pod sees the certificate and never the key beside it.

    The incident it prevents: one service that is broken into signs certificates with every other's name.
    """
    for volume in (v["secret"] for v in workload.spec.get("volumes", ()) if "secret" in v):
        seen = [item["key"] for item in volume.get("items", ())]
        if volume["secretName"].endswith("-ca") and seen != ["ca.crt"]:
            yield Finding("authority", workload.where, f"{volume['secretName']} is mounted with its key")
