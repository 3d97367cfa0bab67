"""PostgreSQL in a container: data on a volume, a role and a database per password, TLS at the door."""

import asyncio
from pathlib import Path

from socle_local.credentials import Secrets
from socle_local.postgres import ADMIN, Postgres
from socle_local.programs import Program
from socle_local.serve.door import Door
from socle_local.serve.mounted import certificate, passwords
from socle_local.serve.settings import ServeSettings

# Two replicas of each service, and as many again while they are rolled, with a pool of eight each.
SETTINGS = {"max_connections": "200"}
START_SECONDS = 60.0


class ServedPostgres:
    """A PostgreSQL server whose door opens once every role and database is there."""

    name = "postgres"

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self.look_seconds = settings.look_seconds
        home = settings.home / "postgres"
        # The superuser's password never leaves the volume: nobody but this process uses it.
        admin = Secrets(home / "secrets").value(ADMIN)
        self._server = Postgres(home, settings.postgres_inner_port, admin, to_log=False, settings=SETTINGS)
        self._door = Door(certificate(settings.tls), settings.postgres_inner_port)

    @property
    def program(self) -> Program:
        return self._server.program

    def files(self) -> list[Path]:
        return [*self._settings.tls.glob("*.*"), *self._settings.databases.glob("*/password")]

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start, START_SECONDS)
        await asyncio.to_thread(self._prepare)
        await self._door.open(self._settings.host, self._settings.postgres_port)

    async def renew(self) -> None:
        await asyncio.to_thread(self._prepare)
        self._door.renew(certificate(self._settings.tls))

    async def stop(self) -> None:
        await self._door.close()
        await asyncio.to_thread(self._server.stop)

    def _prepare(self) -> None:
        for service, password in passwords(self._settings.databases).items():
            name = service.replace("-", "_")
            self._server.create_database(name, name, password)
