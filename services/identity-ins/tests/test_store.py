"""What PostgreSQL itself holds: constraints, one winner among rivals, the cost of hot paths, the schema."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import pytest

from chassis import migrate, sql
from chassis.db import Database, Tx
from chassis.errors import RuleViolated, SocleError
from chassis.testing import NOW, Server, call_as, callers
from identity_ins import seed, store, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Identity,
    IdentityAlreadyDoubtful,
    IdentityId,
    InsAlreadyRetrieved,
    IppAlreadyUsed,
    Paper,
    PaperAlreadyChecked,
    Sex,
    Status,
)
from identity_ins.store.registry import NAMESAKES

pytestmark = pytest.mark.usefixtures("registry")
PATIENT = seed.person(1)
RIVALS = 12
Work = Callable[[Tx], Awaitable[Identity]]


async def created(database: Database, ipp: str = "") -> Identity:
    async with database.begin(call_as(callers.doctor)) as tx:
        return await usecases.create_identity(
            tx, callers.doctor, IdentityId.new(), PATIENT.traits, ipp, now=NOW
        )


async def test_create_when_the_ipp_is_taken_in_the_structure_then_already_exists(registry: Database) -> None:
    await created(registry, "SAME")
    with pytest.raises(IppAlreadyUsed):
        await created(registry, "SAME")
    async with registry.begin(call_as(callers.other_doctor)) as tx:
        await usecases.create_identity(
            tx, callers.other_doctor, IdentityId.new(), PATIENT.traits, "SAME", now=NOW
        )


async def statements_of(database: Database, work: Work) -> list[str]:
    """What a piece of work sends to PostgreSQL, BEGIN and COMMIT included."""
    sent: list[str] = []
    async with database.pool.acquire() as connection:
        with connection.query_logger(lambda record: sent.append(record.query)):
            tx = Tx(connection, call_as(callers.doctor))
            await work(tx)
            await tx.close()
            # The driver calls its loggers at the next turn of the loop.
            await asyncio.sleep(0)
    return sent


async def test_hot_paths_when_counted_then_one_statement_to_create_and_two_to_read(
    registry: Database,
) -> None:
    caller, id = callers.doctor, IdentityId.new()
    written = await statements_of(
        registry, lambda tx: usecases.create_identity(tx, caller, id, PATIENT.traits, "", now=NOW)
    )
    assert len(written) == 1
    for table in ("local_identity", "identity_change", "audit", "outbox"):
        assert f"INSERT INTO {table} " in written[0]
    read = await statements_of(registry, lambda tx: usecases.get_identity(tx, caller, id, now=NOW))
    assert [statement.split()[0] for statement in read] == ["SELECT", "INSERT"]


async def race(database: Database, work: Work) -> tuple[list[Identity], list[SocleError]]:
    """Runs the same work in as many transactions at once; who won, what the others were told."""

    async def rival() -> Identity:
        async with database.begin(call_as(callers.doctor)) as tx:
            return await work(tx)

    results = await asyncio.gather(*(rival() for _ in range(RIVALS)), return_exceptions=True)
    won = [result for result in results if isinstance(result, Identity)]
    told = [result for result in results if isinstance(result, SocleError)]
    assert len(won) + len(told) == RIVALS
    return won, told


async def test_paper_when_checked_by_many_at_once_then_one_wins_and_the_others_are_told(
    registry: Database,
) -> None:
    id = (await created(registry)).id
    won, told = await race(
        registry, lambda tx: usecases.check_identity_paper(tx, callers.doctor, id, Paper.PASSPORT, now=NOW)
    )
    assert [identity.version for identity in won] == [2]
    assert {type(error) for error in told} == {PaperAlreadyChecked}
    assert await counted(registry, "identity_change", id) == 2


async def test_number_when_retrieved_by_many_at_once_then_one_wins(registry: Database) -> None:
    id, answer = (await created(registry)).id, Answer(AnswerCode.FOUND, PATIENT)
    won, told = await race(
        registry, lambda tx: usecases.retrieve_ins(tx, callers.doctor, id, answer, now=NOW)
    )
    assert [identity.status for identity in won] == [Status.RECUPEREE]
    assert {type(error) for error in told} == {InsAlreadyRetrieved}


async def test_doubt_when_marked_by_many_at_once_then_one_wins(registry: Database) -> None:
    id = (await created(registry)).id
    won, told = await race(
        registry, lambda tx: usecases.mark_identity_doubtful(tx, callers.doctor, id, "x", now=NOW)
    )
    assert len(won) == 1
    assert {type(error) for error in told} == {IdentityAlreadyDoubtful}


async def test_ipp_when_taken_by_many_at_once_then_one_wins(registry: Database) -> None:
    results = await asyncio.gather(
        *(created(registry, "RACE") for _ in range(RIVALS)), return_exceptions=True
    )
    assert sum(isinstance(result, Identity) for result in results) == 1
    assert sum(isinstance(result, IppAlreadyUsed) for result in results) == RIVALS - 1


async def test_change_when_refused_then_leaves_nothing(registry: Database) -> None:
    id = (await created(registry)).id
    async with registry.begin(call_as(callers.doctor)) as tx:
        await usecases.check_identity_paper(tx, callers.doctor, id, Paper.PASSPORT, now=NOW)
    with pytest.raises(RuleViolated):
        async with registry.begin(call_as(callers.doctor)) as tx:
            await usecases.check_identity_paper(tx, callers.doctor, id, Paper.PASSPORT, now=NOW)
    assert await counted(registry, "identity_change", id) == 2
    assert await registry.pool.fetchval("SELECT count(*) FROM audit WHERE object_id = $1", id.value) == 2


async def counted(database: Database, table: str, id: IdentityId) -> int:
    count: int = await database.pool.fetchval(
        f"SELECT count(*) FROM {table} WHERE identity_id = $1",  # noqa: S608 (a table of ours)
        id.value,
    )
    return count


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("sex = 'X'", "ck_local_identity_sex"),
        (
            "attributes = '{douteuse}', paper = 'PA', paper_checked_at = now()",
            "ck_local_identity_doubtful_is_provisoire",
        ),
        (
            "attributes = '{fictive}', paper = 'PA', paper_checked_at = now()",
            "ck_local_identity_doubtful_is_provisoire",
        ),
        ("attributes = '{autre}'", "ck_local_identity_attributes"),
        ("retrieved_at = now()", "ck_local_identity_retrieval_whole"),
        ("paper = 'PA'", "ck_local_identity_paper_check_whole"),
        ("version = 0", "ck_local_identity_version"),
        ("domain = ''", "ck_local_identity_domain"),
        (
            f"sex = 'U', retrieved_at = now(), ins_matricule = '', ins_oid = '', person_id = '{PATIENT.id}'",
            "ck_local_identity_retrieved_has_sex",
        ),
    ],
)
async def test_row_when_impossible_then_refused_by_the_database(
    registry: Database, change: str, constraint: str
) -> None:
    id = (await created(registry)).id
    with pytest.raises(asyncpg.CheckViolationError) as told:
        await registry.pool.execute(f"UPDATE local_identity SET {change} WHERE id = $1", id.value)  # noqa: S608
    assert told.value.constraint_name == constraint


async def test_person_when_given_a_second_current_number_then_refused_by_the_database(
    registry: Database,
) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await registry.pool.execute(
            "INSERT INTO ins_number (matricule, oid, person_id, current) VALUES ($1, $2, $3, true)",
            "199017510199801",
            "1.2.250.1.213.1.4.10",
            PATIENT.id.value,
        )


async def plan_of(database: Database, statement: Any, **params: Any) -> str:
    """The plan of a statement."""
    text = sql.text(statement)
    rows = await database.pool.fetch(f"EXPLAIN {text.sql}", *text.arguments(params))
    return "\n".join(row[0] for row in rows)


async def test_search_when_planned_then_uses_the_index_of_the_traits(registry: Database) -> None:
    await registry.pool.execute("ANALYZE person, ins_number")
    plan = await plan_of(
        registry, NAMESAKES, birth_date=date(1984, 3, 12), sex=Sex.FEMALE.value, birth_name_key="A"
    )
    assert "ix_person_search" in plan


async def test_schema_when_migrated_then_is_what_the_tables_say(postgres: Server, template: str) -> None:
    assert await migrate.differences(postgres.url(template), postgres.password, store.METADATA) == []
