"""Authorising and blocking, on a real PostgreSQL: who reads what afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.db import Database, Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, call_as, callers, emergency, until
from dmp import usecases
from dmp.domain import Document, Grant, GranteeKind, PersonId, Search, errors

from .dmp_given import PERSON, WARD, centre_15, deposit, events, holder, names, open_record, seen, submitted

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)
LATER = NOW + timedelta(days=30)


# -- authorising and blocking


async def test_structure_is_authorised_for_all_who_work_there(tx: Tx, deposited: Deposited) -> None:
    document = await deposited(by=callers.machine, authors=())
    house = Grant(READER.organisation, GranteeKind.STRUCTURE)
    await usecases.grant_access(tx, callers.citizen, PERSON, house, NOW)
    assert await seen(tx, replace(READER, subject="810100000099")) == [document.id]
    assert await seen(tx, replace(READER, organisation="1750009999")) == []


async def test_professional_records_oral_consent_for_oneself_only(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.grant_access(tx, READER, PERSON, ME, NOW)
    assert await seen(tx, READER) == [document.id]
    other = Grant(callers.nurse.subject, GranteeKind.PROFESSIONAL)
    with pytest.raises(Forbidden) as refused:
        await usecases.grant_access(tx, READER, PERSON, other, NOW)
    assert refused.value.rules == ("dmp.own_structure",)


async def test_grant_again_changes_nothing_and_another_end_replaces_it(tx: Tx, record: PersonId) -> None:
    first = await usecases.grant_access(tx, callers.citizen, record, ME, NOW)
    again = await usecases.grant_access(tx, callers.citizen, record, ME, NOW)
    shorter = await usecases.grant_access(tx, callers.citizen, record, replace(ME, until=LATER), NOW)
    assert again == first
    assert shorter.id != first.id
    assert (await names(tx))[1:] == ["access.granted", "access.revoked", "access.granted"]
    assert (await usecases.list_accesses(tx, callers.citizen, record, NOW)).authorisations == [shorter]


async def test_authorisation_ends_by_itself_and_may_be_given_again(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, replace(ME, until=LATER), NOW)
    found = await usecases.list_readable_documents(tx, READER, PERSON, Search(), LATER)
    running = await usecases.list_accesses(tx, callers.citizen, PERSON, LATER)
    assert (list(found.documents), running.authorisations) == ([], [])
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, LATER)
    found = await usecases.list_readable_documents(tx, READER, PERSON, Search(), LATER)
    assert [d.id for d in found.documents] == [document.id]


async def test_revoked_authorisation_reads_no_more(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    granted = await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await usecases.revoke_access(tx, callers.citizen, PERSON, granted.id, NOW)
    assert await seen(tx, READER) == []
    assert (await events(tx))[-1] == (
        "access.revoked",
        {"person_id": PERSON.value, "authorisation_id": granted.id.value},
    )
    with pytest.raises(errors.AuthorisationNotFound):
        await usecases.revoke_access(tx, callers.citizen, PERSON, granted.id, NOW)


async def test_authorisation_of_another_record_is_not_revoked(tx: Tx, record: PersonId) -> None:
    await open_record(tx, callers.other_citizen, WARD)
    granted = await usecases.grant_access(tx, callers.citizen, record, ME, NOW)
    with pytest.raises(errors.AuthorisationNotFound):
        await usecases.revoke_access(tx, callers.other_citizen, WARD, granted.id, NOW)


async def test_blocked_professional_reads_nothing_in_any_mode_but_deposits(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited(by=READER)
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await usecases.block_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    for caller in (READER, emergency(READER), centre_15(READER)):
        assert await seen(tx, caller) == []
        with pytest.raises(errors.DocumentNotFound):
            await usecases.retrieve_document(tx, caller, document.id, NOW)
    done = await submitted(tx, READER, deposit())
    assert not done.replayed
    with pytest.raises(Forbidden) as refused:
        await usecases.grant_access(tx, READER, PERSON, ME, NOW)
    assert refused.value.rules == ("dmp.blocked",)


async def test_nobody_consents_in_an_emergency(tx: Tx, record: PersonId) -> None:
    with pytest.raises(Forbidden) as refused:
        await usecases.grant_access(tx, emergency(READER), PERSON, ME, NOW)
    assert refused.value.rules == ("dmp.emergency_reads_only",)


async def test_unblocking_gives_the_authorisation_not_back(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await usecases.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await usecases.block_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    await usecases.unblock_professional(tx, callers.citizen, PERSON, READER.subject, NOW)
    assert await seen(tx, READER) == []
    assert (await names(tx))[2:] == [
        "access.granted",
        "professional.blocked",
        "access.revoked",
        "professional.unblocked",
    ]


async def test_block_twice_is_one_block(tx: Tx, record: PersonId) -> None:
    first = await usecases.block_professional(tx, callers.citizen, record, READER.subject, NOW)
    again = await usecases.block_professional(tx, callers.citizen, record, READER.subject, LATER)
    assert again == first
    assert (await usecases.list_accesses(tx, callers.citizen, record, NOW)).blocks == [first]


async def test_blocked_professional_is_not_authorised_by_mistake(tx: Tx, record: PersonId) -> None:
    await usecases.block_professional(tx, callers.citizen, record, READER.subject, NOW)
    with pytest.raises(errors.ProfessionalIsBlocked):
        await usecases.grant_access(tx, callers.citizen, record, ME, NOW)


async def test_grant_that_waited_for_a_block_sees_it(database: Database) -> None:
    patient = holder()
    person, house = PersonId(patient.person_id), Grant(READER.organisation, GranteeKind.STRUCTURE)
    async with database.begin(call_as(patient)) as tx:
        await open_record(tx, patient, person)
    async with database.begin(call_as(patient)) as blocking:
        await usecases.block_professional(blocking, patient, person, READER.subject, NOW)
        granting = asyncio.create_task(granted(database, person, house))
        await waits_for_a_lock(database)
    with pytest.raises(Forbidden) as refused:
        await granting
    assert refused.value.rules == ("dmp.blocked",)


async def granted(database: Database, person: PersonId, asked: Grant) -> None:
    async with database.begin(call_as(READER)) as tx:
        await usecases.grant_access(tx, READER, person, asked, NOW)


async def waits_for_a_lock(database: Database) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
    await until(lambda: database.pool.fetchval(waiting))


async def test_unblocking_who_is_not_blocked_is_not_found(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.BlockNotFound):
        await usecases.unblock_professional(tx, callers.citizen, record, READER.subject, NOW)


async def test_accesses_of_somebody_else_are_not_told(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound):
        await usecases.list_accesses(tx, callers.other_citizen, record, NOW)
    with pytest.raises(errors.RecordNotFound):
        await usecases.block_professional(tx, callers.other_citizen, record, READER.subject, NOW)
