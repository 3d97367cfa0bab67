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
    Creation,
    Identity,
    IdentityAlreadyDoubtful,
    IdentityAlreadyFictitious,
    IdentityId,
    InsAlreadyRetrieved,
    InsNotHeld,
    IppAlreadyUsed,
    Paper,
    PaperAlreadyChecked,
    PaperNotChecked,
    Question,
    Sex,
    Sort,
    Status,
    Step,
    Verdict,
    Verification,
)
from identity_ins.store import lists
from identity_ins.store.registry import NAMESAKES

pytestmark = pytest.mark.usefixtures("registry")
PATIENT = seed.person(1)
ASKED, FOUND = Question(PATIENT.traits), Answer(AnswerCode.FOUND, PATIENT)
RIVALS = 12
Work = Callable[[Tx], Awaitable[object]]


async def created(database: Database, ipp: str = "") -> Identity:
    async with database.begin(call_as(callers.doctor)) as tx:
        identity, _ = await usecases.create_identity(
            tx, callers.doctor, IdentityId.new(), Creation(PATIENT.traits, ipp), now=NOW
        )
        return identity


async def test_create_when_the_ipp_is_taken_in_the_structure_then_already_exists(registry: Database) -> None:
    await created(registry, "SAME")
    with pytest.raises(IppAlreadyUsed):
        await created(registry, "SAME")
    async with registry.begin(call_as(callers.other_doctor)) as tx:
        await usecases.create_identity(
            tx, callers.other_doctor, IdentityId.new(), Creation(PATIENT.traits, "SAME"), now=NOW
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


async def test_hot_paths_when_counted_then_as_few_statements_as_they_need(registry: Database) -> None:
    caller, id = callers.doctor, IdentityId.new()
    unlike_others = Creation(seed.person(400).traits)
    written = await statements_of(
        registry, lambda tx: usecases.create_identity(tx, caller, id, unlike_others, now=NOW)
    )
    # The locks of its blocks, who is near, all its rows at once.
    assert [statement.split()[0] for statement in written] == [
        "BEGIN;",
        "SELECT",
        "SELECT",
        "WITH",
        "COMMIT;",
    ]
    for table in ("local_identity", "identity_key", "identity_change", "audit", "outbox"):
        assert f"INSERT INTO {table} " in written[3]
    read = await statements_of(registry, lambda tx: usecases.get_identity(tx, caller, id, now=NOW))
    assert [statement.split()[0] for statement in read] == ["SELECT", "INSERT"]


async def race(database: Database, work: Work) -> tuple[list[Identity], list[SocleError]]:
    """Runs the same work in as many transactions at once; who won, what the others were told."""

    async def rival() -> object:
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
    id = (await created(registry)).id
    won, told = await race(
        registry, lambda tx: usecases.retrieve_ins(tx, callers.doctor, id, ASKED, FOUND, now=NOW)
    )
    assert [identity.status for identity in won] == [Status.RECUPEREE]
    assert {type(error) for error in told} == {InsAlreadyRetrieved}


async def qualified(database: Database) -> IdentityId:
    id = (await created(database)).id
    async with database.begin(call_as(callers.doctor)) as tx:
        await usecases.retrieve_ins(tx, callers.doctor, id, ASKED, FOUND, now=NOW)
        await usecases.check_identity_paper(tx, callers.doctor, id, Paper.PASSPORT, now=NOW)
    return id


WORKS: dict[str, tuple[Callable[[Tx, IdentityId], Awaitable[Identity]], type[SocleError]]] = {
    "doubt": (
        lambda tx, who: usecases.mark_identity(tx, callers.doctor, who, Step.MARK_DOUBTFUL, "x", now=NOW),
        IdentityAlreadyDoubtful,
    ),
    "fiction": (
        lambda tx, who: usecases.mark_identity(tx, callers.doctor, who, Step.MARK_FICTITIOUS, "x", now=NOW),
        IdentityAlreadyFictitious,
    ),
    "removal": (lambda tx, who: usecases.remove_ins(tx, callers.doctor, who, "x", now=NOW), InsNotHeld),
    "cancellation": (
        lambda tx, who: usecases.cancel_paper_check(tx, callers.doctor, who, "x", now=NOW),
        PaperNotChecked,
    ),
}


@pytest.mark.parametrize("work", WORKS)
async def test_qualified_when_undone_by_many_at_once_then_one_wins_and_one_downgrade_is_told(
    registry: Database, work: str
) -> None:
    id = await qualified(registry)
    undo, error = WORKS[work]
    won, told = await race(registry, lambda tx: undo(tx, id))
    assert [identity.version for identity in won] == [4]
    assert {type(one) for one in told} == {error}
    assert await downgrades(registry, id) == 1


async def test_qualified_when_refuted_by_many_at_once_then_one_wins(registry: Database) -> None:
    id = await qualified(registry)
    asked = Verification(PATIENT.traits, PATIENT.ins, held=True)

    async def refute(tx: Tx) -> Identity:
        _, after = await usecases.verify_ins(
            tx, callers.doctor, id, asked, Verdict(False), Answer(AnswerCode.NOBODY), now=NOW
        )
        return after

    won, told = await race(registry, refute)
    assert [identity.status for identity in won] == [Status.VALIDEE]
    assert {type(error) for error in told} == {InsNotHeld}
    assert await downgrades(registry, id) == 1


async def test_identity_when_qualified_by_two_ways_at_once_then_both_facts_hold_and_it_is_told_once(
    registry: Database,
) -> None:
    id = (await created(registry)).id

    async def retrieve(tx: Tx) -> Identity:
        return await usecases.retrieve_ins(tx, callers.doctor, id, ASKED, FOUND, now=NOW)

    async def check(tx: Tx) -> Identity:
        return await usecases.check_identity_paper(tx, callers.staff, id, Paper.PASSPORT, now=NOW)

    results = await asyncio.gather(race(registry, retrieve), race(registry, check))
    assert [len(won) for won, _ in results] == [1, 1]
    async with registry.read() as tx:
        assert (await store.get_identity(tx, id)).status is Status.QUALIFIEE
    assert await told_of(registry, id, "qualified") == 1
    assert await counted(registry, "identity_change", id) == 3


async def downgrades(database: Database, id: IdentityId) -> int:
    return await told_of(database, id, "downgraded")


async def told_of(database: Database, id: IdentityId, event: str) -> int:
    count: int = await database.pool.fetchval(
        "SELECT count(*) FROM outbox WHERE aggregate = $1 AND subject = $2",
        f"identity/{id}",
        f"socle.identity_ins.identity.{event}.v1",
    )
    return count


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


CROWD, CROWDED = 20_000, "3750000099"


@pytest.fixture(scope="module")
async def crowded(registry: Database) -> Database:
    """A structure with so many identities, of as many names, that reading them all is not an option."""
    await registry.pool.execute(
        "INSERT INTO local_identity (id, domain, ipp, birth_name, birth_first_names, sex, birth_date,"
        " birth_place, used_name, used_first_name, attributes, created_at, version, birth_name_key,"
        " used_name_key) "
        "SELECT gen_random_uuid(), $2, n, 'A', '{B}', 'F', date '1930-01-01' + n, '', '', '', '{}', now(), 1,"
        " md5(n::text), md5((-n)::text) FROM generate_series(1, $1) AS n",
        CROWD,
        CROWDED,
    )
    await registry.pool.execute(
        "INSERT INTO identity_key (domain, kind, key, identity_id) "
        "SELECT domain, 'given', birth_name_key, id FROM local_identity WHERE domain = $1",
        CROWDED,
    )
    await registry.pool.execute("ANALYZE local_identity, identity_key")
    return registry


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("sort", Sort)
async def test_list_by_family_when_planned_then_each_name_by_its_index(
    crowded: Database, sort: Sort, resumed: bool
) -> None:
    listing = lists.statement(frozenset({"family", "standing"}), sort, descending=False, resumed=resumed)
    params = {"domain": CROWDED, "family": "abc", "after": PATIENT.id.value, "size": 50}
    plan = await plan_of(crowded, listing, **params)
    assert "ix_local_identity_birth_name" in plan
    assert "ix_local_identity_used_name" in plan


async def test_list_by_given_when_planned_then_by_the_keys(crowded: Database) -> None:
    listing = lists.statement(frozenset({"given", "standing"}), Sort.ID, descending=False, resumed=False)
    plan = await plan_of(crowded, listing, domain=CROWDED, given="abc", size=50)
    assert "identity_key" in plan
    assert "Seq Scan" not in plan


async def test_schema_when_migrated_then_is_what_the_tables_say(postgres: Server, template: str) -> None:
    assert await migrate.differences(postgres.url(template), postgres.password, store.METADATA) == []
