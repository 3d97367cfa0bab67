"""The schema in the migrations is the one the queries are written for; what PostgreSQL itself refuses."""

import asyncpg
import pytest

from chassis import migrate
from chassis.db import Database
from chassis.testing import Server
from dmp import store
from dmp.domain import class_of
from dmp.domain.terminology import NOT_YET_IN_X04, X04


async def test_migrations_make_the_tables_that_the_code_declares(postgres: Server, template: str) -> None:
    assert await migrate.differences(postgres.url(template), postgres.password, store.METADATA) == []


async def test_seed_names_only_known_types_and_gives_each_profession_a_default(database: Database) -> None:
    rows = await database.pool.fetch("SELECT profession, type_code, source FROM habilitation")
    types = {r["type_code"] for r in rows} - {"*"}
    assert not {t for t in types if class_of(t) is None and t not in X04 and t not in NOT_YET_IN_X04}
    assert {r["profession"] for r in rows} == {r["profession"] for r in rows if r["type_code"] == "*"}
    assert {r["source"] for r in rows} == {"published", "seed"}


@pytest.mark.parametrize("table", ["document_version", "audit"])
async def test_what_vouches_for_the_past_is_not_rewritten(database: Database, table: str) -> None:
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await database.pool.execute(f"TRUNCATE {table}")


async def test_a_proven_line_of_the_journal_never_goes_however_old(database: Database) -> None:
    line = """INSERT INTO audit VALUES
    (gen_random_uuid(), 'epoch', 'staff', 'x', '', '', '', 'a', 'permitted', 's', '', '', '', '{}', '')"""
    async with database.pool.acquire() as connection:
        with pytest.raises(asyncpg.RaiseError, match="proven"):
            async with connection.transaction():
                await connection.execute(line)
                await connection.execute("DELETE FROM audit WHERE occurred_at = 'epoch'")
