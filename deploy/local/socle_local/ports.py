"""Where each part of the platform listens, always on loopback, and who is in the way."""

import os
import random
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from socle_local.failures import PlatformFailedError
from socle_local.manifest import Service

# Below 32768, from where Linux lends ports to outgoing connections: one could be in the way at a start.
POSTGRES, NATS, ISSUER, OBSERVE = 15432, 14222, 8081, 8082
OFFSET = "SOCLE_PORT_OFFSET"
QUIET = range(20000, 32000)
# The system keeps the port of a closed connection for a minute.
LENT_SECONDS = 65.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each component, by name: `postgres`, `nats`, `issuer` and every service; `observe` when
    traces and metrics are shown.
    """

    by_name: dict[str, int]

    def __getitem__(self, name: str) -> int:
        return self.by_name[name]

    def address(self, name: str) -> str:
        """`127.0.0.1:port` of a component."""
        return f"127.0.0.1:{self.by_name[name]}"

    @classmethod
    def usual(cls, services: Iterable[Service], offset: int = 0, *, observed: bool = False) -> "Ports":
        """The documented ports, all moved by `offset` so that a second platform can run beside the first."""
        chosen = {"postgres": POSTGRES, "nats": NATS, "issuer": ISSUER, **{s.name: s.port for s in services}}
        chosen |= {"observe": OBSERVE} if observed else {}
        return cls({name: port + offset for name, port in chosen.items()})

    @classmethod
    def free(cls, services: Iterable[Service], *, observed: bool = False) -> "Ports":
        """Ports nobody uses now, for tests.

        Taken below those the system lends to outgoing connections: one of these could settle on the port of
        a service that is still starting.
        """
        names = ["postgres", "nats", "issuer", *(service.name for service in services)]
        names += ["observe"] if observed else []
        candidates = (port for port in random.sample(QUIET, len(QUIET)) if not is_taken(port))
        return cls(dict(zip(names, candidates, strict=False)))


def asked_offset() -> int:
    """The number in SOCLE_PORT_OFFSET, or 0. Raises PlatformFailedError when it is no usable number."""
    text = os.environ.get(OFFSET, "") or "0"
    try:
        offset = int(text)
    except ValueError:
        raise PlatformFailedError(
            f"{OFFSET}={text!r} is not a number: write the distance to the usual ports."
        ) from None
    if not -7000 <= offset <= 11000:
        raise PlatformFailedError(
            f"{OFFSET}={offset} leads outside the usable ports: choose between -7000 and 11000."
        )
    return offset


def check_free(ports: Ports, say: Callable[[str], None] = lambda sentence: None) -> None:
    """Raises PlatformFailedError naming the first port that is taken, its holder if known, and what to do.

    A port nobody listens on is waited for, which `say` is told: the system lends ports to outgoing
    connections and takes them back by itself.
    """
    for name, port in ports.by_name.items():
        if is_taken(port) and not listens(port):
            say(f"Port {port}, needed by {name}, is lent to a connection: waiting for its return.")
        if not soon_free(port):
            raise PlatformFailedError(
                f"Port {port}, needed by {name}, is taken by {holder(port)}:"
                f" stop that program, or move the whole platform with {OFFSET}=100."
            )


def soon_free(port: int) -> bool:
    """Whether the port is free, now or in a moment when nobody listens on it."""
    limit = time.monotonic() + LENT_SECONDS
    while is_taken(port):
        if listens(port) or time.monotonic() > limit:
            return False
        time.sleep(0.2)
    return True


def is_taken(port: int) -> bool:
    """Whether someone listens on the port; connections of a former run, still closing, do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def holder(port: int) -> str:
    """The program that has the port, in words; some systems tell root only."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "another program"
