"""The volumes of a pod as the kubelet would lay them out: which files, with what mode, for which group."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.containers.fields import NotTranslated
from tests.containers.values import Doc, Store, quantity

# Where the sandbox of a pod has its volumes.
VOLUMES = "/volumes"
DEFAULT_MODE = 0o644
# What the kubelet adds for fsGroup (pkg/volume/volume_linux.go): the group may read what is mounted read-only
# and write the rest; a new file belongs to the group of its folder.
READ_MASK, WRITE_MASK, ENTER_MASK, SETGID = 0o440, 0o660, 0o110, 0o2000
EMPTY_DIR, CLAIM, WRITTEN = 0o777, 0o755, 0o755


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume: its path below the mount, its content and mode."""

    path: str
    content: bytes = field(repr=False)
    mode: int


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of a pod.

    `files` for what the kubelet writes (None: the pod itself does); `memory` in bytes when it lies in memory
    (0: as much as there is, None: on disk); `claim` the name under which it outlives the pod. `mode` and
    `group` are those of its root.
    """

    name: str
    files: tuple[File, ...] | None = None
    memory: int | None = None
    claim: str = ""
    mode: int = 0
    group: int = 0

    def layout(self, root: str) -> dict[str, Any]:
        """What the sandbox of the pod is told to write below `root`."""
        laid: dict[str, Any] = {"path": f"{root}/{self.name}", "mode": self.mode, "group": self.group}
        if self.files is not None:
            laid["files"] = [
                {"path": one.path, "mode": one.mode, "content": b64encode(one.content).decode()}
                for one in self.files
            ]
        return laid


def volumes(pod: Doc, claims: Mapping[str, str], store: Store, where: str) -> tuple[Volume, ...]:
    """Every volume of a pod. `claims`: the claim behind each volume that a StatefulSet's template makes."""
    group = pod.get("securityContext", {}).get("fsGroup")
    made = [_volume(one, group, store, f"{where}.volumes[{one['name']}]") for one in pod.get("volumes", ())]
    return (*made, *(_claimed(name, claim, group) for name, claim in claims.items()))


def _volume(volume: Doc, group: int | None, store: Store, where: str) -> Volume:
    name = volume["name"]
    if "emptyDir" in volume:
        return _empty(name, volume["emptyDir"] or {}, group)
    if "persistentVolumeClaim" in volume:
        return _claimed(name, volume["persistentVolumeClaim"]["claimName"], group)
    files = tuple(_readable(one, group) for one in _files(volume, store, where))
    mode = WRITTEN if group is None else WRITTEN | READ_MASK | ENTER_MASK | SETGID
    return Volume(name, files=files, memory=0, mode=mode, group=group or 0)


def _empty(name: str, source: Doc, group: int | None) -> Volume:
    medium = source.get("medium", "")
    if medium not in ("", "Memory"):
        raise NotTranslated(f"{name}: emptyDir of medium {medium} is not known to this runner")
    size = int(quantity(source["sizeLimit"])) if "sizeLimit" in source else 0
    mode = EMPTY_DIR if group is None else EMPTY_DIR | SETGID
    return Volume(name, memory=size if medium else None, mode=mode, group=group or 0)


def _claimed(name: str, claim: str, group: int | None) -> Volume:
    mode = CLAIM if group is None else CLAIM | WRITE_MASK | ENTER_MASK | SETGID
    return Volume(name, claim=claim, mode=mode, group=group or 0)


def _readable(file: File, group: int | None) -> File:
    return file if group is None else File(file.path, file.content, file.mode | READ_MASK)


def _files(volume: Doc, store: Store, where: str) -> Iterator[File]:
    kind = next((kind for kind in ("secret", "configMap", "projected") if kind in volume), "")
    if not kind:
        raise NotTranslated(f"{where}: a volume of a kind not known to this runner: {', '.join(volume)}")
    source = volume[kind]
    mode = source.get("defaultMode", DEFAULT_MODE)
    if kind != "projected":
        yield from _of(kind, source, mode, store, where)
        return
    for one in source["sources"]:
        inner = next(iter(one))
        yield from _of(inner, one[inner], mode, store, where)


def _of(kind: str, source: Doc, mode: int, store: Store, where: str) -> Iterator[File]:
    name = source.get("secretName") or source["name"]
    look = store.secret if kind == "secret" else store.config_map
    optional = bool(source.get("optional"))
    found = look(name, where, optional=optional)
    items = source.get("items") or [{"key": key, "path": key} for key in found]
    for item in items:
        if item["key"] in found:
            yield File(item["path"], found[item["key"]], item.get("mode", mode))
        elif not optional:
            raise NotTranslated(f"{where}: {name} has no key {item['key']}: the pod would hang")
