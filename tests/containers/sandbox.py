"""Runs as root in the container that holds a pod's network and volumes, as the pause container of a cluster.

It does the kubelet's part inside: it writes the files of the volumes as the kubelet does (a folder of their
own, then one rename, so that a reader sees all of the former files or all of the new ones), and it watches:
which of these files are read, which connections the pod has. Each thing it sees is one line of JSON.

Standard library only, in one file: it is handed over as text to the Python of the image under test.
PLAN says what to write; SIGHUP: read it again.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLAN = Path("/socle/volumes.json")
IN_ACCESS, IN_ISDIR, IN_NONBLOCK = 0x1, 0x40000000, os.O_NONBLOCK
EVENT = struct.Struct("iIII")
SECONDS_BETWEEN_LOOKS = 0.1
# Of the kernel's table: established, closing in its several ways, listening.
STATES = {"01": "open", "04": "open", "05": "open", "06": "open", "08": "open", "09": "open", "0A": "listens"}


def say(**seen: Any) -> None:
    """One line of JSON on the output, which the runner follows."""
    sys.stdout.write(json.dumps(seen) + "\n")
    sys.stdout.flush()


def write(volume: dict[str, Any], watch: Watch) -> None:
    """Owner and mode of a volume, then its files, swapped in by one rename."""
    root = Path(volume["path"])
    os.chown(root, -1, volume["group"])
    root.chmod(volume["mode"])
    if "files" not in volume:
        return
    before = (root / "..data").resolve() if (root / "..data").exists() else None
    fresh = root / f"..{time.time_ns()}"
    fresh.mkdir()
    for file in volume["files"]:
        _write_file(fresh, file, volume["group"])
    _own(fresh, volume["group"], volume["mode"])
    # Before the swap: the first reader must be seen.
    watch.add(fresh)
    _link(root, "..data", fresh.name)
    for file in volume["files"]:
        first = Path(file["path"]).parts[0]
        if not (root / first).is_symlink():
            _link(root, first, f"..data/{first}")
    if before:
        shutil.rmtree(before)


def _write_file(folder: Path, file: dict[str, Any], group: int) -> None:
    path = folder / file["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b64decode(file["content"]))
    os.chown(path, -1, group)
    path.chmod(file["mode"])


def _own(folder: Path, group: int, mode: int) -> None:
    for one in (folder, *(inner for inner in folder.rglob("*") if inner.is_dir())):
        os.chown(one, -1, group)
        one.chmod(mode)


def _link(root: Path, name: str, target: str) -> None:
    fresh = root / "..link"
    fresh.symlink_to(target)
    fresh.replace(root / name)


class Watch:
    """Which files are read, by anyone and through any mount: inotify looks at the file, not at the path."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(IN_NONBLOCK)
        self._folders: dict[int, Path] = {}

    def add(self, folder: Path) -> None:
        """Watches a folder and those below it."""
        for one in (folder, *(inner for inner in folder.rglob("*") if inner.is_dir())):
            number = self._libc.inotify_add_watch(self._handle, os.fsencode(one), IN_ACCESS)
            if number < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", str(one))
            self._folders[number] = one

    def read(self) -> Iterator[Path]:
        """The files read since the last time, as paths below their volume."""
        try:
            told = os.read(self._handle, 65536)
        except BlockingIOError:
            return
        while told:
            number, mask, _, length = EVENT.unpack_from(told)
            name = told[EVENT.size : EVENT.size + length].rstrip(b"\0").decode()
            told = told[EVENT.size + length :]
            if name and not mask & IN_ISDIR and number in self._folders:
                yield self._folders[number] / name


def connections(table: str) -> Iterator[tuple[str, str, int, str, int]]:
    """State, own address and port, other address and port of each line of /proc/net/tcp or tcp6."""
    for line in table.splitlines()[1:]:
        _, own, other, state = line.split()[:4]
        if state in STATES:
            yield (STATES[state], *end(own), *end(other))


def end(text: str) -> tuple[str, int]:
    """Address and port of one end: words of the machine's own byte order, in hexadecimal."""
    words, _, port = text.partition(":")
    raw = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw), int(port, 16)
    address = socket.inet_ntop(socket.AF_INET6, raw)
    return address.removeprefix("::ffff:"), int(port, 16)


def main() -> None:
    """Watches until SIGTERM."""
    asked = [True]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: asked.__setitem__(0, True))
    watch, seen = Watch(), set[tuple[Any, ...]]()
    while True:
        if asked[0]:
            asked[0] = False
            for volume in json.loads(PLAN.read_text()):
                write(volume, watch)
            say(written=True)
        look(watch, seen)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def look(watch: Watch, seen: set[tuple[Any, ...]]) -> None:
    """Says what is new: each connection and each reading of a file once."""
    for path in set(watch.read()):
        if (path,) not in seen:
            seen.add((path,))
            say(read=str(path))
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for found in connections(Path(table).read_text()):
            if found not in seen:
                seen.add(found)
                say(socket=found)


if __name__ == "__main__":
    main()
