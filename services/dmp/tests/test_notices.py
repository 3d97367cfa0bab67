"""Which readings people are told of, and what a service that tells them is given."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from chassis import audit
from chassis.caller import Caller, Purpose
from chassis.db import Tx
from chassis.testing import NOW, callers, emergency
from dmp import usecases
from dmp.domain import Document, Grant, GranteeKind, PersonId, Search, errors
from dmp.store import journal as store
from dmp.store.access import find_relation
from dmp.usecases import journal, notices

from .dmp_given import PERSON, centre_15, events
from .dmp_given import journal as every_line

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
FIRST, EMERGENCY = "access.first_used", "access.emergency_used"


async def told(tx: Tx) -> list[tuple[str, dict[str, Any]]]:
    return [event for event in await events(tx) if event[0] in (FIRST, EMERGENCY)]


async def authorised(tx: Tx, reader: Caller = READER) -> None:
    grant = Grant(reader.subject, GranteeKind.PROFESSIONAL)
    await usecases.grant_access(tx, callers.citizen, PERSON, grant, NOW)


async def search(tx: Tx, reader: Caller = READER) -> None:
    await usecases.list_readable_documents(tx, reader, PERSON, Search(), NOW)


async def test_the_first_access_of_a_professional_is_told_and_the_next_ones_are_not(
    tx: Tx, record: PersonId
) -> None:
    await authorised(tx)
    await search(tx)
    await search(tx)
    ((name, event),) = await told(tx)
    assert (name, event["person_id"]) == (FIRST, PERSON.value)
    entries, _ = await usecases.list_journal(tx, callers.citizen, PERSON, Page(), NOW)
    assert [e.action for e in entries if e.id == event["journal_id"]] == ["dmp_document.search"]


class Page:
    """What `socle.common.v1.PageRequest` gives."""

    size, token = 0, ""


async def test_reading_a_document_is_a_first_access_too(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await authorised(tx)
    await usecases.retrieve_document(tx, READER, document.id, NOW)
    await usecases.read_document(tx, READER, document.id, NOW)
    assert [name for name, _ in await told(tx)] == [FIRST]


async def test_each_professional_has_a_first_access(tx: Tx, record: PersonId) -> None:
    for reader in (READER, callers.doctor):
        await authorised(tx, reader)
        await search(tx, reader)
    assert [name for name, _ in await told(tx)] == [FIRST, FIRST]


async def test_a_refused_access_is_none(tx: Tx, record: PersonId) -> None:
    await search(tx)
    await authorised(tx)
    await search(tx)
    assert [name for name, _ in await told(tx)] == [FIRST]


@pytest.mark.parametrize("mode", [emergency, centre_15])
async def test_every_emergency_is_told(tx: Tx, record: PersonId, mode: Callable[[Caller], Caller]) -> None:
    for _ in range(2):
        await search(tx, mode(READER))
    assert [name for name, _ in await told(tx)] == [EMERGENCY, FIRST, EMERGENCY]


async def test_the_holder_is_told_of_nothing_they_did(tx: Tx, record: PersonId) -> None:
    await search(tx, callers.citizen)
    assert await told(tx) == []


async def test_a_secret_connection_is_told_to_nobody_and_the_first_open_access_is_still_to_come(
    tx: Tx, record: PersonId
) -> None:
    secret = replace(READER, purpose=Purpose.SECRET)
    for reader, expected in ((secret, []), (READER, [FIRST])):
        relation = await find_relation(tx, PERSON, reader, NOW)
        line = audit.record(tx, reader, "dmp_document.search", PERSON.value, now=NOW)
        await notices.tell(tx, reader, PERSON, relation, line, NOW)
        assert [name for name, _ in await told(tx)] == expected


async def test_two_first_accesses_at_once_are_told_once(tx: Tx, record: PersonId) -> None:
    """Both readers of the record saw that nobody of this name had come before."""
    relation = await find_relation(tx, PERSON, READER, NOW)
    for _ in range(2):
        line = audit.record(tx, READER, "dmp_document.search", PERSON.value, now=NOW)
        await notices.tell(tx, READER, PERSON, relation, line, NOW)
    assert [name for name, _ in await told(tx)] == [FIRST]
    assert not await store.know_reader(tx, PERSON, READER.subject, NOW)


DOCTOR = "INSERT INTO care_role VALUES ($1, $2, $3, 'medecin_traitant', now(), {ended})"


@pytest.mark.parametrize(("ended", "doctor"), [("NULL", callers.doctor.subject), ("now()", "")])
async def test_a_notice_gives_the_line_and_who_is_to_be_told(
    tx: Tx, record: PersonId, ended: str, doctor: str
) -> None:
    role = PersonId.new().value
    await tx._connection.execute(DOCTOR.format(ended=ended), role, PERSON.value, callers.doctor.subject)
    await search(tx, emergency(READER))
    for name, event in await told(tx):
        notice = await journal.get_notice(tx, callers.service, event["journal_id"], NOW)
        assert (notice.person_id, notice.referring_doctor) == (PERSON, doctor), name
        assert (notice.entry.id, notice.entry.reason) == (event["journal_id"], "coma, no relative to ask")
    assert (await every_line(tx))[-1] == ("dmp_journal.read_notice", "permitted", "", [])


async def test_a_notice_does_not_say_what_was_read(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.read_document(tx, emergency(READER), document.id, NOW)
    await search(tx, emergency(READER))
    for _, event in await told(tx):
        notice = await journal.get_notice(tx, callers.service, event["journal_id"], NOW)
        assert (notice.entry.object_id, notice.entry.hits) == ("", ())
    assert len(await told(tx)) == 3


async def test_a_line_that_no_event_spoke_of_is_given_to_no_service(tx: Tx, record: PersonId) -> None:
    entries, _ = await usecases.list_journal(tx, callers.citizen, PERSON, Page(), NOW)
    for line in (entries[0].id, PersonId.new().value):
        with pytest.raises(errors.JournalLineNotFound):
            await journal.get_notice(tx, callers.service, line, NOW)
