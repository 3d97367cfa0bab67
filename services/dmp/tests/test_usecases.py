"""Opening a record, on a real PostgreSQL: what is stored, told and written."""

from datetime import timedelta

import pytest

from chassis.db import Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, callers
from dmp import store, usecases
from dmp.domain import EmergencyConsent, Grant, GranteeKind, PersonId, errors

from .dmp_given import PERSON, WRAPPED, events, journal, names

READER = callers.other_doctor
ME = Grant(READER.subject, GranteeKind.PROFESSIONAL)


# -- opening


async def test_open_sets_consents_tells_and_writes(tx: Tx) -> None:
    record = await usecases.open_record(tx, callers.staff, PERSON, True, WRAPPED, NOW)
    relation = await store.find_relation(tx, PERSON, callers.doctor, NOW)
    assert record.record.opened_at == NOW
    assert relation.consents == {EmergencyConsent.ETREAT, EmergencyConsent.BTG}
    assert await events(tx) == [("record.opened", {"person_id": PERSON.value})]
    assert await journal(tx) == [("dmp_record.open", "permitted", "", ["dmp.identity_qualified"])]


async def test_open_twice_gives_the_same_record_and_one_event(tx: Tx, record: PersonId) -> None:
    again = await usecases.open_record(tx, callers.doctor, record, True, WRAPPED, NOW + timedelta(days=1))
    assert again.record.opened_at == NOW
    assert await names(tx) == ["record.opened"]
    assert len(await journal(tx)) == 2


async def test_open_without_a_qualified_identity_is_refused(tx: Tx) -> None:
    with pytest.raises(Forbidden) as refused:
        await usecases.open_record(tx, callers.doctor, PERSON, False, WRAPPED, NOW)
    assert "qualifi" in refused.value.hint
    assert refused.value.refusal is not None
    assert refused.value.refusal.subject == PERSON.value


async def test_open_for_somebody_else_is_answered_as_for_nobody(tx: Tx) -> None:
    with pytest.raises(errors.RecordNotFound):
        await usecases.open_record(tx, callers.other_citizen, PERSON, False, WRAPPED, NOW)


# -- the record


async def test_record_says_whether_the_caller_may_read_it(tx: Tx, record: PersonId) -> None:
    before = await usecases.get_record(tx, READER, record, NOW)
    await usecases.grant_access(tx, callers.citizen, record, ME, NOW)
    after = await usecases.get_record(tx, READER, record, NOW)
    assert (before.readable.permitted, after.readable.permitted) == (False, True)


async def test_record_that_is_not_open_is_not_found_and_the_asking_is_kept(tx: Tx) -> None:
    with pytest.raises(errors.RecordNotFound) as refused:
        await usecases.get_record(tx, READER, PERSON, NOW)
    assert refused.value.refusal is not None
    assert refused.value.refusal.rules == ("dmp.no_record",)


async def test_record_of_somebody_else_is_not_found_for_a_citizen(tx: Tx, record: PersonId) -> None:
    with pytest.raises(errors.RecordNotFound):
        await usecases.get_record(tx, callers.other_citizen, record, NOW)
