"""Closing, reopening and destroying a record, and its consents, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers, emergency
from dmp.domain import Document, Grant, GranteeKind, PersonId, errors
from dmp.domain.records import (
    USUAL_DELAY,
    CareRole,
    CloseReason,
    Consents,
    EmergencyConsent,
    RecordState,
    destroy,
    years_later,
)
from dmp.store import access
from dmp.store import records as rows
from dmp.store.tables import RECORD
from dmp.usecases import accesses, consents, records
from dmp.usecases.records import Shown

from .dmp_given import PERSON, WRAPPED, centre_15, deposit, events, journal, names, seen, submitted
from .policy_given import secret

Deposited = Callable[..., Awaitable[Document]]
READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)
WISH = CloseReason.PATIENT_REQUEST
LATER = NOW + timedelta(days=30)


async def closed(
    tx: Tx, caller: Caller = callers.citizen, reason: CloseReason = WISH, comment: bytes | None = None
) -> Shown:
    return await records.close_record(tx, caller, PERSON, reason, comment, True, NOW)


# -- closing and reopening


async def test_nothing_goes_in_or_out_of_a_closed_record(tx: Tx, deposited: Deposited) -> None:
    await deposited()
    await accesses.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await closed(tx)
    for caller in (callers.citizen, callers.doctor, READER, emergency(READER), centre_15(READER)):
        assert await seen(tx, caller) == []
    for caller in (callers.citizen, callers.doctor, callers.machine):
        with pytest.raises(errors.RecordClosed):
            await submitted(tx, caller, deposit())


async def test_closing_tells_why_and_until_when(tx: Tx, record: PersonId) -> None:
    shown = await closed(tx)
    kept = shown.record
    assert (kept.state, kept.close_reason) == (RecordState.CLOSED, WISH)
    assert (kept.closed_at, kept.destroy_at) == (NOW, years_later(NOW, 10))
    assert (shown.readable.permitted, shown.readable.rules) == (False, ("dmp.record_closed",))
    assert (await events(tx))[-1] == ("record.closed", {"person_id": PERSON.value})
    assert (await journal(tx))[-1] == ("dmp_record.close", "permitted", "", ["R1111-36", "L1111-19"])


async def test_closing_twice_is_one_closing(tx: Tx, record: PersonId) -> None:
    first = await closed(tx, comment=b"sealed words")
    again = await closed(tx, callers.operator, CloseReason.FRAUD, b"other words")
    assert again.record == first.record
    assert (await names(tx)).count("record.closed") == 1
    row = await tx.one(
        sa.select(RECORD.c.close_comment).where(RECORD.c.person_id == sa.bindparam("p")), p=PERSON.value
    )
    assert row is not None
    assert row["close_comment"] == b"sealed words"


async def test_reopening_brings_back_documents_authorisations_and_roles(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    await accesses.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await closed(tx)
    shown = await records.reopen_record(tx, callers.citizen, PERSON, False, LATER)
    assert shown.record.state is RecordState.OPEN
    assert (shown.record.closed_at, shown.record.close_reason, shown.record.destroy_at) == (None, None, None)
    assert await seen(tx, READER) == [document.id]
    assert [name for name in await names(tx) if name.startswith("record.")][1:] == [
        "record.closed",
        "record.reopened",
    ]


async def test_reopening_an_open_record_changes_nothing(tx: Tx, record: PersonId) -> None:
    shown = await records.reopen_record(tx, callers.citizen, record, False, NOW)
    assert shown.record.state is RecordState.OPEN
    assert await names(tx) == ["record.opened"]


async def test_opening_a_closed_record_says_to_reopen_it(tx: Tx, record: PersonId) -> None:
    await closed(tx)
    with pytest.raises(errors.RecordClosed) as refused:
        await records.open_record(tx, callers.doctor, PERSON, True, WRAPPED, NOW)
    assert "ReopenRecord" in refused.value.hint
    assert refused.value.refusal is not None


async def test_record_closed_for_a_death_is_reopened_by_the_operator_only(tx: Tx, record: PersonId) -> None:
    await closed(tx, callers.doctor, CloseReason.DEATH)
    for caller in (callers.citizen, callers.doctor):
        with pytest.raises((Forbidden, errors.RecordNotFound)) as refused:
            await records.reopen_record(tx, caller, PERSON, True, NOW)
        assert refused.value.refusal is not None
        assert refused.value.refusal.rules == ("dmp.operator_only",)
    shown = await records.reopen_record(tx, callers.operator, PERSON, False, NOW)
    assert shown.record.state is RecordState.OPEN


async def test_nobody_closes_the_record_of_somebody_else(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound):
        await records.close_record(tx, callers.other_citizen, PERSON, WISH, None, False, NOW)


@pytest.mark.parametrize("action", ["grant", "revoke", "block", "unblock", "consents", "role"])
async def test_nothing_is_decided_about_a_closed_record(tx: Tx, record: PersonId, action: str) -> None:
    granted = await accesses.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await closed(tx)
    holder, other = callers.citizen, callers.nurse.subject
    with pytest.raises(errors.RecordClosed):
        attempts: dict[str, Callable[[], Awaitable[object]]] = {
            "grant": lambda: accesses.grant_access(tx, holder, PERSON, ME, NOW),
            "revoke": lambda: accesses.revoke_access(tx, holder, PERSON, granted.id, NOW),
            "block": lambda: accesses.block_professional(tx, holder, PERSON, other, NOW),
            "unblock": lambda: accesses.unblock_professional(tx, holder, PERSON, other, NOW),
            "consents": lambda: consents.change_consents(tx, holder, PERSON, Consents(feeding=True), NOW),
            "role": lambda: consents.declare_care_role(
                tx, holder, PERSON, other, CareRole.ADMINISTRATOR, NOW
            ),
        }
        await attempts[action]()


# -- destruction


async def test_destruction_is_asked_for_by_the_holder_of_a_closed_record(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotClosed):
        await records.request_destruction(tx, callers.citizen, PERSON, True, USUAL_DELAY, NOW)
    await closed(tx)
    shown = await records.request_destruction(tx, callers.citizen, PERSON, True, USUAL_DELAY, NOW)
    assert shown.record.destroy_at == NOW + USUAL_DELAY
    assert (await events(tx))[-1] == ("record.destruction_requested", {"person_id": PERSON.value})
    again = await records.request_destruction(tx, callers.citizen, PERSON, True, USUAL_DELAY, LATER)
    assert again.record == shown.record
    assert (await names(tx)).count("record.destruction_requested") == 1


async def test_destroyed_record_is_never_opened_again(tx: Tx, record: PersonId) -> None:
    shown = await closed(tx)
    await rows.save_record(tx, destroy(shown.record, years_later(NOW, 10)))
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: records.open_record(tx, callers.citizen, PERSON, False, WRAPPED, NOW),
        lambda: records.reopen_record(tx, callers.citizen, PERSON, False, NOW),
        lambda: records.close_record(tx, callers.citizen, PERSON, WISH, None, False, NOW),
    ]
    for attempt in attempts:
        with pytest.raises(errors.RecordDestroyed):
            await attempt()


# -- consents


async def test_opposition_to_feeding_stops_structures_and_not_the_holder(tx: Tx, record: PersonId) -> None:
    asked = Consents(feeding=False, reason="the hospital is where I work")
    await consents.change_consents(tx, callers.citizen, PERSON, asked, NOW)
    with pytest.raises(Forbidden) as refused:
        await submitted(tx, callers.doctor, deposit())
    assert refused.value.rules == ("R1111-47", "consent.feeding")
    await submitted(tx, callers.citizen, deposit())
    assert ("record.consents_changed", {"person_id": PERSON.value}) in await events(tx)


async def test_reason_of_an_opposition_is_in_the_journal(tx: Tx, record: PersonId) -> None:
    asked = Consents(feeding=False, reason="the hospital is where I work")
    await consents.change_consents(tx, callers.citizen, PERSON, asked, NOW)
    row = await tx.one(sa.text("SELECT reason FROM audit WHERE action = 'dmp_consent.change'"))
    assert row is not None
    assert row["reason"] == "the hospital is where I work"


async def test_opposition_to_consultation_leaves_authors_and_emergencies(
    tx: Tx, deposited: Deposited
) -> None:
    document = await deposited()
    await accesses.grant_access(tx, callers.citizen, PERSON, ME, NOW)
    await consents.change_consents(tx, callers.citizen, PERSON, Consents(consultation=False), NOW)
    assert await seen(tx, READER) == []
    assert await seen(tx, secret(READER)) == []
    assert await seen(tx, callers.doctor) == [document.id]
    assert await seen(tx, emergency(READER)) == [document.id]
    await consents.change_consents(tx, READER, PERSON, Consents(consultation=True), NOW)
    assert await seen(tx, READER) == [document.id]


async def test_switches_of_emergencies_each_do_what_they_say(tx: Tx, deposited: Deposited) -> None:
    document = await deposited()
    off = Consents(emergency=tuple((consent, False) for consent in EmergencyConsent))
    shown = await consents.change_consents(tx, callers.citizen, PERSON, off, NOW)
    assert shown.consents == frozenset()
    assert await seen(tx, emergency(READER)) == await seen(tx, centre_15(READER)) == []
    only = Consents(emergency=((EmergencyConsent.ETREAT, True),))
    shown = await consents.change_consents(tx, callers.citizen, PERSON, only, NOW)
    assert shown.consents == {EmergencyConsent.ETREAT}
    assert await seen(tx, emergency(READER)) == []
    assert await seen(tx, centre_15(READER)) == [document.id]


async def test_consents_that_stand_already_change_nothing(tx: Tx, record: PersonId) -> None:
    same = Consents(feeding=True, consultation=True, emergency=((EmergencyConsent.BTG, True),))
    await consents.change_consents(tx, callers.citizen, PERSON, same, NOW)
    assert await names(tx) == ["record.opened"]


async def test_professional_records_what_is_said_but_not_the_switches(tx: Tx, record: PersonId) -> None:
    await consents.change_consents(tx, READER, PERSON, Consents(consultation=False), NOW)
    switch = Consents(emergency=((EmergencyConsent.MASKED, True),))
    for caller, asked in ((READER, switch), (emergency(READER), Consents(consultation=True))):
        with pytest.raises(Forbidden):
            await consents.change_consents(tx, caller, PERSON, asked, NOW)


# -- what is shown (TD0.2)


async def test_settings_are_shown_to_who_decides_on_them(tx: Tx, record: PersonId) -> None:
    parent = replace(callers.guardian, represents=frozenset({PERSON.value}))
    delegate = replace(callers.guardian, represents=frozenset[str](), assists=frozenset({PERSON.value}))
    told = {
        name: (await records.get_record(tx, caller, PERSON, NOW)).settings
        for name, caller in {
            "holder": callers.citizen,
            "representative": parent,
            "delegate": delegate,
            "professional": READER,
            "machine": callers.machine,
        }.items()
    }
    expected = {
        "holder": True,
        "representative": True,
        "delegate": False,
        "professional": False,
        "machine": False,
    }
    assert told == expected


async def test_state_of_a_closed_record_is_told_with_what_would_change_it(tx: Tx, record: PersonId) -> None:
    await closed(tx)
    shown = await records.get_record(tx, READER, PERSON, NOW)
    assert (shown.record.state, shown.record.closed_at) == (RecordState.CLOSED, NOW)
    assert (shown.readable.permitted, shown.readable.rules) == (False, ("dmp.record_closed",))
    assert "reopen" in shown.readable.hint
    relation = await access.find_relation(tx, PERSON, READER, NOW)
    assert relation.key == WRAPPED
