"""The journal: nobody anonymous, newest first, page by page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chassis import audit, page
from chassis.db import Database
from chassis.errors import InvalidInput
from chassis.testing import NOW, call_as, callers, emergency


@dataclass
class Request:
    """What `socle.common.v1.PageRequest` gives."""

    size: int = 0
    token: str = ""


Pages = Callable[..., Awaitable[tuple[list[audit.Entry], str]]]


@pytest.fixture
def pages(fresh: Database) -> Pages:
    async def read(subject: str, size: int = 0, token: str = "") -> tuple[list[audit.Entry], str]:
        async with fresh.read() as tx:
            return await audit.list_entries(tx, subject, Request(size, token))

    return read


async def write(database: Database, subject: str, count: int, caller: Any = callers.doctor) -> None:
    async with database.begin(call_as(caller)) as tx:
        for number in range(count):
            moment = NOW + timedelta(seconds=number)
            audit.record(
                tx, caller, "note.read", subject, now=moment, object_id=str(number), rules=["a", "b"]
            )


async def test_a_line_says_who_what_when_why_and_by_which_rule(fresh: Database, pages: Pages) -> None:
    caller = emergency(callers.doctor, "coma")
    await write(fresh, "person-1", 1, caller)
    ((entry,), token) = await pages("person-1")
    assert token == ""
    assert entry == audit.Entry(
        id=entry.id,
        occurred_at=NOW,
        actor_kind="professional",
        actor=caller.subject,
        actor_name=caller.name,
        organisation=caller.organisation,
        action="note.read",
        outcome="permitted",
        object_id="0",
        purpose="bris_de_glace",
        reason="coma",
        rules=("a", "b"),
    )


async def test_anonymous_is_refused_and_undoes_the_access(fresh: Database) -> None:
    with pytest.raises(ValueError, match="anonymous"):
        await write(fresh, "person-1", 1, replace(callers.doctor, subject=""))
    assert await fresh.pool.fetchval("SELECT count(*) FROM audit") == 0


async def test_a_citizen_is_a_person_never_a_pseudonym(fresh: Database, pages: Pages) -> None:
    await write(fresh, "person-1", 1, callers.citizen)
    ((entry,), _) = await pages("person-1")
    assert entry.actor == f"person:{callers.citizen.person_id}"


async def test_pages_go_back_in_time_without_hole_or_repetition(fresh: Database, pages: Pages) -> None:
    await write(fresh, "person-1", 7)
    await write(fresh, "person-2", 3)
    found: list[str] = []
    token, turns = "", 0
    while token or not turns:
        entries, token = await pages("person-1", 3, token)
        found += [e.object_id for e in entries]
        turns += 1
        await write(fresh, "person-1", 1)
    assert found == ["6", "5", "4", "3", "2", "1", "0"]
    assert turns == 3


async def test_nothing_to_say_is_an_empty_page(pages: Pages) -> None:
    assert await pages("nobody") == ([], "")


@pytest.mark.parametrize(
    "token",
    ["nonsense", page.token(after="x"), page.token(before="x"), page.token(before=1), page.token(), "é"],
)
async def test_a_token_of_another_list_is_refused(pages: Pages, token: str) -> None:
    with pytest.raises(InvalidInput) as error:
        await pages("person-1", 3, token)
    assert error.value.field == "page.token"


async def test_one_access_to_many_subjects_is_a_line_in_the_journal_of_each(
    fresh: Database, pages: Pages
) -> None:
    async with fresh.begin(call_as(callers.staff)) as tx:
        await audit.record_each(
            tx, callers.staff, "lot.read", ["p-1", "p-2"], now=NOW, object_id="lot", rules=["a"]
        )
        await audit.record_each(tx, callers.staff, "lot.read", [], now=NOW)
        audit.record(tx, callers.staff, "lot.read", "p-3", now=NOW, object_id="lot", rules=["a"])
    entries = [(await pages(subject))[0] for subject in ("p-1", "p-2", "p-3")]
    assert [len(found) for found in entries] == [1, 1, 1]
    assert {replace(found[0], id="") for found in entries} == {replace(entries[0][0], id="")}
    assert len({found[0].id for found in entries}) == 3


async def test_many_lines_by_nobody_are_refused(fresh: Database) -> None:
    with pytest.raises(ValueError, match="anonymous"):
        async with fresh.begin(call_as(callers.staff)) as tx:
            await audit.record_each(tx, replace(callers.staff, subject=""), "lot.read", ["p-1"], now=NOW)
