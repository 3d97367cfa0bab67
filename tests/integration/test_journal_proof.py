"""A journal that the patient downloads verifies offline; one byte changed in the database, it does not."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from socle_local.journey import Actor, Patient
from socle_local.platform import Platform
from socle_local.postgres import ADMIN
from tests.reach import Actors
from tools.verify_journal.__main__ import main

Json = dict[str, Any]
Download = Callable[..., Awaitable[Json]]
Verify = Callable[..., tuple[int, str]]
# Lines enter the tree twice a second.
PATIENCE = 20.0


@pytest.fixture
async def record(actors: Actors, patient: Patient) -> str:
    """The person of an open record, whose journal has a few lines."""
    holder = actors["patient"]
    (await holder.send("POST", f"/v1/dmp/{patient.person_id}")).expect(200, 201)
    for _ in range(3):
        (await holder.send("GET", f"/v1/dmp/{patient.person_id}")).expect(200)
    return patient.person_id


@pytest.fixture
def download(actors: Actors, record: str, intruder: "Intruder") -> Download:
    """The journal once every line of before is in the tree."""

    async def export(since: int = 0) -> Json:
        await intruder.nothing_waits()
        path = f"/v1/dmp/{record}/journal/export" + (f"?since={since}" if since else "")
        journal: Json = (await actors["patient"].send("GET", path)).expect(200).json()
        return journal

    return export


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Runs the verifier on files: exit code, everything it said."""

    def run(journal: Json, **others: Json) -> tuple[int, str]:
        arguments = []
        for name, whole in {"journal": journal, **others}.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(whole))
            arguments += [str(path)] if name == "journal" else [f"--{name}", str(path)]
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


@dataclass
class Intruder:
    """Someone with every right on the database, who leaves no trace in it; what they did is undone."""

    connection: Any

    async def nothing_waits(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.connection.fetchval("SELECT EXISTS (SELECT FROM ledger_pending)"):
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def changed(self, table: str, row: str, change: str) -> AsyncIterator[None]:
        """One row of a table (given by a condition) changed by a statement on `it`."""
        await self.connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE {row}")  # noqa: S608
        statement = change.format(table=table, row=row)
        assert (await self.connection.execute(statement)).rsplit(" ", 1)[-1] == "1", statement
        try:
            yield
        finally:
            await self.connection.execute(f"DELETE FROM {table} WHERE {row}")  # noqa: S608
            await self.connection.execute(f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608
            await self.connection.execute("DROP TABLE kept")


@pytest.fixture
async def intruder(platform: Platform) -> AsyncIterator[Intruder]:
    password = platform.secrets.value("database", ADMIN)
    connection = await asyncpg.connect(platform.postgres.url(ADMIN, "dmp"), password=password)
    # What a superuser needs to pass the triggers that keep the journal append-only.
    await connection.execute("SET session_replication_role = replica")
    yield Intruder(connection)
    await connection.close()


async def published_keys(reader: Actor) -> Json:
    keys: Json = (await reader.send("GET", "/.well-known/socle-journal-keys")).expect(200).json()
    return keys


async def test_a_downloaded_journal_verifies_offline(
    download: Download, verify: Verify, actors: Actors, record: str
) -> None:
    journal = await download()
    code, told = verify(journal)
    assert code == 0, told
    assert {line["line"]["subject"] for line in journal["lines"] if "line" in line} == {record}
    assert "dmp_record.read" in {line["line"]["action"] for line in journal["lines"] if "line" in line}
    code, told = verify(journal, keys=await published_keys(actors["doctor"]))
    assert (code, "given with --keys" in told) == (0, True), told


async def test_a_journal_that_grew_is_the_one_that_was_kept(download: Download, verify: Verify) -> None:
    earlier = await download()
    journal = await download(since=earlier["head"]["tree_size"])
    assert len(journal["lines"]) > len(earlier["lines"])
    code, told = verify(journal, previous=earlier)
    assert code == 0, told


LINE = "the line is not the one that was hashed"
PATH = "the path does not lead to the root"
ROW = "id = (SELECT audit_id FROM ledger_leaf WHERE chain = '{person}' AND number = 2)"
LEAF = "chain = '{person}' AND number = 2"
FLIPPED_HASH = "UPDATE {table} SET hash = set_byte(hash, 7, get_byte(hash, 7) # 1) WHERE {row}"
FLIPPED_LINK = "UPDATE {table} SET previous = set_byte(previous, 7, get_byte(previous, 7) # 1) WHERE {row}"
CHANGES = {
    "a character of a line": ("audit", ROW, "UPDATE {table} SET action = action || '.' WHERE {row}", LINE),
    "a name": ("audit", ROW, "UPDATE {table} SET actor_name = actor_name || ' ' WHERE {row}", LINE),
    "a microsecond": (
        "audit",
        ROW,
        "UPDATE {table} SET occurred_at = occurred_at + interval '1 microsecond' WHERE {row}",
        LINE,
    ),
    "a rule": ("audit", ROW, "UPDATE {table} SET rules = rules || 'R1111-46'::text WHERE {row}", LINE),
    "a hit": (
        "audit",
        ROW,
        """UPDATE {table} SET hits = '[{{"object_id":"x","rules":[]}}]' WHERE {row}""",
        LINE,
    ),
    "a byte of a leaf": ("ledger_leaf", LEAF, FLIPPED_HASH, LINE),
    "a byte of a link": ("ledger_leaf", LEAF, FLIPPED_LINK, LINE),
    "a line taken out": ("audit", ROW, "DELETE FROM {table} WHERE {row}", "the line is missing"),
    "a leaf taken out": (
        "ledger_leaf",
        LEAF,
        "DELETE FROM {table} WHERE {row}",
        "number 2 is missing before it",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_byte_changed_in_the_database_is_found_and_its_line_named(
    download: Download, verify: Verify, intruder: Intruder, record: str, change: str
) -> None:
    table, row, statement, fault = CHANGES[change]
    await intruder.nothing_waits()
    async with intruder.changed(table, row.format(person=record), statement):
        code, told = verify(await download())
    assert code == 1
    line = 3 if change == "a leaf taken out" else 2
    assert f"FAULT        line {line} of the record" in told
    assert fault in told
    assert verify(await download())[0] == 0


async def test_one_byte_of_a_node_changed_is_found(
    download: Download, verify: Verify, intruder: Intruder, record: str
) -> None:
    """The node beside the pair of the first line, which its path names."""
    journal = await download()
    first = next(line for line in journal["lines"] if (line["chain"], line["number"]) == (record, 1))
    row = f"level = 1 AND index = {(first['leaf_index'] >> 1) ^ 1}"
    async with intruder.changed("ledger_node", row, FLIPPED_HASH):
        code, told = verify(await download())
    assert code == 1
    assert f"line 1 of the record (leaf {first['leaf_index']}): {PATH}" in told


async def test_a_head_that_was_changed_is_found(
    download: Download, verify: Verify, intruder: Intruder, actors: Actors, record: str
) -> None:
    await download()
    await intruder.nothing_waits()
    row = "tree_size = (SELECT max(tree_size) FROM kept_heads)"
    await intruder.connection.execute("CREATE TEMP TABLE kept_heads AS SELECT * FROM ledger_head")
    change = "UPDATE {table} SET signed_at = signed_at + interval '1 hour' WHERE {row}"
    async with intruder.changed("ledger_head", row, change):
        path = f"/v1/dmp/{record}/journal/export"
        code, told = verify((await actors["patient"].send("GET", path)).expect(200).json())
    assert code == 1
    assert "FAULT        head: signed_at is not the one that was signed" in told


async def test_nobody_else_downloads_it(actors: Actors, record: str) -> None:
    path = f"/v1/dmp/{record}/journal/export"
    assert (await actors["doctor"].send("GET", path)).status == 403
    assert (await actors["other-patient"].send("GET", path)).status == 404
