"""A password that is changed while a program lives: it goes on with the one of its file."""

import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa

from chassis import broker, db
from chassis.carriers import Carriers
from chassis.db import Database
from chassis.errors import Unavailable
from chassis.rpc import Runtime
from chassis.settings import Settings
from chassis.testing import running, until
from socle_local import nats as local_nats
from socle_local.programs import Program

Note = Callable[[Database], Awaitable[str]]


class Place:
    """A NATS whose one user has a password that changes, and the file that its client reads."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port, self.file = folder, port, folder / "password"
        self.file.write_text("first")
        self._written("first")
        command: list[str | Path] = [local_nats.server_binary(), "--config", folder / "nats.conf"]
        self.server = Program("nats", command, log=folder / "nats.log")
        self.server.start()

    def _written(self, password: str) -> None:
        made = local_nats.configuration("changing", self._folder, self._port, [])
        made["authorization"] = {"users": [{"user": "probe", "password": password}]}
        (self._folder / "nats.conf").write_text(json.dumps(made))

    def given(self, password: str) -> None:
        """What the client finds from now on."""
        self.file.write_text(password)

    def believes(self, password: str) -> None:
        """Taken over without a restart, as in a cluster."""
        self._written(password)
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGHUP)

    def restart(self, password: str) -> None:
        self.server.stop()
        self._written(password)
        self.server.start()

    def settings(self, **more: Any) -> Settings:
        url = f"nats://127.0.0.1:{self._port}"
        return Settings(nats_url=url, nats_user="probe", nats_password_file=self.file, **more)


@pytest.fixture
def place(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Place]:
    made = Place(tmp_path, free_port())
    yield made
    made.server.stop()


@pytest.mark.parametrize("file_first", [True, False])
async def test_events_flow_again_after_the_password_of_nats_was_changed(
    place: Place, postgres: Any, fresh: Database, note: Note, tmp_path: Path, file_first: bool
) -> None:
    """Whichever comes first: the file in the pod, or the new configuration of the servers."""
    secret = tmp_path / "database"
    secret.write_text(postgres.password)
    url = postgres.url(await fresh.pool.fetchval("SELECT current_database()"))
    settings = place.settings(database_url=url, database_password_file=secret)
    runtime = cast("Runtime", SimpleNamespace(emitted=None))
    async with running(Carriers("probe", settings, fresh).run([], runtime)):
        await note(fresh)
        await until(lambda: _all_published(fresh))
        steps = [place.given, place.believes]
        for step in steps if file_first else reversed(steps):
            step("second")
            await note(fresh)
        await until(lambda: "Reloaded: authorization" in (tmp_path / "nats.log").read_text())
        await note(fresh)
        await until(lambda: _all_published(fresh))


async def _all_published(database: Database) -> bool:
    waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    return not await database.pool.fetchval(waiting)


async def test_a_nats_that_comes_back_with_another_password_is_found(place: Place) -> None:
    told: list[bool] = []
    async with broker.connected("probe", place.settings(), told.append) as client:
        await client.flush()
        place.restart("second")
        place.file.write_text("second")
        await until(lambda: client.is_connected and client.stats["reconnects"] > 0)
        await client.flush()
        assert told == [False, True]


async def test_a_pool_connects_with_the_password_of_now(postgres: Any, tmp_path: Path) -> None:
    admin = await db.connect(postgres.url("postgres"), postgres.password, 1)
    await admin.execute("CREATE ROLE changing LOGIN PASSWORD 'first'")
    secret = tmp_path / "database"
    secret.write_text("first\n")
    url = f"postgresql://changing@127.0.0.1:{postgres.running.port}/postgres"
    settings = Settings(database_url=url, database_password_file=secret)
    pool = await db.connect(settings.database_url, settings.database_password, 2)
    try:
        await admin.execute("ALTER ROLE changing PASSWORD 'second'")
        await pool.expire_connections()
        with pytest.raises(Unavailable):
            async with Database(pool).read() as tx:
                await tx.one(sa.select(1))
        secret.write_text("second\n")
        assert await pool.fetchval("SELECT current_user") == "changing"
    finally:
        await pool.close()
        await admin.execute("DROP ROLE changing")
        await admin.close()
