"""NATS in a container: streams on a volume, the platform's users with mounted passwords, TLS."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from socle_local.failures import PlatformFailedError
from socle_local.manifest import Service, find_services
from socle_local.nats import User, configuration, server_binary, user_of, users
from socle_local.platform import SUBSCRIBER
from socle_local.probes import http_ready
from socle_local.programs import Program
from socle_local.serve.mounted import certificate, passwords
from socle_local.serve.settings import ServeSettings

START_SECONDS = 30.0


class ServedNats:
    """A NATS server whose users are the services of this very image, with their durables."""

    name = "nats"

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self.look_seconds = settings.look_seconds
        self._config = settings.scratch / "nats.conf"
        self.program = Program("nats", [server_binary(), "--config", self._config], log=None)

    def files(self) -> list[Path]:
        return [*self._settings.tls.glob("*.*"), *self._settings.nats_users.glob("*/password")]

    async def start(self) -> None:
        self._write()
        self.program.start()
        # Healthy once JetStream has its streams back.
        healthy = http_ready(self._settings.nats_monitor_port, "/healthz")
        await asyncio.to_thread(self.program.wait_ready, healthy, START_SECONDS)

    async def renew(self) -> None:
        """The server reads its configuration again on SIGHUP, and refuses one it cannot use."""
        self._write()
        if self.program.pid:
            os.kill(self.program.pid, signal.SIGHUP)

    async def stop(self) -> None:
        await asyncio.to_thread(self.program.stop)

    def _write(self) -> None:
        content = json.dumps(self._configuration(), indent=2)
        draft = self._config.with_suffix(".new")
        draft.unlink(missing_ok=True)
        # Created closed: the file holds every password.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        draft.rename(self._config)

    def _configuration(self) -> dict[str, Any]:
        chosen, files = self._settings, certificate(self._settings.tls)
        known = accounts(find_services(), passwords(chosen.nats_users))
        tls = {
            "cert_file": str(files.cert),
            "key_file": str(files.key),
            "ca_file": str(files.ca),
            # Not a word in clear, which somebody in between could change to keep a client from TLS.
            "handshake_first": True,
        }
        return {
            **configuration("nats", chosen.home / "nats", chosen.nats_port, known),
            "host": chosen.host,
            "http": f"{chosen.host}:{chosen.nats_monitor_port}",
            # Passwords say who connects: a client proves nothing more by a certificate.
            "tls": tls,
        }


def accounts(services: list[Service], known: dict[str, str]) -> list[User]:
    """The users of the services, and the subscriber when it has a password.

    Raises PlatformFailedError for a service without a password, and for a password of nobody known: one of
    the two is misspelt.
    """
    owners = {service.name: service.durables for service in services if service.grpc}
    readers = [service.snake for service in services if not service.grpc]
    readers += [SUBSCRIBER] if SUBSCRIBER in known else []
    names = {*map(user_of, owners), *readers}
    if missing := sorted(names - known.keys()):
        raise PlatformFailedError(
            f"NATS has no password for {', '.join(missing)}: mount the Secret of each as <user>/password."
        )
    if strangers := sorted(known.keys() - names):
        raise PlatformFailedError(
            f"NATS has a password for {', '.join(strangers)}, whom no service of this image is called:"
            f" the users are {', '.join(sorted(names | {SUBSCRIBER}))}."
        )
    return users(known, owners, readers)
