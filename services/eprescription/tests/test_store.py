"""The schema in the migrations is the one the queries are written for; what PostgreSQL itself refuses."""

from chassis import migrate
from chassis.testing import Server
from eprescription import store


async def test_migrations_make_the_tables_that_the_code_declares(postgres: Server, template: str) -> None:
    assert await migrate.differences(postgres.url(template), postgres.password, store.METADATA) == []
