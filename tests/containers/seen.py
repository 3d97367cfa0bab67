"""What the sandbox of a pod has told, line by line: files that were read, and sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers.volumes import VOLUMES


@dataclass(slots=True)
class Seen:
    """Everything seen so far."""

    read: set[str] = field(default_factory=set)
    # State (open, listens), own address and port, the other's.
    sockets: set[tuple[str, str, int, str, int]] = field(default_factory=set)
    written: int = 0

    def hear(self, line: str) -> None:
        """One line of its output."""
        told = json.loads(line)
        if "read" in told:
            self.read.add(told["read"])
        elif "socket" in told:
            self.sockets.add(tuple(told["socket"]))
        else:
            self.written += 1

    def files(self) -> set[str]:
        """The files read, as `volume/path`, whatever the folder the kubelet's swap put them in."""
        parts = [Path(path).relative_to(VOLUMES).parts for path in self.read]
        return {"/".join((first, *rest[1:])) for first, *rest in parts}

    @property
    def listening(self) -> set[int]:
        """Ports that listen beyond loopback; 127.0.0.11 is Docker's own resolver."""
        return {
            port
            for state, address, port, _, _ in list(self.sockets)
            if state == "listens" and not address.startswith("127.")
        }
